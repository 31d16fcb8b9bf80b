import { writePcap, writePcapng } from '../../test/build/capture-file.js';
import {
  EXCHANGE_V2,
  encryptedFragments,
  ikeSaInitResponse,
  informationalClearV2,
  notifyV2,
} from '../../test/build/ikev2.js';
import { IP_PROTOCOL } from '../../test/build/ip.js';
import { NOTIFY_V2 } from '../../test/build/isakmp.js';
import { espExchange, ping, reassemblyTimeExceeded, type Timeline } from '../../test/build/scenario.js';
import {
  espTunnelOf,
  type IkePeers,
  ikev2Exchange,
  ikev2Handshake,
  ikev2Liveness,
  ikev2Session,
  sendIke,
} from '../../test/build/scenario-ike.js';
import type { SampleCapture } from './sample-capture.js';
import { NATTED_SITE, natSeenFrom, PUBLIC_SITE, siteTimeline } from './sites.js';

const LIBRESWAN_REPEATS = [0.5, 1, 2, 4, 8, 16, 32] as const;
const STRONGSWAN_REPEATS = [4, 11.2, 24.2, 47.5] as const;
/** SK payload of an IKE_AUTH response that holds an error notify and nothing else. */
const REFUSED_AUTH_LENGTH = 52;
const EXCHANGE_START = 2;

const PEERS: IkePeers = { initiator: PUBLIC_SITE.local, responder: PUBLIC_SITE.peer };
/** The capture is taken on the responder. */
const PEERS_AT_RESPONDER: IkePeers = { initiator: PUBLIC_SITE.peer, responder: PUBLIC_SITE.local };
const NAT_PEERS: IkePeers = {
  initiator: NATTED_SITE.local,
  responder: NATTED_SITE.peer,
  nat: natSeenFrom('inside'),
};

function withPublicSite(name: string, seconds: number, build: (t: Timeline) => void): () => Uint8Array {
  return () => {
    const t = siteTimeline(name, PUBLIC_SITE, seconds);
    build(t);
    return writePcap(t.frames());
  };
}

function healthyBehindNat(): Uint8Array {
  const t = siteTimeline('ike-v2-healthy-nat', NATTED_SITE, 60);
  const session = ikev2Handshake(t, NAT_PEERS, { at: EXCHANGE_START });
  const tunnel = espTunnelOf(NAT_PEERS, { toResponder: 0xcd46a0f8, toInitiator: 0x319bd25e });
  espExchange(t, tunnel, { at: EXCHANGE_START + 0.2, seconds: 55, intervalMs: 900 });
  ikev2Liveness(t, session, 32.6, 'responder');
  const interfaces = [{ name: 'eth0', tsresol: 9, snaplen: 262_144 }];
  return writePcapng([{ interfaces, frames: t.frames(), application: 'dumpcap' }]);
}

/** The first IKE_SA_INIT request and the first IKE_AUTH answer are lost beyond the capture point. */
function repeatedAndAnswered(t: Timeline): void {
  const session = ikev2Session(t, PEERS);
  const { initRequest, initResponse, authRequest, authResponse } = session.messages;
  sendIke(t, EXCHANGE_START, PEERS, 'initiator', initRequest);
  const at = EXCHANGE_START + STRONGSWAN_REPEATS[0];
  sendIke(t, at, PEERS, 'initiator', initRequest);
  sendIke(t, at + 0.0139, PEERS, 'responder', initResponse);
  sendIke(t, at + 0.0251, PEERS, 'initiator', authRequest);
  const again = at + 0.0251 + STRONGSWAN_REPEATS[0];
  sendIke(t, again, PEERS, 'initiator', authRequest);
  sendIke(t, again + 0.0147, PEERS, 'responder', authResponse);
  const tunnel = espTunnelOf(PEERS, { toResponder: 0xc7e80b35, toInitiator: 0x52d9f16e });
  espExchange(t, tunnel, { at: again + 0.2, seconds: 25, intervalMs: 900 });
  ikev2Liveness(t, session, again + 20.4, 'initiator');
}

function noProposal(t: Timeline): void {
  for (const at of [EXCHANGE_START, EXCHANGE_START + 22.3]) {
    const session = ikev2Handshake(t, PEERS, { at, upTo: 'initRequest' });
    const refusal = ikeSaInitResponse(session.spis, [notifyV2(NOTIFY_V2.noProposalChosen)]);
    sendIke(t, at + 0.0127, PEERS, 'responder', refusal);
  }
}

function authenticationRefused(t: Timeline): void {
  for (const at of [0, 14.8, 31.1]) {
    ikev2Handshake(t, PEERS, { at: EXCHANGE_START + at, authResponseLength: REFUSED_AUTH_LENGTH });
  }
}

function requestUnanswered(t: Timeline): void {
  const session = ikev2Handshake(t, PEERS, { at: EXCHANGE_START, upTo: 'authRequest' });
  for (const after of LIBRESWAN_REPEATS) {
    sendIke(t, EXCHANGE_START + 0.025 + after, PEERS, 'initiator', session.messages.authRequest);
  }
}

function livenessUnanswered(t: Timeline): void {
  const session = ikev2Handshake(t, PEERS, { at: EXCHANGE_START });
  const tunnel = espTunnelOf(PEERS, { toResponder: 0xc9d1450b, toInitiator: 0x7be0236a });
  espExchange(t, tunnel, { at: EXCHANGE_START + 0.2, seconds: 16, intervalMs: 700 });
  ikev2Exchange(t, session, {
    at: 48.1,
    from: 'initiator',
    exchangeType: EXCHANGE_V2.informational,
    requestLength: 52,
    responseLength: null,
    repeatedAfter: STRONGSWAN_REPEATS,
  });
}

/**
 * The tunnel is idle when the peer restarts. It refuses the liveness checks for want of the IKE SA; the initiator
 * must not trust that, gives up after two repetitions and sets the tunnel up again.
 */
function peerRestarted(t: Timeline): void {
  const session = ikev2Handshake(t, PEERS, { at: EXCHANGE_START });
  const tunnel = espTunnelOf(PEERS, { toResponder: 0xcb70e914, toInitiator: 0x2f84a6d3 });
  espExchange(t, tunnel, { at: EXCHANGE_START + 0.2, seconds: 16, intervalMs: 900 });
  const at = 48.3;
  const [first, second, givenUp] = STRONGSWAN_REPEATS;
  const lost = [notifyV2(NOTIFY_V2.invalidIkeSpi)];
  const refusal = informationalClearV2(session.spis, session.nextMessageId.initiator, false, lost);
  ikev2Exchange(t, session, {
    at,
    from: 'initiator',
    exchangeType: EXCHANGE_V2.informational,
    requestLength: 52,
    responseLength: null,
    repeatedAfter: [first, second],
  });
  for (const after of [0, first, second]) sendIke(t, at + after + 0.0129, PEERS, 'responder', refusal);
  ikev2Handshake(t, PEERS, { at: at + givenUp });
  const next = espTunnelOf(PEERS, { toResponder: 0xc2a9517f, toInitiator: 0x68d30ce4 });
  espExchange(t, next, { at: at + givenUp + 0.2, seconds: 20, intervalMs: 900 });
}

/** IKE_AUTH in four fragments of RFC 7383; number 3 is missing each time. */
function fragmentMissing(t: Timeline): void {
  const peers = PEERS_AT_RESPONDER;
  const session = ikev2Handshake(t, peers, { at: EXCHANGE_START, upTo: 'initResponse' });
  const message = {
    exchangeType: EXCHANGE_V2.ikeAuth,
    messageId: 1,
    originalInitiator: true,
    response: false,
  };
  const parts = [1200, 1200, 1200, 592].map((length) => t.random.bytes(length));
  const fragments = encryptedFragments(session.spis, message, parts);
  for (const after of [0, ...STRONGSWAN_REPEATS]) {
    for (const [i, fragment] of fragments.entries()) {
      if (i !== 2) sendIke(t, EXCHANGE_START + 0.0251 + after + i * 90e-6, peers, 'initiator', fragment);
    }
  }
  ping(t, PUBLIC_SITE.local, PUBLIC_SITE.peer, { at: 30, count: 3, identifier: 0x1188 });
}

/** IKE_AUTH with certificates in IP fragments, of which the first alone reaches the responder. */
function certificateFragmentsDropped(t: Timeline): void {
  const peers = PEERS_AT_RESPONDER;
  const session = ikev2Session(t, peers, { authRequestLength: 3060 });
  sendIke(t, EXCHANGE_START, peers, 'initiator', session.messages.initRequest);
  sendIke(t, EXCHANGE_START + 0.0024, peers, 'responder', session.messages.initResponse);
  for (const after of [0, ...STRONGSWAN_REPEATS]) {
    const at = EXCHANGE_START + 0.0251 + after;
    const { authRequest } = session.messages;
    const whole = sendIke(t, at, peers, 'initiator', authRequest, { mtu: 1500, lostFragments: [1, 2] });
    const expired = reassemblyTimeExceeded(whole);
    t.sendIp(at + 30.4, peers.responder, peers.initiator, IP_PROTOCOL.icmp, expired);
  }
  ping(t, PUBLIC_SITE.local, PUBLIC_SITE.peer, { at: 20, count: 3, identifier: 0x3107 });
}

export const captures: readonly SampleCapture[] = [
  {
    file: 'ike-v2-healthy-nat.pcapng',
    shows: 'IKEv2 from behind a NAT, ESP in UDP both ways; interface name and nanoseconds in the file',
    must: ['ike.nat-detected'],
    healthy: true,
    write: healthyBehindNat,
  },
  {
    file: 'ike-repeated.pcap',
    shows: 'IKE_SA_INIT and IKE_AUTH are each answered at the second sending, 4 s late; the tunnel works',
    must: ['ike.repeated'],
    healthy: true,
    write: withPublicSite('ike-repeated', 38, repeatedAndAnswered),
  },
  {
    file: 'ike-no-proposal-v2.pcap',
    shows: 'IKE_SA_INIT answered by NO_PROPOSAL_CHOSEN, twice',
    must: ['ike.no-proposal'],
    healthy: false,
    write: withPublicSite('ike-no-proposal-v2', 50, noProposal),
  },
  {
    file: 'ike-auth-failure-v2.pcap',
    shows: 'IKE_AUTH answered by a response too short for anything but an error, in three attempts',
    must: ['ike.auth-failure'],
    healthy: false,
    write: withPublicSite('ike-auth-failure-v2', 60, authenticationRefused),
  },
  {
    file: 'ike-v2-request-unanswered.pcap',
    shows: 'IKE_AUTH repeated as libreswan does, IKE_SA_INIT had worked',
    must: ['ike.v2-request-unanswered'],
    healthy: false,
    allow: ['ike.quick-stalled'],
    write: withPublicSite('ike-v2-request-unanswered', 75, requestUnanswered),
  },
  {
    file: 'ike-dpd-unanswered.pcap',
    shows: 'an SA that worked goes idle, and the liveness checks get no answer',
    must: ['ike.dpd-unanswered'],
    healthy: false,
    allow: ['ike.v2-request-unanswered'],
    write: withPublicSite('ike-dpd-unanswered', 150, livenessUnanswered),
  },
  {
    file: 'ike-notify.pcap',
    shows: 'an idle tunnel whose peer has restarted: liveness checks get INVALID_IKE_SPI in clear',
    must: ['ike.notify'],
    healthy: false,
    write: withPublicSite('ike-notify', 95, peerRestarted),
  },
  {
    file: 'ike-fragments-incomplete.pcap',
    shows: 'IKE_AUTH in four IKE fragments at the responder, number 3 missing in each of five transmissions',
    must: ['ike.fragments-incomplete'],
    healthy: false,
    allow: ['ike.v2-request-unanswered'],
    write: withPublicSite('ike-fragments-incomplete', 90, fragmentMissing),
  },
  {
    file: 'ike-cert-fragments-dropped.pcap',
    shows: 'IKE_AUTH with certificates in IP fragments at the responder: only first fragments arrive',
    must: ['frag.missing-rest'],
    healthy: false,
    allow: ['ike.v2-request-unanswered', 'ike.no-response', 'ike.quick-stalled'],
    write: withPublicSite('ike-cert-fragments-dropped', 100, certificateFragmentsDropped),
  },
];
