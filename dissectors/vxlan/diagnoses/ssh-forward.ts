import { momentOf } from '../../../src/correlate/frame-reference.js';
import { defineDiagnosis, type Evidence, type Judgement } from '../../../src/diagnose/diagnosis.js';
import { statedProblem } from '../../../src/diagnose/stated-problem.js';
import { originText } from '../../../src/side-files/origin.js';
import packetFilters, { type FilterRule } from '../../host/side-files/packet-filter.js';
import { type TcpService, tcpServices } from '../../tcp/correlator.js';

import { citations } from '../tunnel-subject.js';

/** Cells forward ports from here on to containers. */
const CELL_PORT_MIN = 61_000;
/** Where the ssh daemon of a container listens: behind Envoy, and without it. */
const SSH_PORTS: readonly number[] = [61_002, 2222];
const ATTEMPTS_MIN = 3;

export default defineDiagnosis({
  id: 'silk.ssh-forward',
  title: 'ssh to a container fails behind the cell',
  severity: 'warning',
  subject: 'flow',
  layer: 'names-and-transport',
  priority: 2,
  rule:
    'The NAT rules of a cell are given (--log, iptables -S -t nat): a rule forwards a port above 61000 to port 2222 or 61002 of a container. Connections to that port reach the cell, at least 3, and none comes about. ' +
    'Information where the capture has other connections to such ports and none to this one: the request does not reach the cell.',
  notWhen:
    'A connection to the port is accepted, or the capture shows no connections to forwarded ports at all.',
  causes: [
    'The container, its interface on the cell or its ssh daemon is wrong: the packets are forwarded, and nobody answers',
    'They do not reach the cell: ssh is not allowed for the app, or the ssh proxy or its load balancer fails',
  ],
  nextSteps: [
    'On the cell: ip addr show | grep -B3 CONTAINER, arp -a | grep CONTAINER: s-…, aa:aa…, ee:ee… must fit the address of the container',
    'In the container (nsenter -t PID -a bash): ss -ltn: does diego-sshd listen on 2222 (61002 with Envoy)?',
    'Nothing reaches the cell: cf space-ssh-allowed SPACE; cf ssh-enabled APP; logs of the ssh_proxy job and the load balancer',
  ],
  refutedBy: 'A connection to the forwarded port that is accepted.',
  source: 'Cloud Foundry guide, debugging cf ssh',
  thresholds: {
    port: [CELL_PORT_MIN, 'port', 'cells forward ports above it'],
    attempts: [ATTEMPTS_MIN, 'connections', 'one may hit a restart of the container'],
  },
  fault: 'application',
  consequenceOf: ['path-loss', 'addressing', 'unreachable', 'policy'],
  *diagnose(evidence) {
    const forwards = evidence.side
      .of(packetFilters)
      .flatMap(({ rules }) => rules)
      .flatMap((rule) => forwardOf(rule) ?? []);
    if (forwards.length === 0) return;
    const services = evidence.sessions(tcpServices).filter(({ port }) => port >= CELL_PORT_MIN);
    for (const forward of forwards) {
      const own = services.filter(
        ({ port, server }) =>
          port === forward.port &&
          (forward.cell === null || server === forward.cell) &&
          server !== forward.container,
      );
      if (own.length > 0) yield judge(evidence, forward, own);
      else if (services.some(({ port }) => forwards.some((one) => one.port === port)))
        yield notSeen(evidence, forward);
    }
  },
});

interface Forward {
  readonly rule: FilterRule;
  readonly port: number;
  readonly container: string;
  readonly containerPort: number;
  /** Address that the rule names; null: any of the cell. */
  readonly cell: string | null;
}

function forwardOf(rule: FilterRule): Forward | null {
  const { target, toDestination, destinationPorts } = rule;
  const [, container, written] = /^([\d.]{7,15}):(\d{1,5})$/.exec(toDestination ?? '') ?? [];
  const [range] = destinationPorts;
  if (target !== 'DNAT' || container === undefined || range === undefined || range.from !== range.to)
    return null;
  const containerPort = Number(written);
  if (range.from < CELL_PORT_MIN || !SSH_PORTS.includes(containerPort)) return null;
  const cell = /(?:-d|--destination) ([\d.]{7,15})(?:\/32)? /.exec(rule.text)?.[1] ?? null;
  return { rule, port: range.from, container, containerPort, cell };
}

function words({ rule, port, container, containerPort }: Forward): string {
  return `Port ${port} of the cell is forwarded to ${container}:${containerPort} (${originText(rule.origin)})`;
}

function subjectOf({ port, container }: Forward): Parameters<typeof statedProblem>[1]['subject'] {
  return { kind: 'flow', endpoints: [container], port };
}

function judge(evidence: Evidence, forward: Forward, services: readonly TcpService[]): Judgement {
  const subject = subjectOf(forward);
  const count = (of: 'established' | 'refused' | 'unanswered'): number =>
    services.reduce((sum, one) => sum + one[of].count, 0);
  const failed = count('refused') + count('unanswered');
  if (count('established') > 0 || failed < ATTEMPTS_MIN) return { result: 'healthy', subject };
  const [{ client, server, first, refused, unanswered }] = services;
  const from = refused.first ?? unanswered.first ?? first;
  const to = refused.last ?? unanswered.last ?? from;
  return statedProblem(evidence, {
    subject,
    explanation:
      `${words(forward)}; ${failed} connections reach the cell ${server} and none comes about (${count('refused')} refused, ${count('unanswered')} without answer): ` +
      'the fault is on the cell, behind the forwarding: the container, its interface or its ssh daemon.',
    pair: [client, server],
    direction: { from: client, to: server },
    where: 'receiver',
    first: momentOf(from),
    last: momentOf(to),
    counts: { refused: count('refused'), unanswered: count('unanswered') },
    evidence: citations(
      [from, `${client} connects to port ${forward.port} of ${server}`],
      [to, `${client} connects to port ${forward.port}, last time`],
    ),
    displayFilter: `tcp.port == ${forward.port}`,
  });
}

function notSeen(evidence: Evidence, forward: Forward): Judgement {
  return statedProblem(evidence, {
    subject: subjectOf(forward),
    severity: 'info',
    confidence: 'medium',
    title: 'No ssh connection to a container reaches the cell',
    explanation: `${words(forward)}, and no connection to that port is in the capture, though others to such ports are: what does not arrive fails before the cell (ssh proxy, load balancer, permission).`,
    where: 'unknown',
    counts: { connections: 0 },
    displayFilter: `tcp.port == ${forward.port}`,
  });
}
