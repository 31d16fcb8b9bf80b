import { arp } from '../../test/build/arp.js';
import { writePcap } from '../../test/build/capture-file.js';
import { icmpError } from '../../test/build/icmp.js';
import { IP_PROTOCOL } from '../../test/build/ip.js';
import { ETHER_TYPE, ethernet } from '../../test/build/link.js';
import type { Endpoint, Timeline } from '../../test/build/scenario.js';
import {
  APP_A,
  APP_B,
  CELL_A,
  CELL_B,
  encapsulate,
  innerConnection,
  innerPing,
  innerSyns,
  VTEP_A,
  VTEP_B,
} from './overlay-network.js';
import type { SampleCapture } from './sample-capture.js';
import { namedTimeline, PUBLIC_SITE, siteTimeline } from './sites.js';

const BROADCAST = 'ff:ff:ff:ff:ff:ff';
const TAG = 3;
const OTHER_TAG = 7;
const WEB = { clientPort: 58_054, serverPort: 8080 };

function onCellA(name: string, seconds: number, build: (t: Timeline) => void): () => Uint8Array {
  return () => {
    const t = siteTimeline(name, PUBLIC_SITE, seconds);
    build(t);
    return writePcap(t.frames());
  };
}

/** Cells ping each other without a tag, containers talk with one. */
function healthySilk(t: Timeline): void {
  innerPing(t, VTEP_A, VTEP_B, { at: 2, count: 6, identifier: 0x2f01, intervalSeconds: 3 });
  innerPing(t, VTEP_B, VTEP_A, { at: 3.1, count: 5, identifier: 0x11c4, intervalSeconds: 3 });
  for (let i = 0; i < 6; i += 1) {
    innerConnection(t, APP_A, APP_B, {
      at: 2.4 + i * 3,
      clientPort: 58_054 + i,
      serverPort: 8080,
      tag: TAG,
      responseLength: 2400,
    });
  }
}

function noReturn(t: Timeline): void {
  innerPing(t, VTEP_A, VTEP_B, { at: 2, count: 40, identifier: 0x2f02, isAnswered: (i) => i < 9 });
  innerConnection(t, APP_A, APP_B, { at: 4.2, ...WEB, tag: TAG });
  innerSyns(t, APP_A, APP_B, { at: 14.3, clientPort: 58_055, serverPort: 8080, tag: TAG });
}

function loss(t: Timeline): void {
  const isAnswered = (i: number): boolean => i < 40 || i > 61;
  innerPing(t, VTEP_A, VTEP_B, { at: 2, count: 120, identifier: 0x2f03, intervalSeconds: 0.2, isAnswered });
}

/** Cell B listens on, and sends to, 8472. */
function portMismatch(t: Timeline): void {
  const port = { port: 8472 };
  innerPing(t, VTEP_A, VTEP_B, { at: 2, count: 12, identifier: 0x2f04, isAnswered: () => false });
  innerPing(t, VTEP_B, VTEP_A, { at: 2.6, count: 12, identifier: 0x2f05, isAnswered: () => false, ...port });
}

/** Nobody listens on 4789 at cell B, and it says so. */
function portRefused(t: Timeline): void {
  for (let i = 0; i < 8; i += 1) {
    const at = 2 + i * 1.1;
    const frame = ethernet({
      source: CELL_A.mac,
      destination: BROADCAST,
      etherType: ETHER_TYPE.arp,
      payload: arp({
        operation: 1,
        senderMac: CELL_A.mac,
        senderAddress: CELL_A.vtep,
        targetAddress: CELL_B.vtep,
      }),
    });
    const packet = encapsulate(t, at, CELL_A, CELL_B, frame);
    const refused = icmpError(3, 3, packet, { quotedLength: packet.length });
    t.sendIp(at + 0.0121, CELL_B.underlay, CELL_A.underlay, IP_PROTOCOL.icmp, refused);
  }
}

function vniMismatch(t: Timeline): void {
  innerPing(t, VTEP_A, VTEP_B, { at: 2, count: 14, identifier: 0x2f06, isAnswered: () => false });
  innerPing(t, VTEP_B, VTEP_A, { at: 2.5, count: 9, identifier: 0x2f07, isAnswered: () => false, vni: 2 });
}

/** MidoNet names the destination port by the VNI: another one each way. */
function asymmetricVni(t: Timeline): void {
  const midonet = { port: 6677, vni: 41, reply: { vni: 57 } };
  innerPing(t, VTEP_A, VTEP_B, { at: 2, count: 20, identifier: 0x2f08, ...midonet });
  for (let i = 0; i < 4; i += 1) {
    innerConnection(t, APP_A, APP_B, {
      at: 3.3 + i * 4,
      clientPort: 41_200 + i,
      serverPort: 8080,
      ...midonet,
    });
  }
}

/** Cell B was set up without the group policy extension: tagged packets are dropped, pings between cells pass. */
function groupPolicyDropped(t: Timeline): void {
  innerPing(t, VTEP_A, VTEP_B, { at: 2, count: 20, identifier: 0x2f09 });
  innerSyns(t, APP_A, APP_B, { at: 3.4, ...WEB, tag: TAG });
  innerSyns(t, APP_A, APP_B, { at: 5.4, clientPort: 58_055, serverPort: 9090, tag: TAG });
}

function untagged(t: Timeline): void {
  const other = { ...APP_A, address: '10.255.82.70' };
  innerPing(t, VTEP_A, VTEP_B, { at: 2, count: 6, identifier: 0x2f0a, intervalSeconds: 3 });
  innerConnection(t, other, APP_B, { at: 3.2, clientPort: 40_110, serverPort: 8080, tag: TAG });
  for (let i = 0; i < 3; i += 1) {
    innerSyns(t, APP_A, APP_B, {
      at: 4.1 + i * 5,
      clientPort: 58_054 + i,
      serverPort: 8080,
      repeats: [],
      isRejected: true,
    });
  }
  innerConnection(t, other, APP_B, { at: 16.2, clientPort: 40_111, serverPort: 8080, tag: TAG });
}

function policyReject(t: Timeline): void {
  const other = { ...APP_A, address: '10.255.82.70' };
  innerPing(t, VTEP_A, VTEP_B, { at: 2, count: 6, identifier: 0x2f0b, intervalSeconds: 3 });
  innerConnection(t, other, APP_B, { at: 3.2, clientPort: 40_110, serverPort: 8080, tag: OTHER_TAG });
  for (let i = 0; i < 3; i += 1) {
    const at = 4.1 + i * 4;
    innerSyns(t, APP_A, APP_B, {
      at,
      clientPort: 58_054 + i,
      serverPort: 8080,
      repeats: [],
      tag: TAG,
      isRejected: true,
    });
  }
  innerConnection(t, other, APP_B, { at: 16.2, clientPort: 40_111, serverPort: 8080, tag: OTHER_TAG });
}

/** Inner hosts have an MTU of 1500: full packets become two fragments, of which the second one is dropped on the way. */
function mtuExceeded(t: Timeline): void {
  innerPing(t, APP_A, APP_B, { at: 2, count: 14, identifier: 0x2f0c });
  const send = { mtu: 1500, lostFragments: [1] };
  innerPing(t, APP_B, APP_A, {
    at: 2.5,
    count: 10,
    identifier: 0x2f0d,
    dataLength: 1472,
    send,
    isAnswered: () => false,
  });
}

function mssTooLarge(t: Timeline): void {
  const send = { mtu: 1500 };
  innerPing(t, VTEP_A, VTEP_B, { at: 2, count: 5, identifier: 0x2f0f, intervalSeconds: 2 });
  for (let i = 0; i < 2; i += 1) {
    innerConnection(t, APP_A, APP_B, {
      at: 3 + i * 3,
      clientPort: 58_054 + i,
      serverPort: 8080,
      tag: TAG,
      mss: 1460,
      responseLength: 6000,
      send,
    });
  }
}

function macMismatch(t: Timeline): void {
  healthySilk(t);
  const wrong = { source: 'ee:ee:0a:ff:52:43' };
  innerPing(t, { ...APP_A, address: '10.255.82.99' }, APP_B, {
    at: 5.3,
    count: 4,
    identifier: 0x2f10,
    macs: wrong,
  });
}

/** A container of cell A has an address of the lease of cell B's neighbour. */
function leaseMismatch(t: Timeline): void {
  healthySilk(t);
  const stranger = { ...APP_A, address: '10.255.31.9' };
  innerPing(t, stranger, APP_B, { at: 5.4, count: 8, identifier: 0x2f11, isAnswered: (i) => i < 8 });
}

function unexpectedArp(t: Timeline): void {
  healthySilk(t);
  for (let i = 0; i < 5; i += 1) {
    const frame = ethernet({
      source: CELL_A.mac,
      destination: BROADCAST,
      etherType: ETHER_TYPE.arp,
      payload: arp({
        operation: 1,
        senderMac: CELL_A.mac,
        senderAddress: CELL_A.vtep,
        targetAddress: '10.255.201.0',
      }),
    });
    encapsulate(t, 6.2 + i, CELL_A, CELL_B, frame);
  }
}

/** On the host side of two containers' links, as a capture on all of them shows it. */
function gatewayMismatch(): Uint8Array {
  const t = namedTimeline('silk-gateway-mismatch');
  const gateway = '169.254.0.1';
  const good = { address: '10.255.82.67', mac: 'ee:ee:0a:ff:52:43', host: 'aa:aa:0a:ff:52:43' };
  const bad = { address: '10.255.82.70', mac: 'ee:ee:0a:ff:52:46', host: 'aa:aa:0a:ff:52:46' };
  const at = (from: string, to: string): [Endpoint, Endpoint] => [
    { mac: from, address: good.address, ttl: 64 },
    { mac: to, address: gateway, ttl: 64 },
  ];
  for (let i = 0; i < 4; i += 1) {
    const seconds = 1 + i * 9;
    const request = arp({
      operation: 1,
      senderMac: good.mac,
      senderAddress: good.address,
      targetAddress: gateway,
    });
    t.send(seconds, ...at(good.mac, good.host), ETHER_TYPE.arp, request);
    const reply = arp({
      operation: 2,
      senderMac: good.host,
      senderAddress: gateway,
      targetMac: good.mac,
      targetAddress: good.address,
    });
    t.send(seconds + 40e-6, ...at(good.host, good.mac), ETHER_TYPE.arp, reply);
  }
  for (let i = 0; i < 6; i += 1) {
    const request = arp({
      operation: 1,
      senderMac: bad.mac,
      senderAddress: bad.address,
      targetAddress: '10.255.82.1',
    });
    t.send(4.5 + i * 1.02, ...at(bad.mac, BROADCAST), ETHER_TYPE.arp, request);
  }
  return writePcap(t.frames());
}

function geneveHealthy(t: Timeline): void {
  innerPing(t, APP_A, APP_B, { at: 2, count: 10, identifier: 0x2f12, geneve: true, vni: 42 });
  for (let i = 0; i < 4; i += 1) {
    innerConnection(t, APP_A, APP_B, {
      at: 3.3 + i * 2,
      clientPort: 41_300 + i,
      serverPort: 8080,
      geneve: true,
      vni: 42,
    });
  }
}

export const OVERLAY_CAPTURES: readonly SampleCapture[] = [
  {
    file: 'vxlan-gbp-healthy.pcap',
    shows:
      'two cells of silk: pings between the cells, connections with a group policy id between containers',
    must: [],
    healthy: true,
    write: onCellA('vxlan-gbp-healthy', 22, healthySilk),
  },
  {
    file: 'vxlan-asymmetric-vni.pcap',
    shows: 'MidoNet between hosts: another VNI each way, everything is answered',
    must: [],
    healthy: true,
    write: onCellA('vxlan-asymmetric-vni', 24, asymmetricVni),
  },
  {
    file: 'geneve-healthy.pcap',
    shows: 'Geneve both ways: pings and connections',
    must: [],
    healthy: true,
    write: onCellA('geneve-healthy', 15, geneveHealthy),
  },
  {
    file: 'vxlan-no-return.pcap',
    shows: 'a tunnel works for 9 s, then nothing comes back: pings and a connection stay unanswered',
    must: ['vxlan.no-return'],
    healthy: false,
    allow: ['tcp.syn-unanswered'],
    write: onCellA('vxlan-no-return', 43, noReturn),
  },
  {
    file: 'vxlan-loss.pcap',
    shows: 'a ping inside the tunnel loses 22 requests in a row, then all is well again',
    must: ['vxlan.loss'],
    healthy: false,
    write: onCellA('vxlan-loss', 28, loss),
  },
  {
    file: 'vxlan-port-mismatch.pcap',
    shows: 'one end sends to UDP 4789, the other to 8472, no ping is answered',
    must: ['vxlan.port-mismatch'],
    healthy: false,
    allow: ['vxlan.no-return'],
    write: onCellA('vxlan-port-mismatch', 18, portMismatch),
  },
  {
    file: 'vxlan-port-refused.pcap',
    shows: 'each VXLAN packet is answered by ICMP port unreachable',
    must: ['vxlan.port-mismatch'],
    healthy: false,
    allow: ['vxlan.no-return'],
    write: onCellA('vxlan-port-refused', 14, portRefused),
  },
  {
    file: 'vxlan-vni-mismatch.pcap',
    shows: 'one end uses VNI 1, the other VNI 2 for the same segment, no ping is answered',
    must: ['vxlan.vni-mismatch'],
    healthy: false,
    allow: ['vxlan.no-return'],
    write: onCellA('vxlan-vni-mismatch', 19, vniMismatch),
  },
  {
    file: 'vxlan-reserved-bits.pcap',
    shows:
      'packets with a group policy id stay unanswered, those without are answered: the peer lacks the extension',
    must: ['vxlan.reserved-bits'],
    healthy: false,
    allow: ['overlay.policy-reject', 'tcp.syn-unanswered'],
    write: onCellA('vxlan-reserved-bits', 25, groupPolicyDropped),
  },
  {
    file: 'vxlan-gbp-untagged.pcap',
    shows:
      'connections of one container carry no group policy id and are rejected, those of another one are accepted',
    must: ['vxlan.gbp-untagged'],
    healthy: false,
    allow: ['underlay.unreachable', 'tcp.syn-unanswered'],
    write: onCellA('vxlan-gbp-untagged', 22, untagged),
  },
  {
    file: 'overlay-policy-reject.pcap',
    shows: 'connections with group policy id 3 are rejected by ICMP, with 7 they are accepted',
    must: ['overlay.policy-reject'],
    healthy: false,
    allow: ['underlay.unreachable', 'tcp.syn-unanswered'],
    write: onCellA('overlay-policy-reject', 22, policyReject),
  },
  {
    file: 'overlay-mtu-exceeded.pcap',
    shows:
      'inner packets of 1500 bytes make outer fragments of which only the first ones arrive, small pings work',
    must: ['overlay.mtu-exceeded'],
    healthy: false,
    allow: [
      'frag.missing-rest',
      'underlay.ping-size-loss',
      'underlay.ping-loss',
      'vxlan.no-return',
      'mtu.blackhole',
    ],
    write: onCellA('overlay-mtu-exceeded', 20, mtuExceeded),
  },
  {
    file: 'overlay-mss-too-large.pcap',
    shows:
      'inner hosts announce an MSS of 1460 through a tunnel over 1500 bytes: fragments, which all arrive',
    must: ['overlay.mss-too-large', 'overlay.mtu-exceeded'],
    healthy: true,
    write: onCellA('overlay-mss-too-large', 15, mssTooLarge),
  },
  {
    file: 'silk-mac-mismatch.pcap',
    shows: 'healthy silk traffic, and frames whose MAC address encodes a container instead of the cell',
    must: ['silk.mac-mismatch'],
    healthy: false,
    write: onCellA('silk-mac-mismatch', 22, macMismatch),
  },
  {
    file: 'silk-lease-mismatch.pcap',
    shows: 'healthy silk traffic, and packets of an address outside the lease of the cell that sends them',
    must: ['silk.lease-mismatch'],
    healthy: false,
    write: onCellA('silk-lease-mismatch', 22, leaseMismatch),
  },
  {
    file: 'silk-gateway-mismatch.pcap',
    shows:
      'links of two containers: one asks for 169.254.0.1, the other for a gateway that silk does not use',
    must: ['silk.gateway-mismatch'],
    healthy: false,
    allow: ['arp.unanswered'],
    write: gatewayMismatch,
  },
  {
    file: 'silk-unexpected-arp.pcap',
    shows: 'healthy silk traffic, and ARP broadcasts inside the tunnel',
    must: ['silk.unexpected-arp'],
    healthy: false,
    allow: ['arp.unanswered'],
    write: onCellA('silk-unexpected-arp', 22, unexpectedArp),
  },
];
