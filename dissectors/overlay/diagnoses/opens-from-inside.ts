import { momentOf } from '../../../src/correlate/frame-reference.js';
import { oneSidedLimit } from '../../../src/correlate/gates.js';
import {
  defineDiagnosis,
  type Evidence,
  insufficientData,
  type Judgement,
  type Problem,
} from '../../../src/diagnose/diagnosis.js';
import type { Subject } from '../../../src/report/report.js';
import { NS_PER_SECOND } from '../../../src/units.js';
import { cite, inOrder } from '../../../src/wording/citations.js';
import { plural } from '../../../src/wording/counts.js';
import { secondsText } from '../../../src/wording/durations.js';
import { askedFromEnds, failedWhileOpen, type Opening, openings } from '../openings.js';
import { betweenEnds, type SeenTunnel, tunnelName, tunnelsSeen } from '../tunnels-seen.js';

const CYCLES_MIN = 2;
const TRIES_MIN = 3;
const VAIN_SECONDS_MIN = 2;
const IDLE_SECONDS_MIN = 5;
const CITED_CYCLES_MAX = 3;

export default defineDiagnosis({
  id: 'overlay.opens-from-inside',
  title: 'The tunnel is closed until the other end sends',
  severity: 'error',
  subject: 'tunnel',
  layer: 'tunnel-data',
  priority: 1,
  rule:
    'At least twice, and each time but the first after at least 5 s in which nothing was answered: at least 3 inner requests (pings, connections) of one end over at ' +
    'least 2 s get no answer, until the other end begins something of its own, which is answered; from then on requests of the first end are answered too.',
  notWhen:
    'It happens once (the other end may have started just then). Requests of the first end fail while the way is open. Nothing of the first end is ever answered (then ' +
    'a policy for one direction, or a tunnel that carries nothing that way). Connections whose repeated SYN is answered at last are not counted: when the way opened is not known of them.',
  causes: [
    'A stateful firewall or security group in front of the other end lets the packets of the tunnel in only as answers, for as long as its connection tracking remembers that this end has sent',
    'A host firewall there has no rule for the tunnel (IP protocol 4, 47, or its UDP port) and passes what is established or related',
    'A NAT in front of the other end forgets its mapping when nothing is sent',
  ],
  nextSteps: [
    "Permit the tunnel's packets from the peer explicitly on the closed side: nft add rule inet filter input ip saddr PEER ip protocol 4 accept (47 for GRE, udp dport 4789 for VXLAN), and in security groups of the cloud",
    'Look how long it stays open: conntrack -L -s PEER; sysctl net.netfilter.nf_conntrack_generic_timeout net.netfilter.nf_conntrack_gre_timeout net.netfilter.nf_conntrack_udp_timeout',
    'Until then let the closed side send often enough: ping -i 10 INNER_ADDRESS_OF_PEER',
    'Capture on both sides of the firewall, to see where the first packets after a pause stay',
  ],
  refutedBy:
    'A request of the first end that is answered after a long pause, before the other end has sent anything.',
  source:
    'projectcalico/calico 1357 and 1996 (IPIP and connection tracking); Linux kernel documentation, nf_conntrack-sysctl',
  thresholds: {
    cycles: [CYCLES_MIN, 'times', 'once, the other end may have come up just then'],
    tries: [TRIES_MIN, 'requests', 'a lost request or two is normal'],
    vainSeconds: [VAIN_SECONDS_MIN, 's', 'ping waits about that long for a reply'],
    idleSeconds: [IDLE_SECONDS_MIN, 's', 'no connection tracking forgets sooner'],
  },
  fault: 'policy',
  consequenceOf: ['path-loss'],
  *diagnose(evidence) {
    for (const tunnel of tunnelsSeen(evidence)) {
      const judgement = judge(evidence, tunnel);
      if (judgement) yield judgement;
    }
  },
});

function judge(evidence: Evidence, tunnel: SeenTunnel): Judgement | null {
  const asked = askedFromEnds(evidence, tunnel);
  const subject: Subject = { kind: 'tunnel', tunnel: tunnel.kind, endpoints: [tunnel.low, tunnel.high] };
  for (const direction of [0, 1]) {
    const outer = asked[direction];
    const inner = asked[1 - direction];
    const found = openings(outer, inner).filter(isLasting);
    if (found.length === 0 || found.every(({ worked }) => worked === null)) continue;
    if (failedWhileOpen(outer, inner, { restSeconds: IDLE_SECONDS_MIN, triesMin: TRIES_MIN })) continue;
    const cycles = found.filter(
      ({ idleSeconds }, index) =>
        (idleSeconds === null && index === 0) || (idleSeconds ?? 0) >= IDLE_SECONDS_MIN,
    );
    const [from, to] = direction === 0 ? [tunnel.low, tunnel.high] : [tunnel.high, tunnel.low];
    if (cycles.length < CYCLES_MIN) {
      return insufficientData(
        subject,
        `Requests from ${from} through ${tunnelName(evidence, tunnel)} were answered only after ${to} had sent something itself, once: that may be a stateful filter, or ${to} came up just then; capture while you ping from ${from} after pauses of some minutes.`,
      );
    }
    const limit = oneSidedLimit(evidence.quality, tunnel.low, tunnel.high, tunnel.outerStack);
    return limit ? insufficientData(subject, limit) : problemOf(evidence, tunnel, { from, to }, cycles);
  }
  return asked.every(({ answered }) => answered.length > 0) ? { result: 'healthy', subject } : null;
}

function isLasting({ vain: { first, last, tries } }: Opening): boolean {
  return tries >= TRIES_MIN && last.timeNs - first.timeNs >= VAIN_SECONDS_MIN * NS_PER_SECOND;
}

function problemOf(
  evidence: Evidence,
  tunnel: SeenTunnel,
  direction: { readonly from: string; readonly to: string },
  cycles: readonly Opening[],
): Problem {
  const { from, to } = direction;
  const name = tunnelName(evidence, tunnel);
  const [{ vain }] = cycles;
  const last = cycles[cycles.length - 1];
  const tries = cycles.reduce((sum, one) => sum + one.vain.tries, 0);
  const idle = cycles.flatMap(({ idleSeconds }) => idleSeconds ?? []);
  return {
    result: 'problem',
    subject: { kind: 'tunnel', tunnel: tunnel.kind, endpoints: [tunnel.low, tunnel.high] },
    confidence: 'medium',
    explanation:
      `${plural(tries, 'inner request')} from ${from} through ${name} got no answer (${vain.words}), each time until ${to} sent something of its own; from then on those of ${from} were answered too. ` +
      `That happened ${cycles.length} times, after pauses of ${secondsText(Math.min(...idle))} and more: a stateful filter on the way lets packets of ${from} pass only while it remembers that ${to} has sent.`,
    pair: [tunnel.low, tunnel.high],
    direction,
    where: 'path',
    first: momentOf(vain.first),
    last: momentOf(last.opener),
    ongoingAtEnd: false,
    counts: { cycles: cycles.length, unanswered: tries, shortestIdleSeconds: Math.round(Math.min(...idle)) },
    evidence: inOrder(
      cycles
        .slice(0, CITED_CYCLES_MAX)
        .flatMap((one) => [
          cite(one.vain.first, `${one.vain.words}, no answer (${plural(one.vain.tries, 'request')})`),
          cite(one.opener, `${to} begins something, which is answered`),
          ...(one.worked ? [cite(one.worked, `a request from ${from} is answered`)] : []),
        ]),
    ),
    displayFilter: betweenEnds(evidence.quality, tunnel),
  };
}
