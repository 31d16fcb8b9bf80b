import type { ComparedDirection, Comparison } from '../../../src/compare/comparison.js';
import { FRAGMENTS_LOST_MIN, type LossPattern } from '../../../src/compare/loss-pattern.js';
import { ALL_FRAGMENTS } from '../../../src/compare/loss-profile.js';
import { otherSide } from '../../../src/compare/side.js';
import {
  directionSubject,
  directionWords,
  lossProblem,
  packetsOf,
  receiverLimit,
  sideName,
} from '../../../src/diagnose/both-ends/loss-finding.js';
import { definePairDiagnosis, type Judgement } from '../../../src/diagnose/diagnosis.js';

const FRAGMENT_CLASS = { all: 'fragments', first: 'fragments/first', later: 'fragments/later' } as const;
const WHICH = {
  all: 'all fragments',
  later: 'all fragments but the first of each datagram',
  first: 'the first fragment of each datagram',
} as const;

export default definePairDiagnosis({
  id: 'frag.filtered-in-path',
  title: 'Fragments leave one end and do not arrive at the other',
  severity: 'error',
  subject: 'pair',
  layer: 'fragments',
  priority: 1,
  rule:
    'All fragments of a direction, all but the first or all first ones, at least 2 in a row, leave one end and do not ' +
    'arrive at the other, while other packets of the same direction do; or at least 4, all that were sent, and nothing else is ' +
    'lost before or after.',
  notWhen:
    'The datagram arrives in other fragments or put together. A capture filter by port hides fragments without ports. ' +
    'Fragments are lost now and then like other packets (underlay.path-loss).',
  causes: [
    'A firewall or access list by port drops fragments other than the first: they carry no ports',
    'A provider, cheap router or over-zealous firewall drops fragments altogether',
    'A NAT or load balancer on the way does not put datagrams together',
  ],
  nextSteps: [
    'Tell the owner of the firewall or the provider: fragments of this direction are dropped; the frames are below',
    'Test the path with fragments: ping -s 5000 PEER; it must be answered like a small ping',
    'Avoid the fragments: IKE fragmentation (fragmentation=yes), smaller certificates or leftsendcert=never, a lower MTU in the tunnel',
  ],
  refutedBy: 'The fragments, by identification and offset, in a capture without filter at the receiving end',
  source:
    'openswan guide: fragments leaving one system and not arriving at the other; RFC 791, section 3.2; RFC 8900',
  thresholds: {
    lost: [FRAGMENTS_LOST_MIN, 'fragments', 'a single one may be the occasional loss of a packet'],
  },
  fault: 'fragments',
  consequenceOfIds: ['path.lost-between'],
  *judgePair({ comparison }) {
    for (const direction of comparison.directions) yield* judge(direction, comparison);
  },
});

function* judge(direction: ComparedDirection, comparison: Comparison): Iterable<Judgement> {
  const { pattern, tally } = direction;
  if (pattern?.kind === 'fragments') {
    const limit = receiverLimit(direction, comparison);
    if (limit) yield limit;
    else yield problemOf(direction, comparison, pattern);
    return;
  }
  const arrived = tally.profile?.classOf('fragment', ALL_FRAGMENTS);
  if (tally.fragments > 0 && (!arrived || arrived.lost === 0))
    yield { result: 'healthy', subject: directionSubject(direction) };
}

function problemOf(
  direction: ComparedDirection,
  comparison: Comparison,
  { which, run }: LossPattern & { kind: 'fragments' },
): Judgement {
  const { plan, tally } = direction;
  return lossProblem(direction, comparison, {
    severity: 'error',
    confidence: run.othersDelivered > 0 ? 'high' : 'medium',
    explanation:
      `${run.count} fragments ${directionWords(direction)} leave at ${sideName(plan.sender)} and do not arrive at ` +
      `${sideName(otherSide(plan.sender))}: ${WHICH[which]}. ` +
      (run.othersDelivered > 0
        ? `Meanwhile ${run.othersDelivered} other packets arrive.`
        : `All other packets arrive (${tally.matched}), though none was sent meanwhile.`),
    first: comparison.refOf(run.first),
    last: comparison.refOf(run.last),
    counts: {
      sent: tally.sent,
      arrived: tally.matched,
      lost: tally.lost,
      lostFragments: run.count,
      othersArrived: run.othersDelivered,
    },
    packets: packetsOf(direction, comparison, [FRAGMENT_CLASS[which]]),
    packetClass: 'fragment',
  });
}
