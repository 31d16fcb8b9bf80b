import { defineDiagnosis, type Judgement, thresholdsOf } from '../../../src/diagnose/diagnosis.js';
import { statedProblem } from '../../../src/diagnose/stated-problem.js';
import { originText } from '../../../src/side-files/origin.js';
import resources from '../side-files/resources.js';

const ID = 'host.resources';
const GIB = 2 ** 30;
const DISK_GIB = 2;
/** What a machine of 2 GiB shows of them: the kernel keeps some for itself. */
const MEMORY_GIB = 1.8;

export default defineDiagnosis({
  id: ID,
  title: 'Host is short of disk or memory',
  severity: 'warning',
  subject: 'host',
  layer: 'application',
  priority: 3,
  lines: 'suffice',
  rule: 'The output of df or free of a host is given (--log): less than 2 GiB are available on /, or the machine has less than 1.8 GiB of memory in all.',
  notWhen: 'No such output is given.',
  causes: [
    'Logs or downloads filled the disk: services stop to write, and then to run',
    'The virtual machine was made with less memory than its services need',
  ],
  nextSteps: [
    'du -xh / | sort -h | tail; remove what is not needed. SCIONLab: vagrant destroy -f, then run.sh makes the machine anew',
    'Give the virtual machine 2 GB of memory (Vagrantfile: vb.memory), and the host that much free',
  ],
  refutedBy: 'A later output that shows enough.',
  source: 'SCIONLab guide (df -h: at least 2G available on /; free -h: two gigabytes in total)',
  thresholds: {
    disk: [DISK_GIB, 'GiB', 'what the SCIONLab guide asks for', 'adjustable'],
    memory: [MEMORY_GIB, 'GiB', 'what the guide asks for, less what the kernel keeps', 'adjustable'],
  },
  fault: 'application',
  *diagnose(evidence): Generator<Judgement> {
    const limits = thresholdsOf(evidence, ID, { disk: DISK_GIB, memory: MEMORY_GIB });
    for (const { origin, what, bytes } of evidence.side.of(resources)) {
      const subject = { kind: 'host', file: origin.file, what };
      const gib = bytes / GIB;
      if (gib >= limits[what]) {
        yield { result: 'healthy', subject };
        continue;
      }
      yield statedProblem(evidence, {
        subject,
        explanation:
          what === 'disk'
            ? `Only ${gib.toFixed(1)} GiB are available on / (${originText(origin)}); at least ${limits.disk} GiB are needed.`
            : `The machine has ${gib.toFixed(1)} GiB of memory in all (${originText(origin)}); two are needed.`,
        where: 'unknown',
        counts: { mebibytes: Math.round(bytes / 2 ** 20) },
      });
    }
  },
});
