import { defineDiagnosis, type Judgement } from '../../../src/diagnose/diagnosis.js';
import { originText } from '../../../src/side-files/origin.js';
import { captureSubject } from '../../../src/wording/capture-subject.js';
import { plural } from '../../../src/wording/counts.js';
import { type VppTrace, type VppVisit, vppTraces } from '../correlator.js';
import { refOf } from '../flow-words.js';
import inputNodes, { type VppInputNode } from '../side-files/nodes.js';

/** The default of `show trace`, and the step in which people raise it. */
const LIMIT_STEP = 50;
/** The default of `pcap dispatch trace on`, and its multiples. */
const CAPTURE_STEP = 1000;

export default defineDiagnosis({
  id: 'vpp.trace-incomplete',
  title: 'Trace is empty or cut',
  severity: 'info',
  subject: 'capture',
  layer: 'capture',
  priority: 1,
  rule: 'Every thread of the text says "No packets in trace buffer"; or VPP says that it limited the display; or a thread shows exactly 50 packets or a multiple, or a dispatch capture exactly 1,000 records or a multiple, as if a limit had been reached.',
  notWhen: 'Only some threads have no packets: traffic of a flow stays on one worker.',
  causes: [
    'The trace was added to another input node than the traffic uses, or no traffic passed',
    'More packets were traced than show trace displays (50 by default), or than the trace buffer was told to take',
  ],
  nextSteps: [
    'vppctl clear trace; vppctl trace add <input node> 500; make traffic; vppctl show trace max 500',
    'vppctl show run names the input node that is busy: virtio-input for pods; dpdk-input, af-packet-input, af_xdp-input or avf-input for the uplink',
    'For a dispatch capture: pcap dispatch trace on max 10000 file FILE buffer-trace <input node> 1000, then off',
  ],
  refutedBy: 'show trace with a larger max shows the same packets.',
  source: 'VPP: packet tracer (show trace), pcap dispatch trace; Calico VPP troubleshooting guide',
  thresholds: {
    limitStep: [LIMIT_STEP, 'packets', 'default of show trace; limits are round numbers'],
    captureStep: [CAPTURE_STEP, 'records', 'default of pcap dispatch trace'],
  },
  fault: 'capture',
  *diagnose(evidence) {
    const subject = captureSubject(evidence.quality);
    for (const trace of evidence.sessions(vppTraces)) {
      if (trace.pathCount + trace.emptyThreads.length + trace.limits.length === 0) continue;
      yield problemOf(trace, subject, evidence.side.of(inputNodes)) ?? { result: 'healthy', subject };
    }
  },
});

function problemOf(
  trace: VppTrace,
  subject: { kind: 'capture' },
  nodes: readonly VppInputNode[],
): Judgement | null {
  const shown = [...trace.packetsOfThread.values()].reduce((sum, count) => sum + count, 0);
  const said = saidOf(trace, shown);
  const guess = said ?? guessedOf(trace);
  if (guess === null || trace.first === null || trace.last === null) return null;
  const { words, at } = guess;
  return {
    result: 'problem',
    subject,
    confidence: said === null ? 'low' : 'high',
    explanation: `${words}${nodeWords(nodes)}`,
    first: trace.first,
    last: trace.last,
    ongoingAtEnd: true,
    counts: { packetsShown: shown, records: trace.records, emptyThreads: trace.emptyThreads.length },
    evidence: at.map((visit) => ({
      ...refOf(visit),
      summary: visit.line === 0 ? words : `line ${visit.line}`,
    })),
    displayFilter: 'frame',
  };
}

/** The busiest input nodes of `show run`: one of them is the one to trace. */
function nodeWords(nodes: readonly VppInputNode[]): string {
  const busy = nodes.filter(({ packets }) => packets > 0).sort((a, b) => b.packets - a.packets);
  if (nodes.length === 0) return '';
  if (busy.length === 0)
    return ` By show run (${originText(nodes[0].origin)}) no input node has handled a packet: no traffic reaches VPP.`;
  const words = busy.slice(0, 3).map(({ node, packets }) => `${node} (${plural(packets, 'packet')})`);
  return ` By show run (${originText(busy[0].origin)}) packets come in by ${words.join(', ')}: vppctl trace add ${busy[0].node} 500.`;
}

interface Said {
  readonly words: string;
  readonly at: readonly VppVisit[];
}

function saidOf({ limits, emptyThreads }: VppTrace, shown: number): Said | null {
  const [limit] = limits;
  if (limit) {
    const words = `VPP limited the display to ${plural(limit.packets, 'packet')} a thread; more were traced.`;
    return { words, at: limits.map(({ at }) => at) };
  }
  if (shown > 0 || emptyThreads.length === 0) return null;
  return { words: 'The trace buffer is empty: no packet was traced on any thread.', at: emptyThreads };
}

function guessedOf({ packetsOfThread, records, paths }: VppTrace): Said | null {
  for (const [thread, count] of packetsOfThread) {
    if (count % LIMIT_STEP !== 0) continue;
    const words = `Thread ${thread} shows exactly ${count} packets, as if a limit had been reached.`;
    return { words, at: lastOf(paths.filter((path) => path.thread === thread).map(({ first }) => first)) };
  }
  const isDispatch = paths[0]?.origin === 'dispatch';
  if (!isDispatch || records % CAPTURE_STEP !== 0) return null;
  const words = `The capture holds exactly ${records} records, as if its limit had been reached.`;
  return { words, at: lastOf(paths.map(({ last }) => last)) };
}

function lastOf(visits: readonly VppVisit[]): VppVisit[] {
  return visits.slice(-1);
}
