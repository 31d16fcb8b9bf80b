import { momentOf } from '../../../src/correlate/frame-reference.js';
import { defineDiagnosis, type Problem } from '../../../src/diagnose/diagnosis.js';
import { arpPairs } from '../../arp/correlator.js';
import { vxlanTunnels } from '../correlator.js';
import type { VxlanTunnel } from '../session.js';
import { CONFORMING_MIN, silkFacts } from '../silk.js';
import { citations, pairOf, tunnelFilter, tunnelSubject, tunnelWords } from '../tunnel-subject.js';

const FLOODED_MIN = 3;

export default defineDiagnosis({
  id: 'silk.unexpected-arp',
  title: 'ARP or broadcast inside the silk VXLAN',
  severity: 'warning',
  subject: 'tunnel',
  layer: 'tunnel-data',
  priority: 2,
  rule:
    'In a VXLAN tunnel in which at least 2 MAC addresses follow the convention of silk, at least 3 frames go to a broadcast or multicast ' +
    'MAC address: silk programs all neighbours and forwarding entries, nothing is left to ask or to flood.',
  notWhen: 'The tunnel does not show the convention: other overlays use ARP and flooding.',
  causes: [
    'The sending cell lacks neighbour or forwarding entries for a lease: silk-daemon does not reach silk-controller',
    'Another VXLAN user shares VNI and port with silk',
  ],
  nextSteps: [
    'On the sending cell: ip neigh show dev silk-vtep, bridge fdb show dev silk-vtep; every other cell must be there',
    'Look at the log of silk-daemon for failed lease polls (every 30 s)',
  ],
  refutedBy: 'A configuration that lets this VNI learn.',
  source: 'Cloud Foundry guide, silk VTEP (nolearning); silk-release, lease polling',
  thresholds: {
    conforming: [CONFORMING_MIN, 'MAC addresses', 'the form alone may be a coincidence'],
    flooded: [FLOODED_MIN, 'frames', 'a neighbour entry may be renewed in the moment'],
  },
  fault: 'addressing',
  consequenceOfIds: ['overlay.subnet-overlap'],
  *diagnose(evidence) {
    const { pairs } = silkFacts(evidence);
    const questions = evidence.sessions(arpPairs);
    for (const tunnel of evidence.sessions(vxlanTunnels)) {
      const own = pairs.filter((pair) => pair.tunnel === tunnel && pair.isConforming);
      if (new Set(own.map(({ mac }) => mac)).size < CONFORMING_MIN) continue;
      const asked = questions
        .filter(({ stack }) => stack === tunnel.stack)
        .reduce((sum, one) => sum + one.requests, 0);
      const { flooded } = tunnel;
      if (!flooded || flooded.packets < FLOODED_MIN)
        yield { result: 'healthy', subject: tunnelSubject(tunnel) };
      else yield problemOf(tunnel, flooded, asked, tunnelFilter(evidence.quality, [tunnel]));
    }
  },
});

function problemOf(
  tunnel: VxlanTunnel,
  { packets, first, last }: NonNullable<VxlanTunnel['flooded']>,
  asked: number,
  displayFilter: string,
): Problem {
  return {
    result: 'problem',
    subject: tunnelSubject(tunnel),
    confidence: 'medium',
    explanation:
      `${tunnelWords(tunnel)}: ${packets} inner frames go to a broadcast or multicast MAC address` +
      `${asked > 0 ? `, ${asked} of them ARP requests` : ''}. silk knows the MAC address of every cell, so nothing should be asked or flooded.`,
    pair: pairOf(tunnel),
    where: 'sender',
    first: momentOf(first),
    last: momentOf(last),
    ongoingAtEnd: true,
    counts: { flooded: packets, arpRequests: asked },
    evidence: citations(
      [first, 'first inner frame to a group address'],
      [last, `last inner frame to a group address (of ${packets})`],
    ),
    displayFilter,
  };
}
