import type { KnownProtocols } from '../../../src/correlate/known-protocols.js';
import { defineDiagnosis, type Judgement } from '../../../src/diagnose/diagnosis.js';
import type { Severity } from '../../../src/report/report.js';
import { type VppFault, type VppFlow, type VppTrace, vppTraces } from '../correlator.js';
import { causesBehind, isNotListened } from '../drop-reasons.js';
import {
  countOf,
  decisionWords,
  faultFields,
  flowSubject,
  healthy,
  secondsOf,
  serviceOf,
  shareWords,
} from '../flow-words.js';
import { isTraceroute } from '../path-faults.js';
import { isPuntMissing } from '../punting.js';

const REPEATED_MIN = 2;
const FEW_FLOWS = 4;
const RESOLVING_MIN = 3;
const RESOLVING_SECONDS = 2;
const EXPIRED_MIN = 3;
const RARE_SHARE = 1;

export default defineDiagnosis({
  id: 'vpp.drop',
  title: 'VPP drops the packet',
  severity: 'error',
  subject: 'flow',
  layer: 'underlay',
  priority: 1,
  rule:
    "A unicast packet's path through the graph ends in a drop node, VPP turns it into an ICMP error, or a drop capture holds it with VPP's reason. " +
    'Error where no packet of the flow gets through and it was tried twice or is one of few flows; warning otherwise, and where a policy denies every packet; ' +
    'information where a policy denies some, where less than 1 % are dropped and later ones pass, for expired traceroute probes, ' +
    'and where nobody in VPP listens.',
  notWhen:
    'The packet is for a group or for neighbours (ARP, neighbour discovery, DHCP, LLDP, IGMP), which VPP drops when its work is done; ' +
    'or it waited for the resolution of its next hop and later ones pass. Packets too large, without translation, or for the host are findings of their own.',
  causes: [
    'No route to the destination, or a reverse path check',
    'A policy or access list denies it',
    'The egress interface is down, or the next hop does not answer ARP',
    'A wrong checksum or length, or an expired TTL',
  ],
  nextSteps: [
    'vppctl show errors: the same reason must count up while the traffic runs',
    'vppctl clear trace; vppctl trace add <input node> 500; then vppctl show trace max 500',
    'pcap trace drop max 1000 file drops.pcap, then off: every dropped packet with its reason',
  ],
  refutedBy: 'A later trace of the same flow ends in a tx node, and the counter of the reason stands still.',
  source:
    'VPP: vlib drop nodes, pcap drop trace, IPv4 and IPv6 error counters; Calico VPP troubleshooting guide',
  thresholds: {
    repeated: [REPEATED_MIN, 'packets', 'one packet may be a stray'],
    fewFlows: [FEW_FLOWS, 'flows', 'a trace of so few flows was taken for them'],
    resolving: [
      RESOLVING_MIN,
      'packets',
      'VPP drops the first packets while it asks for the MAC address of the next hop',
    ],
    resolvingSeconds: [RESOLVING_SECONDS, 's', 'a neighbour answers within milliseconds'],
    expired: [EXPIRED_MIN, 'packets', 'single packets expire by traceroute or a short loop'],
    rareShare: [RARE_SHARE, '%', 'below that a flow works'],
  },
  fault: 'unreachable',
  explicitSignal: true,
  *diagnose(evidence) {
    for (const trace of evidence.sessions(vppTraces)) {
      for (const flow of trace.flows) yield* judge(evidence.quality.protocols, trace, flow);
    }
  },
});

function* judge(protocols: KnownProtocols, trace: VppTrace, flow: VppFlow): Iterable<Judgement> {
  const all = flow.faults.filter((fault) => isDrop(protocols, trace, flow, fault));
  const waited = all.filter((fault) => fault.kind === 'resolving' && !isUnresolved(flow, fault));
  const faults = all.filter((fault) => !waited.includes(fault));
  if (faults.length > 0) yield problemOf(trace, flow, faults);
  else if (waited.length > 0 && flow.through === 0) {
    yield {
      result: 'insufficient-data',
      subject: flowSubject(flow),
      reason:
        'The next hop was being resolved when the trace ended; trace for some seconds more, and look at vppctl show ip neighbors.',
      neededSeconds: RESOLVING_SECONDS,
    };
  } else yield healthy(flow);
}

function isDrop(protocols: KnownProtocols, trace: VppTrace, flow: VppFlow, fault: VppFault): boolean {
  switch (fault.kind) {
    case 'policy':
    case 'resolving':
    case 'ttl':
      return true;
    case 'drop':
    case 'local':
      return !isPuntMissing(protocols, trace, flow, fault);
    default:
      return false;
  }
}

/** Asked for in vain for longer than any neighbour needs. */
function isUnresolved(flow: VppFlow, fault: VppFault): boolean {
  return flow.through === 0 && fault.count >= RESOLVING_MIN && secondsOf(fault) >= RESOLVING_SECONDS;
}

const RANKS: readonly Severity[] = ['info', 'warning', 'error'];

function problemOf(trace: VppTrace, flow: VppFlow, faults: readonly VppFault[]): Judgement {
  const severities = faults.map((fault) => severityOf(trace, flow, fault));
  const severity = RANKS[Math.max(...severities.map((one) => RANKS.indexOf(one)))] ?? 'info';
  const dropped = countOf(faults);
  const worst = [...faults].sort((a, b) => b.count - a.count);
  const behind = worst.map(({ reason, node }) => causesBehind(reason, node));
  const causes = [...new Set(behind.flatMap((one) => one.causes))];
  const nextSteps = [...new Set(behind.flatMap((one) => one.nextSteps))];
  const decisions = worst.map((fault) => `${fault.count} ${decisionWords(fault)}`).join('; ');
  const through = flow.through === 0 ? 'none gets through' : `${flow.through} get through`;
  return {
    ...faultFields(trace, flow, faults),
    severity,
    confidence: 'high',
    explanation: `VPP does not forward ${shareWords(flow, dropped)} (${through}): ${decisions}.`,
    where: 'path',
    packets: { of: serviceOf(flow), lost: dropped, delivered: flow.through },
    counts: { dropped, through: flow.through, packets: flow.packets },
    ...(causes.length > 0 && { causes }),
    ...(nextSteps.length > 0 && { nextSteps: [...nextSteps, ...GENERAL_STEPS] }),
  };
}

const GENERAL_STEPS: readonly string[] = [
  'vppctl show errors: the same reason must count up while the traffic runs',
  'vppctl clear trace; vppctl trace add <input node> 500; then vppctl show trace max 500',
];

function severityOf(trace: VppTrace, flow: VppFlow, fault: VppFault): Severity {
  const isDead = flow.through === 0;
  const isFocus = trace.flows.length <= FEW_FLOWS;
  const packet = fault.last.received;
  switch (fault.kind) {
    case 'policy':
    case 'resolving':
      return isDead ? 'warning' : 'info';
    case 'ttl':
      if (fault.count < EXPIRED_MIN || (packet !== null && isTraceroute(packet))) return 'info';
      return isDead ? 'warning' : 'info';
    default:
      break;
  }
  if (fault.kind === 'local' && (isNotListened(fault.reason) || fault.last.outcome === 'rejected'))
    return isDead && isFocus ? 'warning' : 'info';
  if (isDead) return fault.count >= REPEATED_MIN || isFocus ? 'error' : 'warning';
  const isRare = fault.throughAfter > 0 && fault.count * 100 < flow.packets * RARE_SHARE;
  return isRare ? 'info' : 'warning';
}
