import { defineDiagnosis, type Evidence, type Judgement } from '../../../src/diagnose/diagnosis.js';
import type { Subject } from '../../../src/report/report.js';
import type { Refusal } from '../../icmp/shared/refusals.js';
import {
  answersAfterwards,
  type RefusedDirection,
  refusalFacts,
  refusedDirections,
  unrefusedOnPorts,
  unrefusedText,
} from '../../icmp/shared/refused-ports.js';
import { openvpnConversations } from '../correlator.js';
import { attemptsOf, fromClient, isAnswered, openvpnPeers } from '../peers.js';

const ID = 'openvpn.port-unreachable';
/** A single error may belong to a server that stops in good order. */
const ERRORS_MIN = 2;

export default defineDiagnosis({
  id: ID,
  title: 'No OpenVPN on the port',
  severity: 'error',
  subject: 'session',
  layer: 'tunnel-control',
  priority: 1,
  rule:
    'ICMP port unreachable (3/3, ICMPv6 1/4) quotes a packet of OpenVPN (UDP 1194, or whatever port it was recognised on), at least twice, or once for a packet of a client that never got an ' +
    'answer. Warning where the port answers again afterwards. Information where the refused packets go to a client: it has ended, and the server goes on for a while.',
  notWhen: 'The quoted source is not the receiver of the error; a single error after a session that worked.',
  causes: [
    'The OpenVPN server is not running, or restarts',
    'It listens on another port or address, or on TCP only',
    'A firewall on the way or on the server rejects with an ICMP error (iptables REJECT)',
  ],
  nextSteps: [
    'On the server: systemctl status "openvpn*", ss -lunp | grep 1194',
    'Look into its log for why it stopped (certificate, port in use, tun device)',
    'iptables -L -v -n on the server, for REJECT rules; compare port and proto of both configurations',
  ],
  refutedBy: 'A listener on that address and port at that time (ss -lunp).',
  source: 'RFC 792, RFC 1122 section 3.2.2.1, RFC 4443 section 3.1; SCIONLab guide, "no tun0"',
  thresholds: {
    errors: [ERRORS_MIN, 'errors', 'a single one may be the end of an orderly stop'],
  },
  fault: 'refused',
  technology: 'openvpn',
  explicitSignal: true,
  *diagnose(evidence) {
    const accused = new Set<string>();
    for (const refused of refusedDirections(ID, evidence)) {
      accused.add(`${refused.source} ${refused.destination}`);
      yield judge(evidence, refused);
    }
    for (const peers of openvpnPeers(evidence)) {
      const hasAnswer = peers.conversations.some(({ directions }) =>
        directions.every(({ packets }) => packets > 0),
      );
      const isAccused =
        accused.has(`${peers.client} ${peers.server}`) || accused.has(`${peers.server} ${peers.client}`);
      if (hasAnswer && !isAccused) yield { result: 'healthy', subject: peers.subject };
    }
  },
});

/** It listens again, or something drops what comes: nothing else stops the errors. */
const WAS_AWAY = {
  title: 'OpenVPN of the peer was away, and does not answer since',
  causes: [
    'It restarted and knows the session no more, of which this side hears nothing until its ping-restart',
    'It listens again and drops what comes, or a firewall now drops it',
  ],
};

function judge(evidence: Evidence, refused: RefusedDirection): Judgement {
  const { refusals, source, destination, errors } = refused;
  const [{ reporter, quoted }] = refusals;
  const subject: Subject = { kind: 'session', protocol: 'openvpn', endpoints: [source, destination] };
  const isClient = refusals.every((refusal) => goesToClient(evidence, refusal));
  if (errors < ERRORS_MIN && (isClient || hasWorked(evidence, refusals[0])))
    return { result: 'healthy', subject };
  const isAnsweredAgain = answersAfterwards(evidence, refused, [quoted.destinationPort]);
  const unrefused = isAnsweredAgain ? 0 : unrefusedOnPorts(evidence, refused, [quoted.destinationPort]);
  return {
    ...refusalFacts(refused, servicePorts(evidence, refusals), isAnsweredAgain),
    ...(unrefused > 0 && WAS_AWAY),
    subject,
    ...(isClient
      ? { severity: 'info' as const, title: 'OpenVPN client has ended, its server goes on sending' }
      : isAnsweredAgain && { severity: 'warning' as const }),
    explanation: isClient
      ? `${reporter} refused ${errors} packets of the server ${source}: no program of ${destination} listens on that port any more. ` +
        'Servers go on until their ping-restart, unless the client says good-bye (explicit-exit-notify).'
      : `${reporter} reported port unreachable for UDP ${quoted.destinationPort} of ${destination}, ` +
        `${errors} times, to ${source}.${isAnsweredAgain ? ` ${destination} answered there again afterwards.` : ''}` +
        unrefusedText(unrefused),
    packetClass: 'openvpn',
  };
}

/** By the roles that a handshake showed, else by the port: a client's own is not the service's. */
function goesToClient(evidence: Evidence, { quoted }: Refusal): boolean {
  const { sourcePort, destinationPort, source, destination } = quoted;
  const known = evidence.quality.protocols.portsOf('openvpn');
  if (known.includes(sourcePort) !== known.includes(destinationPort)) return known.includes(sourcePort);
  return evidence
    .sessions(openvpnConversations)
    .some(
      (one) =>
        one.clientWay !== null &&
        fromClient(one).from.address === destination &&
        fromClient(one).to.address === source,
    );
}

/** A session between the two that got its answers. */
function hasWorked(evidence: Evidence, { quoted, stack }: Refusal): boolean {
  return openvpnPeers(evidence).some(
    (peers) =>
      peers.stack === stack &&
      peers.client === quoted.source &&
      peers.server === quoted.destination &&
      (attemptsOf(peers).some(isAnswered) ||
        peers.conversations.some(({ directions }) => directions.every(({ packets }) => packets > 0))),
  );
}

/** Ports of the service among those that were refused; of OpenVPN elsewhere, the port that was sent to. */
function servicePorts({ quality }: Evidence, refusals: readonly Refusal[]): number[] {
  const known = quality.protocols.portsOf('openvpn');
  const ports = refusals.map(({ quoted: { sourcePort, destinationPort } }) =>
    known.includes(sourcePort) && !known.includes(destinationPort) ? sourcePort : destinationPort,
  );
  return [...new Set(ports)].sort((a, b) => a - b);
}
