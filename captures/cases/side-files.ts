import { writePcap } from '../../test/build/capture-file.js';
import { icmpEcho } from '../../test/build/icmp.js';
import { IP_PROTOCOL } from '../../test/build/ip.js';
import { type Endpoint, espExchange, ping, type Timeline } from '../../test/build/scenario.js';
import { espTunnelOf, type IkePeers, ikev1MainMode, sendMainMode } from '../../test/build/scenario-ike.js';
import { type TcpFlag, tcp } from '../../test/build/tcp.js';
import {
  APP_A,
  APP_B,
  type Cell,
  type Container,
  innerConnection,
  innerPing,
  onCellA,
  sendInner,
  silkTraffic,
  TAG,
  VTEP_A,
  VTEP_B,
} from './overlay-network.js';
import type { SampleCapture } from './sample-capture.js';
import { namedTimeline, PUBLIC_SITE, siteTimeline } from './sites.js';

const { local, peer } = PUBLIC_SITE;
const PEERS: IkePeers = { initiator: local, responder: peer };
const UNKNOWN_TAG = 9;

/* Apps by GUID, as the policy server and store.json name them. */
const APP_FRONT = '5d2f3c1e-6a70-4f0b-9a51-0f6f4f3f8a11';
const APP_BACK = '8c1b7a42-31d4-4b8e-8f0e-7f1f0d9c2b22';
const APP_OLD = 'e04c9d75-90ab-4c3d-b6a2-3b2a1c0d9e33';

function containerEntry(handle: string, ip: string, app: string, policyGroup: string | null = app) {
  const metadata = { app_id: app, space_id: 'space', org_id: 'org' };
  return {
    [handle]: {
      handle,
      ip,
      metadata: policyGroup === null ? metadata : { ...metadata, policy_group_id: policyGroup },
    },
  };
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

const TAGS = json({
  tags: [
    { id: APP_FRONT, tag: '0003' },
    { id: APP_BACK, tag: '0005' },
  ],
});

/** Both ends of most connections are instances of one app. */
const STORE_A = json({
  ...containerEntry('front-0', APP_A.address, APP_FRONT),
  ...containerEntry('back-0', '10.255.82.70', APP_BACK),
  ...containerEntry('back-1', '10.255.82.71', APP_BACK),
  ...containerEntry('old-0', '10.255.82.72', APP_OLD, null),
});
const STORE_B = json(containerEntry('front-1', APP_B.address, APP_FRONT));
const STORE_A_KNOWN = json(containerEntry('front-0', APP_A.address, APP_FRONT));

const OVERLAY_CONFIGURATION = json({
  $schema: '../../docs/configuration.schema.json',
  names: { [local.address]: 'cell A', [peer.address]: 'cell B' },
  overlay: { networks: ['10.255.0.0/16'], endpoints: [local.address, peer.address] },
});

/** A host that the list of endpoints does not have. */
const CELL_C: Cell = {
  underlay: { ...peer, address: '203.0.113.50' },
  mac: 'ee:ee:0a:ff:c9:00',
  vtep: '10.255.201.0',
};
const VTEP_C: Container = { cell: CELL_C, address: CELL_C.vtep, ttl: 64 };

function onCell(last: number): Container {
  return { ...APP_A, address: `10.255.82.${last}` };
}

function unknownToSideFiles(t: Timeline): void {
  silkTraffic(t);
  const reply = { tag: TAG };
  innerConnection(t, onCell(70), APP_B, {
    at: 4.1,
    clientPort: 40_110,
    serverPort: 8080,
    tag: UNKNOWN_TAG,
    reply,
  });
  innerConnection(t, onCell(71), APP_B, { at: 6.1, clientPort: 40_111, serverPort: 8080, tag: TAG, reply });
  innerPing(t, onCell(72), APP_B, { at: 7.3, count: 4, identifier: 0x2f21 });
  innerPing(t, onCell(99), APP_B, { at: 9.2, count: 4, identifier: 0x2f22, tag: TAG });
  innerPing(t, VTEP_A, VTEP_C, { at: 11.4, count: 4, identifier: 0x2f23 });
  for (let i = 0; i < 3; i += 1) refusedAtCell(t, 13 + i * 1.1, 40_200 + i);
}

/** A container connects to a port of the other cell, seen before its own cell translates the address. */
function refusedAtCell(t: Timeline, at: number, clientPort: number): void {
  const container: Endpoint = { ...local, address: APP_A.address };
  const sequence = t.random.next();
  const send = (
    seconds: number,
    from: Endpoint,
    to: Endpoint,
    ports: [number, number],
    flags: TcpFlag[],
  ): void => {
    const numbers = flags.includes('RST')
      ? { sequence: 0, acknowledgment: (sequence + 1) >>> 0 }
      : { sequence };
    const [sourcePort, destinationPort] = ports;
    const segment = tcp({
      source: from.address,
      destination: to.address,
      sourcePort,
      destinationPort,
      flags,
      ...numbers,
    });
    t.sendIp(seconds, from, to, IP_PROTOCOL.tcp, segment);
  };
  send(at, container, peer, [clientPort, 61_005], ['SYN']);
  send(at + 0.0012, peer, container, [61_005, clientPort], ['RST', 'ACK']);
}

/** Cells whose overlay has the network of their own addresses, as in the guide: 10.0.0.0/16 both. */
const OVERLAP_A: Cell = {
  underlay: { ...local, address: '10.0.32.15' },
  mac: 'ee:ee:0a:00:52:00',
  vtep: '10.0.82.0',
};
const OVERLAP_B: Cell = {
  underlay: { ...peer, address: '10.0.16.17' },
  mac: 'ee:ee:0a:00:90:00',
  vtep: '10.0.144.0',
};

/** Packets to the other cell's own address leave through the tunnel device, and nobody there has that address. */
function subnetOverlap(): Uint8Array {
  const t = namedTimeline('overlay-subnet-overlap');
  const here: Container = { cell: OVERLAP_A, address: OVERLAP_A.vtep, ttl: 64 };
  const there: Container = { cell: OVERLAP_B, address: OVERLAP_B.vtep, ttl: 64 };
  innerPing(t, here, there, { at: 1, count: 12, identifier: 0x2f24 });
  for (let i = 0; i < 10; i += 1) {
    const echo = icmpEcho({ identifier: 0x2f25, sequence: i + 1, data: t.random.bytes(56) });
    sendInner(t, 3.4 + i, here, { ...there, address: OVERLAP_B.underlay.address }, IP_PROTOCOL.icmp, echo);
  }
  return writePcap(t.frames());
}

function countersOneWay(t: Timeline): void {
  innerPing(t, VTEP_A, VTEP_B, { at: 2, count: 18, identifier: 0x2f26, isAnswered: () => false, port: 6677 });
}

/** Of the host that the capture was taken on. */
const DATAPATH = `Datapath name : midonet
Datapath index: 11
Datapath Stats:
 Flows :40066
 Hits :1809
 Lost :0
 Misses:163
Port #0 "midonet" Internal Stats{rxPackets=0, txPackets=0, rxBytes=0,
txBytes=0, rxErrors=0, txErrors=0, rxDropped=0, txDropped=0}
Port #1 "tngre-overlay" Gre Stats{rxPackets=0, txPackets=0, rxBytes=0,
txBytes=0, rxErrors=0, txErrors=0, rxDropped=0, txDropped=0}
Port #2 "tnvxlan-overlay" VXLan Stats{rxPackets=0, txPackets=1254,
rxBytes=0, txBytes=122892, rxErrors=0, txErrors=0, rxDropped=0,
txDropped=0}
`;

const DATAPATH_FLOWS = `2 flows
 Flow:
   match keys:
     KeyIPv4{src=${VTEP_A.address}, dst=${VTEP_B.address}, proto=1, tos=0, ttl=64, frag=0}
   actions:
 Flow:
   match keys:
     KeyIPv4{src=${VTEP_B.address}, dst=${VTEP_A.address}, proto=6, tos=0, ttl=64, frag=0}
     TCP{src=443, dst=40000}
   actions:
     Output{port=2}
`;

const SPIS = { toResponder: 0xaa6f_a19a, toInitiator: 0xa2f3_b68d };
const OTHER_SPIS = { toResponder: 0xaa6f_a19a, toInitiator: 0x51e0_774c };

function upLog(spis: typeof SPIS): string {
  const hex = (spi: number): string => `0x${spi.toString(16).padStart(8, '0')}`;
  return `# ipsec auto --up sg1--sg2-net
104 "sg1--sg2-net" #796: STATE_MAIN_I1: initiate
106 "sg1--sg2-net" #796: STATE_MAIN_I2: sent MI2, expecting MR2
108 "sg1--sg2-net" #796: STATE_MAIN_I3: sent MI3, expecting MR3
004 "sg1--sg2-net" #796: STATE_MAIN_I4: ISAKMP SA established
117 "sg1--sg2-net" #797: STATE_QUICK_I1: initiate
004 "sg1--sg2-net" #797: STATE_QUICK_I2: sent QI2, IPsec SA established {ESP=>${hex(spis.toResponder)} <${hex(spis.toInitiator)} xfrm=3DES_0-HMAC_SHA1 NATD=none DPD=enabled}
`;
}

const INSIDE: Endpoint = { ...local, address: '10.1.0.30', ttl: 63 };
const REMOTE_INSIDE: Endpoint = { ...peer, address: '10.2.0.30', ttl: 56 };

const IPSEC_CONFIGURATION = json({
  names: { [local.address]: 'sg1', [peer.address]: 'sg2' },
  local: [local.address],
  ipsec: [
    {
      name: 'sg1--sg2-net',
      gateways: [local.address, peer.address],
      networks: [['10.1.0.0/16'], ['10.2.0.0/16']],
    },
  ],
});

function espCapture(name: string, seconds: number, build: (t: Timeline) => void): () => Uint8Array {
  return () => {
    const t = siteTimeline(name, PUBLIC_SITE, seconds);
    build(t);
    return writePcap(t.frames());
  };
}

function spiMismatch(t: Timeline): void {
  espExchange(t, espTunnelOf(PEERS, OTHER_SPIS), { at: 2, seconds: 40, intervalMs: 900 });
}

/** ESP both ways; what the peer sends is seen decrypted as well, as a Linux gateway shows it. */
function espKnown(t: Timeline): void {
  espExchange(t, espTunnelOf(PEERS, SPIS), { at: 2, seconds: 40, intervalMs: 900 });
  for (let i = 0; i < 40; i += 1) {
    const echo = icmpEcho({ identifier: 0x2f27, sequence: i + 1, data: t.random.bytes(56), reply: true });
    t.sendIp(2.0161 + i * 0.9, REMOTE_INSIDE, INSIDE, IP_PROTOCOL.icmp, echo);
  }
}

/** The tunnel falls silent, and the traffic of the protected network goes on in clear. */
function plaintextLeak(t: Timeline): void {
  espExchange(t, espTunnelOf(PEERS, SPIS), { at: 2, seconds: 20, intervalMs: 900 });
  ping(t, INSIDE, REMOTE_INSIDE, { at: 25.3, count: 12, identifier: 0x2f28, answered: false });
}

/** The responder knows no key for the initiator, says so in its log, and sends nothing. */
function refusedInSilence(t: Timeline): void {
  const session = ikev1MainMode(t, PEERS, { at: 2, upTo: 'MI3' });
  for (const after of [10, 30]) sendMainMode(t, 2.2 + after, session, 'MI3');
}

const RESPONDER_LOG = `Mar  2 22:14:07 sg2 pluto[4711]: "sg2--sg1-net"[1] ${local.address} #3: responding to Main Mode from unknown peer ${local.address}
Mar  2 22:14:07 sg2 pluto[4711]: "sg2--sg1-net"[1] ${local.address} #3: Can't authenticate: no preshared key found for '${peer.address}' and '${local.address}'.  Attribute OAKLEY_AUTHENTICATION_METHOD
`;

const EXPECT_CONFIGURATION = json({
  expect: [
    { name: 'ssh to the container', from: peer.address, to: local.address, protocol: 'tcp', port: 61_005 },
    { name: 'ping of the peer', from: peer.address, protocol: 'icmp' },
  ],
});

const SILK_FILES = {
  tags: [{ file: 'silk-tags.json', content: TAGS }],
  config: [{ file: 'silk-overlay.json', content: OVERLAY_CONFIGURATION }],
};

/** Captures that are judged together with what an operator knows. */
export const captures: readonly SampleCapture[] = [
  {
    file: 'silk-known.pcap',
    shows: 'two cells of silk of which tags, containers and endpoints are known, and all agree',
    must: [],
    healthy: true,
    sideFiles: {
      ...SILK_FILES,
      store: [
        { file: 'silk-store-a-known.json', content: STORE_A_KNOWN },
        { file: 'silk-store-b.json', content: STORE_B },
      ],
    },
    write: onCellA('silk-known', 22, silkTraffic),
  },
  {
    file: 'silk-unknown.pcap',
    shows:
      'silk traffic with a tag that the policy server does not know, one of another app, a container without policy group, one in no store, ' +
      'a host that is no endpoint, and connections to a port of a cell',
    must: [
      'vxlan.gbp-unknown-tag',
      'silk.tag-ip-mismatch',
      'silk.metadata-missing',
      'silk.unknown-container',
      'vxlan.unknown-vtep',
      'silk.port-access-unsupported',
    ],
    healthy: false,
    allow: ['tcp.refused'],
    sideFiles: {
      ...SILK_FILES,
      store: [
        { file: 'silk-store-a.json', content: STORE_A },
        { file: 'silk-store-b.json', content: STORE_B },
      ],
    },
    write: onCellA('silk-unknown', 22, unknownToSideFiles),
  },
  {
    file: 'overlay-subnet-overlap.pcap',
    shows:
      "the overlay has the subnet of its cells: pings to a cell's own address go into the tunnel and stay unanswered",
    must: ['overlay.subnet-overlap'],
    healthy: false,
    allow: ['underlay.ping-loss', 'vxlan.no-return'],
    sideFiles: {
      config: [{ file: 'overlap.json', content: json({ overlay: { networks: ['10.0.0.0/16'] } }) }],
    },
    write: subnetOverlap,
  },
  {
    file: 'overlay-counter-one-way.pcap',
    shows: 'VXLAN of MidoNet one way only, and the counters of the datapath say so too',
    must: ['overlay.counter-one-way'],
    healthy: false,
    allow: ['vxlan.no-return'],
    sideFiles: { log: [{ file: 'mm-dpctl.txt', content: DATAPATH }] },
    write: onCellA('overlay-counter-one-way', 24, countersOneWay),
  },
  {
    file: 'midonet-flow-drop.pcap',
    shows: 'pings that stay without reply, since the datapath has a flow without actions for them',
    must: ['midonet.flow-drop'],
    healthy: false,
    allow: ['vxlan.no-return'],
    sideFiles: { log: [{ file: 'mm-dpctl-flows.txt', content: DATAPATH_FLOWS }] },
    write: onCellA('midonet-flow-drop', 24, countersOneWay),
  },
  {
    file: 'esp-known.pcap',
    shows: 'ESP both ways with the SPIs that the log has, inbound packets seen decrypted too',
    must: [],
    healthy: true,
    sideFiles: {
      log: [{ file: 'ipsec-up.txt', content: upLog(SPIS) }],
      config: [{ file: 'ipsec.json', content: IPSEC_CONFIGURATION }],
    },
    write: espCapture('esp-known', 45, espKnown),
  },
  {
    file: 'esp-spi-mismatch.pcap',
    shows: 'the peer answers under an SPI that is not the one that the log has',
    must: ['esp.spi-mismatch'],
    healthy: false,
    sideFiles: { log: [{ file: 'ipsec-up.txt', content: upLog(SPIS) }] },
    write: espCapture('esp-spi-mismatch', 45, spiMismatch),
  },
  {
    file: 'esp-plaintext-leak.pcap',
    shows: 'on the gateway: ESP stops, and pings of the protected network leave in clear',
    must: ['esp.plaintext-leak'],
    healthy: false,
    allow: ['underlay.ping-loss'],
    sideFiles: { config: [{ file: 'ipsec.json', content: IPSEC_CONFIGURATION }] },
    write: espCapture('esp-plaintext-leak', 45, plaintextLeak),
  },
  {
    file: 'ike-refused-in-log.pcap',
    shows: 'MI3 is repeated without answer, and the log of the responder says that it has no key',
    must: ['ike.auth-failure'],
    healthy: false,
    allow: ['ike.mi3-unanswered'],
    sideFiles: { log: [{ file: 'pluto-responder.log', content: RESPONDER_LOG }] },
    write: espCapture('ike-refused-in-log', 50, refusedInSilence),
  },
  {
    file: 'expect-no-traffic.pcap',
    shows: 'a host that is pinged and answers; the connection that is expected of its peer never comes',
    must: ['expect.no-traffic'],
    healthy: false,
    sideFiles: { config: [{ file: 'expect.json', content: EXPECT_CONFIGURATION }] },
    write: espCapture('expect-no-traffic', 30, (t) => {
      ping(t, local, peer, { at: 4, count: 12, identifier: 0x2f29 });
    }),
  },
];
