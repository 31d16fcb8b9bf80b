import { defineDiagnosis, type Evidence, type Judgement } from '../../../src/diagnose/diagnosis.js';
import { secondsBetween } from '../../../src/moment.js';
import { secondsText } from '../../../src/wording/durations.js';
import { rekeyOf } from '../rekeys.js';
import type { EspDirection, EspPair, EspSa } from '../session.js';
import { hasParallelTunnels, judgedPairs, saFilter, spiText } from '../shared/sa-pairs.js';

const STALE_SECONDS = 120;
/** The peer has left its old SA for good if its last packet comes no later than this after the first on the new one. */
const HANDOVER_SECONDS = 30;
/** A sequence number up to here shows that the SA is new. */
const NEW_SEQUENCE_MAX = 64;
const PACKETS_MIN = 3;

export default defineDiagnosis({
  id: 'esp.stale-spi',
  title: 'Old SPI still used after rekey',
  severity: 'warning',
  subject: 'tunnel',
  layer: 'tunnel-data',
  priority: 3,
  rule:
    'One gateway moved from its old SA to a new one (a new SPI whose numbers start low, and the old one ends within ' +
    '30 s), while the other gateway goes on sending on its old SA for more than 120 s and never uses a new one. The IKE ' +
    'exchange that made the new SA is named where one was answered up to 30 s before its first packet.',
  notWhen: 'Several tunnels run between the two addresses at a time, or the new SA began before the capture.',
  causes: [
    'The message that deletes the old SA was lost, or one side ignores it',
    'Both sides rekeyed at once and kept different SAs',
    'One side restarted and its peer has not noticed yet: dead peer detection is off',
  ],
  nextSteps: [
    'Compare the SPIs that both sides have installed: ip xfrm state, ipsec statusall',
    'Renegotiate: ipsec auto --replace CONN; ipsec auto --up CONN (swanctl --rekey --child NAME)',
    'Switch dead peer detection on at both sides (dpddelay, dpdaction=restart)',
  ],
  refutedBy: 'The SPI in the list of SAs that the receiver has installed: then it is no stale one',
  source:
    'RFC 7296, section 2.8 (rekeying); RFC 4301, section 4.4.2; OSW guide, situation D (compare SPIs with the log)',
  thresholds: {
    stale: [STALE_SECONDS, 's', 'rekey margins keep both SAs alive for seconds to minutes'],
    handover: [HANDOVER_SECONDS, 's', 'packets on their way and queues at the moment of the rekey'],
  },
  fault: 'tunnel-one-way',
  consequenceOf: ['path-loss'],
  consequenceOfIds: ['ike.notify', 'ike.port-unreachable'],
  technology: 'ipsec',

  *diagnose(evidence) {
    for (const pair of judgedPairs(evidence)) {
      const [there, back] = pair.directions;
      if (there.sas.length + back.sas.length < 3 || there.packets === 0 || back.packets === 0) continue;
      if (!hasParallelTunnels(pair)) yield judge(evidence, pair, there, back);
    }
  },
});

function judge(evidence: Evidence, pair: EspPair, there: EspDirection, back: EspDirection): Judgement {
  const found = staleSa(there, back) ?? staleSa(back, there);
  const subject = { kind: 'tunnel', endpoints: [pair.low, pair.high] };
  if (!found) return { result: 'healthy', subject };
  const { stale, left, moved } = found;
  const seconds = secondsBetween(moved.first, stale.last);
  const rekey = rekeyOf(evidence, pair, moved);
  const after = rekey.length > 0 ? 'After a rekey ' : '';
  return {
    result: 'problem',
    subject: { ...subject, spi: spiText(stale.spi) },
    confidence: 'medium',
    explanation:
      `${after}${moved.from} moved from SPI ${spiText(left.spi)} to ${spiText(moved.spi)}, but ${stale.from} went on sending on ` +
      `SPI ${spiText(stale.spi)} for ${secondsText(seconds)} and never used a new one; when the old SA expires, its packets will be dropped.`,
    pair: [pair.low, pair.high],
    direction: { from: stale.from, to: stale.to },
    where: 'sender',
    first: moved.first,
    last: stale.last,
    lastGood: left.last,
    ongoingAtEnd:
      stale.last.frame >= moved.last.frame || secondsBetween(stale.last, moved.last) < HANDOVER_SECONDS,
    counts: { packetsOldSpi: stale.packets, packetsNewSpi: moved.packets, rekeys: rekey.length > 0 ? 1 : 0 },
    evidence: [
      ...rekey,
      { ...left.last, summary: `last packet of ${left.from} on its old SPI ${spiText(left.spi)}` },
      { ...moved.first, summary: `first packet of ${moved.from} on its new SPI ${spiText(moved.spi)}` },
      { ...stale.last, summary: `${stale.from} still uses SPI ${spiText(stale.spi)}` },
    ],
    displayFilter: saFilter([stale, left, moved]),
    packetClass: 'esp',
  };
}

/** `own` stays on an SA that `peer` has left. */
function staleSa(
  own: EspDirection,
  peer: EspDirection,
): { readonly stale: EspSa; readonly left: EspSa; readonly moved: EspSa } | null {
  for (const moved of peer.sas) {
    if (moved.firstSequence > NEW_SEQUENCE_MAX || moved.packets < PACKETS_MIN) continue;
    const before = peer.sas.filter(({ first }) => first.timeNs < moved.first.timeNs);
    const left = before.at(-1);
    if (!left || !before.every((sa) => secondsBetween(moved.first, sa.last) <= HANDOVER_SECONDS)) continue;
    const stale = own.sas.find(
      (sa) => sa.first.timeNs < moved.first.timeNs && secondsBetween(moved.first, sa.last) > STALE_SECONDS,
    );
    if (!stale || stale.packets < PACKETS_MIN) continue;
    const hasMoved = own.sas.some(
      (sa) => sa !== stale && secondsBetween(moved.first, sa.last) > -HANDOVER_SECONDS,
    );
    if (!hasMoved) return { stale, left, moved };
  }
  return null;
}
