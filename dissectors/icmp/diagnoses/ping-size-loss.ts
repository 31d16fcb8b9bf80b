import type { CaptureQuality } from '../../../src/correlate/capture-quality.js';
import { momentOf } from '../../../src/correlate/frame-reference.js';
import { oneSidedLimit } from '../../../src/correlate/gates.js';
import {
  defineDiagnosis,
  insufficientData,
  type Judgement,
  judgeEach,
  type Problem,
} from '../../../src/diagnose/diagnosis.js';
import { relevanceOfPair, severityFor } from '../../../src/diagnose/severity-policy.js';
import { insideWords, pairSubject } from '../../../src/wording/subjects.js';
import { echoStreams } from '../echo-streams.js';
import { icmpErrors } from '../icmp-errors.js';
import { type EchoPair, echoFilter, echoPairs } from '../shared/echo-pairs.js';
import { REQUESTS_PER_CLASS_MIN, type SizeLimit, sizeLimitOf, sizeWords } from '../shared/echo-sizes.js';

export default defineDiagnosis({
  id: 'underlay.ping-size-loss',
  title: 'Only small pings get through',
  severity: 'error',
  subject: 'pair',
  layer: 'underlay',
  priority: 2,
  rule:
    'Of the echo requests from one host to another, all up to a size are answered and none above it, at least 3 of each, ' +
    'while the target is heard (or was, up to 10 s before the first large one). Error between the ends of a tunnel, ' +
    'warning where the hosts talk little else, information otherwise.',
  notWhen:
    'A large request was answered, or a small one was not (then underlay.ping-loss). The replies pass elsewhere. The ' +
    'requests belong to a traceroute.',
  causes: [
    'A link or tunnel on the path has a smaller MTU, and the ICMP reports about it are lost or filtered',
    'A firewall drops fragments, or all but the first one',
    'The target limits the size of the pings that it answers',
  ],
  nextSteps: [
    'Find the limit: ping -M do -s SIZE TARGET with rising SIZE; MTU = SIZE + 28 (IPv6: + 48)',
    'See whether fragments are the difference: ping -s 5000 TARGET without -M do, and capture at both ends: host TARGET and not port 22',
    'Lower the MTU of the tunnel interface or let ICMP 3/4 (ICMPv6 type 2) through',
  ],
  refutedBy:
    'A large request is answered in a capture at the target: then the reply is lost, not the request.',
  source: 'RFC 792, RFC 1191; openswan guide, ping -s 5000',
  thresholds: {
    requestsPerClass: [REQUESTS_PER_CLASS_MIN, 'requests', 'single pings are lost on healthy paths'],
  },
  fault: 'large-packets-lost',
  consequenceOf: ['path-loss', 'policy', 'fragments', 'mtu'],
  diagnose(evidence) {
    const { quality } = evidence;
    return judgeEach(
      echoPairs(quality, evidence.sessions(echoStreams), evidence.sessions(icmpErrors)),
      (pair) => judge(quality, pair),
    );
  },
});

/** Null where the pings of the pair have one size only: nothing to compare. */
function judge(quality: CaptureQuality, pair: EchoPair): Judgement | null {
  if (pair.sizes.length < 2) return null;
  const subject = pairSubject(quality, pair);
  const limit = sizeLimitOf(quality, pair);
  if (!limit) return { result: 'healthy', subject };
  const oneSided = oneSidedLimit(quality, pair.source, pair.destination, pair.stack);
  if (oneSided) return insufficientData(subject, oneSided);
  return problemOf(quality, pair, limit);
}

function problemOf(quality: CaptureQuality, pair: EchoPair, limit: SizeLimit): Problem {
  const { source, destination, stack } = pair;
  const { answered, unanswered, firstUnanswered, lastUnanswered, lastAnswered } = limit;
  return {
    result: 'problem',
    subject: pairSubject(quality, pair),
    severity: severityFor(relevanceOfPair(quality, source, destination, stack), 'error'),
    confidence: limit.isProvenAlive ? 'medium' : 'low',
    explanation:
      `${destination} answered all ${limit.answeredCount} pings of ${source}${insideWords(quality, stack)} up to ` +
      `${sizeWords(answered)}, and none of the ${limit.unansweredCount} larger ones (${sizeWords(unanswered)}${unanswered.isFragmented ? '' : ' or more'}).` +
      (limit.isProvenAlive
        ? ''
        : ' It was not heard while the large ones failed, so it may have gone down in between.'),
    pair: [source, destination],
    where: 'path',
    first: momentOf(firstUnanswered),
    last: momentOf(lastUnanswered),
    lastGood: lastAnswered,
    ongoingAtEnd: pair.isFailingAtEnd,
    counts: {
      answered: limit.answeredCount,
      unanswered: limit.unansweredCount,
      undecided: pair.undecided,
      largestAnsweredBytes: answered.bytes,
      smallestUnansweredBytes: unanswered.bytes,
    },
    evidence: [
      { ...lastAnswered, summary: `${source} pings ${destination}, answered` },
      { ...firstUnanswered, summary: `large ping to ${destination}, no reply` },
      { ...lastUnanswered, summary: `last large ping to ${destination}, no reply` },
    ],
    displayFilter: echoFilter(quality, pair),
  };
}
