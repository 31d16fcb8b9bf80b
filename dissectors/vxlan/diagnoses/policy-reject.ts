import { earliest, latest, momentOf } from '../../../src/correlate/frame-reference.js';
import { defineDiagnosis, type Evidence, type Problem } from '../../../src/diagnose/diagnosis.js';
import { serviceWord } from '../../../src/diagnose/packet-class.js';
import { hasOtherFault } from '../../../src/diagnose/severity-policy.js';
import type { FrameRef } from '../../../src/moment.js';
import type { Confidence, Severity } from '../../../src/report/report.js';
import { PROTOCOL_UDP } from '../../../src/wire/ip.js';
import { egressRejections } from '../egress-rejects.js';
import { policyWords } from '../policy-words.js';
import { type Rejection, rejectionsOf } from '../rejections.js';
import { tunnelRequests } from '../requests.js';
import { citations, tunnelFilter, tunnelSubject, tunnelWords } from '../tunnel-subject.js';

const ATTEMPTS_MIN = 3;

export default defineDiagnosis({
  id: 'overlay.policy-reject',
  // Lines show neither the tag of a packet nor all of the one that was rejected.
  lines: 'mislead',
  title: 'Network policy rejects the connection',
  severity: 'error',
  subject: 'server',
  layer: 'names-and-transport',
  priority: 1,
  judgesLast: true,
  rule:
    'On the link of a container (its gateway 169.254.0.1 says so, or its own host, and store.json lists it) ICMP port unreachable or prohibited answers packets to another host: an egress security group. Inside VXLAN, a TCP SYN or a UDP packet is answered by ICMP port unreachable. Or at least 3 SYNs with a group ' +
    'policy id stay unanswered, while the same endpoint accepts connections with another id, or its host answers ' +
    'pings or other ports with the same one. Warning where the capture shows no other fault, otherwise information; information too ' +
    'for UDP, where a closed port looks the same, and where the client gets through later.',
  notWhen:
    'The packets carry no group policy id although others do (vxlan.gbp-untagged). The tunnel itself is silent ' +
    '(vxlan.no-return). A RST is a closed port, not a policy.',
  causes: [
    'No network policy allows the client (by its group policy id) to reach that port',
    'The client was deployed anew and has another id (blue-green deployment): the policy still names the old one',
    'The receiving cell has not received the policy yet, or its agent failed to apply it',
    'For UDP: nothing listens on the port',
  ],
  nextSteps: [
    'Cloud Foundry: cf network-policies; cf add-network-policy SOURCE DESTINATION --protocol tcp --port PORT',
    'Which app is behind an id: cf curl /networking/v1/external/tags, and store.json on the cells for the addresses',
    'On the receiving cell look for the reject rule that counts: iptables -L -v -n, nft list ruleset; and the log of vxlan-policy-agent',
  ],
  refutedBy: 'A rule that accepts the cited packets on the receiving host, and a server that is closed.',
  source:
    'Cloud Foundry guide, container-to-container networking and policies; draft-smith-vxlan-group-policy-05; RFC 1122, section 3.2.2.1',
  thresholds: {
    attempts: [ATTEMPTS_MIN, 'packets', 'one lost SYN is normal'],
  },
  fault: 'policy',
  technology: 'vxlan',
  consequenceOf: ['mismatch'],
  consequenceOfIds: ['silk.metadata-missing', 'silk.tag-ip-mismatch'],
  *diagnose(evidence) {
    yield* egressRejections(evidence);
    const all = tunnelRequests(evidence);
    const rejected = new Set<object>();
    for (const rejection of rejectionsOf(evidence, all)) {
      const problem = problemOf(evidence, rejection);
      if (!problem) continue;
      rejected.add(rejection.tunnel);
      yield problem;
    }
    for (const { tunnel, sides } of all) {
      const isSeen = sides.some(({ answeredServers }) => answeredServers.size > 0);
      if (isSeen && !rejected.has(tunnel)) yield { result: 'healthy', subject: tunnelSubject(tunnel) };
    }
  },
});

/** Null where it is no policy by group that fails the connection. */
function problemOf(evidence: Evidence, rejection: Rejection): Problem | null {
  const { tunnel, isSaid, isOver, attempts, refusedIds, acceptedIds, answersElse, protocol } = rejection;
  const usesGroups = tunnel.directions.some(({ tagged }) => tagged > 0);
  const isUntagged = refusedIds.length === 0;
  if (usesGroups && isUntagged && attempts.some(({ sent }) => sent !== null)) return null;
  // Of requests that the capture lacks it cannot be said by which policy they fail: underlay.unreachable speaks.
  if (isSaid && attempts.every(({ sent }) => sent === null)) return null;
  const otherId = acceptedIds.some((id) => !refusedIds.includes(id));
  if (!isSaid && (isUntagged || (!otherId && !answersElse))) return null;
  const isAmbiguous = protocol === PROTOCOL_UDP;
  const isQuiet =
    isOver ||
    isAmbiguous ||
    hasOtherFault(evidence, { host: tunnel.low, stack: tunnel.outerStack }, [
      'overlay.policy-reject',
      'vxlan.gbp-untagged',
      'underlay.unreachable',
      'underlay.ping-loss',
    ]);
  const severity: Severity = isQuiet ? 'info' : 'warning';
  const confidence: Confidence = isSaid ? (isAmbiguous ? 'low' : 'high') : otherId ? 'medium' : 'low';
  return describe(evidence, rejection, severity, confidence);
}

function describe(
  evidence: Evidence,
  rejection: Rejection,
  severity: Severity,
  confidence: Confidence,
): Problem {
  const { tunnel, server, port, protocol, attempts, refusedIds, acceptedIds, isSaid, isOver } = rejection;
  const first = earliest(attempts.map((one) => one.first)) ?? attempts[0].first;
  const last = latest(attempts.flatMap((one) => [one.last, ...one.errors])) ?? attempts[0].last;
  const clients = [...new Set(attempts.map(({ client }) => client))];
  const packets = attempts.reduce((sum, one) => sum + one.packets, 0);
  const { hosts } = tunnel;
  const from = ((hosts.get(clients[0]) ?? 1) & 1) !== 0 ? tunnel.low : tunnel.high;
  return {
    result: 'problem',
    subject: {
      kind: 'server',
      address: server,
      port,
      protocol: protocol === PROTOCOL_UDP ? 'udp' : 'tcp',
      inside: [`vxlan ${tunnel.vni} ${tunnel.low} ${tunnel.high}`],
    },
    severity,
    confidence,
    ...(isSaid ? {} : { title: 'Network policy drops the connection' }),
    explanation:
      explain(rejection, clients) +
      policyWords(evidence, { client: clients[0], server, port, protocol, tags: refusedIds }),
    pair: [clients[0], server],
    direction: { from: clients[0], to: server },
    where: 'receiver',
    first: momentOf(first),
    last: momentOf(last),
    ongoingAtEnd: !isOver,
    packets: { of: [serviceWord(protocol, port)], lost: packets, delivered: 0 },
    counts: {
      attempts: attempts.length,
      packets,
      clients: clients.length,
      refusedId: refusedIds[0] ?? 0,
      acceptedId: acceptedIds.find((id) => !refusedIds.includes(id)) ?? 0,
    },
    evidence: citations(
      ...attempts
        .slice(0, 3)
        .flatMap((one): [FrameRef, string][] => [
          [
            one.first,
            `${one.client} port ${one.clientPort} to ${server} port ${port}${idWords(one.sent?.policyId)}`,
          ],
          [
            one.last,
            `${one.client} port ${one.clientPort} to ${server} port ${port}, last of ${one.packets}`,
          ],
          ...one.errors.map((ref): [FrameRef, string] => [
            ref,
            `${one.reporter ?? server} rejects it: ICMP port unreachable`,
          ]),
        ]),
    ),
    displayFilter: tunnelFilter(evidence.quality, [tunnel]),
    causes: causesOf(isSaid, from),
  };
}

function causesOf(isSaid: boolean, from: string): string[] {
  return [
    'No network policy allows the client (by its group policy id) to reach that port',
    `The client behind ${from} was deployed anew and has another id (blue-green deployment): the policy still names the old one`,
    'The receiving cell has not received the policy yet, or its agent failed to apply it',
    isSaid
      ? 'For UDP: nothing listens on the port'
      : 'A host firewall on the server drops the port, whatever the id',
  ];
}

function explain(rejection: Rejection, clients: readonly string[]): string {
  const { tunnel, server, port, protocol, attempts, refusedIds, acceptedIds, isSaid, isOver } = rejection;
  const what = protocol === PROTOCOL_UDP ? 'UDP packets' : 'connections';
  const who = clients.length === 1 ? clients[0] : `${clients.length} clients`;
  const ids = refusedIds.length > 0 ? ` with group policy id ${refusedIds.map(hex).join(', ')}` : '';
  const head = `${tunnelWords(tunnel)}: ${what} of ${who} to ${server} port ${port}${ids}`;
  const other = acceptedIds.filter((id) => !refusedIds.includes(id));
  const accepted =
    other.length > 0
      ? ` The same port answers connections with group policy id ${other.map(hex).join(', ')}.`
      : '';
  const later = isOver ? ' Later attempts of the same client succeed.' : '';
  if (isSaid) {
    const reporters = [...new Set(attempts.flatMap(({ reporter }) => reporter ?? []))];
    return `${head} are rejected by ${reporters.slice(0, 3).join(', ')} with ICMP port unreachable inside the tunnel.${accepted}${later}`;
  }
  const packets = attempts.reduce((sum, one) => sum + one.packets, 0);
  return (
    `${head} get no answer (${packets} SYNs), while the tunnel works` +
    `${rejection.answersElse ? ` and ${server} answers on other ports or to pings` : ''}: most likely the packets are dropped on arrival.${accepted}${later}`
  );
}

function idWords(policyId: number | undefined): string {
  return policyId === undefined || policyId < 0 ? '' : `, group policy id ${hex(policyId)}`;
}

/** As Cloud Foundry writes tags: `0x0003`. */
function hex(policyId: number): string {
  return `0x${policyId.toString(16).padStart(4, '0')}`;
}
