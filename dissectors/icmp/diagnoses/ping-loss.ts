import type { CaptureQuality } from '../../../src/correlate/capture-quality.js';
import { momentOf } from '../../../src/correlate/frame-reference.js';
import { mayBeOwnDrops, oneSidedLimit } from '../../../src/correlate/gates.js';
import { isBefore } from '../../../src/correlate/traffic.js';
import {
  defineDiagnosis,
  type Evidence,
  insufficientData,
  type Judgement,
  type Problem,
  thresholdsOf,
} from '../../../src/diagnose/diagnosis.js';
import { isTunnelPair, severityOfFlow } from '../../../src/diagnose/severity-policy.js';
import type { Citation } from '../../../src/moment.js';
import type { Severity } from '../../../src/report/report.js';
import { insideWords, pairSubject } from '../../../src/wording/subjects.js';
import { echoStreams } from '../echo-streams.js';
import { icmpErrors } from '../icmp-errors.js';
import { type EchoPair, echoFilter, echoPairs } from '../shared/echo-pairs.js';
import { sizeLimitOf } from '../shared/echo-sizes.js';

const UNANSWERED_MIN = 3;
const PARTIAL_REQUESTS_MIN = 10;
const PARTIAL_SHARE = 0.1;
/** So many, spread over time, are a lasting loss even where it is a small share. */
const LASTING_UNANSWERED = 5;
const LASTING_SHARE = 0.02;

const ID = 'underlay.ping-loss';
const LIMITS = {
  unanswered: UNANSWERED_MIN,
  partialRequests: PARTIAL_REQUESTS_MIN,
  partialShare: PARTIAL_SHARE,
  lastingUnanswered: LASTING_UNANSWERED,
  lastingShare: LASTING_SHARE,
};

export default defineDiagnosis({
  id: ID,
  title: 'Ping between tunnel ends fails',
  severity: 'error',
  subject: 'pair',
  layer: 'underlay',
  priority: 1,
  judgesLast: true,
  rule:
    'Echo requests from one host to another stay unanswered for 2 s: all of at least 3, or more than 10 % of at least 10, ' +
    'or at least 5 and 2 % of them, not in one run. ' +
    'Error where none is answered, the pair are the ends of a tunnel and nothing else is heard from the target; warning ' +
    'where a part is lost between the ends of a tunnel, or where a target that answered before fails inside a tunnel or ' +
    'where the hosts talk little else and no other fault is found; information otherwise.',
  notWhen:
    'The target is a multicast or broadcast address. The requests belong to a traceroute. The replies pass elsewhere. ' +
    'Only the large ones fail (then underlay.ping-size-loss).',
  causes: [
    'The target is down or has lost its route back',
    'A firewall on the path or on the target drops ICMP echo (then other traffic goes on)',
    'Packet loss on the path, or the target limits its rate of ICMP replies',
  ],
  nextSteps: [
    'Ping the underlay address of the target first, then the address inside the tunnel: ping -c 20 TARGET',
    'Capture at the target: icmp and host SOURCE; requests that arrive without replies are dropped on the target itself',
    'If other traffic of the target goes on, look for a rule that drops ICMP: iptables -L -v -n',
  ],
  refutedBy: 'Replies in a capture taken at the target, or on another path.',
  source: 'RFC 792; guides: SCIONLab (ping the remote overlay), Cloud Foundry, VPP, MidoNet, openswan',
  thresholds: {
    replySeconds: [2, 's', 'ping waits about that long'],
    unanswered: [UNANSWERED_MIN, 'requests', 'one lost echo is normal', 'adjustable'],
    partialRequests: [PARTIAL_REQUESTS_MIN, 'requests', 'a share of fewer says nothing', 'adjustable'],
    partialShare: [PARTIAL_SHARE, 'share', 'in few requests, less is chance', 'adjustable'],
    lastingUnanswered: [LASTING_UNANSWERED, 'requests', 'so many are no chance', 'adjustable'],
    lastingShare: [LASTING_SHARE, 'share', 'TCP halves its rate again and again at 1 to 2 %', 'adjustable'],
  },
  fault: 'silence',
  consequenceOf: [
    'path-loss',
    'addressing',
    'unreachable',
    'policy',
    'fragments',
    'mismatch',
    'tunnel-one-way',
    'tunnel-loss',
  ],
  consequenceOfIds: ['arp.unanswered', 'esp.decapsulated-view'],
  *diagnose(evidence) {
    const { quality } = evidence;
    const pairs = echoPairs(quality, evidence.sessions(echoStreams), evidence.sessions(icmpErrors));
    for (const pair of pairs) {
      // Where size alone decides, underlay.ping-size-loss speaks.
      if (!sizeLimitOf(quality, pair)) yield judge(evidence, pair);
    }
  },
});

function judge(evidence: Evidence, pair: EchoPair): Judgement {
  const { quality } = evidence;
  const { source, destination, stack, answered, unanswered, undecided } = pair;
  const subject = pairSubject(quality, pair);
  const limits = thresholdsOf(evidence, ID, LIMITS);
  if (!isLoss(pair, limits)) {
    if (answered > 0) return { result: 'healthy', subject };
    return {
      result: 'insufficient-data',
      subject,
      reason: `${unanswered + undecided} unanswered pings from ${source} to ${destination} are too few to judge, or the capture ends within 2 s of them; send at least ${limits.unanswered} and capture for 2 s more.`,
      neededSeconds: 2,
    };
  }
  const oneSided = oneSidedLimit(quality, source, destination, stack);
  if (oneSided) return insufficientData(subject, oneSided);
  return problemOf(evidence, pair);
}

function isLoss({ answered, unanswered, longest }: EchoPair, limits: Readonly<typeof LIMITS>): boolean {
  const decided = answered + unanswered;
  if (answered === 0) return unanswered >= limits.unanswered;
  if (decided < limits.partialRequests || unanswered < limits.unanswered) return false;
  if (unanswered > limits.partialShare * decided) return true;
  const isOneRun = longest !== null && longest.count * 2 > unanswered;
  return unanswered >= limits.lastingUnanswered && unanswered >= limits.lastingShare * decided && !isOneRun;
}

function problemOf(evidence: Evidence, pair: EchoPair): Problem {
  const { quality } = evidence;
  const { source, destination, stack, answered, unanswered, undecided, requests } = pair;
  const first = pair.firstUnanswered ?? pair.first;
  const last = pair.lastUnanswered ?? pair.last;
  // A long run of losses is the symptom; scattered single ones before it are not its onset.
  const isRun = pair.longest !== null && pair.longest.count * 2 > unanswered;
  const onset = isRun && pair.longest ? pair.longest.first : first;
  const lastGood = isRun && pair.longest ? pair.longest.lastGood : null;
  const heard = isHeardWhileFailing(quality, pair);
  return {
    result: 'problem',
    subject: pairSubject(quality, pair),
    severity: severityOf(evidence, pair, heard),
    confidence: answered > 0 || heard ? 'medium' : 'low',
    title: isTunnelPair(quality, source, destination, stack)
      ? 'Ping between tunnel ends fails'
      : 'Ping fails',
    explanation:
      `${destination} answered ${answered === 0 ? 'none' : `${answered}`} of ${requests} pings of ` +
      `${source}${insideWords(quality, stack)}; ${unanswered} stayed without reply for 2 s or more. ` +
      (heard
        ? 'Other packets of it were seen meanwhile, so it is up and reachable.'
        : 'Nothing else was heard from it meanwhile.'),
    pair: [source, destination],
    where: 'unknown',
    first: momentOf(onset),
    last: momentOf(last),
    lastGood,
    ongoingAtEnd: pair.isFailingAtEnd,
    counts: { requests, answered, unanswered, undecided },
    evidence: citationsOf(pair),
    displayFilter: echoFilter(quality, pair),
    packetClass: 'icmp-echo',
  };
}

function severityOf(evidence: Evidence, pair: EchoPair, heard: boolean): Severity {
  const { quality } = evidence;
  const { source, destination, stack, answered, unanswered } = pair;
  if (mayBeOwnDrops(quality, unanswered)) return 'info';
  if (isTunnelPair(quality, source, destination, stack)) {
    if (answered === 0) return heard ? 'info' : 'error';
    return 'warning';
  }
  return answered > 0 ? severityOfFlow(evidence, { host: source, stack }, ['underlay.ping-loss']) : 'info';
}

/** Packets of the target other than echo replies, sent while requests stayed unanswered. */
function isHeardWhileFailing(quality: CaptureQuality, pair: EchoPair): boolean {
  const { firstUnanswered: from } = pair;
  if (!from) return false;
  const traffic = quality.traffic.between(pair.source, pair.destination, pair.stack);
  return (
    traffic?.conversations.some(
      ({ protocol, fromB }) => !ICMP.has(protocol) && fromB.last !== null && isBefore(from, fromB.last),
    ) ?? false
  );
}

const ICMP: ReadonlySet<number> = new Set([1, 58]);

function citationsOf({
  source,
  destination,
  longest,
  firstUnanswered,
  lastUnanswered,
}: EchoPair): Citation[] {
  const citations: Citation[] = [];
  const summary = `${source} pings ${destination}, no reply`;
  if (longest?.lastGood) {
    citations.push({ ...longest.lastGood, summary: `${source} pings ${destination}, answered` });
  }
  for (const ref of [firstUnanswered, longest?.first, longest?.last, lastUnanswered]) {
    if (ref && !citations.some(({ frame }) => frame === ref.frame)) citations.push({ ...ref, summary });
  }
  return citations.sort((a, b) => a.frame - b.frame);
}
