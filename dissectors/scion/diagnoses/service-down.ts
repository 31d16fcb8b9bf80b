import { defineDiagnosis, type Judgement } from '../../../src/diagnose/diagnosis.js';
import { statedProblem } from '../../../src/diagnose/stated-problem.js';
import { originText } from '../../../src/side-files/origin.js';
import scionStatus from '../side-files/scion-status.js';

const CITED_MAX = 3;

export default defineDiagnosis({
  id: 'scion.service-down',
  title: 'SCION service not running',
  severity: 'error',
  subject: 'host',
  layer: 'overlay-control',
  priority: 2,
  lines: 'suffice',
  rule: 'The output of scion.sh status (--log) lists a service: it prints only what is not running. A warning where a log of a service (--log) has lines of error or worse.',
  notWhen: 'No such output is given; the line is one of starting or stopping them.',
  causes: [
    'The service crashed or could not start: its log in logs/ says why',
    'ZooKeeper does not run on the host, and beacon, path and certificate service wait for it',
  ],
  nextSteps: [
    './scion.sh stop && ./scion.sh start, then ./scion.sh status: it must print nothing',
    'tail logs/SERVICE.log and logs/SERVICE.OUT; echo ruok | nc 127.0.0.1 2181 answers imok',
    'If it prints the same again, contact the operators with the output and these logs',
  ],
  refutedBy: 'A later scion.sh status that prints nothing.',
  source: 'SCIONLab guide (check SCION is running: scion.sh status should not print any messages)',
  fault: 'application',
  technology: 'scion',
  *diagnose(evidence): Generator<Judgement> {
    const statements = evidence.side.of(scionStatus);
    const down = statements.filter(({ kind }) => kind === 'service-down');
    for (const about of new Set(down.map((one) => one.about))) {
      const [{ text, origin }] = down.filter((one) => one.about === about);
      yield statedProblem(evidence, {
        subject: { kind: 'host', service: about, file: origin.file },
        explanation: `${about} is not running (${originText(origin)}: "${text.trim().slice(0, 120)}").`,
        where: 'sender',
        counts: { services: 1, lines: 1 },
      });
    }
    const errors = statements.filter(({ kind }) => kind === 'log-error');
    if (errors.length === 0) return;
    const cited = errors
      .slice(0, CITED_MAX)
      .map(({ text, origin }) => `"${text.slice(0, 120)}" (${originText(origin)})`);
    yield statedProblem(evidence, {
      subject: { kind: 'host', log: errors[0].origin.file, service: errors[0].about },
      severity: 'warning',
      confidence: 'medium',
      title: 'SCION services log errors',
      explanation: `The log has ${errors.length} lines of error or worse: ${cited.join('; ')}.`,
      where: 'sender',
      counts: { services: new Set(errors.map((one) => one.about)).size, lines: errors.length },
    });
  },
});
