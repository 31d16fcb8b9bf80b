import { defineDiagnosis } from '../../../src/diagnose/diagnosis.js';
import { judgeControlSilence, SILENCE_ERROR_SECONDS, SILENCE_WARNING_SECONDS } from '../control-silence.js';

export default defineDiagnosis({
  id: 'scion.pcb-silence',
  title: 'No path beacons received',
  severity: 'error',
  subject: 'session',
  layer: 'overlay-control',
  priority: 1,
  rule:
    'Path-segment construction beacons (PCBs) of a link of the 2018 generation fall silent for at least 600 s (a warning from ' +
    '300 s on), or none passes in a capture of at least 600 s although registrations go the other way or a topology (--topology, LinkTo) says that they are due while the link is up.',
  notWhen:
    'The capture is shorter than 600 s; nothing shows that the link should carry beacons (a peering link does not). Beacons of the ' +
    'current generation are encrypted and cannot be told apart.',
  causes: [
    "The parent AS's beacon service is down, or is not the master",
    'The interface was revoked after missing keepalives',
    'Certificate or TRC of the parent not accepted, or clocks too far apart',
  ],
  nextSteps: [
    'Are keepalives of both directions there (scion.keepalive-missing)? Without them no beacons are sent',
    'On the child: logs/bs*.log; does it receive beacons, and does it reject them?',
    'Contact the operators of the parent AS (attachment point) with this capture; showpaths returns nothing until beacons arrive',
  ],
  refutedBy: 'Beacons in a capture of the same link at the same time; paths that are still fresh (showpaths)',
  source:
    'SCIONLab guide ("medium-sized packets at least every 5 to 10 minutes"); SCION 2018: propagation every 5 s by default',
  thresholds: {
    warning: [SILENCE_WARNING_SECONDS, 's', 'the shorter bound of the guide'],
    error: [SILENCE_ERROR_SECONDS, 's', 'the longer bound of the guide'],
  },
  fault: 'silence',
  consequenceOf: ['path-loss', 'mismatch'],
  consequenceOfIds: ['scion.keepalive-missing'],
  technology: 'scion',

  diagnose: (evidence) =>
    judgeControlSilence(evidence, {
      name: 'path beacon',
      tally: ({ beacons }) => beacons,
      counterpart: ({ registrations }) => registrations,
      isDue: (linkTo, isFromNeighbour) =>
        linkTo === 'core' || linkTo === (isFromNeighbour ? 'parent' : 'child'),
      isDirected: true,
      neverSeen: 'error',
    }),
});
