import { momentOf } from '../../../src/correlate/frame-reference.js';
import { tooShortAfter } from '../../../src/correlate/gates.js';
import { secondsToPause } from '../../../src/correlate/watched.js';
import {
  defineDiagnosis,
  type Evidence,
  insufficientData,
  type Judgement,
  judgeEach,
  type Problem,
} from '../../../src/diagnose/diagnosis.js';
import type { Citation } from '../../../src/moment.js';
import { cite } from '../../../src/wording/citations.js';
import { plural } from '../../../src/wording/counts.js';
import { durationText } from '../../../src/wording/durations.js';
import {
  type FailedAttempts,
  failedAttempts,
  hiddenAnswers,
  isAnsweredTooLate,
  isRejectedByIcmp,
  isUnanswered,
  scanningHosts,
} from '../attempts.js';
import { configurationWords } from '../configured-side.js';
import { citationsInOrder, establishedAfter, peeringFacts, peeringSubject } from '../peering-subject.js';
import { bgpPeerings, type Peering } from '../peerings.js';
import { downBySummary } from '../summary-judgements.js';

const SYNS_MIN = 3;
const JUDGE_SECONDS = 10;

export default defineDiagnosis({
  id: 'bgp.no-session',
  title: 'BGP peer not reachable',
  severity: 'error',
  subject: 'session',
  layer: 'overlay-control',
  priority: 1,
  rule:
    'At least 3 SYNs to TCP port 179 of a peer stay without SYN-ACK, RST or ICMP error, and the capture goes on for at least 10 s after ' +
    'the first of them. Warning where a session of the two is established later in the capture. Also: show ip bgp summary (--log) lists a neighbour that is not established, of which the capture holds no packet.',
  notWhen:
    'A session of the two stands meanwhile, or is established within 10 s (both sides open a connection, one is given up). The peer’s packets ' +
    'take another way (one-sided capture). The host tries 20 endpoints in 10 s: a port scan.',
  causes: [
    'A firewall, security group or access list drops TCP port 179, or only lets one side open the connection',
    'The neighbor is down, or its address is wrong or belongs to nobody',
    'The session needs several hops and is not configured for them (ebgp-multihop), or the way back is missing',
    'The neighbor expects TCP-MD5 and throws SYNs without the right signature away',
  ],
  nextSteps: [
    'ping NEIGHBOR, and arp -n or ip neigh: is it REACHABLE? nc -vz NEIGHBOR 179',
    'show run on both sides: neighbor address, remote-as, update-source, ebgp-multihop, password',
    'Capture at the neighbor: tcp port 179; SYNs that arrive there meet its firewall or its TCP-MD5 check',
  ],
  ruledOut: {
    'lost-on-path': ['The neighbor is down', 'The neighbor expects TCP-MD5'],
    'both-alive': ['The neighbor is down'],
  },
  refutedBy: 'A SYN-ACK of the neighbor in a capture at the side that asks.',
  source: 'RFC 4271, section 8.2.2 (Connect, Active); MidoNet guide, BGP',
  thresholds: {
    syns: [SYNS_MIN, 'SYNs', 'one or two may be lost, or be probes'],
    judgeSeconds: [JUDGE_SECONDS, 's', 'connect-retry timers of 10 s are in use'],
  },
  fault: 'session-down',
  consequenceOf: ['path-loss', 'unreachable', 'policy', 'refused', 'session-down'],
  consequenceOfIds: ['bgp.md5-mismatch'],
  technology: 'bgp',
  *diagnose(evidence) {
    const scanners = scanningHosts(evidence);
    yield* judgeEach(bgpPeerings(evidence), (peering) => judge(evidence, peering, scanners));
    yield* downBySummary(evidence);
  },
});

function judge(evidence: Evidence, peering: Peering, scanners: ReadonlySet<string>): Judgement | null {
  const { quality } = evidence;
  const subject = peeringSubject(quality, peering);
  const failed = failedAttempts(
    peering,
    (one) => (isUnanswered(one) || isAnsweredTooLate(one)) && !scanners.has(one.client.address),
  );
  if (!failed) {
    const isAnswered = peering.connections.some(({ server }) => server.lastSegment !== null);
    return isAnswered ? { result: 'healthy', subject } : null;
  }
  if (isRejectedByIcmp(evidence, failed)) return null;
  const hidden = hiddenAnswers(quality, peering);
  if (hidden) return insufficientData(subject, hidden);
  const shortage = tooShortAfter(quality, failed.first, JUDGE_SECONDS);
  if (shortage) {
    return insufficientData(subject, shortage);
  }
  if (failed.syns < SYNS_MIN) {
    const reason =
      `Only ${plural(failed.syns, 'SYN')} to port 179 stayed without answer, which may be a probe; ` +
      'capture until the speaker has tried again: its connect-retry timer is 120 s by default.';
    return insufficientData(subject, reason);
  }
  return problemOf(evidence, peering, failed);
}

function problemOf(evidence: Evidence, peering: Peering, failed: FailedAttempts): Problem {
  const { quality } = evidence;
  const { connections, clients, first, last, syns } = failed;
  const recovered = establishedAfter(peering, last);
  const [client] = clients;
  const server = client === peering.a ? peering.b : peering.a;
  const before = peering.connections
    .filter(({ established, transport }) => established !== null && transport.first.frame < first.frame)
    .at(-1);
  const lasted = durationText(last.timeNs - first.timeNs);
  return {
    result: 'problem',
    ...peeringFacts(quality, peering),
    severity: recovered ? 'warning' : 'error',
    confidence: 'medium',
    explanation:
      `${clients.length === 1 ? client : 'Both sides'} sent ${plural(syns, 'SYN')} to TCP port 179 within ${lasted}` +
      `${clients.length === 1 ? ` to ${server}` : ''}, and ${connections.some(isAnsweredTooLate) ? 'no answer came before the sender gave up' : 'no answer of any kind came'}. ` +
      `The capture goes on for ${durationText(secondsToPause(quality, last) * 1e9)} after the last of them.` +
      (recovered ? ' Later a session was established.' : '') +
      (before ? ' A session stood before.' : '') +
      configurationWords(evidence, peering),
    ...(clients.length === 1 ? { direction: { from: client, to: server } } : {}),
    where: 'unknown',
    first: momentOf(first),
    last: momentOf(recovered?.transport.first ?? last),
    lastGood: before?.transport.last ?? null,
    ongoingAtEnd: recovered === null,
    counts: { syns, attempts: connections.length },
    packets: { of: ['tcp/179'], lost: syns, delivered: 0 },
    evidence: citationsOf(failed),
  };
}

function citationsOf({ connections }: FailedAttempts): Citation[] {
  return citationsInOrder(
    connections.flatMap(({ client, server }) => {
      const { syn } = client;
      if (!syn) return [];
      const name = `SYN of ${client.address} to ${server.address} port ${server.port}`;
      return [cite(syn.first, `${name}, no answer`), cite(syn.last, `${name}, sending ${syn.count}`)];
    }),
  );
}
