import {
  defineDiagnosis,
  type Evidence,
  insufficientData,
  type Judgement,
} from '../../../src/diagnose/diagnosis.js';
import { isToldByPackets, statedProblem } from '../../../src/diagnose/stated-problem.js';
import { originText } from '../../../src/side-files/origin.js';
import pings, { type PingError, type PingRun } from '../side-files/ping.js';

const SENT_MIN = 3;
const PARTIAL_SENT_MIN = 10;
const PARTIAL_SHARE = 0.1;
/** Payload of an Ethernet frame in bytes (RFC 894). */
const ETHERNET_MTU = 1500;
/** Findings of packets which say the same of the same target, and cite frames besides. */
const BY_PACKETS = [
  'underlay.ping-loss',
  'underlay.ping-size-loss',
  'underlay.unreachable',
  'mtu.frag-needed',
];

type Outcome = PingError['kind'] | 'silent' | 'lossy' | 'size';

interface Meaning {
  readonly title: string;
  readonly conclusion: string;
  readonly steps: readonly string[];
}

const MEANINGS: Readonly<Record<Outcome, Meaning>> = {
  'too-large': {
    title: 'Ping is too large for the path',
    conclusion: 'a packet of that size does not fit the path and may not be fragmented',
    steps: [
      'Find the limit: ping -M do -s SIZE TARGET, with SIZE + 28 (IPv6: + 48) as the packet; set the MTU of the tunnel interface to what passes, less the overhead of the tunnel',
      'ip link show: is the MTU of the interface what the path has? ip route get TARGET shows a learned path MTU',
    ],
  },
  size: {
    title: 'Only small pings get through',
    conclusion:
      'small requests are answered and large ones are not: fragments are filtered on the path, or the MTU of a hop is smaller and its ICMP message is filtered',
    steps: [
      'ping -M do -s 1472 TARGET, then smaller: where does it begin to pass? That size + 28 is the path MTU',
      'Capture on both ends with ip host PEER and not port 22: do all fragments arrive that leave?',
      'IKE with certificates: leftsendcert=never, with the certificate copied to the other side, avoids fragments',
    ],
  },
  unreachable: {
    title: 'Ping: destination unreachable',
    conclusion: 'whoever says it has no way to the target: no route, or no answer to ARP',
    steps: [
      'ip route get TARGET and ip neigh show on the host that says it; FAILED or INCOMPLETE: the target is down or in another network',
      'Is the target up: bosh vms, or the console of the host',
    ],
  },
  prohibited: {
    title: 'Ping: a filter rejects it',
    conclusion: 'a firewall or an ACL rejects the request on purpose',
    steps: [
      'iptables -L -v -n (nft list ruleset) on the host that says it; allow ICMP echo and the port of the tunnel',
    ],
  },
  ttl: {
    title: 'Ping: the path goes in a circle',
    conclusion: 'the hop limit ran out on the way: a routing loop, or a path of more than 64 hops',
    steps: [
      'traceroute -n TARGET: which two hosts alternate? Their routes to the target point at each other',
    ],
  },
  'no-route': {
    title: 'Ping: the host has no route',
    conclusion: 'the host that pings has no route to the target, so that nothing is sent',
    steps: [
      'ip route get TARGET; ip addr: is the interface of that network (tun0, silk-vtep) up, and has it an address?',
    ],
  },
  'filtered-here': {
    title: 'Ping: a local rule stops it',
    conclusion: 'the packet filter of the host that pings drops its own request (OUTPUT)',
    steps: ['iptables -L OUTPUT -v -n (nft list ruleset) on the host that pings'],
  },
  silent: {
    title: 'Ping fails',
    conclusion:
      'no request was answered: the target is down, has no way back, or something on the way drops the packets',
    steps: [
      'Ping the underlay address of the target first, then the address inside the tunnel',
      'Capture at the target: tcpdump -ni IFACE icmp and host SOURCE; requests that arrive without reply are dropped there',
      'iptables -L -v -n on both hosts: a rule that drops ICMP, or the protocol of the tunnel',
    ],
  },
  lossy: {
    title: 'Pings are lost',
    conclusion: 'a part of the requests was not answered: the path or the target loses packets',
    steps: [
      'mtr -n TARGET: from which hop on are packets lost?',
      'ip -s link on both hosts: errors and drops',
    ],
  },
};

export default defineDiagnosis({
  id: 'underlay.ping-failed',
  title: 'Ping fails, by its output',
  severity: 'warning',
  subject: 'host',
  layer: 'underlay',
  priority: 2,
  judgesLast: true,
  lines: 'suffice',
  rule:
    'The output of ping is given (--log), and in it: a line says why (Frag needed, Packet too big, Message too long, unreachable, filtered, hop limit, no route) and no request of that run was answered, or the limit of the path; ' +
    'none of at least 3 requests was answered; more than 10 % of at least 10 were not; or a run of small requests is answered and one of large ones to the same target is not. Information where smaller requests fit, or the limit is the 1500 bytes of an ordinary link.',
  notWhen:
    'All runs to the target are answered. A later run of the same size was answered. Packets of the capture show the same of the target: then that finding says it. The run was cut before its statistics.',
  causes: Object.values(MEANINGS).map(({ conclusion }) => conclusion),
  nextSteps: [...MEANINGS.silent.steps, MEANINGS['too-large'].steps[0]],
  refutedBy: 'A later run that is answered.',
  source:
    'ping(8); guides: SCIONLab (ping the remote overlay address), Cloud Foundry (ping underlay, then overlay), openswan (ping -s 5000), VPP, MidoNet',
  thresholds: {
    sent: [SENT_MIN, 'requests', 'one lost request is normal'],
    partialSent: [PARTIAL_SENT_MIN, 'requests', 'a share of fewer says nothing'],
    partialShare: [PARTIAL_SHARE, 'share', 'less is chance'],
  },
  fault: 'silence',
  consequenceOf: [
    'path-loss',
    'addressing',
    'unreachable',
    'policy',
    'refused',
    'mtu',
    'tunnel-one-way',
    'tunnel-loss',
  ],
  *diagnose(evidence): Generator<Judgement> {
    const runs = evidence.side.of(pings);
    for (const target of new Set(runs.map((run) => run.target))) {
      if (!isToldByPackets(evidence, BY_PACKETS, target))
        yield judge(
          evidence,
          runs.filter((run) => run.target === target),
        );
    }
  },
});

function judge(evidence: Evidence, runs: readonly PingRun[]): Judgement {
  const [first] = runs;
  const subject = { kind: 'host', target: first.target, file: first.origin.file };
  // What a later run of the size, or of a larger one, showed to work is over.
  const lasting = runs.filter(
    (run, index) => !runs.slice(index + 1).some((later) => isAnswered(later) && sizeOf(later) >= sizeOf(run)),
  );
  for (const run of lasting) {
    const outcome = outcomeOf(run, runs);
    if (outcome !== null) return problemOf(evidence, run, outcome, runs);
  }
  if (runs.some(isAnswered)) return { result: 'healthy', subject };
  return insufficientData(
    subject,
    `The output of ping to ${first.target} (${originText(first.origin)}) ends before it says anything; let it run to its statistics: ping -c 5 ${first.target}`,
  );
}

function sizeOf({ payloadBytes }: PingRun): number {
  return payloadBytes ?? 0;
}

function isAnswered({ answered, sent }: PingRun): boolean {
  return answered > 0 && (sent === null || answered * 2 > sent);
}

function outcomeOf(run: PingRun, runs: readonly PingRun[]): Outcome | null {
  const { sent, answered, errors } = run;
  const tooLarge = errors.find(({ kind }) => kind === 'too-large');
  if (tooLarge !== undefined) return 'too-large';
  if (answered === 0 && errors.length > 0) return errors[0].kind;
  if (sent === null) return null;
  if (answered === 0 && sent >= SENT_MIN)
    return runs.some((one) => isAnswered(one) && sizeOf(one) < sizeOf(run)) ? 'size' : 'silent';
  return sent >= PARTIAL_SENT_MIN && sent - answered > PARTIAL_SHARE * sent ? 'lossy' : null;
}

/**
 * Somebody looks for the limit: smaller requests are answered, or the limit is that of an ordinary link, which any larger
 * packet exceeds.
 */
function isProbe(run: PingRun, runs: readonly PingRun[], mtu: number): boolean {
  const smaller = runs.some((one) => isAnswered(one) && sizeOf(one) < sizeOf(run));
  return run.answered > 0 || smaller || mtu >= ETHERNET_MTU;
}

function problemOf(evidence: Evidence, run: PingRun, outcome: Outcome, runs: readonly PingRun[]): Judgement {
  const { target, sent, answered, payloadBytes, errors, origin } = run;
  const { title, conclusion, steps } = MEANINGS[outcome];
  const said = errors.find(({ kind }) => kind === outcome);
  const small = runs.find((one) => isAnswered(one) && sizeOf(one) < sizeOf(run));
  const tally =
    sent === null
      ? ''
      : ` ${answered} of ${sent} requests${payloadBytes === null ? '' : ` with ${payloadBytes} bytes`} were answered.`;
  const limit = said?.mtu ? ` The limit is ${said.mtu} bytes.` : '';
  const compared = outcome === 'size' && small ? ` With ${sizeOf(small)} bytes ${small.answered} were.` : '';
  return statedProblem(evidence, {
    subject: { kind: 'host', target, file: origin.file, outcome },
    title,
    severity: outcome === 'too-large' && isProbe(run, runs, said?.mtu ?? 0) ? 'info' : 'warning',
    explanation:
      `Ping of ${target} (${originText(origin)}):${said ? ` "${said.text.slice(0, 120)}".` : ''}${tally}${compared}${limit} ` +
      `That is: ${conclusion}.`,
    ...(said?.from && said.from !== target ? { pair: [said.from, target] as const } : {}),
    where: outcome === 'filtered-here' || outcome === 'no-route' ? 'sender' : 'unknown',
    counts: { sent: sent ?? 0, answered, errors: errors.length, mtuBytes: said?.mtu ?? 0 },
    causes: [conclusion],
    nextSteps: steps.map((step) => step.replaceAll('TARGET', target)),
    displayFilter: `${target.includes(':') ? 'icmpv6 && ipv6' : 'icmp && ip'}.addr == ${target}`,
  });
}
