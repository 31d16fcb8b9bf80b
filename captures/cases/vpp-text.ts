import { zeros } from '../../test/build/bytes.js';
import { IP_PROTOCOL, ip } from '../../test/build/ip.js';
import { tcp } from '../../test/build/tcp.js';

/*
 * Texts as VPP prints them, for the captures of VPP.
 */

const ANSWER = { source: '10.96.0.1', destination: '10.244.1.5' };
const SYN_ACK = Buffer.from(
  ip({
    ...{ ...ANSWER, protocol: IP_PROTOCOL.tcp, ttl: 63, identification: 0x1f46, dontFragment: true },
    payload: tcp({
      ...{ ...ANSWER, sourcePort: 443, destinationPort: 34_112, flags: ['SYN', 'ACK'] },
      ...{ sequence: 5000, acknowledgment: 1001, window: 8192, options: zeros(20) },
    }),
  }),
).toString('hex');

/** Two packets on a worker, none on the main thread; then free buffers, and two equal tables of errors. */
export const HEALTHY_TEXT = `vpp# show trace max 500
------------------- Start of thread 0 vpp_main -------------------
No packets in trace buffer
------------------- Start of thread 1 vpp_wk_0 -------------------
Packet 1

00:09:46:518858: avf-input
  avf: avf-0/d8/a/0 (1) next-node ethernet-input
00:09:46:518861: ethernet-input
  IP4: 00:00:5e:00:53:fe -> 00:00:5e:00:53:0a
00:09:46:518863: ip4-input-no-checksum
  TCP: 192.0.2.10 -> 10.244.1.5
    tos 0x00, ttl 64, length 60, checksum 0x1bc5 dscp CS0 ecn NON_ECN
    fragment id 0x1f46, flags DONT_FRAGMENT
  TCP: 6443 -> 34112
    seq. 0x00001388 ack 0x000003e9
    flags 0x12 SYN ACK, tcp header: 40 bytes
    window 8192, checksum 0x00b7
00:09:46:518865: ip4-lookup
  fib 0 dpo-idx 5 flow hash: 0x00000000
  TCP: 192.0.2.10 -> 10.244.1.5
    tos 0x00, ttl 64, length 60, checksum 0x1bc5 dscp CS0 ecn NON_ECN
    fragment id 0x1f46, flags DONT_FRAGMENT
  TCP: 6443 -> 34112
    seq. 0x00001388 ack 0x000003e9
    flags 0x12 SYN ACK, tcp header: 40 bytes
    window 8192, checksum 0x00b7
00:09:46:518868: ip4-cnat-tx
  found: session:[192.0.2.10;6443 -> 10.244.1.5;34112, TCP] => 10.96.0.1;443 -> 10.244.1.5;34112 lb:-1 age:4190
00:09:46:518873: ip4-rewrite
  tx_sw_if_index 6 dpo-idx 7 : ipv4 via 0.0.0.0 tun4: mtu:9000 next:8 flow hash: 0x00000000
  00000000: ${SYN_ACK}
00:09:46:518875: tun4-output
  tun4
  00000000: ${SYN_ACK}
00:09:46:518876: tun4-tx
    buffer 0x24cf615: current data 0, length 60, buffer-pool 1, ref-count 1, totlen-nifb 0, trace handle 0x1000000
  ipv4 tcp hdr-sz 60 l2-hdr-offset 0 l3-hdr-offset 0 l4-hdr-offset 20 l4-hdr-sz 40
  0x0b60: 40:00:3f:06:25:65 -> 45:00:00:3c:1f:46

Packet 2

00:09:46:701204: avf-input
  avf: avf-0/d8/a/0 (1) next-node ethernet-input
00:09:46:701208: ethernet-input
  ARP: 00:00:5e:00:53:fe -> 00:00:5e:00:53:0a
00:09:46:701211: arp-input
  reply, type ethernet/IP4, address size 6/4
  00:00:5e:00:53:fe/192.0.2.254 -> 00:00:5e:00:53:0a/192.0.2.20
00:09:46:701213: arp-reply
  reply, type ethernet/IP4, address size 6/4
  00:00:5e:00:53:fe/192.0.2.254 -> 00:00:5e:00:53:0a/192.0.2.20
00:09:46:701215: error-drop
  rx:avf-0/d8/a/0
00:09:46:701216: drop
  arp-reply: ARP replies received

vpp# show buffers
Pool Name            Index NUMA  Size  Data Size  Total  Avail  Cached   Used
default-numa-0         0     0   2496     2048    16800  14731   1024    1045

vpp# show errors
   Count                  Node                              Reason               Severity
       412               arp-reply                   ARP replies received          info
         3               ip4-input                   ip4 ttl <= 1                  error
vpp# show errors
   Count                  Node                              Reason               Severity
       415               arp-reply                   ARP replies received          info
         3               ip4-input                   ip4 ttl <= 1                  error
`;

export const EMPTY_TEXT = `------------------- Start of thread 0 vpp_main -------------------
No packets in trace buffer
------------------- Start of thread 1 vpp_wk_0 -------------------
No packets in trace buffer
------------------- Start of thread 2 vpp_wk_1 -------------------
No packets in trace buffer
`;

export const ERRORS_TEXT = `vpp# show errors
   Count                  Node                              Reason               Severity
     10412            ip4-cnat-tx                    processed packets             info
        38                null-node                     blackholed packets          error
       117               avf-input                      no buffers                  error
vpp# show errors
   Count                  Node                              Reason               Severity
     10412            ip4-cnat-tx                    processed packets             info
        38                null-node                     blackholed packets          error
     48230               avf-input                      no buffers                  error
vpp# show buffers
Pool Name            Index NUMA  Size  Data Size  Total  Avail  Cached   Used
default-numa-0         0     0   2496     2048    16800    0       0     16800
`;

/** A queue that is full: no word of a loss in the reason, and VPP calls it an error. */
export const SLOTS_TEXT = `vpp# show err
   Count                  Node                              Reason               Severity
      1200             avf-0/d8/a/0-tx            no free tx slots                      error
     80412             session-queue              Packets transmitted                   error
vpp# show err
   Count                  Node                              Reason               Severity
      9200             avf-0/d8/a/0-tx            no free tx slots                      error
     99876             session-queue              Packets transmitted                   error
`;
