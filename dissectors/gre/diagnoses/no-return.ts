import type { CaptureQuality } from '../../../src/correlate/capture-quality.js';
import { oneSidedLimit, reverseWasHeard, tooShortAfter } from '../../../src/correlate/gates.js';
import {
  type Citation,
  defineDiagnosis,
  type Evidence,
  insufficientData,
  type Judgement,
  type Problem,
} from '../../../src/diagnose/diagnosis.js';
import type { FrameRef } from '../../../src/moment.js';
import { plural } from '../../../src/wording/counts.js';
import { greTunnels } from '../correlator.js';
import {
  type InnerRequests,
  innerRequests,
  type Silence,
  SYN_ANSWER_SECONDS,
  silenceOf,
} from '../inner-requests.js';
import {
  dataPackets,
  endsOf,
  type GrePair,
  greFilter,
  grePairs,
  isAfter,
  isMirror,
  pairSubject,
} from '../tunnel-pairs.js';

const UNANSWERED_MIN = 3;
const SILENT_SECONDS_MIN = 2;
/** Inner conversations that must fail before a tunnel is to blame that never worked in the capture. */
const CONVERSATIONS_MIN = 2;

export default defineDiagnosis({
  id: 'gre.no-return',
  title: 'GRE one way only',
  severity: 'error',
  subject: 'tunnel',
  layer: 'tunnel-data',
  priority: 1,
  rule:
    'At least 3 inner requests (pings, TCP connection attempts) over at least 2 s leave one end of a GRE tunnel and stay ' +
    'unanswered, and no GRE packet comes from the other end after the first of them; the inner host answered before, or at ' +
    'least two inner conversations fail. Or: other GRE packets do come back, yet requests to at least two inner hosts ' +
    'fail and none in that direction was ever answered.',
  notWhen:
    'Some inner request of that direction is answered meanwhile (then the target or a policy is to blame). ' +
    'A single inner conversation fails that never worked. Mirrored traffic (ERSPAN, or both directions of an inner conversation in one of the tunnel), PPTP, GRE keepalives and the flow state ' +
    'packets of MidoNet do not count. The reverse path does not pass the capture point.',
  causes: [
    'A firewall or NAT device on the path drops IP protocol 47, in one direction or both (it has no ports to translate)',
    'The other end has no tunnel for these addresses or this key, or its tunnel interface is down',
    'The other end has no route back to the inner source, or sends the answers outside the tunnel',
    'The underlay path to the other end is broken: then pings between the outer addresses fail too',
  ],
  nextSteps: [
    'Ping the outer address of the other end; then capture there: ip proto 47 and host THIS_END. Packets that arrive but are not answered are dropped on that host',
    'On both ends: ip -d link show type gre; ip -d link show type gretap: local, remote, key and checksum flags must mirror each other',
    'On the other end: ip -s link show TUNNEL (do the RX counters grow?), ip route get INNER_SOURCE, and iptables -L -v -n for protocol 47',
  ],
  refutedBy: 'GRE packets with the inner answers in a capture taken at the other end, or on another path.',
  source: 'RFC 2784; RFC 2890; MidoNet guide (tunnel ports, underlay before overlay)',
  thresholds: {
    unanswered: { value: UNANSWERED_MIN, unit: 'requests', why: 'a lost request or two is normal' },
    silentSeconds: { value: SILENT_SECONDS_MIN, unit: 's', why: 'ping waits about that long for a reply' },
    conversations: {
      value: CONVERSATIONS_MIN,
      unit: 'inner conversations',
      why: 'one that never worked may be a host that is down or a policy',
    },
  },
  fault: 'tunnel-one-way',
  consequenceOf: ['path-loss', 'unreachable', 'policy', 'refused', 'mismatch', 'tunnel-one-way'],
  technology: 'gre',
  *diagnose(evidence) {
    for (const pair of grePairs(evidence.sessions(greTunnels))) {
      if (!isMirror(pair)) yield* judge(evidence, pair);
    }
  },
});

function* judge(evidence: Evidence, pair: GrePair): Generator<Judgement> {
  const requests = innerRequests(evidence, pair);
  let isHealthy = false;
  for (const direction of [0, 1]) {
    const ofDirection = requests.filter(({ outerDirection }) => outerDirection === direction);
    const judgement = judgeDirection(evidence.quality, pair, direction, ofDirection);
    if (judgement) {
      yield judgement;
      return;
    }
    isHealthy ||= ofDirection.some(({ answered }) => answered > 0);
  }
  if (isHealthy) yield { result: 'healthy', subject: pairSubject(pair) };
  else if (requests.some(({ unanswered }) => unanswered > 0)) {
    yield {
      result: 'insufficient-data',
      subject: pairSubject(pair),
      reason: `Inner requests between ${pair.low} and ${pair.high} stay unanswered while GRE comes from both, too few to tell the tunnel from the targets; capture while you ping two inner hosts.`,
    };
  } else if (dataPackets(pair, 0) + dataPackets(pair, 1) > 0) {
    yield {
      result: 'insufficient-data',
      subject: pairSubject(pair),
      reason: `No inner request between ${pair.low} and ${pair.high} that capan knows how to match with an answer; capture while you ping through the tunnel.`,
    };
  }
}

/** Null where nothing is wrong in that direction. */
function judgeDirection(
  quality: CaptureQuality,
  pair: GrePair,
  direction: number,
  requests: readonly InnerRequests[],
): Judgement | null {
  const back = lastBack(pair, direction);
  const afterBack = requests.filter(({ first }) => first !== null && (back === null || isAfter(first, back)));
  const silent = silenceOf(afterBack);
  if (silent && isLasting(silent)) {
    const workedBefore = silent.requests.some(({ to }) =>
      requests.some((other) => other.to === to && other.answered > 0),
    );
    if (!workedBefore && silent.requests.length < CONVERSATIONS_MIN) {
      return tooFew(pair, silent);
    }
    return (
      limited(quality, pair, direction, silent) ?? problemOf(pair, direction, silent, back, workedBefore)
    );
  }
  const wholly = silenceOf(requests);
  const targets = new Set(wholly?.requests.map(({ to }) => to));
  if (!wholly || !isLasting(wholly) || targets.size < CONVERSATIONS_MIN) return null;
  if (requests.some(({ answered }) => answered > 0)) return null;
  return limited(quality, pair, direction, wholly) ?? problemOf(pair, direction, wholly, null, false);
}

function isLasting({ unanswered, seconds }: Silence): boolean {
  return unanswered >= UNANSWERED_MIN && seconds >= SILENT_SECONDS_MIN;
}

/** The last packet that came the other way. */
function lastBack({ tunnels }: GrePair, direction: number): FrameRef | null {
  const lasts = tunnels.flatMap(({ directions }) => directions[1 - direction].last ?? []);
  return lasts.reduce<FrameRef | null>((a, b) => (a && a.frame > b.frame ? a : b), null);
}

function tooFew(pair: GrePair, { requests: [only] }: Silence): Judgement {
  return {
    result: 'insufficient-data',
    subject: pairSubject(pair),
    reason: `One inner conversation alone (${only.words} from ${only.from} to ${only.to}) is unanswered, and never worked in this capture: that may be the target as well as the tunnel; capture while you ping two inner hosts.`,
  };
}

function limited(
  quality: CaptureQuality,
  pair: GrePair,
  direction: number,
  silence: Silence,
): Judgement | null {
  const { from, to } = endsOf(pair, direction);
  const inner = silence.requests
    .map((one) => reverseWasHeard(quality, one.from, one.to, one.stack))
    .find((limit) => limit !== null);
  const limit =
    oneSidedLimit(quality, from, to, pair.outerStack) ??
    inner ??
    tooShortAfter(quality, silence.first, SYN_ANSWER_SECONDS);
  return limit && insufficientData(pairSubject(pair), limit);
}

function problemOf(
  pair: GrePair,
  direction: number,
  silence: Silence,
  back: FrameRef | null,
  workedBefore: boolean,
): Problem {
  const { from, to } = endsOf(pair, direction);
  const sent = dataPackets(pair, direction);
  const returned = dataPackets(pair, 1 - direction);
  const { unanswered, requests, first, last, seconds } = silence;
  const hosts = requests
    .slice(0, 3)
    .map((one) => `${one.words} from ${one.from} to ${one.to}`)
    .join(', ');
  const reverse =
    back === null
      ? returned === 0
        ? `The capture holds no GRE packet from ${to} at all.`
        : `GRE packets of ${to} do arrive, but none of them answers.`
      : `The last GRE packet from ${to} came before the first of them${workedBefore ? '; until then the tunnel worked' : ''}.`;
  return {
    result: 'problem',
    subject: pairSubject(pair),
    confidence: workedBefore ? 'medium' : 'low',
    explanation:
      `${from} sends through GRE to ${to}, but ${plural(unanswered, 'inner request')} over ${seconds.toFixed(1)} s ` +
      `(${hosts}) got no answer. ${reverse}`,
    pair: [from, to],
    direction: { from, to },
    where: 'unknown',
    first,
    last,
    lastGood: back,
    ongoingAtEnd: true,
    counts: { unanswered, conversations: requests.length, sentPackets: sent, returnedPackets: returned },
    evidence: citationsOf(silence, back, to),
    displayFilter: greFilter(from, to),
    packetClass: 'gre',
  };
}

const CITED_CONVERSATIONS_MAX = 4;

function citationsOf({ requests }: Silence, back: FrameRef | null, peer: string): Citation[] {
  const citations: Citation[] = [];
  if (back) citations.push({ ...back, summary: `last GRE packet from ${peer}` });
  for (const { words, from, to, first, last, unanswered } of requests.slice(0, CITED_CONVERSATIONS_MAX)) {
    if (!first || !last) continue;
    citations.push({ ...first, summary: `${words} from ${from} to ${to}, no answer` });
    if (last.frame !== first.frame) {
      citations.push({ ...last, summary: `${words} from ${from} to ${to}, last of ${unanswered}` });
    }
  }
  return citations.sort((a, b) => a.frame - b.frame);
}
