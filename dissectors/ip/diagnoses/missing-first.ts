import type { CaptureQuality } from '../../../src/correlate/capture-quality.js';
import { momentOf } from '../../../src/correlate/frame-reference.js';
import {
  defineDiagnosis,
  type Evidence,
  insufficientData,
  type Judgement,
  type Problem,
} from '../../../src/diagnose/diagnosis.js';
import { plural } from '../../../src/wording/counts.js';
import { insideWords, pairSubject } from '../../../src/wording/subjects.js';
import { fragmentStreams } from '../correlator.js';
import {
  atEdges,
  confidenceOfLoss,
  FRAGMENTS_MISSING,
  hiddenFragments,
  limitsOfLoss,
  lossCitations,
  severityOfLoss,
} from '../shared/fragment-loss.js';
import {
  citedPieces,
  type FragmentPair,
  fragmentFilter,
  fragmentPairs,
  type Incomplete,
  incompleteOf,
  protocolWords,
} from '../shared/fragment-pairs.js';

export default defineDiagnosis({
  id: 'frag.missing-first',
  title: 'First fragment missing',
  severity: 'error',
  subject: 'pair',
  layer: 'fragments',
  priority: 1,
  rule:
    'Later fragments of a datagram are in the capture, the first one (offset 0, the only one with ports) is not. Error ' +
    'from 3 such datagrams on between the ends of a tunnel (warning where the hosts talk little else) where they are at least a tenth of ' +
    'the fragmented ones; of fewer than 3, warning between the ends of a tunnel; there and inside a tunnel a warning also where at least 5 datagrams, and 2 %, are ' +
    'incomplete over 5 s or more; information otherwise.',
  notWhen:
    'The datagram lies within 1 s, or 50 times the usual spread of a complete one, of an edge of the capture. A capture ' +
    'filter passes only later fragments. The capture has one direction only. The peer answered every fragmented ping.',
  causes: [
    'A firewall drops first fragments: the only ones that carry ports which a rule can match',
    'Inspection or a rate limit on the path holds back or drops the first fragment',
    'The capture lost packets (see capture.kernel-drops)',
  ],
  nextSteps: [
    'Test the path with fragments: ping -s 5000 PEER, and for UDP: hping3 --udp -p 500 -d 3000 -f PEER',
    'Capture at both ends at the same time, without a port filter: host PEER and not port 22',
    'Avoid the fragments: IKE fragmentation (fragmentation=yes), smaller certificates, a lower MTU in the tunnel',
  ],
  ruledOut: {
    'lost-on-path': ['The capture lost packets'],
    'capture-complete': ['The capture lost packets'],
  },
  refutedBy: 'The first fragments are in a capture taken on the receiver.',
  source: 'RFC 791 section 3.2, RFC 8200 section 4.5; openswan guide, fragmentation',
  ...FRAGMENTS_MISSING,
  *diagnose(evidence) {
    for (const pair of fragmentPairs(evidence.sessions(fragmentStreams))) yield judge(evidence, pair);
  },
});

function judge(evidence: Evidence, pair: FragmentPair): Judgement {
  const { quality } = evidence;
  const subject = pairSubject(quality, pair);
  const incomplete = incompleteOf(quality, pair, ['first']);
  if (incomplete.count === 0) {
    if (incomplete.atEdges === 0 || pair.complete > 0) return { result: 'healthy', subject };
    return atEdges(subject, pair, `${plural(incomplete.atEdges, 'datagram')} without first fragment`);
  }
  const limit = hiddenFragments(evidence, pair, 'first');
  if (limit) return insufficientData(subject, limit);
  return problemOf(quality, pair, incomplete);
}

function problemOf(quality: CaptureQuality, pair: FragmentPair, incomplete: Incomplete): Problem {
  const { source, destination, stack, complete } = pair;
  const { count, entries } = incomplete;
  const first = entries[0]?.first ?? pair.streams[0].first;
  const last = entries[entries.length - 1]?.last ?? first;
  const isOver = pair.lastComplete !== null && pair.lastComplete.frame > last.frame;
  return {
    result: 'problem',
    subject: pairSubject(quality, pair),
    severity: severityOfLoss(quality, pair, count),
    confidence: confidenceOfLoss(quality, count, false),
    explanation:
      `Of ${plural(count, 'fragmented datagram')} (${protocolWords(pair)}) from ${source} to ${destination}${insideWords(quality, stack)} ` +
      `only later fragments were seen: the first one, which carries the ports, never came. ` +
      `${complete === 0 ? 'No fragmented datagram of this direction was complete.' : `${complete} others were complete.`}`,
    pair: [source, destination],
    direction: { from: source, to: destination },
    where: 'path',
    first: momentOf(first),
    last: momentOf(last),
    lastGood: pair.lastComplete && pair.lastComplete.frame < first.frame ? pair.lastComplete : null,
    ongoingAtEnd: !isOver,
    counts: { datagrams: count, complete, atEdges: incomplete.atEdges },
    evidence: lossCitations(pair, incomplete, citedPieces(entries)),
    displayFilter: fragmentFilter(source, destination),
    limitedBy: limitsOfLoss(quality),
  };
}
