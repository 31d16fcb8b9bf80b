import { defineDiagnosis, type Evidence, type Judgement } from '../../../src/diagnose/diagnosis.js';
import type { Subject } from '../../../src/report/report.js';
import { seconds } from '../../../src/units.js';
import { PORT_IKE, PORT_NAT_TRAVERSAL } from '../../../src/wire/transport.js';
import type { Refusal } from '../../icmp/shared/refusals.js';
import {
  answersAfterwards,
  type RefusedDirection,
  refusalFacts,
  refusedDirections,
  unrefusedOnPorts,
  unrefusedText,
} from '../../icmp/shared/refused-ports.js';
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
    errors: [ERRORS_MIN, 'errors', 'a single one may be the end of an orderly stop'],
    farewellSeconds: [FAREWELL_SECONDS, 's', 'packets on their way when the daemon stopped'],
  },
  fault: 'refused',
  technology: 'ipsec',
  explicitSignal: true,
  *diagnose(evidence) {
    const accused = new Set<string>();
    for (const refused of refusedDirections(ID, evidence)) {
      accused.add(`${refused.source} ${refused.destination}`);
      yield judge(evidence, refused);
    }
    for (const pair of ikePairs(evidence)) {
      const isAnswered = pair.sessions.some(({ messageCount }) => messageCount.responder > 0);
      if (isAnswered && !accused.has(`${pair.initiator} ${pair.responder}`)) {
        yield { result: 'healthy', subject: pair.subject };
      }
    }
  },
});

/** It listens again, or something drops what comes: nothing else stops the errors. */
const WAS_AWAY = {
  title: 'IKE daemon of the peer was away, and does not answer since',
  causes: [
    'The daemon restarted and lost its SAs, and this side goes on using them, as no dead peer detection tells it',
    'The daemon listens again and drops what comes, or a firewall now drops it',
  ],
  nextSteps: [
    'On the side that still sends: ipsec down and up of the connection (ipsec auto --down, --up; swanctl --terminate, --initiate)',
    'Enable dead peer detection on both sides: dpddelay=, dpdaction=restart (swanctl: dpd_delay, dpd_action)',
    'Log of the peer at that time: why it stopped, and what it says of SPIs that it does not know',
  ],
};

function judge(evidence: Evidence, refused: RefusedDirection): Judgement {
  const { refusals, source, destination, errors } = refused;
  const subject: Subject = { kind: 'session', protocol: 'ike', endpoints: [source, destination] };
  if (errors < ERRORS_MIN && isFarewell(evidence, refusals[0])) return { result: 'healthy', subject };
  const ports = [...new Set(refusals.map(({ quoted }) => quoted.destinationPort))].sort((a, b) => a - b);
  const ownPorts = [...new Set([...IKE_PORTS, ...ports])];
  const hasRecovered = answersAfterwards(evidence, refused, ownPorts);
  const unrefused = hasRecovered ? 0 : unrefusedOnPorts(evidence, refused, ports);
  return {
    ...refusalFacts(refused, ownPorts, hasRecovered),
    ...(unrefused > 0 && WAS_AWAY),
    subject,
    ...(hasRecovered && { severity: 'warning' }),
    explanation:
      `${refusals[0].reporter} reported port unreachable for UDP ${ports.join(' and ')} of ${destination}, ${errors} ` +
      `times, to ${source}. ${hasRecovered ? `${destination} answered on these ports again afterwards.` : ''}`.trim() +
      unrefusedText(unrefused),
    packetClass: 'ike',
  };
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
