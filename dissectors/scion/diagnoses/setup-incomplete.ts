import { defineDiagnosis, type Judgement } from '../../../src/diagnose/diagnosis.js';
import { statedProblem } from '../../../src/diagnose/stated-problem.js';
import { originText } from '../../../src/side-files/origin.js';
import hostSetup, { type SetupStatement } from '../side-files/host-setup.js';

interface Lack {
  readonly title: string;
  readonly words: (detail: string) => string;
  readonly causes: readonly string[];
  readonly steps: readonly string[];
}

const LACKS: Readonly<Record<SetupStatement['what'], Lack>> = {
  archive: {
    title: 'SCIONLab configuration incomplete',
    words: (detail) => `The unpacked configuration lacks ${detail}`,
    causes: [
      'The AS is not configured as a virtual machine with VPN, or the archive is that of another kind',
    ],
    steps: [
      'In the coordinator: configure the AS as a virtual machine with VPN, then "Update and Download SCIONLab AS Configuration"; unpack it anew',
    ],
  },
  sockets: {
    title: 'Sockets of SCION services missing',
    words: (detail) => `${detail} is missing: the services of the host cannot talk to each other`,
    causes: ['dispatcher or sciond does not run, or could not make its socket'],
    steps: [
      './scion.sh stop && ./scion.sh start, then ll /run/shm/sciond /run/shm/dispatcher: default.sock in both',
      'If it is still missing, give the operators logs/dispatcher.* and logs/sd*',
    ],
  },
  'vagrant-version': {
    title: 'Vagrant too old',
    words: (detail) => `Vagrant ${detail} is older than 1.9`,
    causes: ['The version of the distribution is too old for the machine image'],
    steps: ['sudo apt-get install --only-upgrade vagrant, or the package of its maker; then run.sh again'],
  },
  'forwarded-port': {
    title: 'Port of the virtual machine is taken',
    words: (detail) => `Port ${detail} of the host is already in use, so that the machine does not start`,
    causes: ['Another virtual machine, or a service of the host, listens on the port'],
    steps: [
      'VBoxManage list runningvms; stop what runs, then vagrant destroy -f and run.sh',
      'ss -ltnp sport = :PORT shows a service of the host that has it; or forward another port in the Vagrantfile',
    ],
  },
};

export default defineDiagnosis({
  id: 'scion.setup-incomplete',
  title: 'SCIONLab machine is not set up',
  severity: 'warning',
  subject: 'host',
  layer: 'application',
  priority: 3,
  lines: 'suffice',
  rule: 'An output (--log) shows it: the listing of the unpacked configuration lacks client.conf, gen or Vagrantfile; Vagrant is older than 1.9 or cannot forward a port that is taken; /run/shm has no sciond or dispatcher, or one of these no default.sock.',
  notWhen: 'No such output is given, or a later one of the same kind is well.',
  causes: Object.values(LACKS).flatMap(({ causes }) => causes),
  nextSteps: Object.values(LACKS).map(({ steps }) => steps[0]),
  refutedBy: 'A later output that shows it well.',
  source:
    'SCIONLab guide (check tarball file and contents; run the virtual machine; check SCION is running: default.sock)',
  fault: 'application',
  technology: 'scion',
  *diagnose(evidence): Generator<Judgement> {
    const statements = evidence.side.of(hostSetup);
    for (const what of Object.keys(LACKS) as SetupStatement['what'][]) {
      const ofKind = statements.filter((one) => one.what === what);
      const [first] = ofKind;
      if (first === undefined) continue;
      const subject = { kind: 'host', file: first.origin.file, what };
      // Listings of several directories are given one behind the other: each of them counts.
      const lacking = what === 'sockets' ? ofKind.filter(({ isWell }) => !isWell) : ofKind.slice(-1);
      const [worst] = lacking.filter(({ isWell }) => !isWell);
      if (worst === undefined) {
        yield { result: 'healthy', subject };
        continue;
      }
      const { title, words, causes, steps } = LACKS[what];
      const details = lacking.map(({ detail }) => detail).join(', ');
      yield statedProblem(evidence, {
        subject,
        title,
        explanation: `${words(details)} (${originText(worst.origin)}).`,
        where: 'sender',
        counts: { statements: lacking.length },
        causes: [...causes],
        nextSteps: steps.map((step) => step.replaceAll('PORT', details)),
      });
    }
  },
});
