import { defineDiagnosis } from '../../../src/diagnose/diagnosis.js';
import { isLasting, judgeScmp, LASTING_COUNT, LASTING_SECONDS } from '../scmp-findings.js';

export default defineDiagnosis({
  id: 'scion.mtu-exceeded',
  title: 'SCION packet exceeds link MTU',
  severity: 'error',
  subject: 'session',
  layer: 'overlay-control',
  priority: 2,
  rule:
    'A router reports a SCION packet as too big (SCMP type 2; in 2018 routing error 7). Information where the sender heeds it: ' +
    'fewer than 3 reports, or less than 10 s between the first and the last.',
  notWhen:
    'No such report is seen: a sender that probes the path on purpose gets one and goes on with smaller packets.',
  causes: [
    'The MTU of the link in topology.json is larger than what the tunnel below carries',
    'The sender uses the MTU of its own AS instead of that of the path',
    'The two ends of a link state different MTUs',
  ],
  nextSteps: [
    'Compare MTU in topology.json of both ends with the MTU of tun0 (1500) less 28 bytes for IPv4 and UDP: 1472',
    'Lower the MTU of the link on both sides, or mssfix and tun-mtu of OpenVPN below it',
    'scion showpaths lists the MTU of each path; the application must stay below it',
  ],
  refutedBy: 'Packets of that size that the receiver acknowledges',
  source: 'SCMP specification, "Packet Too Big"; SCIONLab guide (topology MTU 1472)',
  thresholds: {
    reports: [LASTING_COUNT, 'reports', 'a sender that heeds the first one causes no more'],
    lasting: [LASTING_SECONDS, 's', 'longer than it takes a sender to change its packet size'],
  },
  fault: 'mtu',
  technology: 'scion',
  explicitSignal: true,

  diagnose: (evidence) =>
    judgeScmp(evidence, {
      meanings: ['too-big'],
      severity: (error) => (isLasting(error) ? 'error' : 'info'),
    }),
});
