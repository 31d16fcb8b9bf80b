import { defineDiagnosis, type Judgement } from '../../../src/diagnose/diagnosis.js';
import { statedProblem } from '../../../src/diagnose/stated-problem.js';
import { originText } from '../../../src/side-files/origin.js';
import { plural } from '../../../src/wording/counts.js';
import midolmanLog, { type MidolmanLine } from '../side-files/midolman-log.js';

const CITED_MAX = 2;
const SHOWN_MAX = 160;
const REACH = [
  'From the host: ping the NSDB hosts; nc -vz ZOOKEEPER 2181; nc -vz CASSANDRA 9042; echo ruok | nc ZOOKEEPER 2181 answers imok',
  'Capture there: tcp port 2181 or tcp port 9042',
];
const READ = [
  'Read the first error: what comes after it is often its consequence; mn-conf set agent.loggers.root : DEBUG, without a restart, shows more',
  'tail -f /var/log/midolman/midolman.log while the packet that fails is sent; mm-trace add --debug --ip-dst DESTINATION follows it',
];

export default defineDiagnosis({
  id: 'midonet.agent-errors',
  title: 'MidoNet agent logs errors',
  severity: 'warning',
  subject: 'host',
  layer: 'overlay-control',
  priority: 3,
  lines: 'suffice',
  rule: 'midolman.log (--log) has lines of error, or of warning which say that ZooKeeper or Cassandra was lost.',
  notWhen: 'Warnings of other kinds.',
  causes: [
    'ZooKeeper (2181) or Cassandra (9042) is not reachable from the host: the agent simulates with what it knew last, or not at all',
    'As the line says',
  ],
  nextSteps: [REACH[0], READ[0]],
  refutedBy: 'The log goes on without such lines.',
  source: 'MidoNet guide (topology simulation: check midolman.log for errors; network state database)',
  fault: 'application',
  consequenceOf: ['path-loss', 'unreachable', 'policy', 'silence'],
  *diagnose(evidence): Generator<Judgement> {
    const lines = evidence.side.of(midolmanLog);
    for (const about of ['database', 'other'] as const) {
      const ofKind = lines.filter((one) => one.about === about);
      if (ofKind.length === 0) continue;
      const isDatabase = about === 'database';
      yield statedProblem(evidence, {
        subject: { kind: 'host', log: ofKind[0].origin.file, about },
        title: isDatabase ? 'MidoNet agent loses its databases' : 'MidoNet agent logs errors',
        // The log may go on without: it does not say when the agent is well again.
        confidence: 'medium',
        explanation:
          `${plural(ofKind.length, 'line')} of the log ${isDatabase ? 'say that ZooKeeper or Cassandra is not reached' : 'are errors'}: ${ofKind.slice(0, CITED_MAX).map(cited).join('; ')}.` +
          (isDatabase ? ' Without them the agent does not learn the virtual topology.' : ''),
        where: 'sender',
        counts: { lines: ofKind.length },
        nextSteps: isDatabase ? REACH : READ,
      });
    }
  },
});

function cited({ text, origin }: MidolmanLine): string {
  return `"${text.slice(0, SHOWN_MAX)}" (${originText(origin)})`;
}
