import { isBefore } from '../../../src/correlate/traffic.js';
import {
  defineDiagnosis,
  type Evidence,
  type Judgement,
  type Problem,
} from '../../../src/diagnose/diagnosis.js';
import type { Subject } from '../../../src/report/report.js';
import { seconds } from '../../../src/units.js';
import { PROTOCOL_UDP } from '../../../src/wire/ip.js';
import { PORT_IKE, PORT_NAT_TRAVERSAL } from '../../../src/wire/transport.js';
import { type Refusal, refusalsJudgedBy } from '../../icmp/refusals.js';
import { ikePairs, ikeSessions } from '../pair-sessions.js';

const ID = 'ike.port-unreachable';
const IKE_PORTS: readonly number[] = [PORT_IKE, PORT_NAT_TRAVERSAL];
/** One error may belong to the end of a session: a daemon that stops, a packet that was still on its way. */
const ERRORS_MIN = 2;
const FAREWELL_SECONDS = 5;

export default defineDiagnosis({
  id: ID,
  title: 'No IKE daemon on the peer',
  severity: 'error',
  subject: 'session',
  layer: 'tunnel-control',
  priority: 1,
  rule:
    'ICMP port unreachable (3/3, ICMPv6 1/4) quotes a packet to UDP 500 or 4500, at least twice, or once for a first ' +
    'message of IKE. Warning where the port answers again afterwards.',
  notWhen:
    'The quoted source is not the receiver of the error; a single error within 5 s of the last IKE message.',
  causes: [
    'The IKE daemon on the peer is not running, or restarts',
    'It does not listen on that address or port',
    'A firewall on the way or on the peer rejects with an ICMP error (iptables REJECT)',
  ],
  nextSteps: [
    'On the peer: ipsec status (ipsec auto --status), ss -lunp | grep -E ":(500|4500) "',
    'Start the daemon: ipsec start; look into its log for why it stopped',
    'iptables -L -v -n on the peer, for REJECT rules',
  ],
  refutedBy: 'A listener on that address and port of the peer at that time (ss -lunp).',
  source:
    'Openswan guide, situation A ("the responder is not running"); RFC 792, RFC 1122 section 3.2.2.1, RFC 4443 section 3.1',
  thresholds: {
    errors: { value: ERRORS_MIN, unit: 'errors', why: 'a single one may be the end of an orderly stop' },
    farewellSeconds: {
      value: FAREWELL_SECONDS,
      unit: 's',
      why: 'packets on their way when the daemon stopped',
    },
  },
  fault: 'refused',
  consequenceOf: [],
  technology: 'ipsec',
  ownWord: true,
  *diagnose(evidence) {
    const accused = new Set<string>();
    for (const refusals of refusalsJudgedBy(ID, evidence)) {
      const { source, destination } = refusals[0].quoted;
      accused.add(`${source} ${destination}`);
      yield judge(evidence, refusals);
    }
    for (const pair of ikePairs(evidence)) {
      const isAnswered = pair.sessions.some(({ messageCount }) => messageCount.responder > 0);
      if (isAnswered && !accused.has(`${pair.initiator} ${pair.responder}`)) {
        yield { result: 'healthy', subject: pair.subject };
      }
    }
  },
});

function judge(evidence: Evidence, refusals: readonly Refusal[]): Judgement {
  const { quality } = evidence;
  const { source, destination } = refusals[0].quoted;
  const subject: Subject = { kind: 'session', protocol: 'ike', endpoints: [source, destination] };
  const first = refusals[0].first;
  const last = refusals.map((error) => error.last).reduce((a, b) => (isBefore(a, b) ? b : a));
  const errors = refusals.reduce((sum, { count }) => sum + count, 0);
  if (errors < ERRORS_MIN && isFarewell(evidence, refusals[0])) return { result: 'healthy', subject };
  const ports = [...new Set(refusals.map(({ quoted }) => quoted.destinationPort))].sort((a, b) => a - b);
  const answers = quality.traffic
    .between(source, destination, refusals[0].stack)
    ?.conversations.filter(
      ({ protocol, portOfB, fromB }) =>
        protocol === PROTOCOL_UDP &&
        (IKE_PORTS.includes(portOfB) || ports.includes(portOfB)) &&
        fromB.last !== null &&
        isBefore(last, fromB.last),
    );
  const hasRecovered = (answers?.length ?? 0) > 0;
  const problem: Problem = {
    result: 'problem',
    subject,
    confidence: 'high',
    ...(hasRecovered && { severity: 'warning' }),
    explanation:
      `${refusals[0].reporter} reported port unreachable for UDP ${ports.join(' and ')} of ${destination}, ${errors} ` +
      `times, to ${source}. ${hasRecovered ? `${destination} answered on these ports again afterwards.` : ''}`.trim(),
    pair: [source, destination],
    direction: { from: source, to: destination },
    where: refusals.every(({ reporter }) => reporter === destination) ? 'receiver' : 'path',
    first,
    last,
    ongoingAtEnd: !hasRecovered,
    counts: { errors },
    evidence: refusals
      .flatMap((error) => error.frames)
      .map((ref) => ({
        ...ref,
        summary: `ICMP port unreachable from ${refusals[0].reporter} about UDP to ${destination}`,
      })),
    displayFilter: filterOf(refusals[0], ports),
    packetClass: 'ike',
  };
  return problem;
}

/** The error came right after the last message of an IKE SA between the two. */
function isFarewell(evidence: Evidence, { quoted, first }: Refusal): boolean {
  return ikeSessions(evidence).some(({ paths, established, last }) => {
    if (!established || last.segment !== first.segment) return false;
    const elapsed = first.timeNs - last.timeNs;
    return (
      elapsed >= 0 &&
      elapsed <= seconds(FAREWELL_SECONDS) &&
      paths.some(
        ({ initiator, responder }) =>
          (initiator === quoted.source && responder === quoted.destination) ||
          (initiator === quoted.destination && responder === quoted.source),
      )
    );
  });
}

function filterOf({ family, quoted }: Refusal, refused: readonly number[]): string {
  const ports = [...new Set([...IKE_PORTS, ...refused])].map((port) => `udp.port == ${port}`).join(' || ');
  return family === 6
    ? `icmpv6.type == 1 && icmpv6.code == 4 && ipv6.addr == ${quoted.source} && ipv6.addr == ${quoted.destination} && (${ports})`
    : `icmp.type == 3 && icmp.code == 3 && ip.addr == ${quoted.source} && ip.addr == ${quoted.destination} && (${ports})`;
}
