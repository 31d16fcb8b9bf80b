import { arp } from '../../test/build/arp.js';
import { ascii, zeros } from '../../test/build/bytes.js';
import { writePcap } from '../../test/build/capture-file.js';
import { icmpError, icmpv6 } from '../../test/build/icmp.js';
import { IP_PROTOCOL, ip } from '../../test/build/ip.js';
import { ETHER_TYPE, ethernet } from '../../test/build/link.js';
import { type Timeline, timeline } from '../../test/build/scenario.js';
import { type TcpFlag, tcp } from '../../test/build/tcp.js';
import { udp } from '../../test/build/udp.js';
import { LINK_TYPE_VPP, type VppStep, vppPath, withDropReason } from '../../test/build/vpp.js';
import type { SampleCapture } from './sample-capture.js';
import { EMPTY_TEXT, ERRORS_TEXT, HEALTHY_TEXT, SLOTS_TEXT } from './vpp-text.js';

/** VPP's clock counts from its own start: 9 min 46 s. */
const START_NS = 586_518_858_000n;
const POD = '10.244.1.5';
const OTHER_POD = '10.244.1.6';
const SERVICE = '10.96.0.1';
const BACKEND = '192.0.2.10';
const NODE = '192.0.2.20';
const ROUTER_SOLICITATION = 133;
const PORT = { service: 443, backend: 6443 };

interface Segment {
  readonly from: readonly [string, number];
  readonly to: readonly [string, number];
  readonly flags: readonly TcpFlag[];
  readonly sequence: number;
  readonly acknowledgment?: number;
  readonly length?: number;
  readonly id: number;
}

function packet(segment: Segment, ttl = 64): Uint8Array {
  const { from, to, flags, sequence, acknowledgment = 0, length = 0, id } = segment;
  const addresses = { source: from[0], destination: to[0] };
  const payload = tcp({
    ...addresses,
    ...{ sourcePort: from[1], destinationPort: to[1], flags, sequence, acknowledgment },
    payload: zeros(length),
  });
  const { tcp: protocol } = IP_PROTOCOL;
  return ip({ ...addresses, protocol, payload, ttl, identification: id, dontFragment: true });
}

const overEthernet = (payload: Uint8Array): Uint8Array =>
  ethernet({
    source: '00:00:5e:00:53:0a',
    destination: '00:00:5e:00:53:fe',
    etherType: ETHER_TYPE.ipv4,
    payload,
  });

const CNAT_FOUND = '\n00:09:46:518873: ip4-cnat-tx\n  session found';

/** Through cnat, out of an interface: `sent` is the packet as rewritten. */
function translated(sent: Uint8Array, uplink: boolean): VppStep[] {
  const [output, tx] = uplink ? ['avf-0/d8/a/0-output', 'avf-0/d8/a/0-tx'] : ['tun4-output', 'tun4-tx'];
  const framed = uplink ? overEthernet(sent) : sent;
  return [
    ...['ip4-input', 'ip4-lookup', 'ip4-cnat-tx'],
    { node: 'ip4-lookup', packet: sent, trace: CNAT_FOUND },
    'ip4-rewrite',
    { node: output ?? '', packet: framed, txInterface: uplink ? 1 : 6 },
    tx ?? '',
  ];
}

interface Client {
  readonly address: string;
  readonly port: number;
}

/** A connection to the service: requests get the backend's address, answers the service's again. */
function serviceConnection(t: Timeline, at: number, client: Client, buffer: number): void {
  const near = [client.address, client.port] as const;
  const service = [SERVICE, PORT.service] as const;
  const backend = [BACKEND, PORT.backend] as const;
  let id = buffer & 0x7fff;
  const request = (seconds: number, rest: Omit<Segment, 'from' | 'to' | 'id'>): void => {
    id += 1;
    const received = packet({ from: near, to: service, id, ...rest });
    const sent = packet({ from: near, to: backend, id, ...rest }, 63);
    vppPath(t, at + seconds, buffer, received, translated(sent, true));
  };
  const answer = (seconds: number, rest: Omit<Segment, 'from' | 'to' | 'id'>): void => {
    id += 1;
    const received = packet({ from: backend, to: near, id, ...rest });
    const sent = packet({ from: service, to: near, id, ...rest }, 63);
    const [, ...rewritten] = translated(sent, false);
    const steps = [
      { node: 'ethernet-input', packet: overEthernet(received) },
      { node: 'ip4-input-no-checksum', packet: received },
    ];
    vppPath(t, at + seconds, buffer + 1, received, [...steps, ...rewritten]);
  };
  request(0, { flags: ['SYN'], sequence: 1000 });
  answer(0.0007, { flags: ['SYN', 'ACK'], sequence: 5000, acknowledgment: 1001 });
  request(0.0009, { flags: ['ACK'], sequence: 1001, acknowledgment: 5001 });
  request(0.001, { flags: ['PSH', 'ACK'], sequence: 1001, acknowledgment: 5001, length: 60 });
  answer(0.0032, { flags: ['PSH', 'ACK'], sequence: 5001, acknowledgment: 1061, length: 136 });
  request(0.0035, { flags: ['FIN', 'ACK'], sequence: 1061, acknowledgment: 5137 });
  answer(0.0042, { flags: ['FIN', 'ACK'], sequence: 5137, acknowledgment: 1062 });
  request(0.0044, { flags: ['ACK'], sequence: 1062, acknowledgment: 5138 });
}

/** What every node does beside forwarding: ARP, router solicitations, DNS of host-network pods. */
function housekeeping(t: Timeline, at: number): void {
  const reply = arp({
    operation: 2,
    senderMac: '00:00:5e:00:53:fe',
    senderAddress: '192.0.2.254',
    targetMac: '00:00:5e:00:53:0a',
    targetAddress: NODE,
  });
  const frame = ethernet({
    source: '00:00:5e:00:53:fe',
    destination: '00:00:5e:00:53:0a',
    etherType: ETHER_TYPE.arp,
    payload: reply,
  });
  const ended = ['error-drop', { node: 'drop', error: 17 }];
  vppPath(t, at, 900, frame, ['ethernet-input', 'arp-input', 'arp-reply', ...ended]);
  const routers = { source: 'fe80::1', destination: 'ff02::2' };
  const solicitation = ip({
    ...{ ...routers, protocol: IP_PROTOCOL.icmpv6, ttl: 255 },
    payload: icmpv6(routers, ROUTER_SOLICITATION, 0, zeros(4), zeros(0)),
  });
  const solicited = ['ip6-input', 'ip6-mfib-forward-lookup', 'ip6-mfib-forward-rpf', 'ip6-drop'];
  vppPath(t, at + 0.1, 901, solicitation, [...solicited, ...ended]);
  forHost(t, at + 0.2, 902, 10_250, (syn) => [
    ...['ip4-punt', 'ip4-punt-redirect'],
    { node: 'tap0-output', packet: overEthernet(syn) },
    'tap0-tx',
  ]);
}

/** A connection attempt to the node itself. */
function forHost(
  t: Timeline,
  at: number,
  buffer: number,
  port: number,
  stepsOf: (syn: Uint8Array) => readonly VppStep[],
): void {
  const from = [POD, 51_000 + (buffer & 0xff)] as const;
  const syn = packet({ from, to: [NODE, port], flags: ['SYN'], sequence: 7000, id: buffer });
  vppPath(t, at, buffer, syn, ['ip4-input', 'ip4-lookup', 'ip4-local', ...stepsOf(syn)]);
}

function dispatch(build: (t: Timeline) => void): () => Uint8Array {
  return () => {
    const t = timeline(START_NS);
    build(t);
    return writePcap(t.frames(), { linkType: LINK_TYPE_VPP });
  };
}

const CLIENT: Client = { address: POD, port: 34_112 };

function healthy(t: Timeline): void {
  serviceConnection(t, 0, CLIENT, 100);
  serviceConnection(t, 1.2, { address: OTHER_POD, port: 40_010 }, 100);
  housekeeping(t, 2);
}

/** Retransmissions of a SYN, one second apart and then two. */
function synAttempts(t: Timeline, to: readonly [string, number], steps: readonly VppStep[]): void {
  for (const [attempt, at] of [0.4, 1.4, 3.4].entries()) {
    const from = [OTHER_POD, 40_020] as const;
    const syn = packet({ from, to, flags: ['SYN'], sequence: 9000, id: 300 + attempt });
    vppPath(t, at, 300 + attempt, syn, steps);
  }
}

const DROPPED: readonly VppStep[] = ['ip4-drop', { node: 'error-drop', error: 92 }, 'drop'];

function noRoute(t: Timeline): void {
  serviceConnection(t, 0, CLIENT, 100);
  synAttempts(t, ['203.0.113.77', 8080], ['ip4-input', 'ip4-lookup', ...DROPPED]);
  serviceConnection(t, 5, CLIENT, 100);
}

/** Another client's packets to the service are forwarded as they are. */
function untranslated(t: Timeline): void {
  serviceConnection(t, 0, CLIENT, 100);
  const forwarded = ['ip4-input', 'ip4-lookup', 'ip4-rewrite', 'avf-0/d8/a/0-output'];
  for (const [attempt, at] of [0.4, 1.4, 3.4].entries()) {
    const segment: Segment = {
      ...{ from: [OTHER_POD, 40_020], to: [SERVICE, PORT.service], flags: ['SYN'] },
      ...{ sequence: 9000, id: 300 + attempt },
    };
    const tx = { node: 'avf-0/d8/a/0-tx', packet: overEthernet(packet(segment, 63)) };
    vppPath(t, at, 300 + attempt, packet(segment), [...forwarded, tx]);
  }
  serviceConnection(t, 5, CLIENT, 100);
}

function tooLarge(t: Timeline): void {
  serviceConnection(t, 0, CLIENT, 100);
  for (const [attempt, at] of [0.5, 0.9, 1.7].entries()) {
    const segment: Segment = {
      ...{ from: [POD, 34_200], to: ['10.244.2.9', 9000], flags: ['ACK'] },
      ...{ sequence: 2000, acknowledgment: 3000, length: 1448, id: 400 + attempt },
    };
    const large = packet(segment);
    const error = ip({
      ...{ source: NODE, destination: POD, protocol: IP_PROTOCOL.icmp },
      payload: icmpError(3, 4, large, { parameter: 1450 }),
    });
    const trace =
      '\n00:09:46:518879: ip4-rewrite\n  tx_sw_if_index 9 dpo-idx 7 : ipv4 via 192.0.2.30 vxlan_tunnel0: mtu:1450 next:8';
    vppPath(t, at, 400 + attempt, large, [
      ...['ip4-input', 'ip4-lookup', 'ip4-rewrite'],
      { node: 'ip4-icmp-error', trace },
      { node: 'ip4-lookup', packet: error },
      ...['ip4-rewrite', 'tun4-output', 'tun4-tx'],
    ]);
  }
}

function stuck(t: Timeline): void {
  serviceConnection(t, 0, CLIENT, 100);
  synAttempts(t, ['10.244.3.3', 80], ['ip4-input', 'ip4-lookup', 'ip4-rewrite']);
  serviceConnection(t, 5, CLIENT, 100);
}

function notPunted(t: Timeline): void {
  serviceConnection(t, 0, CLIENT, 100);
  housekeeping(t, 0.2);
  for (const [attempt, at] of [1, 2, 4].entries()) {
    forHost(t, at, 500 + attempt, 10_255, () => [{ node: 'error-drop', error: 44 }, 'drop']);
  }
}

/** What `pcap trace drop` keeps: nothing but dropped packets, each with its reason. */
function dropCapture(): Uint8Array {
  const t = timeline(START_NS);
  for (const [attempt, at] of [0, 1, 3].entries()) {
    const from = [POD, 34_300] as const;
    const to = ['203.0.113.77', 8080] as const;
    const syn = overEthernet(packet({ from, to, flags: ['SYN'], sequence: 9000, id: 300 + attempt }));
    t.at(at, withDropReason(syn, 'ip4-input', 'ip4 source lookup miss'));
  }
  const query = udp({
    ...{ source: POD, destination: '203.0.113.53', sourcePort: 40_001, destinationPort: 9_999 },
    payload: ascii('status'),
  });
  const datagram = ip({
    source: POD,
    destination: '203.0.113.53',
    protocol: IP_PROTOCOL.udp,
    payload: query,
  });
  t.at(0.5, withDropReason(overEthernet(datagram), 'acl-plugin-in-ip4-fa', 'ACL deny packets'));
  return writePcap(t.frames());
}

/** Consequences in the eyes of the host that sent the packets. */
const UNANSWERED = ['tcp.syn-unanswered'];

export const captures: readonly SampleCapture[] = [
  {
    file: 'vpp-healthy.pcap',
    shows: "VPP's dispatch capture: connections to a service through cnat, ARP, a packet punted to the host",
    must: [],
    healthy: true,
    write: dispatch(healthy),
  },
  {
    file: 'vpp-drop.pcap',
    shows: 'the same, and three SYNs of another pod that end in ip4-drop behind the lookup',
    must: ['vpp.drop'],
    healthy: false,
    allow: UNANSWERED,
    write: dispatch(noRoute),
  },
  {
    file: 'vpp-drop-reasons.pcap',
    shows: "VPP's drop capture: the reason stands behind each packet",
    must: ['vpp.drop'],
    healthy: false,
    allow: UNANSWERED,
    write: dropCapture,
  },
  {
    file: 'vpp-cnat-miss.pcap',
    shows: 'a service works for one pod; the SYNs of another one pass the lookup without cnat',
    must: ['vpp.cnat-miss'],
    healthy: false,
    allow: UNANSWERED,
    write: dispatch(untranslated),
  },
  {
    file: 'vpp-mtu-drop.pcap',
    shows:
      'a segment too large for the tunnel is sent three times; VPP answers "fragmentation needed" each time',
    must: ['vpp.mtu-drop'],
    healthy: false,
    allow: ['mtu.*', 'tcp.*'],
    write: dispatch(tooLarge),
  },
  {
    file: 'vpp-no-tx.pcap',
    shows: 'three SYNs whose path ends at ip4-rewrite, without drop and without tx',
    must: ['vpp.no-tx'],
    healthy: false,
    allow: UNANSWERED,
    write: dispatch(stuck),
  },
  {
    file: 'vpp-punt-missing.pcap',
    shows: 'one port of the node is punted to the host, packets to another one are dropped',
    must: ['vpp.punt-missing'],
    healthy: false,
    allow: UNANSWERED,
    write: dispatch(notPunted),
  },
  {
    file: 'vpp-show-trace.txt',
    shows: 'text of show trace: a packet from the uplink through cnat to a pod; buffers are free',
    must: [],
    healthy: true,
    write: () => ascii(HEALTHY_TEXT),
  },
  {
    file: 'vpp-trace-empty.txt',
    shows: 'text of show trace on three threads, none of which traced a packet',
    must: ['vpp.trace-incomplete'],
    healthy: true,
    write: () => ascii(EMPTY_TEXT),
  },
  {
    file: 'vpp-tx-slots.txt',
    shows:
      'a transmit queue without free slots, by two tables of show err; packets transmitted grow too, which is no loss',
    must: ['vpp.error-counter'],
    healthy: false,
    write: () => ascii(SLOTS_TEXT),
  },
  {
    file: 'vpp-errors.txt',
    shows: 'text of show errors twice, and of show buffers without free buffers',
    must: ['vpp.error-counter', 'vpp.no-buffers'],
    healthy: false,
    write: () => ascii(ERRORS_TEXT),
  },
];
