import { defineDiagnosis } from '../../../src/diagnose/diagnosis.js';
import hostLinks from '../../host/side-files/ip-link.js';
import topologies from '../side-files/topology.js';
import { tunAddressJudgements } from '../topology-judgements.js';

export default defineDiagnosis({
  id: 'scion.tun-address-mismatch',
  title: 'Tunnel address differs from the topology',
  severity: 'error',
  subject: 'capture',
  layer: 'tunnel-control',
  priority: 1,
  lines: 'suffice',
  rule: 'A topology and the output of ip addr are given (--topology, --log), and no interface has an address that a link of the topology uses; the address of the tunnel interface is another one.',
  notWhen: 'Any interface has an address of the topology, or there is no tunnel interface.',
  causes: [
    'The configuration is that of another AS or another attachment, or the VPN was set up with an older one',
    'The VPN gave out another address than the coordinator registered',
  ],
  nextSteps: [
    'Destroy the virtual machine, download the configuration again, start it again',
    'Compare: ip addr show tun0; Public/PublicOverlay (underlay.local) in topology.json',
  ],
  refutedBy: 'ip addr at the time of the capture that shows the address of the topology.',
  source: 'SCIONLab guide (the address of tun0 is the PublicOverlay)',
  fault: 'mismatch',
  technology: 'scion',
  *diagnose({ side, quality }) {
    yield* tunAddressJudgements(side.of(topologies), side.of(hostLinks), quality);
  },
});
