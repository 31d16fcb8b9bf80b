import { concat, u32 } from '../../test/build/bytes.js';
import { writePcap } from '../../test/build/capture-file.js';
import { EXCHANGE_V2, informationalClearV2, notifyV2 } from '../../test/build/ikev2.js';
import { NOTIFY_V2 } from '../../test/build/isakmp.js';
import { espExchange, espPacket, type Timeline } from '../../test/build/scenario.js';
import {
  espTunnelOf,
  type IkePeers,
  ikev2Exchange,
  ikev2Handshake,
  ikev2Liveness,
  sendIke,
} from '../../test/build/scenario-ike.js';
import type { SampleCapture } from './sample-capture.js';
import { NATTED_SITE, natSeenFrom, siteTimeline } from './sites.js';

export const PEERS: IkePeers = {
  initiator: NATTED_SITE.local,
  responder: NATTED_SITE.peer,
  nat: natSeenFrom('inside'),
};
const SPIS = { toResponder: 0xc3a1107e, toInitiator: 0x2f0b9d34 };

function behindNat(name: string, seconds: number, build: (t: Timeline) => void): () => Uint8Array {
  return () => {
    const t = siteTimeline(name, NATTED_SITE, seconds);
    build(t);
    return writePcap(t.frames());
  };
}

/** After a reload the initiator checks its peer from port 500, where the NAT has no mapping any more. */
function movedBack(t: Timeline): void {
  const session = ikev2Handshake(t, PEERS, { at: 2 });
  espExchange(t, espTunnelOf(PEERS, SPIS), { at: 2.2, seconds: 80, intervalMs: 900 });
  ikev2Liveness(t, session, 22.6, 'responder');
  ikev2Exchange(
    t,
    { ...session, floated: false },
    {
      at: 40,
      from: 'initiator',
      exchangeType: EXCHANGE_V2.informational,
      requestLength: 52,
      responseLength: null,
      repeatedAfter: [4, 11.2, 24.2],
    },
  );
}

/** The first SA of the hosts is deleted, and a new one begins on port 500, as it must. */
function newSa(t: Timeline): void {
  const first = ikev2Handshake(t, PEERS, { at: 2 });
  espExchange(t, espTunnelOf(PEERS, SPIS), { at: 2.2, seconds: 20, intervalMs: 900 });
  ikev2Liveness(t, first, 23, 'initiator');
  ikev2Handshake(t, PEERS, { at: 24 });
  const next = { toResponder: 0xc7715f02, toInitiator: 0x61c30a9b };
  espExchange(t, espTunnelOf(PEERS, next), { at: 24.2, seconds: 30, intervalMs: 900 });
}

/** The responder's daemon gets the ESP packets, and answers each with the error for a session that it does not know. */
function takenAsIke(t: Timeline): void {
  ikev2Handshake(t, PEERS, { at: 2 });
  const { forth } = espTunnelOf(PEERS, SPIS);
  for (let sequence = 1; sequence <= 20; sequence++) {
    const at = 2.5 + sequence;
    espPacket(t, at, forth, 96);
    const spis = {
      initiatorSpi: concat(u32(SPIS.toResponder), u32(sequence)),
      responderSpi: t.random.bytes(8),
    };
    const refusal = informationalClearV2(spis, 0, false, [notifyV2(NOTIFY_V2.invalidIkeSpi)]);
    sendIke(t, at + 0.0131, PEERS, 'responder', refusal, { floated: true });
  }
}

export const captures: readonly SampleCapture[] = [
  {
    file: 'ike-port-moved-back.pcap',
    shows: 'an IKE SA behind a NAT that moved to port 4500; later its initiator asks from port 500 again',
    must: ['ike.port-moved-back'],
    healthy: false,
    allow: ['ike.dpd-unanswered'],
    write: behindNat('ike-port-moved-back', 85, movedBack),
  },
  {
    file: 'ike-new-sa-healthy.pcap',
    shows: 'an IKE SA behind a NAT is followed by a new one, which begins on port 500',
    must: [],
    healthy: true,
    write: behindNat('ike-new-sa-healthy', 56, newSa),
  },
  {
    file: 'esp-taken-as-ike.pcap',
    shows: 'each ESP packet is answered by INVALID_IKE_SPI with its own first bytes as cookies',
    must: ['esp.taken-as-ike'],
    healthy: false,
    allow: ['esp.one-way-spi', 'ike.notify'],
    write: behindNat('esp-taken-as-ike', 40, takenAsIke),
  },
];
