import { isBefore } from '../../../src/correlate/traffic.js';
import { defineDiagnosis, type Evidence, type Judgement } from '../../../src/diagnose/diagnosis.js';
import type { FrameRef } from '../../../src/moment.js';
import type { Subject } from '../../../src/report/report.js';
import { type Refusal, refusalsJudgedBy } from '../../icmp/refusals.js';
import { openvpnConversations } from '../correlator.js';
import { attemptsOf, fromClient, isAnswered, openvpnPeers } from '../peers.js';

const ID = 'openvpn.port-unreachable';
const PROTOCOL_UDP = 17;
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
    errors: { value: ERRORS_MIN, unit: 'errors', why: 'a single one may be the end of an orderly stop' },
  },
  fault: 'refused',
  consequenceOf: [],
  technology: 'openvpn',
  ownWord: true,
  *diagnose(evidence) {
    const accused = new Set<string>();
    for (const refusals of refusalsJudgedBy(ID, evidence)) {
      const { source, destination } = refusals[0].quoted;
      accused.add(`${source} ${destination}`);
      yield judge(evidence, refusals);
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

function judge(evidence: Evidence, refusals: readonly Refusal[]): Judgement {
  const { source, destination } = refusals[0].quoted;
  const subject: Subject = { kind: 'session', protocol: 'openvpn', endpoints: [source, destination] };
  const errors = refusals.reduce((sum, { count }) => sum + count, 0);
  const first = refusals[0].first;
  const last = refusals.map((error) => error.last).reduce((a, b) => (isBefore(a, b) ? b : a));
  const isClient = refusals.every((refusal) => goesToClient(evidence, refusal));
  if (errors < ERRORS_MIN && (isClient || hasWorked(evidence, refusals[0])))
    return { result: 'healthy', subject };
  const recovered = answerAfter(evidence, refusals[0], last);
  return {
    result: 'problem',
    subject,
    ...(isClient
      ? { severity: 'info' as const, title: 'OpenVPN client has ended, its server goes on sending' }
      : recovered && { severity: 'warning' as const }),
    confidence: 'high',
    explanation: isClient
      ? `${refusals[0].reporter} refused ${errors} packets of the server ${source}: no program of ${destination} listens on that port any more. ` +
        'Servers go on until their ping-restart, unless the client says good-bye (explicit-exit-notify).'
      : `${refusals[0].reporter} reported port unreachable for UDP ${refusals[0].quoted.destinationPort} of ${destination}, ` +
        `${errors} times, to ${source}.${recovered ? ` ${destination} answered there again afterwards.` : ''}`,
    pair: [source, destination],
    direction: { from: source, to: destination },
    where: refusals.every(({ reporter }) => reporter === destination) ? 'receiver' : 'path',
    first,
    last,
    ongoingAtEnd: recovered === null,
    counts: { errors },
    evidence: refusals
      .flatMap((error) => error.frames)
      .sort((a, b) => a.frame - b.frame)
      .map((ref) => ({
        ...ref,
        summary: `ICMP port unreachable from ${refusals[0].reporter} about UDP to ${destination}`,
      })),
    displayFilter: filterOf(refusals[0], servicePorts(evidence, refusals)),
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

function answerAfter(evidence: Evidence, { quoted, stack }: Refusal, last: FrameRef): FrameRef | null {
  const { source, destination, destinationPort } = quoted;
  const conversations = evidence.quality.traffic.between(source, destination, stack)?.conversations ?? [];
  const answer = conversations.find(
    ({ protocol, portOfB, fromB }) =>
      protocol === PROTOCOL_UDP &&
      portOfB === destinationPort &&
      fromB.last !== null &&
      isBefore(last, fromB.last),
  );
  return answer?.fromB.last ?? null;
}

/** Ports of the service among those that were refused; of OpenVPN elsewhere, the port that was sent to. */
function servicePorts({ quality }: Evidence, refusals: readonly Refusal[]): number[] {
  const known = quality.protocols.portsOf('openvpn');
  const ports = refusals.map(({ quoted: { sourcePort, destinationPort } }) =>
    known.includes(sourcePort) && !known.includes(destinationPort) ? sourcePort : destinationPort,
  );
  return [...new Set(ports)].sort((a, b) => a - b);
}

function filterOf({ family, quoted }: Refusal, ports: readonly number[]): string {
  const { source, destination } = quoted;
  const [error, address] =
    family === 6
      ? ['icmpv6.type == 1 && icmpv6.code == 4', 'ipv6.addr']
      : ['icmp.type == 3 && icmp.code == 3', 'ip.addr'];
  const refused = ports.map((port) => `udp.port == ${port}`).join(' || ');
  return `${error} && ${address} == ${source} && ${address} == ${destination} && ${ports.length > 1 ? `(${refused})` : refused}`;
}
