import { defineDiagnosis, type Judgement } from '../../../src/diagnose/diagnosis.js';
import { statedProblem } from '../../../src/diagnose/stated-problem.js';
import { originText } from '../../../src/side-files/origin.js';
import scionStatus from '../side-files/scion-status.js';

export default defineDiagnosis({
  id: 'scion.no-path',
  title: 'No SCION path found',
  severity: 'error',
  subject: 'host',
  layer: 'overlay-control',
  priority: 2,
  lines: 'suffice',
  rule: 'The output of showpaths, or a log line (--log), says that there is no path to an AS.',
  notWhen: 'Another output of the same AS lists paths.',
  causes: [
    'No beacons arrive from the parent, or the registrations do not reach it: see the findings about the link',
    'A service of the own AS is not running (sciond, path service)',
    'The AS that was asked for does not exist, or has no path at present: ask for 17-ffaa:0:1101, which always has',
  ],
  nextSteps: [
    'Capture on tun0 for ten minutes, with the topology: capan analyze FILE --topology topology.json; keepalives each second both ways, beacons and registrations within 10 minutes',
    './scion.sh status must print nothing; then ./bin/showpaths -srcIA OWN -dstIA 17-ffaa:0:1101 again',
  ],
  refutedBy: 'showpaths that lists a path to the same AS.',
  source: 'SCIONLab guide (check request paths: there must always be at least one path)',
  fault: 'silence',
  consequenceOf: ['path-loss', 'mismatch', 'silence'],
  consequenceOfIds: ['scion.service-down', 'scion.pcb-silence', 'scion.registration-silence'],
  technology: 'scion',
  *diagnose(evidence): Generator<Judgement> {
    const statements = evidence.side.of(scionStatus);
    for (const { kind, about, origin, text } of statements) {
      const subject = { kind: 'host', isdAs: about, file: origin.file };
      if (kind === 'paths-found') yield { result: 'healthy', subject };
      if (kind !== 'no-path') continue;
      if (statements.some((one) => one.kind === 'paths-found' && one.about === about)) continue;
      yield statedProblem(evidence, {
        subject,
        explanation: `There is no path${about === '' ? '' : ` to ${about}`} (${originText(origin)}: "${text.trim().slice(0, 120)}"); there must always be at least one.`,
        where: 'unknown',
        counts: { paths: 0 },
      });
    }
  },
});
