import { concat, u32, zeros } from '../../test/build/bytes.js';
import { writePcap } from '../../test/build/capture-file.js';
import { encryptedV2 } from '../../test/build/ikev2.js';
import { espExchange, espPacket } from '../../test/build/scenario.js';
import { espTunnelOf, type IkePeers, ikev2Handshake, ikev2Liveness } from '../../test/build/scenario-ike.js';
import type { SampleCapture } from './sample-capture.js';
import { NAT_PEER_SITE, natSeenFrom, PUBLIC_SITE, siteTimeline } from './sites.js';

const START = 2;
const PEERS: IkePeers = { initiator: PUBLIC_SITE.local, responder: PUBLIC_SITE.peer };
const SPIS = { toResponder: 0xc41d77e2, toInitiator: 0x3a905bf6 };

/** A provider lets UDP 500 pass and drops 4500; the client begins anew every half minute. */
function nothingOn4500(): Uint8Array {
  const t = siteTimeline('ike-4500-blocked-at-responder', NAT_PEER_SITE, 150);
  const peers = {
    initiator: NAT_PEER_SITE.peer,
    responder: NAT_PEER_SITE.local,
    nat: natSeenFrom('outside'),
  };
  for (const at of [0, 30.4, 61.1, 91.7]) ikev2Handshake(t, peers, { at: START + at, upTo: 'initResponse' });
  return writePcap(t.frames());
}

/** The certificate of the responder is not yet valid by the clock of the initiator, which says so and leaves. */
function responderNotAccepted(): Uint8Array {
  const t = siteTimeline('ike-responder-not-accepted', PUBLIC_SITE, 60);
  for (const at of [0, 4.7, 9.1]) {
    const lengths = { authRequestLength: 1220, authResponseLength: 1156 };
    const session = ikev2Handshake(t, PEERS, { at: START + at, ...lengths });
    ikev2Liveness(t, session, START + at + 0.05, 'initiator');
  }
  return writePcap(t.frames());
}

/** The initiator gets another address, tells it by an informational, and all goes on. */
function addressChanges(): Uint8Array {
  const t = siteTimeline('ike-mobike-healthy', PUBLIC_SITE, 60);
  const session = ikev2Handshake(t, PEERS, { at: START });
  espExchange(t, espTunnelOf(PEERS, SPIS), { at: START + 0.2, seconds: 18, intervalMs: 700 });
  const peers = { ...PEERS, initiator: { ...PUBLIC_SITE.local, address: '192.0.2.77' } };
  const moved = { ...session, peers };
  ikev2Liveness(t, moved, 23.1, 'initiator');
  ikev2Liveness(t, moved, 40.2, 'responder');
  const tunnel = espTunnelOf(peers, SPIS);
  tunnel.forth.nextSequence = tunnel.back.nextSequence = 30;
  espExchange(t, tunnel, { at: 23.4, seconds: 30, intervalMs: 700 });
  return writePcap(t.frames());
}

const [FIRST_SPIS, SECOND_SPIS] = [
  { toResponder: 0xc1000001, toInitiator: 0x0a00aaaa },
  { toResponder: 0xc2000002, toInitiator: 0x0b00bbbb },
];

/** Two L2TP clients behind one NAT: with the second one up, the gateway puts everything into its SA. */
function clientsShareNat(answersBoth: boolean): () => Uint8Array {
  return () => {
    const name = answersBoth ? 'esp-two-clients-healthy' : 'esp-clients-share-nat';
    const t = siteTimeline(name, NAT_PEER_SITE, 90);
    const { peer, local } = NAT_PEER_SITE;
    const seen = natSeenFrom('outside');
    const first = { initiator: peer, responder: local, nat: { ...seen, port500: 500, port4500: 4500 } };
    const second = { initiator: peer, responder: local, nat: seen };
    ikev2Handshake(t, first, { at: START });
    const [one, two] = [espTunnelOf(first, FIRST_SPIS), espTunnelOf(second, SECOND_SPIS)];
    espExchange(t, one, { at: START + 0.3, seconds: 28, intervalMs: 700 });
    ikev2Handshake(t, second, { at: 30.2 });
    espExchange(t, two, { at: 30.6, seconds: 55, intervalMs: 700 });
    if (answersBoth) espExchange(t, one, { at: 30.9, seconds: 55, intervalMs: 700 });
    else for (let at = 30.9; at < 85; at += 0.7) espPacket(t, at, one.forth, 128);
    return writePcap(t.frames());
  };
}

/** One of three tunnels between the gateways gets no answers any more. */
function oneOfThree(): Uint8Array {
  const t = siteTimeline('esp-one-of-three', PUBLIC_SITE, 60);
  ikev2Handshake(t, PEERS, { at: START });
  const tunnels = [1, 2, 3].map((n) =>
    espTunnelOf(PEERS, { toResponder: 0xc5000000 + n, toInitiator: 0x3d000000 + n }),
  );
  for (let at = START + 0.5; at < 55; at += 0.8) {
    for (const [index, { forth, back }] of tunnels.entries()) {
      espPacket(t, at + index * 0.21, forth, 128);
      if (index !== 1 || at < 20) espPacket(t, at + index * 0.21 + 0.014, back, 128);
    }
  }
  return writePcap(t.frames());
}

/** The kernel of the initiator frames ESP as old drafts did, and its liveness checks lack the marker. */
function markerMissing(): Uint8Array {
  const t = siteTimeline('natt-marker-missing', NAT_PEER_SITE, 60);
  const { peer, local } = NAT_PEER_SITE;
  const peers = { initiator: peer, responder: local, nat: natSeenFrom('outside') };
  const { spis } = ikev2Handshake(t, peers, { at: START });
  const send = (at: number, payload: Uint8Array): void => {
    t.sendUdp(at, { ...peer, port: peers.nat.port4500 }, { ...local, port: 4500 }, payload);
  };
  for (let n = 1; n <= 30; n++) {
    send(START + n, concat(zeros(8), u32(SPIS.toResponder), u32(n), t.random.bytes(120)));
  }
  const check = { exchangeType: 37, messageId: 2, originalInitiator: true, response: false };
  const message = encryptedV2(spis, { ...check, encrypted: t.random.bytes(48) });
  for (const at of [34.2, 38.2, 45.4]) send(at, message);
  return writePcap(t.frames());
}

export const captures: readonly SampleCapture[] = [
  {
    file: 'ike-4500-blocked-at-responder.pcap',
    shows:
      'IKEv2 as the responder sees it: IKE_SA_INIT from behind a NAT again and again, and nothing on port 4500',
    must: ['ike.natt-4500-blocked'],
    healthy: false,
    allow: ['ike.retry-loop', 'ike.nat-detected'],
    write: nothingOn4500,
  },
  {
    file: 'ike-responder-not-accepted.pcap',
    shows: 'IKEv2 whose initiator does not accept the certificate of the responder, three times',
    must: ['ike.auth-failure'],
    healthy: false,
    write: responderNotAccepted,
  },
  {
    file: 'ike-mobike-healthy.pcap',
    shows: 'IKEv2 whose initiator goes on from another address (MOBIKE)',
    must: [],
    healthy: true,
    write: addressChanges,
  },
  {
    file: 'esp-clients-share-nat.pcap',
    shows: 'two clients behind one NAT: when the second comes up, the first gets no answers any more',
    must: ['esp.clients-share-nat'],
    healthy: false,
    allow: ['esp.one-way-spi', 'ike.nat-detected'],
    write: clientsShareNat(false),
  },
  {
    file: 'esp-two-clients-healthy.pcap',
    shows: 'two clients behind one NAT, both well',
    must: [],
    healthy: true,
    write: clientsShareNat(true),
  },
  {
    file: 'esp-one-of-three.pcap',
    shows: 'three tunnels between two gateways, of which one falls silent in one direction',
    must: ['esp.one-way-spi'],
    healthy: false,
    write: oneOfThree,
  },
  {
    file: 'natt-marker-missing.pcap',
    shows: 'ESP and IKE on port 4500 in a framing that the peer does not read',
    must: ['natt.marker-missing'],
    healthy: false,
    allow: ['esp.no-traffic', 'ike.nat-detected'],
    write: markerMissing,
  },
];
