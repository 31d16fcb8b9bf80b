import { defineDiagnosis } from '../../../src/diagnose/diagnosis.js';
import { meaningOf } from '../scmp-codes.js';
import { isLasting, judgeScmp, LASTING_COUNT, LASTING_SECONDS } from '../scmp-findings.js';

export default defineDiagnosis({
  id: 'scion.scmp-error',
  title: 'SCION reports an error',
  severity: 'warning',
  subject: 'session',
  layer: 'overlay-control',
  priority: 1,
  rule:
    'An SCMP error passes the link: an interface is down or revoked (an error where that is repeated for more than 10 s), or a ' +
    'router cannot forward on the path of a packet. Information where a host reports that nobody is there (destination unreachable).',
  notWhen:
    'The message is an answer (echo, traceroute), a "too big" (scion.mtu-exceeded), an expired path (scion.path-expired) or an ' +
    'unknown version (scion.mixed-header).',
  causes: [
    'Interface down or revoked: the link behind it lost its keepalives or its BFD session',
    'Bad MAC: the hop field was made with an old forwarding key, or the path was altered',
    'Unknown or bad interface: the topology of that AS changed after the path was made',
    'Destination unreachable: no such host or port in the destination AS, or denied there',
  ],
  nextSteps: [
    'Which AS reports, and which interface? Look at that link: keepalives or BFD in a capture there, logs of its border router',
    'scion showpaths --refresh, and try a path that avoids the interface',
    'Bad MAC in an AS of your own: do all border routers and the control service use the same master key?',
  ],
  refutedBy: 'Packets on the same path that are answered afterwards',
  source: 'SCMP specification, "SCMP Types"; SCION 2018: SCMP classes and types',
  thresholds: {
    reports: [LASTING_COUNT, 'reports', 'with fewer it may have been a moment of a change'],
    lasting: [LASTING_SECONDS, 's', 'a revocation lives for 10 s: after that the fault goes on'],
  },
  fault: 'remark',
  technology: 'scion',
  explicitSignal: true,

  diagnose: (evidence) =>
    judgeScmp(evidence, {
      meanings: ['interface-down', 'path', 'endhost'],
      severity: (error) => {
        const meaning = meaningOf(error);
        if (meaning === 'endhost') return 'info';
        return meaning === 'interface-down' && isLasting(error) ? 'error' : 'warning';
      },
    }),
});
