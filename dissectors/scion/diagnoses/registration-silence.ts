import { defineDiagnosis } from '../../../src/diagnose/diagnosis.js';
import { judgeControlSilence, SILENCE_ERROR_SECONDS, SILENCE_WARNING_SECONDS } from '../control-silence.js';

export default defineDiagnosis({
  id: 'scion.registration-silence',
  title: 'No path registrations sent',
  severity: 'error',
  subject: 'session',
  layer: 'overlay-control',
  priority: 1,
  rule:
    'Registrations of path segments on a link of the 2018 generation fall silent for at least 600 s (a warning from 300 s on). A ' +
    'warning where none passes in a capture of at least 600 s although beacons come the other way only.',
  notWhen:
    'The capture is shorter than 600 s; beacons go both ways (a core link); nothing shows which side is the child.',
  causes: [
    'Beacon service or path service of the child AS not running, or ZooKeeper down (no service is the master)',
    'No beacons arrive, so there is nothing to register',
    'The child has several parents and registers over another one',
  ],
  nextSteps: [
    'On the child: ./scion.sh status; echo ruok | nc 127.0.0.1 2181 answers imok',
    'logs/bs*.log and logs/ps*.log of the child: registrations sent, errors of ZooKeeper',
    'Check the AS id in gen/ia, and that beacons arrive (scion.pcb-silence)',
  ],
  refutedBy: 'Registrations over another link of the AS',
  source:
    'SCIONLab guide ("medium-sized packets in both directions"); SCION 2018: registration every 5 s by default',
  thresholds: {
    warning: [SILENCE_WARNING_SECONDS, 's', 'the shorter bound of the guide'],
    error: [SILENCE_ERROR_SECONDS, 's', 'the longer bound of the guide'],
  },
  fault: 'silence',
  consequenceOf: ['path-loss', 'mismatch'],
  consequenceOfIds: ['scion.keepalive-missing', 'scion.pcb-silence'],
  technology: 'scion',

  diagnose: (evidence) =>
    judgeControlSilence(evidence, {
      name: 'path registration',
      tally: ({ registrations }) => registrations,
      counterpart: ({ beacons }) => beacons,
      isDue: (linkTo, isFromNeighbour) => linkTo === (isFromNeighbour ? 'child' : 'parent'),
      // A child without beacons has nothing to register.
      isDirected: false,
      neverSeen: 'warning',
    }),
});
