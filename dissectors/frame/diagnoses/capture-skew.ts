import type { Comparison } from '../../../src/compare/comparison.js';
import { definePairDiagnosis, insufficientData, type Judgement } from '../../../src/diagnose/diagnosis.js';
import type { Citation } from '../../../src/moment.js';
import { framesFilter } from '../../../src/wording/capture-subject.js';

const OFFSET_SECONDS = 0.1;
const SKEW_PPM = 50;
/** Below that it is how late a busy host stamps its packets, not its clock. */
const STEP_SECONDS = 0.001;

export default definePairDiagnosis({
  id: 'time.capture-skew',
  title: 'The clocks of the two captures differ',
  severity: 'info',
  subject: 'capture',
  layer: 'link',
  priority: 1,
  rule:
    'Packets of both directions put the clock of B more than 100 ms off that of A, or one gains more than 50 ppm on the ' +
    'other, or one of them stepped by 1 ms and more while both captured.',
  notWhen:
    'Packets were matched in one direction only: then the delay cannot be told from the clocks. A capture has a relative clock.',
  causes: [
    'A host without NTP, or with a time server that is not reached',
    'A virtual machine that was suspended or moved',
    'Captures written with different time zones or by a device that does not know the date',
  ],
  nextSteps: [
    'Nothing for this comparison: times are corrected by the measured offset before anything is judged',
    'Correct logs of the two hosts by the same offset before they are compared',
    'chronyc tracking (or ntpq -pn) on both hosts',
  ],
  refutedBy: 'A common event (a packet over a direct link) that both captures stamp alike',
  source:
    'RFC 5905; Moon, Skelly, Towsley 1999 (skew from one-way delays); MidoNet guide, time synchronisation',
  thresholds: {
    offset: [OFFSET_SECONDS, 's', 'NTP keeps hosts well within it'],
    skew: [SKEW_PPM, 'ppm', 'crystals of servers stay below it'],
    step: [STEP_SECONDS, 's', 'a busy host stamps its packets that late'],
  },
  fault: 'remark',
  *judgePair({ comparison }) {
    const judgement = judge(comparison);
    if (judgement) yield judgement;
  },
});

function judge(comparison: Comparison): Judgement | null {
  const { clock, offsetSeconds, halfWidthSeconds, skewPpm, edges, qualities } = comparison;
  const subject = { kind: 'capture' };
  if (!clock || offsetSeconds === null || comparison.isOffsetGiven || !edges.a || !edges.b) return null;
  const isRelative = [...qualities.a.segments, ...qualities.b.segments].some(
    (one) => one.clock === 'relative',
  );
  if (isRelative) return null;
  if (halfWidthSeconds === null) {
    return insufficientData(
      subject,
      'Packets were matched in one direction only, so delay and clocks cannot be told apart; capture an exchange that is answered.',
    );
  }
  const isOff = Math.abs(offsetSeconds) - halfWidthSeconds > OFFSET_SECONDS;
  const drifts = Math.abs(skewPpm ?? 0) > SKEW_PPM;
  if (!isOff && !drifts && stepsOf(comparison).length === 0) return { result: 'healthy', subject };
  const evidence = citations(comparison);
  return {
    result: 'problem',
    subject,
    confidence: 'high',
    explanation: explain(comparison),
    where: 'unknown',
    first: edges.a.first,
    last: edges.a.last,
    ongoingAtEnd: true,
    counts: {
      offsetMilliseconds: Math.round(offsetSeconds * 1000),
      skewPpm: Math.round(skewPpm ?? 0),
      steps: stepsOf(comparison).length,
    },
    evidence,
    displayFilter: framesFilter(evidence),
  };
}

function stepsOf({ steps }: Comparison): Comparison['steps'] {
  return steps.filter(({ seconds }) => Math.abs(seconds) >= STEP_SECONDS);
}

function explain(comparison: Comparison): string {
  const { offsetSeconds, halfWidthSeconds, skewPpm } = comparison;
  const offset = offsetSeconds ?? 0;
  const way = offset >= 0 ? 'ahead of' : 'behind';
  const width = ((halfWidthSeconds ?? 0) * 1000).toFixed(3);
  const drift =
    Math.abs(skewPpm ?? 0) > SKEW_PPM
      ? ` It ${(skewPpm ?? 0) > 0 ? 'gains' : 'loses'} ${Math.abs(skewPpm ?? 0).toFixed(0)} ppm.`
      : '';
  const stepped = stepsOf(comparison)
    .map(
      ({ time, seconds }) =>
        ` One clock steps by ${seconds.toFixed(3)} s${time === null ? '' : ` at ${time} (clock of A)`}.`,
    )
    .join('');
  return `The clock of B is ${Math.abs(offset).toFixed(6)} s ${way} that of A, known to within ${width} ms.${drift}${stepped}`;
}

/** A packet of each direction as both captures stamp it. */
function citations(comparison: Comparison): Citation[] {
  return comparison.directions.slice(0, 2).flatMap(({ tally }) => {
    const packet = tally.firstDelivered;
    if (!packet?.partner) return [];
    return [
      { ...comparison.refOf(packet), summary: `a packet by the clock of ${packet.side.toUpperCase()}` },
      {
        ...comparison.refOf(packet.partner),
        summary: `the same packet by the clock of ${packet.partner.side.toUpperCase()}`,
      },
    ];
  });
}
