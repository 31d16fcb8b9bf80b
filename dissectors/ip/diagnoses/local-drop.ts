import type { ComparedDirection, Comparison } from '../../../src/compare/comparison.js';
import { otherSide, SIDES, type Side } from '../../../src/compare/side.js';
import { directionFilter, sideName } from '../../../src/diagnose/both-ends/loss-finding.js';
import {
  definePairDiagnosis,
  type Evidence,
  insufficientData,
  type Judgement,
  type PairEvidence,
  type Problem,
} from '../../../src/diagnose/diagnosis.js';
import { icmpErrors } from '../../icmp/correlator.js';
import { judgeOfRefusal } from '../../icmp/shared/refusals.js';

/** Findings that say that a request was not answered, of protocols whose requests must be. */
const UNANSWERED: readonly string[] = [
  'ike.no-response',
  'ike.mm2-stalled',
  'ike.v2-request-unanswered',
  'openvpn.no-response',
  'tcp.syn-unanswered',
  'bgp.no-session',
  'dns.timeout',
  'gre.no-return',
  'vxlan.no-return',
  'ipip.no-return',
  'geneve.no-return',
];

/** What else may be wrong where the requests are inside a tunnel. */
const TUNNEL_ADVICE: Pick<Problem, 'causes' | 'nextSteps' | 'fault'> = {
  causes: [
    'The receiving end has no tunnel for that VNI, key or sender, or its tunnel interface is down',
    'The host firewall of the receiving end drops the tunnel packets: a capture sees packets before the input rules',
    'The host behind the receiving end is down, has no route back, or a policy there drops the requests',
  ],
  nextSteps: [
    'On the receiving host: ip -d link show (type vxlan, gre): id or key, local and remote address, dstport, gbp; they must mirror the other end',
    'On the receiving host: ip -s link show TUNNEL: do the RX counters grow while the requests arrive?',
    'On the receiving host: iptables -L -v -n and nft list ruleset, look for counters that grow on a drop rule',
    'Capture on the tunnel interface and on the interface of the inner host: where do the requests end?',
  ],
  // The end of the tunnel takes nothing: all that runs inside goes down with it.
  fault: 'tunnel-one-way',
};
const TUNNELS: readonly string[] = ['gre.no-return', 'vxlan.no-return', 'ipip.no-return', 'geneve.no-return'];

/** Findings that say why such requests are not answered: they need no other name. */
const NAMED_BY: Readonly<Record<string, readonly string[]>> = {
  'bgp.no-session': ['bgp.md5-mismatch'],
  'gre.no-return': ['gre.key-mismatch', 'gre.proto-unreachable', 'overlay.asymmetric-encapsulation'],
  'ipip.no-return': ['overlay.asymmetric-encapsulation'],
  'geneve.no-return': ['overlay.asymmetric-encapsulation'],
  'vxlan.no-return': [
    'vxlan.stale-mac',
    'overlay.asymmetric-encapsulation',
    'vxlan.vni-mismatch',
    'vxlan.port-mismatch',
    'vxlan.reserved-bits',
    'vxlan.gbp-untagged',
    'overlay.policy-reject',
    'overlay.mtu-exceeded',
  ],
};

const REQUESTS_MIN = 3;

export default definePairDiagnosis({
  id: 'underlay.local-drop',
  title: 'Requests arrive at the other end and are never answered there',
  severity: 'error',
  subject: 'pair',
  layer: 'underlay',
  priority: 1,
  rule:
    'Requests of a protocol that must be answered (IKE, OpenVPN, TCP connections, DNS …) that one end sees unanswered are in ' +
    'the capture of the other end, at least 3 of them, and no answer leaves there, although that host sends other packets.',
  notWhen:
    'ICMP says that the port is closed. An answer leaves and is lost on the way back (underlay.path-loss). Fewer than 3 requests arrived. The protocol need not ' +
    'answer (syslog, NetFlow, RTP). The other host sends nothing at all.',
  causes: [
    'The host firewall of the receiving end drops the requests: a capture sees packets before the input rules',
    'The daemon does not run, or is not bound to that address or port',
    'The daemon drops the request without a word: unknown peer, wrong key (tls-auth), policy',
  ],
  nextSteps: [
    'On the receiving host: iptables -L -v -n and nft list ruleset, look for counters that grow on a drop rule',
    'On the receiving host: ss -lnup and ss -lntp: is the daemon bound to that address and port?',
    'Read the log of the daemon on the receiving host at the times of the requests',
  ],
  refutedBy: 'An answer to one of the requests in the capture of the receiving end',
  source:
    'openswan guide, situation A1 and "firewalling on sg2": in the capture does not mean delivered to the daemon',
  thresholds: { requests: [REQUESTS_MIN, 'requests', 'one lost answer is normal'] },
  fault: 'refused',
  *judgePair(evidence) {
    for (const side of SIDES) yield* judgeSide(evidence, side);
  },
});

/** Requests that `side` sent and that it says were not answered. */
function* judgeSide({ comparison, a, b }: PairEvidence, side: Side): Iterable<Judgement> {
  const [here, there] = side === 'a' ? [a, b] : [b, a];
  for (const id of UNANSWERED) {
    for (const judgement of here.judgements.get(id) ?? []) {
      if (judgement.result !== 'problem' || judgement.severity === 'info' || isAnswered(judgement)) continue;
      const direction = directionOf(judgement, side, comparison);
      if (!direction) continue;
      const requests = requestsOf(judgement, side, direction, comparison);
      if (requests.lost > 0 || requests.arrived === 0) continue;
      if (!isUnansweredThere(there, id, judgement, comparison)) continue;
      if (isNamed(id, judgement, here) || isNamed(id, judgement, there)) continue;
      if (isRefused(id, judgement, here) || isRefused(id, judgement, there)) continue;
      const arrived = arrivedOf(requests.arrived, judgement, direction);
      const judged = judge(comparison, id, judgement, direction, arrived);
      if (judged) yield judged;
    }
  }
}

/** Counts that say that the other end did answer: what is missing then is that the answers get through. */
const ANSWER_COUNTS: readonly string[] = ['answers', 'answerLost'];

function isAnswered({ counts }: Problem): boolean {
  return ANSWER_COUNTS.some((name) => (counts[name] ?? 0) > 0);
}

/** From whom to whom the requests go, as the side itself calls them. */
function requestEnds({ direction, pair, subject }: Problem): { from: string; to: string } | null {
  if (direction) return direction;
  if (!pair) return null;
  const [from, to] = subject.from === pair[1] ? [pair[1], pair[0]] : pair;
  return { from, to };
}

/** The direction of the requests, or of the tunnel that carries them, if `side` is where they left. */
function directionOf(problem: Problem, side: Side, comparison: Comparison): ComparedDirection | null {
  const ends = requestEnds(problem);
  const { directions } = comparison;
  const own = directions.find(
    ({ plan }) => plan.sender === side && plan.from === ends?.from && plan.to === ends.to,
  );
  if (own || ends === null) return own ?? null;
  const carriers = problem.evidence.flatMap(({ frame }) => comparison.fateOf(side, frame)?.direction ?? []);
  const [carrier] = carriers;
  if (carrier === undefined || carriers.some((one) => one !== carrier)) return null;
  return directions[carrier].plan.sender === side ? directions[carrier] : null;
}

function requestsOf(
  problem: Problem,
  side: Side,
  { plan }: ComparedDirection,
  comparison: Comparison,
): { arrived: number; lost: number } {
  const fates = problem.evidence
    .map(({ frame }) => comparison.fateOf(side, frame))
    .filter((one) => one?.direction === plan.index);
  return {
    arrived: fates.filter((one) => one?.fate === 'arrived').length,
    lost: fates.filter((one) => one?.fate === 'lost').length,
  };
}

/** Names under which findings count the requests that stayed unanswered. */
const REQUEST_COUNTS = ['unanswered', 'requests', 'transmissions', 'resets', 'syns'] as const;

/** How many requests arrived: those that are cited, or all of them where no packet of the direction was lost. */
function arrivedOf(cited: number, { counts }: Problem, { tally }: ComparedDirection): number {
  const name = REQUEST_COUNTS.find((one) => (counts[one] ?? 0) > 0);
  return tally.lost > 0 || name === undefined ? cited : Math.max(cited, counts[name]);
}

/** The other side, where an answer would have left, says the same: no answer to requests of that way, to that server. */
function isUnansweredThere(there: Evidence, id: string, problem: Problem, comparison: Comparison): boolean {
  const same = statementOf(problem, comparison);
  return (there.judgements.get(id) ?? []).some(
    (one) => one.result === 'problem' && !isAnswered(one) && statementOf(one, comparison) === same,
  );
}

/** What a finding says is not answered, in A's names. */
function statementOf(problem: Problem, { plan }: Comparison): string | null {
  const ends = requestEnds(problem);
  if (ends === null) return null;
  const nameOf = (host: string): string => plan.hostsOfB.get(host) ?? host;
  return `${nameOf(ends.from)} ${nameOf(ends.to)} ${problem.subject.port ?? ''}`;
}

/** One side says what keeps the requests of these ends from being answered. */
function isNamed(id: string, { pair }: Problem, { judgements }: Evidence): boolean {
  const ends = [...(pair ?? [])].sort().join(' ');
  return (NAMED_BY[id] ?? []).some((other) =>
    (judgements.get(other) ?? []).some(
      (one) =>
        one.result === 'problem' &&
        one.severity !== 'info' &&
        [...(one.pair ?? [])].sort().join(' ') === ends,
    ),
  );
}

/** ICMP says that the port or the protocol of the requests is closed: that is an answer. */
function isRefused(id: string, problem: Problem, { sessions, quality }: Evidence): boolean {
  const ends = requestEnds(problem);
  const [family] = id.split('.');
  return sessions(icmpErrors).some(
    (error) =>
      error.quoted?.source === ends?.from &&
      error.quoted?.destination === ends?.to &&
      judgeOfRefusal(quality, error)?.split('.')[0] === family,
  );
}

/** Packets of the direction were lost meanwhile: a request may have arrived in part only. */
function isLossy(
  { tally }: ComparedDirection,
  comparison: Comparison,
  side: Side,
  problem: Problem,
): boolean {
  const first = comparison.shift(side, problem.first);
  const last = comparison.shift(side, problem.last);
  return tally.citedLost.some((packet) => {
    const at = comparison.refOf(packet);
    return at.segment === first.segment && at.timeNs >= first.timeNs && at.timeNs <= last.timeNs;
  });
}

function judge(
  comparison: Comparison,
  id: string,
  problem: Problem,
  direction: ComparedDirection,
  arrived: number,
): Judgement | null {
  const { from, to, sender: side } = direction.plan;
  const subject = { kind: 'pair', endpoints: [from, to], unanswered: id };
  const receiver = otherSide(side);
  const back = comparison.directions[direction.plan.reverse];
  if (isLossy(direction, comparison, side, problem)) return null;
  if (arrived < REQUESTS_MIN || !back || back.tally.sent === 0) {
    return insufficientData(
      subject,
      `${arrived} requests (${id}) arrive at ${sideName(receiver)} and are not answered there, but ` +
        `${arrived < REQUESTS_MIN ? 'more of them' : 'another sign of life of that host'} would be needed; capture for longer at both ends.`,
    );
  }
  const ends = requestEnds(problem);
  const isCarried = ends !== null && (ends.from !== from || ends.to !== to);
  const inner = isCarried ? `from ${ends.from} to ${ends.to} in packets ` : '';
  const cited = problem.evidence.flatMap((citation) => {
    const fate = comparison.fateOf(side, citation.frame);
    const counterpart = fate?.direction === direction.plan.index ? fate.counterpart : null;
    if (!counterpart) return [];
    return [
      { ...comparison.shift(side, citation), summary: `${citation.summary} leaves at ${sideName(side)}` },
      { ...counterpart, summary: `and arrives at ${sideName(receiver)}; no answer leaves there` },
    ];
  });
  return {
    result: 'problem',
    subject,
    severity: problem.severity ?? 'error',
    confidence: 'medium',
    explanation:
      `Requests ${inner}from ${from} to ${to} that stay without an answer (${id}) are in the capture of ${sideName(receiver)} too: they ` +
      `arrive, and no answer leaves there. That host sent ${back.tally.sent} other packets to ${from} meanwhile.`,
    pair: [from, to],
    direction: { from, to },
    where: 'receiver',
    first: comparison.shift(side, problem.first),
    last: comparison.shift(side, problem.last),
    ongoingAtEnd: problem.ongoingAtEnd,
    counts: { requestsArrived: arrived, otherPackets: back.tally.sent },
    // What one end counted as unanswered got lost behind the capture point of the other.
    ...(problem.packets ? { packets: problem.packets } : {}),
    evidence: cited,
    displayFilter: directionFilter(direction),
    ...(isCarried || TUNNELS.includes(id) ? TUNNEL_ADVICE : {}),
    provenAtBothEnds: true,
  };
}
