import type { CaptureQuality } from '../../../src/correlate/capture-quality.js';
import { pauseAfter, secondsToPause } from '../../../src/correlate/watched.js';
import { defineDiagnosis, insufficientData, type Judgement } from '../../../src/diagnose/diagnosis.js';
import { NS_PER_SECOND } from '../../../src/units.js';
import { type VppFault, type VppFlow, type VppPath, type VppTrace, vppTraces } from '../correlator.js';
import { countOf, faultFields, flowSubject, healthy, serviceOf, shareWords } from '../flow-words.js';
import { interfaceKind } from '../graph-nodes.js';

const SETTLED_SECONDS = 1;

export default defineDiagnosis({
  id: 'vpp.no-tx',
  title: 'Packet does not leave VPP',
  severity: 'warning',
  subject: 'flow',
  layer: 'underlay',
  priority: 2,
  rule:
    "A packet's path ends in a node that always hands on (input, lookup, rewrite, interface-output), without drop, punt or tx; or in the output node of an interface although paths of other packets end in the tx node of such interfaces. " +
    'In a dispatch capture only where the capture goes on for 1 s; in a text only where a later packet is there.',
  notWhen:
    'The packet is the newest one, is consumed by VPP itself (local delivery, echo reply), is held (reassembly, another worker, encryption), or is cut into segments by offload; lines of it are missing in an excerpt.',
  causes: [
    'The trace stopped at its limit, or nodes of a plug-in do not trace: the packet may well have left',
    'The driver took the packet and lost it: its queue is full, or the peer of a virtual interface is gone',
  ],
  nextSteps: [
    'vppctl show int and show hardware-interfaces: do tx-error or drops of the egress interface count up?',
    'Trace again with a larger limit: vppctl clear trace; vppctl trace add <input node> 500; vppctl show trace max 500',
    'Capture at the other side of the egress interface: in the pod, tcpdump -ni eth0; on the wire, a mirror port',
  ],
  refutedBy: 'The packet is in a capture behind the egress interface.',
  source: 'VPP: interface output and tx nodes, packet tracer; Calico VPP troubleshooting guide (show trace)',
  thresholds: {
    settled: [SETTLED_SECONDS, 's', 'a packet passes VPP in microseconds'],
  },
  fault: 'unreachable',
  *diagnose(evidence) {
    for (const trace of evidence.sessions(vppTraces)) {
      for (const flow of trace.flows) yield judge(evidence.quality, trace, flow);
    }
  },
});

function judge(quality: CaptureQuality, trace: VppTrace, flow: VppFlow): Judgement {
  const open = flow.faults.filter((fault) => lacksTx(trace, fault));
  const isJudged = (path: VppPath): boolean => isSettled(trace, path) && isFollowed(quality, path);
  const faults = open.filter(({ examples }) => examples.some(isJudged));
  if (faults.length > 0) return problemOf(trace, flow, faults);
  if (open.length === 0) return healthy(flow);
  return insufficientData(
    flowSubject(flow),
    'The path of the newest packets may go on behind the end of the trace; trace some packets more (vppctl trace add <input node> 500).',
  );
}

function lacksTx({ txKinds, orphans }: VppTrace, { kind, node, last }: VppFault): boolean {
  if (kind === 'unfinished') return true;
  return kind === 'output' && !last.isGso && orphans === 0 && txKinds.has(kindOfOutput(node));
}

/** Output and tx nodes share the interface's name. */
function kindOfOutput(node: string): string {
  return interfaceKind(node);
}

function isSettled(trace: VppTrace, { origin, last }: VppPath): boolean {
  const end = trace.last;
  if (end === null || end.segment !== last.segment) return end !== null;
  if (origin === 'show-trace') return trace.paths.some((path) => path.first.timeNs > last.timeNs);
  return end.timeNs - last.timeNs >= SETTLED_SECONDS * NS_PER_SECOND;
}

/** Not right before a pause, in which its path may go on. */
function isFollowed(quality: CaptureQuality, { last }: VppPath): boolean {
  return !(secondsToPause(quality, last) < SETTLED_SECONDS) || pauseAfter(quality, last) === null;
}

function problemOf(trace: VppTrace, flow: VppFlow, faults: readonly VppFault[]): Judgement {
  const stuck = countOf(faults);
  const nodes = [...new Set(faults.map(({ last }) => last.last.node))].join(', ');
  return {
    ...faultFields(trace, flow, faults),
    confidence: stuck === flow.packets && stuck > 1 ? 'medium' : 'low',
    explanation: `${shareWords(flow, stuck)} end at ${nodes}: neither sent, nor dropped, nor given to the host.`,
    where: 'unknown',
    counts: { withoutTx: stuck, packets: flow.packets },
    packets: { of: serviceOf(flow), lost: stuck, delivered: flow.through },
  };
}
