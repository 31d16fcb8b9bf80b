import { arp } from '../../test/build/arp.js';
import { icmpError } from '../../test/build/icmp.js';
import { IP_PROTOCOL } from '../../test/build/ip.js';
import { ETHER_TYPE, ethernet } from '../../test/build/link.js';
import type { Timeline } from '../../test/build/scenario.js';
import { udp } from '../../test/build/udp.js';
import {
  APP_A,
  APP_B,
  CELL_A,
  CELL_B,
  encapsulate,
  innerConnection,
  innerPing,
  innerSyns,
  onCellA,
  sendInner,
  silkTraffic,
  TAG,
  VTEP_A,
  VTEP_B,
} from './overlay-network.js';
import type { SampleCapture } from './sample-capture.js';

const BROADCAST = 'ff:ff:ff:ff:ff:ff';
const OTHER_TAG = 7;
const WEB = { clientPort: 58_054, serverPort: 8080 };

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

/**
 * Cell B was set up without the group policy extension: tagged packets are dropped, pings between cells pass.
 */
function groupPolicyDropped(t: Timeline): void {
  innerPing(t, VTEP_A, VTEP_B, { at: 2, count: 20, identifier: 0x2f09 });
  innerPing(t, VTEP_A, APP_B, { at: 2.5, count: 6, identifier: 0x2f19 });
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

/** The id of one container changes while it streams to another one; the receiver has no policy for the new one. */
function gbpChanged(t: Timeline): void {
  innerPing(t, VTEP_A, VTEP_B, { at: 2, count: 6, identifier: 0x2f0e, intervalSeconds: 3 });
  for (let i = 0; i < 30; i += 1) {
    const tag = i < 18 ? TAG : OTHER_TAG;
    const payload = t.random.bytes(172);
    const media = {
      source: APP_A.address,
      destination: APP_B.address,
      sourcePort: 40_500,
      destinationPort: 40_502,
      payload,
    };
    sendInner(t, 3 + i * 0.5, APP_A, APP_B, IP_PROTOCOL.udp, udp(media), { tag });
    if (i >= 18) continue;
    const back = {
      source: APP_B.address,
      destination: APP_A.address,
      sourcePort: 40_502,
      destinationPort: 40_500,
      payload,
    };
    sendInner(t, 3.2 + i * 0.5, APP_B, APP_A, IP_PROTOCOL.udp, udp(back), { tag: TAG });
  }
}

/**
 * Inner hosts have an MTU of 1500: full packets become two fragments, of which the second one is dropped on
 * the way.
 */
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

export const captures: readonly SampleCapture[] = [
  {
    file: 'vxlan-gbp-healthy.pcap',
    shows:
      'two cells of silk: pings between the cells, connections with a group policy id between containers',
    must: [],
    healthy: true,
    write: onCellA('vxlan-gbp-healthy', 22, silkTraffic),
  },
  {
    file: 'vxlan-asymmetric-vni.pcap',
    shows: 'MidoNet between hosts: another VNI each way, everything is answered',
    must: [],
    healthy: true,
    write: onCellA('vxlan-asymmetric-vni', 24, asymmetricVni),
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
      'packets with a group policy id stay unanswered, pings to the same container without one are answered: the peer lacks the extension',
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
    file: 'vxlan-gbp-changed.pcap',
    shows:
      'the group policy id of one container changes in the middle of a two-way stream, and nothing comes back since',
    must: ['vxlan.gbp-changed'],
    healthy: false,
    allow: ['keepalive.stopped'],
    write: onCellA('vxlan-gbp-changed', 22, gbpChanged),
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
];
