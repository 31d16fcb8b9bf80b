import { defineDiagnosis, type Judgement } from '../../../src/diagnose/diagnosis.js';
import { secondsBetween } from '../../../src/moment.js';
import { secondsText } from '../../../src/wording/durations.js';
import type { EspPair, EspSa } from '../session.js';
import { judgedPairs, saFilter, sasOf, spiText } from '../shared/sa-pairs.js';

const HIGH_SEQUENCE = 0xf000_0000;
const SOON_SECONDS = 3600;
const PACKETS_MIN = 10;

export default defineDiagnosis({
  id: 'esp.seq-wrap-soon',
  title: 'ESP sequence number nearly exhausted',
  severity: 'warning',
  subject: 'tunnel',
  layer: 'tunnel-data',
  priority: 3,
  rule:
    'The sequence number of an SA is above 0xF0000000 and, at the rate of the capture, reaches 2^32 within an hour: ' +
    'then the sender must stop using the SA. Info if it takes longer.',
  notWhen: 'The number wraps within the capture and the SA goes on: extended sequence numbers are in use.',
  causes: [
    'The SA is not rekeyed by volume: lifetime in packets or bytes is not set',
    'Rekeying fails silently',
    'Extended sequence numbers are in use: then nothing is wrong, only the low half is on the wire',
  ],
  nextSteps: [
    'See whether extended sequence numbers are in use: ip xfrm state shows flag esn',
    'Rekey by packets or bytes: rekey_packets, rekey_bytes (strongSwan), ipsec-max-bytes (libreswan)',
  ],
  refutedBy: 'The flag esn in the SA, or a rekey before the number is used up',
  source:
    'RFC 4303, section 3.3.3 (a sender must not let the number cycle), section 2.2.1 (extended sequence numbers)',
  thresholds: {
    sequence: [HIGH_SEQUENCE, 'packets', 'fifteen sixteenths of the numbers are used'],
    soon: [SOON_SECONDS, 's', 'time to look at the gateway before the SA stops'],
  },
  fault: 'remark',
  technology: 'ipsec',

  *diagnose(evidence) {
    for (const pair of judgedPairs(evidence)) {
      for (const sa of sasOf(pair)) if (sa.packets >= PACKETS_MIN) yield judge(pair, sa);
    }
  },
});

function judge(pair: EspPair, sa: EspSa): Judgement {
  const subject = { kind: 'tunnel', endpoints: [pair.low, pair.high], spi: spiText(sa.spi) };
  const used = sa.highestSequence - sa.firstSequence;
  const isNearEnd = sa.highestSequence > HIGH_SEQUENCE && sa.wraps === 0 && sa.jumps === 0;
  if (!isNearEnd || used <= 0) return { result: 'healthy', subject };
  const seconds = secondsBetween(sa.first, sa.last);
  const left = 2 ** 32 - sa.highestSequence;
  const secondsLeft = (left * seconds) / used;
  const isSoon = secondsLeft > 0 && secondsLeft < SOON_SECONDS;
  return {
    result: 'problem',
    subject,
    severity: isSoon ? 'warning' : 'info',
    confidence: 'low',
    explanation:
      `SPI ${spiText(sa.spi)} from ${sa.from} to ${sa.to} has used ${sa.highestSequence} of 2^32 sequence numbers` +
      (isSoon ? ` and needs ${secondsText(secondsLeft)} for the rest at the rate of this capture.` : '.'),
    pair: [pair.low, pair.high],
    direction: { from: sa.from, to: sa.to },
    where: 'sender',
    first: sa.first,
    last: sa.last,
    ongoingAtEnd: true,
    counts: { sequence: sa.highestSequence, left },
    evidence: [
      { ...sa.first, summary: `sequence number ${sa.firstSequence}` },
      { ...sa.last, summary: `sequence numbers up to ${sa.highestSequence}` },
    ],
    displayFilter: saFilter([sa]),
    packetClass: 'esp',
  };
}
