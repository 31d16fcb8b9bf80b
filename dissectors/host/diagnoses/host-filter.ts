import { earliest, latest } from '../../../src/correlate/frame-reference.js';
import type { Conversation, PairTraffic } from '../../../src/correlate/traffic.js';
import {
  defineDiagnosis,
  type Evidence,
  type Judgement,
  type Problem,
} from '../../../src/diagnose/diagnosis.js';
import { type PacketClass, serviceWord } from '../../../src/diagnose/packet-class.js';
import { statedProblem } from '../../../src/diagnose/stated-problem.js';
import { originText } from '../../../src/side-files/origin.js';
import { NS_PER_SECOND } from '../../../src/units.js';
import { cite } from '../../../src/wording/citations.js';
import { pairFilter } from '../../../src/wording/display-filters.js';
import { type FilterVerdict, HOST_CHAINS, type Service, verdictOf } from '../filter-verdict.js';
import { type NamedService, servicesOf } from '../services.js';
import packetFilters, { type FilterChain } from '../side-files/packet-filter.js';

const SILENT_SECONDS = 5;
const PROTOCOL_NAMES = new Map([
  [6, 'tcp'],
  [17, 'udp'],
  [47, 'gre'],
  [50, 'esp'],
  [51, 'ah'],
]);

export default defineDiagnosis({
  id: 'underlay.host-filter',
  title: 'Packet filter of the host drops tunnel packets',
  severity: 'error',
  subject: 'host',
  layer: 'underlay',
  priority: 1,
  rule:
    'The packet filter of a host is given (--log, iptables -S or -L -v -n). By its rules in their order, a chain drops the packets of a tunnel or of its control (UDP 4789, 500, 4500, 1194 …, ' +
    'protocols 50, 51 and 47), by a rule or by its policy. Where packets show the fault, their finding leads, with the rule as its cause. Error where the capture has these packets without an answer; information where they are answered, or not in the capture.',
  notWhen:
    'A rule before it accepts them, or one that depends on addresses, interfaces or the state of the connection may do so.',
  causes: [
    'The rule set was written for IKE on port 500 alone: traffic of port 4500 may come from any port, ESP has no ports',
    'The tunnel port was changed, or the tunnel added, and not the firewall of the host',
    'Another program (docker, kube-proxy, firewalld, ufw) put its rules in front',
  ],
  nextSteps: [
    'Let the packets pass, before the rule that drops them: iptables -I INPUT -p udp --dport PORT -j ACCEPT (ESP: -p esp, GRE: -p gre)',
    'For port 4500 accept both ways, whatever the other port: iptables -A INPUT -p udp --dport 4500 -j ACCEPT; iptables -A INPUT -p udp --sport 4500 -j ACCEPT',
    'Read the counters twice while the traffic is sent: iptables -L -v -n; the rule that grows is the one',
  ],
  refutedBy: 'The counter of the rule stands still while the packets arrive.',
  source: 'openswan guide (port 4500 is closed), MidoNet guide (firewall), Cloud Foundry guide; iptables(8)',
  thresholds: {
    silent: [SILENT_SECONDS, 's', 'requests that go on for longer get no answer any more'],
  },
  fault: 'policy',
  *diagnose(evidence) {
    const chains = evidence.side.of(packetFilters);
    if (chains.length === 0) return;
    const files = [...new Set(chains.map(({ origin }) => origin.file))];
    for (const file of files) {
      const ofHost = chains.filter(({ origin }) => origin.file === file);
      for (const service of servicesOf(evidence.quality.protocols)) {
        for (const name of HOST_CHAINS) {
          const chain = ofHost.find((one) => one.name === name);
          if (!chain) continue;
          const used = usesOf(evidence, service);
          const verdict = verdictOf(ofHost, chain, service);
          const exact = verdict ? null : verdictOfUses(ofHost, chain, service, used);
          if (verdict) yield* judge(evidence, service, name, verdict, used);
          else if (exact) yield* judge(evidence, service, name, exact.verdict, exact.used);
          else if (used.length > 0)
            yield { result: 'healthy', subject: { kind: 'host', file, chain: name, service: service.name } };
        }
      }
    }
  },
});

interface Used {
  readonly pair: PairTraffic;
  readonly conversations: readonly Conversation[];
}

function* judge(
  evidence: Evidence,
  service: NamedService,
  chain: string,
  verdict: FilterVerdict,
  used: readonly Used[],
): Generator<Judgement> {
  const silent = used.filter(({ conversations }) => conversations.every(isOneWay));
  const isNamed = verdict.rule !== null && verdict.rule.protocol !== null;
  // The policy of a chain concerns whatever is not named: without packets it says nothing.
  if (used.length === 0 && !isNamed) return;
  const [shown] = silent.length > 0 ? silent : used;
  const subject = { kind: 'host', file: verdict.chain.origin.file, chain, service: service.name };
  const { rule } = verdict;
  const who = rule
    ? `The rule "${rule.text}" (${originText(rule.origin)}) in chain ${verdict.chain.name}`
    : `The policy ${verdict.chain.policy ?? ''} of chain ${verdict.chain.name} (${originText(verdict.chain.origin)})`;
  const counted = rule?.packets ?? null;
  const taken = counted === null ? '' : ` It took ${counted} packets so far.`;
  if (shown === undefined) {
    yield statedProblem(evidence, {
      subject,
      severity: 'info',
      explanation: `${who} drops ${service.name}.${taken} None of these packets is in the capture.`,
      where: 'receiver',
      counts: { packets: 0, ruleTook: counted ?? 0 },
    });
    return;
  }
  const { pair, conversations } = shown;
  const first = earliest(conversations.flatMap(({ fromA, fromB }) => [fromA.first, fromB.first]));
  const last = latest(conversations.flatMap(({ fromA, fromB }) => [fromA.last, fromB.last]));
  const packets = conversations.reduce((sum, { fromA, fromB }) => sum + fromA.packets + fromB.packets, 0);
  yield statedProblem(evidence, {
    subject,
    severity: silent.length === 0 ? 'info' : isNamed ? 'error' : 'warning',
    confidence: isNamed ? 'high' : 'medium',
    explanation:
      `${who} drops ${service.name}${portWords(service, used, verdict)}.${taken} The capture has ${packets} of these packets between ${pair.a} and ${pair.b}` +
      (silent.length > 0
        ? ', at the end all one way: they get no answer.'
        : ', both ways: the rule does not concern them, or is of another time.'),
    pair: [pair.a, pair.b],
    where: 'receiver',
    ...(first && last ? { first, last } : {}),
    counts: { packets, ruleTook: counted ?? 0 },
    packets: classOf(service, conversations),
    ...(silent.length > 0 ? statedCauseOf(service, verdict, who, taken) : {}),
    evidence: [
      ...(first ? [cite(first, `first packet of ${service.name}`)] : []),
      ...(last ? [cite(last, 'last one')] : []),
    ],
    displayFilter: pairFilter(pair.a, pair.b),
  });
}

/** What the finding of the packets is to say of the rule: the cause, and how the packets are let pass. */
function statedCauseOf(
  service: NamedService,
  { chain, rule }: FilterVerdict,
  who: string,
  taken: string,
): Pick<Problem, 'statedCause'> {
  const { technology, name } = service;
  if (technology === undefined) return {};
  const command = `iptables -I ${chain.name} ${matchOf(service)} -j ACCEPT`;
  return {
    statedCause: {
      technology,
      cause: `${who} drops ${name}.${taken}`,
      isProven: (rule?.packets ?? 0) > 0,
      remedies: [`${who} drops ${name}. Let the packets pass before it: ${command}`],
    },
  };
}

function matchOf({ protocol, port }: Service): string {
  const name = PROTOCOL_NAMES.get(protocol) ?? String(protocol);
  return port === 0 ? `-p ${name}` : `-p ${name} --dport ${port}`;
}

function usesOf({ quality }: Evidence, { protocol, port }: Service): Used[] {
  const found: Used[] = [];
  for (const pair of quality.traffic.all()) {
    if (pair.stack !== 0) continue;
    const conversations = pair.conversations.filter(
      (one) => one.protocol === protocol && (port === 0 || one.portOfA === port || one.portOfB === port),
    );
    if (conversations.length > 0) found.push({ pair, conversations });
  }
  return found;
}

/**
 * Rules that name the port of the sender decide only where packets show it: "--sport 4500 --dport 4500" does not take what
 * comes from a NAT.
 */
function verdictOfUses(
  chains: readonly FilterChain[],
  chain: FilterChain,
  service: Service,
  used: readonly Used[],
): { readonly verdict: FilterVerdict; readonly used: readonly Used[] } | null {
  for (const { pair, conversations } of used) {
    for (const one of conversations) {
      const sourcePort = one.portOfA === service.port ? one.portOfB : one.portOfA;
      const verdict = service.port === 0 ? null : verdictOf(chains, chain, { ...service, sourcePort });
      if (verdict) return { verdict, used: [{ pair, conversations: [one] }] };
    }
  }
  return null;
}

/** Where a rule accepts the service from one port alone, that port is the reason. */
function portWords({ port }: Service, used: readonly Used[], { chain }: FilterVerdict): string {
  const [accepting] = chain.rules.filter(
    ({ target, sourcePorts, destinationPorts }) =>
      target === 'ACCEPT' &&
      sourcePorts.length > 0 &&
      destinationPorts.some((range) => range.from <= port && port <= range.to),
  );
  const [conversation] = used.flatMap(({ conversations }) => conversations);
  if (!accepting || !conversation) return '';
  const other = conversation.portOfA === port ? conversation.portOfB : conversation.portOfA;
  return ` that comes from port ${other}: "${accepting.text}" takes it from one port only, and behind a NAT it may come from any`;
}

/** Nothing came back, or nothing any more. */
function isOneWay({ fromA, fromB }: Conversation): boolean {
  if (!fromA.last || !fromB.last) return true;
  const [a, b] = [fromA.last, fromB.last];
  return a.segment === b.segment && Math.abs(a.timeNs - b.timeNs) > SILENT_SECONDS * NS_PER_SECOND;
}

function classOf({ protocol, port }: Service, conversations: readonly Conversation[]): PacketClass {
  const lost = conversations.reduce((sum, { fromA, fromB }) => sum + fromA.packets + fromB.packets, 0);
  return { of: port === 0 ? [] : [serviceWord(protocol, port)], lost, delivered: 0 };
}
