import { defineDiagnosis, type Judgement } from '../../../src/diagnose/diagnosis.js';
import type { Subject } from '../../../src/report/report.js';
import { plural } from '../../../src/wording/counts.js';
import { type VppTrace, vppTraces } from '../correlator.js';
import { citationsOf, countOf, refOf } from '../flow-words.js';

export default defineDiagnosis({
  id: 'vpp.no-buffers',
  title: 'VPP has no free buffers',
  severity: 'error',
  subject: 'session',
  layer: 'underlay',
  priority: 2,
  rule: 'A pool of show buffers has neither available nor cached buffers; or VPP drops packets for want of buffers.',
  notWhen: 'The pool has buffers left, however few: they are given back within microseconds.',
  causes: [
    'Too few buffers for the number of interfaces and queues (buffers-per-numa)',
    'Buffers leak: an interface whose peer is gone keeps them, or a plug-in does not give them back',
    'Too few hugepages: VPP started with a smaller pool than configured',
  ],
  nextSteps: [
    'vppctl show buffers, twice: does the number of used buffers only grow?',
    'Raise buffers { buffers-per-numa N } in startup.conf (and hugepages accordingly), then restart VPP',
    'vppctl show int: interfaces whose rx or tx stands still while others move',
  ],
  refutedBy: 'show buffers has available buffers while the traffic stands still.',
  source: 'VPP: show buffers, buffer pools; Calico VPP troubleshooting guide (non-zero free buffers)',
  fault: 'path-loss',
  explicitSignal: true,
  *diagnose(evidence) {
    const subject = { kind: 'session', protocol: 'vpp', table: 'buffers' };
    for (const trace of evidence.sessions(vppTraces)) {
      const problem = problemOf(trace, subject);
      if (problem) yield problem;
      else if (trace.pools.length > 0) yield { result: 'healthy', subject };
    }
  },
});

function problemOf(trace: VppTrace, subject: Subject): Judgement | null {
  const empty = trace.pools.filter(({ free }) => free === 0);
  const faults = trace.flows.flatMap((flow) => flow.faults.filter(({ kind }) => kind === 'buffers'));
  if (empty.length + faults.length === 0 || trace.first === null || trace.last === null) return null;
  const dropped = countOf(faults);
  const evidence = [
    ...empty.map(({ at, name }) => ({
      ...refOf(at),
      summary: `line ${at.line}: pool ${name} has no free buffers`,
    })),
    ...citationsOf(faults),
  ];
  const words = [
    ...(empty.length > 0 ? [`${empty.map(({ name }) => name).join(', ')}: no free buffers`] : []),
    ...(dropped > 0 ? [`${plural(dropped, 'packet')} dropped for want of buffers`] : []),
  ];
  return {
    result: 'problem',
    subject,
    severity: empty.length > 0 ? 'error' : 'warning',
    confidence: 'high',
    explanation: `VPP runs out of buffers (${words.join('; ')}): without them nothing is received or sent.`,
    first: evidence[0] ?? trace.first,
    last: evidence.at(-1) ?? trace.last,
    ongoingAtEnd: true,
    counts: { emptyPools: empty.length, dropped },
    evidence,
    displayFilter: 'frame',
  };
}
