import { earliest, latest } from '../../../src/correlate/frame-reference.js';
import { defineDiagnosis, type Judgement } from '../../../src/diagnose/diagnosis.js';
import { judgedPairs, saFilter, spiText } from '../sa-pairs.js';
import type { EspDirection, EspPair } from '../session.js';

const DUPLICATES_MIN = 3;

export default defineDiagnosis({
  id: 'esp.duplicates',
  title: 'ESP sequence numbers repeated',
  severity: 'info',
  subject: 'tunnel',
  layer: 'tunnel-data',
  priority: 3,
  rule: 'At least 3 packets of one direction carry a sequence number that their SA has used already.',
  notWhen:
    'The repeated packets are copies that a second tap of the capture made (capture.duplicates); the sender began anew at 1.',
  causes: [
    'The network duplicates packets: a switching loop, parallel paths, retransmission on a radio link',
    'The same packet is captured twice without proof of it (mirror port of both directions)',
    'A replay attack; receivers drop replayed packets',
    'Two senders share an SA (high availability) and do not keep their counters in step',
  ],
  nextSteps: [
    'On the receiver: /proc/net/xfrm_stat, XfrmInStateSeqError counts what the anti-replay window dropped',
    'Compare TTL and MAC addresses of both packets: are they from one path or two?',
    'Capture on one interface of the gateway itself, not on a mirror port',
  ],
  refutedBy: 'A capture on the gateway itself that holds each sequence number once',
  source: 'RFC 4303, section 3.4.3 (sequence number verification)',
  thresholds: {
    packets: { value: DUPLICATES_MIN, unit: 'packets', why: 'one or two repeats are not worth a line' },
  },
  fault: 'remark',
  consequenceOf: [],
  technology: 'ipsec',

  *diagnose(evidence) {
    for (const pair of judgedPairs(evidence)) {
      for (const direction of pair.directions) {
        if (direction.packets > 0) yield judge(pair, direction);
      }
    }
  },
});

function judge(pair: EspPair, direction: EspDirection): Judgement {
  const { from, to, sas } = direction;
  const subject = { kind: 'tunnel', endpoints: [pair.low, pair.high], from, to };
  const duplicates = sas.reduce((sum, sa) => sum + sa.duplicates, 0);
  if (duplicates < DUPLICATES_MIN) return { result: 'healthy', subject };
  const ill = sas.filter((sa) => sa.duplicates > 0);
  return {
    result: 'problem',
    subject,
    confidence: 'medium',
    explanation: `${duplicates} of ${direction.packets} ESP packets from ${from} to ${to} repeat a sequence number of their SA.`,
    pair: [pair.low, pair.high],
    direction: { from, to },
    where: 'path',
    first: earliest(ill.map(({ firstDuplicate }) => firstDuplicate)) ?? pair.first,
    last: latest(ill.map(({ lastDuplicate }) => lastDuplicate)) ?? pair.last,
    ongoingAtEnd: false,
    counts: { duplicates, packets: direction.packets },
    evidence: ill.flatMap(({ spi, firstDuplicate, lastDuplicate }) =>
      firstDuplicate && lastDuplicate
        ? [
            { ...firstDuplicate, summary: `SPI ${spiText(spi)}: first packet with a number seen before` },
            { ...lastDuplicate, summary: `SPI ${spiText(spi)}: last of them` },
          ]
        : [],
    ),
    displayFilter: saFilter(ill),
    packetClass: 'esp',
  };
}
