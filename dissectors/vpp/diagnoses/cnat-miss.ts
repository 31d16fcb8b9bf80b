import { defineDiagnosis, type Judgement } from '../../../src/diagnose/diagnosis.js';
import type { Severity } from '../../../src/report/report.js';
import { type VppFault, type VppFlow, type VppPath, type VppTrace, vppTraces } from '../correlator.js';
import { countOf, decisionWords, faultFields, flowWords, healthy, shareWords } from '../flow-words.js';

const REPEATED_MIN = 2;

export default defineDiagnosis({
  id: 'vpp.cnat-miss',
  title: 'Service address not translated',
  severity: 'error',
  subject: 'flow',
  layer: 'overlay-control',
  priority: 1,
  rule:
    'cnat finds or makes no session for a packet, and drops it; or a packet to the address and port of a service, which cnat translates for other packets of the trace, passes the lookup without any cnat node. ' +
    'Error where no packet of the flow is translated; warning otherwise, and for stray packets of sessions that cnat has forgotten.',
  notWhen:
    'cnat passes a packet on purpose: [policy:skip], a translation that does not change it, or "not found" for the address of a pod itself, which is forwarded.',
  causes: [
    'The translation of the service is not programmed in VPP: the agent failed, or is late',
    'The service has no backend that is ready',
    'The session was removed or expired while the connection went on',
  ],
  nextSteps: [
    'vppctl show cnat translation: is the service there, with its backends? vppctl show cnat session',
    'kubectl get endpointslices -A | grep SERVICE: does the service have ready endpoints?',
    'Log of the Calico VPP agent (calivppctl log -agent NODE) for errors about services',
  ],
  refutedBy:
    'A trace of the same flow shows a cnat node with a session, and the rewritten address behind it.',
  source: 'VPP: cnat plug-in (sessions and translations); Calico VPP troubleshooting guide (services)',
  thresholds: {
    repeated: [REPEATED_MIN, 'packets', 'one packet may belong to a session that is over'],
  },
  fault: 'addressing',
  explicitSignal: true,
  *diagnose(evidence) {
    for (const trace of evidence.sessions(vppTraces)) {
      for (const flow of trace.flows) yield* judge(trace, flow);
    }
  },
});

function* judge(trace: VppTrace, flow: VppFlow): Iterable<Judgement> {
  const isService = isServiceFlow(trace, flow);
  const refused = flow.faults.filter(({ kind }) => kind === 'cnat');
  const passedBy = isService
    ? flow.faults.filter(({ kind, last }) => kind === 'untranslated' && isWhole(last))
    : [];
  if (refused.length + passedBy.length > 0) yield problemOf(trace, flow, refused, passedBy);
  else if (isService) yield healthy(flow);
}

function isServiceFlow({ services, answeringServices }: VppTrace, flow: VppFlow): boolean {
  const key = `${flow.protocol} ${flow.destination} ${flow.port}`;
  return flow.towardsPort && (services.has(key) || answeringServices.has(key));
}

/** The end of the path is known, so that a cnat node cannot be missing from the trace alone. */
function isWhole({ outcome, isCut }: VppPath): boolean {
  return !isCut && (outcome === 'sent' || outcome === 'output' || outcome === 'dropped');
}

function problemOf(
  trace: VppTrace,
  flow: VppFlow,
  refused: readonly VppFault[],
  passedBy: readonly VppFault[],
): Judgement {
  const faults = [...refused, ...passedBy];
  const missed = countOf(faults);
  const how = [
    ...refused.map((fault) => `${fault.count} dropped ${decisionWords(fault)}`),
    ...passedBy.map(({ count }) => `${count} passed the lookup without a cnat node`),
  ];
  return {
    ...faultFields(trace, flow, faults),
    severity: severityOf(flow, missed, refused),
    confidence: refused.length > 0 ? 'high' : 'medium',
    title: passedBy.length > 0 ? 'Service address not translated' : 'cnat has no session for the packet',
    explanation:
      `cnat does not translate ${shareWords(flow, missed)}: ${how.join('; ')}. ${knownWords(trace, flow)}`.trim(),
    where: 'path',
    counts: { notTranslated: missed, dropped: countOf(refused), packets: flow.packets },
  };
}

function knownWords(trace: VppTrace, flow: VppFlow): string {
  return isServiceFlow(trace, flow) ? `Other packets show that ${flowWords(flow)} is a service.` : '';
}

function severityOf(flow: VppFlow, missed: number, refused: readonly VppFault[]): Severity {
  const isStray = refused.some(({ node }) => /return|snat/.test(node)) && missed < REPEATED_MIN;
  return missed === flow.packets && !isStray ? 'error' : 'warning';
}
