import { defineDiagnosis, type Judgement } from '../../../src/diagnose/diagnosis.js';
import type { Severity } from '../../../src/report/report.js';
import { type VppFault, type VppFlow, type VppTrace, vppTraces } from '../correlator.js';
import { countOf, decisionWords, faultFields, healthy, serviceOf, shareWords } from '../flow-words.js';

const REPEATED_MIN = 2;

export default defineDiagnosis({
  id: 'vpp.mtu-drop',
  title: 'VPP drops for MTU',
  severity: 'error',
  subject: 'flow',
  layer: 'fragments',
  priority: 2,
  rule:
    'A packet that must not be fragmented is dropped as too large (VPP says so, or it is longer than the MTU of the egress adjacency in the trace), ' +
    'or VPP answers it with "fragmentation needed". Error where it is dropped, or answered twice and more, and no packet of the flow gets through afterwards; ' +
    'information where the sender adapts, or was told once.',
  notWhen:
    'The packet is one of segmentation offload (gso_size above 0): VPP cuts it before it sends. Path MTU discovery that works: told once, smaller packets afterwards.',
  causes: [
    'The MTU of the pod or interface is larger than what the tunnel between the nodes leaves (VXLAN 50, IPIP 20, WireGuard 60 bytes)',
    'The uplink of VPP has a smaller MTU than the interfaces of the pods',
    "VPP's ICMP error does not reach the sender, or the sender does not heed it",
  ],
  nextSteps: [
    'vppctl show int: MTU of the egress interface; vppctl show adj: mtu of the adjacency',
    'In the pod: ip link show eth0; ping -M do -s SIZE ADDRESS to find the size that passes',
    'Set the MTU of the pods (Calico: mtu in the installation resource) to that of the tunnel',
  ],
  refutedBy: 'Packets of the same size and destination leave VPP in a later trace.',
  source: 'VPP: ip4-rewrite and ip4-midchain (MTU check), ip4-icmp-error; RFC 1191',
  thresholds: {
    repeated: [
      REPEATED_MIN,
      'packets',
      'path MTU discovery needs one answer; after that the sender must send smaller ones',
    ],
  },
  fault: 'mtu',
  explicitSignal: true,
  *diagnose(evidence) {
    for (const trace of evidence.sessions(vppTraces)) {
      for (const flow of trace.flows) {
        const faults = flow.faults.filter(({ kind, last }) => kind === 'mtu' && !last.isGso);
        yield faults.length === 0 ? healthy(flow) : problemOf(trace, flow, faults);
      }
    }
  },
});

function problemOf(trace: VppTrace, flow: VppFlow, faults: readonly VppFault[]): Judgement {
  const tooLarge = countOf(faults);
  const packet = faults[0]?.last.sent;
  const mtu = faults.find(({ last }) => last.mtu > 0)?.last.mtu;
  const sizes = mtu === undefined ? '' : ` (the egress MTU is ${mtu} bytes)`;
  return {
    ...faultFields(trace, flow, faults),
    severity: severityOf(faults, tooLarge),
    confidence: 'high',
    explanation:
      `${shareWords(flow, tooLarge)} are too large to leave: ${packet?.totalLength ?? 0} bytes, not to be fragmented${sizes}; ` +
      `${faults.map(decisionWords).join('; ')}.`,
    where: 'path',
    packets: { of: [...serviceOf(flow), 'large'], lost: tooLarge, delivered: 0 },
    counts: {
      tooLarge,
      packetBytes: packet?.totalLength ?? 0,
      ...(mtu !== undefined && { mtuBytes: mtu }),
      throughAfterwards: Math.min(...faults.map(({ throughAfter }) => throughAfter)),
    },
  };
}

function severityOf(faults: readonly VppFault[], tooLarge: number): Severity {
  const adapts = faults.every(({ throughAfter }) => throughAfter > 0);
  const isDropped = faults.some(({ last }) => last.outcome === 'dropped');
  if (adapts) return isDropped ? 'warning' : 'info';
  return isDropped || tooLarge >= REPEATED_MIN ? 'error' : 'info';
}
