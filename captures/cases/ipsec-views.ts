import { writePcap } from '../../test/build/capture-file.js';
import { espExchange } from '../../test/build/scenario.js';
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
];
