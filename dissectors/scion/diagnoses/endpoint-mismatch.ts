import { defineDiagnosis } from '../../../src/diagnose/diagnosis.js';
import topologies from '../side-files/topology.js';
import { endpointJudgements, STRANGER_PACKETS_MIN } from '../topology-judgements.js';

export default defineDiagnosis({
  id: 'scion.endpoint-mismatch',
  title: 'Traffic does not match the topology file',
  severity: 'warning',
  subject: 'tunnel',
  layer: 'tunnel-control',
  priority: 1,
  rule:
    'A topology is given (--topology). For a link of it the capture holds no conversation between the addresses and ports of both ends, but one that has the ' +
    'local end right and another address or port at the other one, or the neighbour’s endpoint with another local address. Another address, or an answer that is missing, is an error.',
  notWhen:
    'No packet of the link is in the capture. The other address belongs to another link of the topology. Only the port differs and both directions live: a warning.',
  causes: [
    'The topology is that of another time: the access point was changed, which takes up to 15 minutes to arrive everywhere',
    'The configuration of another AS, or of another attachment of this one, was unpacked',
    'A NAT in between changes the port',
  ],
  nextSteps: [
    'Download the configuration of the AS again, wait 15 minutes, and compare: topology.json, Remote/RemoteOverlay and underlay.remote of the border router',
    'Ask the coordinator for the address and port of the access point',
  ],
  refutedBy: 'A topology of the time of the capture that names the addresses and ports seen.',
  source:
    'SCIONLab guide (RemoteOverlay; its own listings differ in the port); SCION topology files of 2017 to today',
  thresholds: {
    strangerPackets: [
      STRANGER_PACKETS_MIN,
      'packets',
      'a single packet to another address is a scan or a mistake of the moment',
    ],
  },
  fault: 'mismatch',
  consequenceOfIds: ['scion.tun-address-mismatch'],
  technology: 'scion',
  *diagnose({ side, quality }) {
    yield* endpointJudgements(side.of(topologies), quality);
  },
});
