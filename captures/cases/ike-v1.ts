import { zeros } from '../../test/build/bytes.js';
import { writePcap } from '../../test/build/capture-file.js';
import { icmpError } from '../../test/build/icmp.js';
import { informationalClear, informationalEncrypted, transaction } from '../../test/build/ikev1.js';
import { IP_PROTOCOL } from '../../test/build/ip.js';
import { NOTIFY_V1 } from '../../test/build/isakmp.js';
import { LINK_TYPE, linuxSll2 } from '../../test/build/link.js';
import { espExchange, type LinkFraming, ping, type Timeline } from '../../test/build/scenario.js';
import {
  espTunnelOf,
  type IkePeers,
  ikev1DeadPeerDetection,
  ikev1MainMode,
  ikev1QuickMode,
  ikev1Session,
  quickModeMessages,
  sendIke,
  sendMainMode,
} from '../../test/build/scenario-ike.js';
import type { SampleCapture } from './sample-capture.js';
import {
  NAT_PEER_SITE,
  NATTED_SITE,
  namedTimeline,
  natSeenFrom,
  PUBLIC_SITE,
  siteTimeline,
  surroundings,
} from './sites.js';

/** Seconds after the first transmission at which each daemon repeats. */
const OPENSWAN_REPEATS = [10, 30] as const;
const OPENSWAN_FIRST_MESSAGE = [0, 10, 30, 70, 110] as const;
const LIBRESWAN_FIRST_MESSAGE = [0, 0.5, 1, 2, 4, 8, 16, 32, 62] as const;
const STRONGSWAN_REPEATS = [4, 11.2, 24.2, 47.5] as const;

const PEERS: IkePeers = { initiator: PUBLIC_SITE.local, responder: PUBLIC_SITE.peer };
const NAT_PEERS: IkePeers = {
  initiator: NATTED_SITE.local,
  responder: NATTED_SITE.peer,
  nat: natSeenFrom('inside'),
};
/** The capture is taken on the responder. */
const NAT_PEERS_AT_RESPONDER: IkePeers = {
  initiator: NAT_PEER_SITE.peer,
  responder: NAT_PEER_SITE.local,
  nat: natSeenFrom('outside'),
};
const EXCHANGE_START = 2;

function withPublicSite(name: string, seconds: number, build: (t: Timeline) => void): () => Uint8Array {
  return () => {
    const t = siteTimeline(name, PUBLIC_SITE, seconds);
    build(t);
    return writePcap(t.frames());
  };
}

function healthy(t: Timeline): void {
  const session = ikev1MainMode(t, PEERS, { at: EXCHANGE_START });
  ikev1QuickMode(t, session, EXCHANGE_START + 0.09);
  const tunnel = espTunnelOf(PEERS, { toResponder: 0xc31f90e2, toInitiator: 0x5a07d4b1 });
  espExchange(t, tunnel, { at: EXCHANGE_START + 0.3, seconds: 55, intervalMs: 900 });
  ikev1DeadPeerDetection(t, session, 35.4, 'initiator');
}

function unansweredFirstMessage(times: readonly number[]): (t: Timeline) => void {
  return (t) => {
    const session = ikev1MainMode(t, PEERS, { at: EXCHANGE_START, upTo: 'MI1' });
    for (const after of times.slice(1)) sendMainMode(t, EXCHANGE_START + after, session, 'MI1');
  };
}

function portUnreachable(t: Timeline): void {
  const { local, peer } = PUBLIC_SITE;
  const session = ikev1Session(t, PEERS);
  for (const after of [0, 10, 30, 70]) {
    const packet = sendMainMode(t, EXCHANGE_START + after, session, 'MI1');
    const refused = icmpError(3, 3, packet, { quotedLength: 548 });
    t.sendIp(EXCHANGE_START + after + 0.0124, peer, local, IP_PROTOCOL.icmp, refused);
  }
}

function secondExchangeStalls(t: Timeline): void {
  const session = ikev1MainMode(t, PEERS, { at: EXCHANGE_START, upTo: 'MI2' });
  for (const after of OPENSWAN_REPEATS) sendMainMode(t, EXCHANGE_START + 0.015 + after, session, 'MI2');
}

function thirdMessageUnanswered(t: Timeline): void {
  const session = ikev1MainMode(t, PEERS, { at: EXCHANGE_START, upTo: 'MI3' });
  for (const after of OPENSWAN_REPEATS) {
    sendMainMode(t, EXCHANGE_START + 0.041 + after, session, 'MR2');
    sendMainMode(t, EXCHANGE_START + 0.051 + after, session, 'MI3');
  }
}

function thirdMessageNeverSent(t: Timeline): void {
  const session = ikev1MainMode(t, PEERS, { at: EXCHANGE_START, upTo: 'MR2' });
  for (const after of OPENSWAN_REPEATS) sendMainMode(t, EXCHANGE_START + 0.041 + after, session, 'MR2');
}

function port4500Blocked(): Uint8Array {
  const t = siteTimeline('ike-4500-blocked', NATTED_SITE, 92);
  const session = ikev1MainMode(t, NAT_PEERS, { at: EXCHANGE_START, upTo: 'MI3' });
  for (const after of STRONGSWAN_REPEATS) sendMainMode(t, EXCHANGE_START + 0.051 + after, session, 'MI3');
  ping(t, NATTED_SITE.local, NATTED_SITE.peer, { at: 20, count: 4, identifier: 0x2a10 });
  return writePcap(t.frames());
}

/** `-i any` on the responder: the capture itself says which frames came in. */
const cookedAtResponder: LinkFraming = (from, to, protocol, payload) => {
  const isOutbound = from.mac === NAT_PEER_SITE.local.mac;
  const isBroadcast = to.mac === 'ff:ff:ff:ff:ff:ff';
  const packetType = isOutbound ? 4 : isBroadcast ? 1 : 0;
  return [linuxSll2({ packetType, address: from.mac, protocol, payload, interfaceIndex: 2 })];
};

/** The responder's own firewall drops UDP 4500: its daemon knows nothing of MI3 and repeats MR2. */
function port4500DroppedLocally(): Uint8Array {
  const t = namedTimeline('ike-4500-local', cookedAtResponder);
  surroundings(t, NAT_PEER_SITE, 80);
  const session = ikev1MainMode(t, NAT_PEERS_AT_RESPONDER, { at: EXCHANGE_START, upTo: 'MI3' });
  for (const after of OPENSWAN_REPEATS) {
    sendMainMode(t, EXCHANGE_START + 0.0412 + after, session, 'MR2');
    sendMainMode(t, EXCHANGE_START + 0.0506 + after, session, 'MI3');
  }
  ping(t, NAT_PEER_SITE.local, NAT_PEER_SITE.peer, { at: 50, count: 4, identifier: 0x2a13 });
  return writePcap(t.frames(), { linkType: LINK_TYPE.linuxSll2 });
}

/** The responder speaks IKEv2 only; its refusal is not authenticated, and the initiator goes on. */
function versionRefused(t: Timeline): void {
  const session = ikev1Session(t, PEERS);
  const spis = { ...session.spis, responderSpi: zeros(8) };
  for (const after of [0, 10, 30]) {
    sendMainMode(t, EXCHANGE_START + after, session, 'MI1');
    const refusal = informationalClear(spis, t.random.next() || 1, NOTIFY_V1.invalidMajorVersion);
    sendIke(t, EXCHANGE_START + after + 0.0126, PEERS, 'responder', refusal);
  }
  ping(t, PUBLIC_SITE.local, PUBLIC_SITE.peer, { at: 50, count: 4, identifier: 0x2a17 });
}

function pskMismatch(t: Timeline): void {
  const session = ikev1MainMode(t, PEERS, { at: EXCHANGE_START, upTo: 'MI3' });
  for (const after of [0, ...OPENSWAN_REPEATS]) {
    const at = EXCHANGE_START + 0.051 + after;
    if (after > 0) sendMainMode(t, at, session, 'MI3');
    const notify = informationalClear(session.spis, t.random.next() || 1, NOTIFY_V1.payloadMalformed);
    sendIke(t, at + 0.0129, PEERS, 'responder', notify);
  }
}

function quickModeStalls(t: Timeline): void {
  const session = ikev1MainMode(t, PEERS, { at: EXCHANGE_START });
  const { QI1 } = quickModeMessages(t, session);
  for (const after of [0, ...OPENSWAN_REPEATS]) {
    sendIke(t, EXCHANGE_START + 0.09 + after, PEERS, 'initiator', QI1);
  }
  ikev1DeadPeerDetection(t, session, 52.3, 'initiator');
}

/** The gateway agreed on XAUTH and never asks for name and password; the client deletes the SA and tries again. */
function xauthNeverStarts(t: Timeline): void {
  for (const after of [0, 36.5]) {
    const at = EXCHANGE_START + after;
    const session = ikev1MainMode(t, PEERS, { at, extendedAuthentication: 'agreed' });
    const remove = informationalEncrypted(session.spis, t.random.next() || 1, t.random.bytes(64));
    sendIke(t, at + 30.2, PEERS, 'initiator', remove);
  }
}

/** XAUTH and mode config between main mode and quick mode. */
function xauthHealthy(t: Timeline): void {
  const session = ikev1MainMode(t, PEERS, { at: EXCHANGE_START, extendedAuthentication: 'agreed' });
  for (const [index, from] of (['responder', 'initiator', 'responder'] as const).entries()) {
    for (const [step, side] of [from, from === 'initiator' ? 'responder' : 'initiator'].entries()) {
      const message = transaction(session.spis, 0x3b21_7a40 + index, t.random.bytes(64));
      const at = EXCHANGE_START + 0.08 + index * 1.9 + step * 0.9;
      sendIke(t, at, PEERS, side === 'initiator' ? 'initiator' : 'responder', message);
    }
  }
  ikev1QuickMode(t, session, EXCHANGE_START + 6.1);
  const tunnel = espTunnelOf(PEERS, { toResponder: 0xc90e33d8, toInitiator: 0x2d57a1f4 });
  espExchange(t, tunnel, { at: EXCHANGE_START + 6.4, seconds: 30, intervalMs: 900 });
}

function retryLoop(t: Timeline): void {
  for (let attempt = 0; attempt < 5; attempt += 1) {
    const at = EXCHANGE_START + attempt * 40.4;
    const session = ikev1MainMode(t, PEERS, { at, upTo: 'MI3' });
    sendMainMode(t, at + 10.05, session, 'MI3');
  }
}

/** The responder announces no NAT traversal; the NAT passes one IPsec client through. */
function natUndetected(): Uint8Array {
  const t = siteTimeline('ike-nat-undetected', NATTED_SITE, 50);
  const session = ikev1MainMode(t, NAT_PEERS, { at: EXCHANGE_START, natTraversal: 'initiator' });
  ikev1QuickMode(t, session, EXCHANGE_START + 0.09);
  const { initiator, responder } = NAT_PEERS;
  const tunnel = espTunnelOf({ initiator, responder }, { toResponder: 0xd00c61f3, toInitiator: 0x2b9ee704 });
  espExchange(t, tunnel, { at: EXCHANGE_START + 0.4, seconds: 45, intervalMs: 1000 });
  return writePcap(t.frames());
}

export const captures: readonly SampleCapture[] = [
  {
    file: 'ike-v1-healthy.pcap',
    shows: 'IKEv1 main mode and quick mode, ESP both ways, one dead peer detection',
    must: [],
    healthy: true,
    write: withPublicSite('ike-v1-healthy', 60, healthy),
  },
  {
    file: 'ike-no-response.pcap',
    shows: 'MI1 repeated as openswan does (0, 10, 30, 70, 110 s), no packet from the peer',
    must: ['ike.no-response'],
    healthy: false,
    write: withPublicSite('ike-no-response', 140, unansweredFirstMessage(OPENSWAN_FIRST_MESSAGE)),
  },
  {
    file: 'ike-no-response-libreswan.pcap',
    shows: 'MI1 repeated as libreswan does (from 0.5 s, doubling), no packet from the peer',
    must: ['ike.no-response'],
    healthy: false,
    write: withPublicSite('ike-no-response-libreswan', 85, unansweredFirstMessage(LIBRESWAN_FIRST_MESSAGE)),
  },
  {
    file: 'ike-port-unreachable.pcap',
    shows: 'MI1 answered by ICMP port unreachable',
    must: ['ike.port-unreachable'],
    healthy: false,
    allow: ['ike.no-response'],
    write: withPublicSite('ike-port-unreachable', 90, portUnreachable),
  },
  {
    file: 'ike-mm2-stalled.pcap',
    shows: 'MI2 repeated, MR2 never comes',
    must: ['ike.mm2-stalled'],
    healthy: false,
    write: withPublicSite('ike-mm2-stalled', 80, secondExchangeStalls),
  },
  {
    file: 'ike-mi3-unanswered.pcap',
    shows: 'MI3 repeated, and the responder repeats MR2: MI3 does not arrive',
    must: ['ike.mi3-unanswered'],
    healthy: false,
    write: withPublicSite('ike-mi3-unanswered', 80, thirdMessageUnanswered),
  },
  {
    file: 'ike-mi3-never-sent.pcap',
    shows: 'MR2 arrives and is repeated, the capturing initiator never sends MI3',
    must: ['ike.mi3-never-sent'],
    healthy: false,
    write: withPublicSite('ike-mi3-never-sent', 80, thirdMessageNeverSent),
  },
  {
    file: 'ike-4500-blocked.pcap',
    shows: 'a NAT is found, MI3 floats to port 4500 and is never answered there',
    must: ['ike.natt-4500-blocked'],
    healthy: false,
    allow: ['ike.mi3-unanswered'],
    write: port4500Blocked,
  },
  {
    file: 'ike-4500-local.pcap',
    shows: 'at the responder: MI3 floats to port 4500 and arrives, the host itself drops it',
    must: ['ike.natt-4500-local'],
    healthy: false,
    write: port4500DroppedLocally,
  },
  {
    file: 'ike-version-mismatch.pcap',
    shows: 'MI1 of IKEv1 answered by INVALID-MAJOR-VERSION three times: the responder speaks IKEv2 only',
    must: ['ike.version-mismatch'],
    healthy: false,
    write: withPublicSite('ike-version-mismatch', 70, versionRefused),
  },
  {
    file: 'ike-psk-mismatch-v1.pcap',
    shows: 'MI3 answered by PAYLOAD-MALFORMED in clear: different pre-shared keys',
    must: ['ike.auth-failure'],
    healthy: false,
    allow: ['ike.mi3-unanswered'],
    write: withPublicSite('ike-psk-mismatch-v1', 75, pskMismatch),
  },
  {
    file: 'ike-quick-stalled.pcap',
    shows: 'main mode completes, QI1 is repeated without an answer',
    must: ['ike.quick-stalled'],
    healthy: false,
    write: withPublicSite('ike-quick-stalled', 80, quickModeStalls),
  },
  {
    file: 'ike-xauth-missing.pcap',
    shows: 'main mode agrees on XAUTH and completes, and XAUTH never starts; the client gives up twice',
    must: ['ike.quick-stalled'],
    healthy: false,
    write: withPublicSite('ike-xauth-missing', 85, xauthNeverStarts),
  },
  {
    file: 'ike-xauth-healthy.pcap',
    shows: 'main mode, XAUTH, mode config and quick mode, ESP both ways',
    must: [],
    healthy: true,
    write: withPublicSite('ike-xauth-healthy', 42, xauthHealthy),
  },
  {
    file: 'ike-retry-loop.pcap',
    shows: 'five attempts with new cookies in 165 s, none gets past MI3',
    must: ['ike.retry-loop'],
    healthy: false,
    allow: ['ike.mi3-unanswered'],
    write: withPublicSite('ike-retry-loop', 200, retryLoop),
  },
  {
    file: 'ike-nat-undetected.pcap',
    shows: 'private initiator behind a NAT, responder without NAT traversal: native ESP through the NAT',
    must: ['ike.nat-undetected'],
    healthy: false,
    write: natUndetected,
  },
];
