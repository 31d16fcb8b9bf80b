import { writePcap } from '../../test/build/capture-file.js';
import { IP_PROTOCOL } from '../../test/build/ip.js';
import { type Endpoint, ping } from '../../test/build/scenario.js';
import { tcp } from '../../test/build/tcp.js';
import { asIn } from './as-in.js';
import { captures as ikeV1 } from './ike-v1.js';
import { onCellA, silkTraffic } from './overlay-network.js';
import type { SampleCapture } from './sample-capture.js';
import { captures as scion } from './scion.js';
import { childTopology } from './scion-topology.js';
import { PUBLIC_SITE, siteTimeline } from './sites.js';
import { captures as vpp } from './vpp.js';

/* Counters, routes and rules of hosts and of VPP: tables that people paste beside a capture. */

const { local, peer } = PUBLIC_SITE;
const log = (file: string, ...contents: readonly string[]) => ({
  log: contents.map((content, index) => ({ file: index === 0 ? file : `${index + 1}-${file}`, content })),
});

function quietHosts(): Uint8Array {
  const t = siteTimeline('tables-quiet', PUBLIC_SITE, 12);
  ping(t, local, peer, { at: 2, count: 5, identifier: 0x4102 });
  return writePcap(t.frames());
}

/** The peer asks, and the host has no way back. */
function withoutWayBack(): Uint8Array {
  const t = siteTimeline('tables-no-route', PUBLIC_SITE, 20);
  ping(t, peer, local, { at: 2, count: 12, identifier: 0x4103, answered: false });
  return writePcap(t.frames());
}

const PROXY: Endpoint = { address: '198.51.100.80', mac: '00:00:5e:00:53:fe', ttl: 58 };

/** The ssh proxy connects to a port that the cell forwards; the container does not answer. */
function sshAttempts(answered: boolean): () => Uint8Array {
  return () => {
    const t = siteTimeline(answered ? 'silk-ssh-answered' : 'silk-ssh-silent', PUBLIC_SITE, 40);
    const there = { source: PROXY.address, destination: local.address };
    const back = { source: local.address, destination: PROXY.address };
    for (let i = 0; i < 5; i += 1) {
      const at = 3 + i * 4;
      const ports = { sourcePort: 40_100 + i, destinationPort: 61_005 };
      const sequence = t.random.next();
      const syn = () => tcp({ ...there, ...ports, sequence, flags: ['SYN'] });
      t.sendIp(at, PROXY, local, IP_PROTOCOL.tcp, syn());
      if (!answered) {
        t.sendIp(at + 1, PROXY, local, IP_PROTOCOL.tcp, syn());
        continue;
      }
      const own = t.random.next();
      const returned = { sourcePort: ports.destinationPort, destinationPort: ports.sourcePort };
      const established = (seq: number, ack: number, flags: readonly ('ACK' | 'FIN')[]) =>
        tcp({ ...there, ...ports, sequence: seq, acknowledgment: ack, flags });
      const answer = tcp({
        ...back,
        ...returned,
        sequence: own,
        acknowledgment: sequence + 1,
        flags: ['SYN', 'ACK'],
      });
      t.sendIp(at + 0.001, local, PROXY, IP_PROTOCOL.tcp, answer);
      t.sendIp(at + 0.02, PROXY, local, IP_PROTOCOL.tcp, established(sequence + 1, own + 1, ['ACK']));
    }
    return writePcap(t.frames());
  };
}

const NAT_RULES = `cell:~# iptables -S -t nat | grep 10.255.82
-A netin--53069156 -d ${local.address}/32 -p tcp -m tcp --dport 61005 -j DNAT --to-destination 10.255.82.67:2222
-A netin--53069156 -d ${local.address}/32 -p tcp -m tcp --dport 61006 -j DNAT --to-destination 10.255.82.67:8080
`;

const IP_STATISTICS = (errors: number, packets: number): string => `# ip -s link show eth0
2: eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc mq state UP mode DEFAULT group default qlen 1000
    link/ether 00:00:5e:00:53:0a brd ff:ff:ff:ff:ff:ff
    RX:  bytes packets errors dropped  missed   mcast
     ${packets * 900} ${packets} ${errors}       0       0     117
    TX:  bytes packets errors dropped carrier collsns
     ${packets * 400} ${packets - 40}      0       0       0       0
`;
const HALF_DUPLEX = `# ethtool eth0
Settings for eth0:
	Speed: 100Mb/s
	Duplex: Half
	Auto-negotiation: off
	Link detected: yes
# ethtool -k eth0
Features for eth0:
tx-checksumming: on
tcp-segmentation-offload: on
generic-receive-offload: off
`;
const NO_LINK = `# ethtool eth1
Settings for eth1:
	Speed: Unknown!
	Duplex: Unknown! (255)
	Link detected: no
`;
const ROUTES = `# ip route
192.0.2.0/24 dev eth0 proto kernel scope link src ${local.address}
10.0.0.0/8 via 192.0.2.254 dev eth0
`;
const ROUTES_WHOLE = `# ip route
default via 192.0.2.254 dev eth0 proto static
192.0.2.0/24 dev eth0 proto kernel scope link src ${local.address}
# netstat -nr
Kernel IP routing table
Destination     Gateway         Genmask         Flags   MSS Window  irtt Iface
0.0.0.0         192.0.2.254     0.0.0.0         UG        0 0          0 eth0
192.0.2.0       0.0.0.0         255.255.255.0   U         0 0          0 eth0
`;
const CONTAINER_ROUTES = (gateway: string): string => `# netstat -rn
Kernel IP routing table
Destination     Gateway         Genmask         Flags   MSS Window  irtt Iface
0.0.0.0         ${gateway.padEnd(15)} 0.0.0.0         UG        0 0          0 c-010255082067
${gateway.padEnd(15)} 0.0.0.0         255.255.255.255 UH        0 0          0 c-010255082067
`;
const SOURCE_PORTS = `# iptables -S
-P INPUT DROP
-P FORWARD ACCEPT
-P OUTPUT ACCEPT
-A INPUT -i lo -j ACCEPT
-A INPUT -p icmp -j ACCEPT
-A INPUT -p udp -m udp --dport 500 -j ACCEPT
-A INPUT -p udp -m udp --sport 4500 --dport 4500 -j ACCEPT
`;
const DATAPATH = (lost: number, packets: number, drops: number): string => `# mm-dpctl --show-dp midonet
Datapath name : midonet
Datapath index: 11
Datapath Stats:
 Flows :1340
 Hits :${packets * 60}
 Lost :${lost}
 Misses:${packets}
Port #0 "midonet" Internal Stats{rxPackets=0, txPackets=0, rxBytes=0,
txBytes=0, rxErrors=0, txErrors=0, rxDropped=0, txDropped=0}
Port #4 "tapa0164c42-dd" NetDev Stats{rxPackets=${packets},
txPackets=${packets - 7}, rxBytes=1128206548338, txBytes=241007949600,
rxErrors=0, txErrors=0, rxDropped=0, txDropped=${drops}}
`;
const VTEP = (mtu: number, remote: string): string => `# ip -d addr
2: eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc mq state UP group default qlen 1000
    link/ether 00:00:5e:00:53:0a brd ff:ff:ff:ff:ff:ff
    inet ${local.address}/24 scope global eth0
3: silk-vtep: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu ${mtu} qdisc noqueue state UNKNOWN group default
    link/ether ee:ee:0a:ff:52:00 brd ff:ff:ff:ff:ff:ff promiscuity 0
    vxlan id 1 remote ${remote} local ${local.address} dev eth0 srcport 0 0 dstport 4789 nolearning ageing 300 gbp
`;
const VPP_INTERFACES = (drops: number, packets: number): string => `vpp# show int
              Name               Idx    State  MTU (L3/IP4/IP6/MPLS)     Counter          Count
avf-0/d8/a/0                      1      up          9000/0/0/0     rx packets                 ${packets * 3}
                                                                    tx packets                 ${packets * 2}
local0                            0     down          0/0/0/0
tun3                              5      up           0/0/0/0       rx packets                 ${packets}
                                                                    tx packets                 ${packets}
                                                                    drops                      ${drops}
vpp# show hardware-interfaces
              Name                Idx   Link  Hardware
avf-0/d8/a/0                       1     up   avf-0/d8/a/0
  Link speed: 25 Gbps
`;
const VPP_PODS = `vpp# show ip fib ${local.address}
ipv4-VRF:0, fib_index:0, flow hash:[src dst sport dport symmetric ] epoch:0 flags:none locks:[adjacency:1, default-route:1, ]
${local.address}/32 fib:0 index:19 locks:5
    path-list:[26] locks:3 flags:shared, uPRF-list:24 len:1 itfs:[5, ]
        ${local.address} tun3 (p2p)
vpp# show tun tun3
Interface: tun3 (ifindex 5)
  name "eth0"
  host-ns "/proc/17675/ns/net"
`;
const VPP_RUN = `vpp# show run
Thread 1 vpp_wk_0 (lcore 25)
Time 1.9, 10 sec internal node vector rate 1.05 loops/sec 1074819.68
  vector rates in 7.5356e0, out 7.5356e0, drop 0.0000e0, punt 0.0000e0
             Name                 State         Calls          Vectors        Suspends         Clocks       Vectors/Call
avf-input                        polling           2233530              14               0          8.24e1            0.00
ip4-input                         active                 9              14               0          1.18e3            1.55
virtio-input                     polling           2233530               0               0          4.24e1            0.00
`;
const GEN_IA = (
  as: string,
): string => `ubuntu@ubuntu-xenial:~/go/src/github.com/scionproto/scion$ cat $SC/gen/ia
${as}ubuntu@ubuntu-xenial:~/go/src/github.com/scionproto/scion$
`;

export const captures: readonly SampleCapture[] = [
  {
    file: 'host-link-errors.pcap',
    shows:
      'two hosts; between two outputs of ip -s link the interface of one counts errors, and it runs at half duplex',
    must: ['host.link-errors'],
    healthy: false,
    sideFiles: log('ip-s-link.txt', IP_STATISTICS(12, 90_000), IP_STATISTICS(312, 98_000) + HALF_DUPLEX),
    write: quietHosts,
  },
  {
    file: 'host-no-link.pcap',
    shows: 'two hosts, and ethtool of one of them: no link is detected',
    must: ['host.link-down'],
    healthy: false,
    sideFiles: log('ethtool-no-link.txt', NO_LINK),
    write: quietHosts,
  },
  {
    file: 'host-no-route.pcap',
    shows: 'requests arrive and are not answered; by ip route the host has no way back',
    must: ['host.no-route'],
    healthy: false,
    allow: ['underlay.ping-loss'],
    sideFiles: log('ip-route.txt', ROUTES),
    write: withoutWayBack,
  },
  {
    file: 'host-tables-healthy.pcap',
    shows:
      'two hosts that reach each other; counters that stand still, routes, a datapath and VPP without loss',
    must: [],
    healthy: true,
    sideFiles: log(
      'host-tables.txt',
      IP_STATISTICS(12, 90_000) + ROUTES_WHOLE + DATAPATH(3, 9000, 2) + VPP_INTERFACES(1, 500) + VPP_PODS,
      IP_STATISTICS(12, 98_000) + DATAPATH(3, 9900, 2) + VPP_INTERFACES(1, 900),
    ),
    write: quietHosts,
  },
  {
    file: 'silk-ssh-forward.pcap',
    shows:
      'the ssh proxy connects to a port that the cell forwards to a container (iptables -S -t nat), five times in vain',
    must: ['silk.ssh-forward'],
    healthy: false,
    allow: ['tcp.syn-unanswered', 'silk.port-access-unsupported'],
    sideFiles: log('iptables-nat.txt', NAT_RULES),
    write: sshAttempts(false),
  },
  {
    file: 'silk-ssh-healthy.pcap',
    shows: 'the same port, and the connections come about',
    must: [],
    healthy: true,
    sideFiles: log('iptables-nat.txt', NAT_RULES),
    write: sshAttempts(true),
  },
  {
    file: 'silk-container-route.pcap',
    shows:
      'two cells of silk, and netstat -rn of a container: its default gateway is another one than 169.254.0.1',
    must: ['silk.gateway-mismatch'],
    healthy: false,
    sideFiles: log('netstat-container.txt', CONTAINER_ROUTES('10.255.82.1')),
    write: onCellA('silk-known', 22, silkTraffic),
  },
  {
    file: 'silk-container-route-healthy.pcap',
    shows: 'the same cells, and a container whose gateway is 169.254.0.1; its cell has a device that fits',
    must: [],
    healthy: true,
    sideFiles: log('container-and-vtep.txt', CONTAINER_ROUTES('169.254.0.1') + VTEP(1450, peer.address)),
    write: onCellA('silk-known', 22, silkTraffic),
  },
  {
    file: 'overlay-device-mismatch.pcap',
    shows:
      'two cells of silk, and ip -d addr of one: its device has another remote end, and an MTU of 1500 on a link of 1500',
    must: ['overlay.device-mismatch'],
    healthy: false,
    sideFiles: log('silk-vtep-remote.txt', VTEP(1500, '198.51.100.99')),
    write: onCellA('silk-known', 22, silkTraffic),
  },
  {
    file: 'host-filter-source-port.pcap',
    shows:
      'at the responder, packets for port 4500 come from a NAT, and its rules take them from port 4500 alone',
    must: ['ike.natt-4500-local', 'underlay.host-filter'],
    healthy: false,
    sideFiles: log('iptables-sport.txt', SOURCE_PORTS),
    write: asIn(ikeV1, 'ike-4500-local.pcap'),
  },
  {
    file: 'midonet-datapath-loss.pcap',
    shows: 'two hosts; between two outputs of mm-dpctl the datapath loses packets, and a tap drops',
    must: ['midonet.datapath-loss'],
    healthy: false,
    sideFiles: log('mm-dpctl-lost.txt', DATAPATH(3, 9000, 2), DATAPATH(803, 9900, 402)),
    write: quietHosts,
  },
  {
    file: 'vpp-interface-loss.pcap',
    shows: 'two hosts; between two tables of VPP the interface of a pod drops packets',
    must: ['vpp.interface-loss'],
    healthy: false,
    sideFiles: log('vpp-show-int.txt', VPP_INTERFACES(1, 500) + VPP_PODS, VPP_INTERFACES(91, 900)),
    write: quietHosts,
  },
  {
    file: 'vpp-trace-empty-run.txt',
    shows: 'an empty trace of VPP, and show run: packets come in by another node',
    must: ['vpp.trace-incomplete'],
    healthy: true,
    sideFiles: log('vpp-show-run.txt', VPP_RUN),
    write: asIn(vpp, 'vpp-trace-empty.txt'),
  },
  {
    file: 'scion-gen-ia.pcap',
    shows: 'a healthy link, and gen/ia of the host names another AS than its topology',
    must: ['scion.ia-mismatch'],
    healthy: false,
    sideFiles: { topology: [childTopology], ...log('gen-ia.txt', GEN_IA('17-ffaa_1_99')) },
    write: asIn(scion, 'scion-2018-healthy.pcap'),
  },
  {
    file: 'scion-gen-ia-healthy.pcap',
    shows: 'the same link, and gen/ia with the AS of the topology',
    must: [],
    healthy: true,
    sideFiles: { topology: [childTopology], ...log('gen-ia-healthy.txt', GEN_IA('17-ffaa_1_64')) },
    write: asIn(scion, 'scion-2018-healthy.pcap'),
  },
];
