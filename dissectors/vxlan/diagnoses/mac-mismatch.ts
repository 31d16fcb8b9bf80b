import type { CaptureQuality } from '../../../src/correlate/capture-quality.js';
import { earliest, latest, momentOf } from '../../../src/correlate/frame-reference.js';
import { addTo } from '../../../src/correlate/group-by.js';
import { defineDiagnosis, type Problem } from '../../../src/diagnose/diagnosis.js';
import type { FrameRef } from '../../../src/moment.js';
import { CONFORMING_MIN, isLeaseBase, isLinkOfContainer, type SilkPair, silkFacts } from '../silk.js';
import { silkByOutputs } from '../silk-devices.js';
import { citations, tunnelFilter } from '../tunnel-subject.js';

export default defineDiagnosis({
  id: 'silk.mac-mismatch',
  title: 'MAC does not encode the IP',
  severity: 'error',
  subject: 'pair',
  layer: 'tunnel-data',
  priority: 1,
  rule:
    'In a capture that shows the convention of silk (ee:ee or aa:aa, then the IPv4 address: at least 2 MAC addresses that follow it, one on a ' +
    'link with 169.254.0.1, or the ee:ee and the aa:aa of one and the same address at the ends of a link), a MAC address ' +
    'of that form stands beside an IPv4 address that it does not encode: in ARP or IP packets on the link of a container, or in ' +
    'the inner frames of VXLAN, where it encodes the base address of the lease. Or: by ip addr, ip neigh or arp -a of a cell or container (--log), an interface named s- or c- and the address of a container has another MAC address or address than that, or its neighbour has.',
  notWhen:
    'The MAC address repeats one byte (Calico gives ee:ee:ee:ee:ee:ee to every interface), or has another prefix (0a:58, 42:01). ' +
    'It encodes the base of another lease (silk.lease-mismatch). On a link it stands beside the right address as well: it forwards for others.',
  causes: [
    'The interface was created with a wrong address, or the address was used again for another container',
    'A stale neighbour entry names the MAC address of a former owner',
  ],
  nextSteps: [
    'Compare on the cell: ip -d addr, ip neigh; in the container: ip addr, ip neigh',
    'Look at the log of silk-cni on the cell, with debug logging enabled',
  ],
  refutedBy: 'An interface that really has the cited MAC and IP address.',
  source: 'Cloud Foundry guide, debugging the host side and the container side of the network',
  thresholds: {
    conforming: [CONFORMING_MIN, 'MAC addresses', 'the form alone may be a coincidence'],
  },
  fault: 'addressing',
  *diagnose(evidence) {
    yield* silkByOutputs(evidence);
    const { pairs, isInUse, conforming } = silkFacts(evidence);
    if (!isInUse) return;
    const wrong = new Map<string, SilkPair[]>();
    for (const pair of pairs) {
      if (pair.isConforming || (pair.tunnel && isLeaseBase(pair.encoded))) continue;
      // Both ends of a link are wrong in the same way.
      const key = `${isLinkOfContainer(pair) ? pair.encoded : pair.mac} ${pair.address} ${pair.tunnel?.stack ?? 0}`;
      addTo(wrong, key, pair);
    }
    for (const group of wrong.values()) yield problemOf(evidence.quality, group, conforming.size);
    if (wrong.size === 0) yield { result: 'healthy', subject: { kind: 'capture', convention: 'silk' } };
  },
});

function problemOf(quality: CaptureQuality, pairs: readonly SilkPair[], conforming: number): Problem {
  const [{ mac, encoded, address, tunnel }] = pairs;
  const first = earliest(pairs.map((pair) => pair.first)) ?? pairs[0].first;
  const last = latest(pairs.map((pair) => pair.last)) ?? pairs[0].last;
  const macs = [...new Set(pairs.map((pair) => pair.mac))];
  const place = tunnel
    ? `inner frames of VXLAN ${tunnel.vni} between ${tunnel.low} and ${tunnel.high}`
    : pairs.some(({ neighbour }) => neighbour === null)
      ? 'ARP'
      : 'IP packets on the link of a container';
  const convention = pairs.some(isLinkOfContainer)
    ? 'Both ends of the link have MAC addresses of that address, as silk makes them.'
    : conforming === 1
      ? 'One other MAC address of the capture follows the convention of silk.'
      : `${conforming} other MAC addresses of the capture follow the convention of silk.`;
  return {
    result: 'problem',
    subject: {
      kind: 'pair',
      address,
      mac,
      ...(tunnel ? { vni: tunnel.vni, endpoints: [tunnel.low, tunnel.high] } : {}),
    },
    confidence: 'medium',
    explanation: `In ${place}, ${address} goes with the MAC ${macs.length === 1 ? `address ${mac}, which encodes` : `addresses ${macs.join(' and ')}, which encode`} ${encoded}. ${convention}`,
    ...(tunnel ? { pair: [tunnel.low, tunnel.high] as const } : {}),
    where: 'sender',
    first: momentOf(first),
    last: momentOf(last),
    ongoingAtEnd: true,
    counts: { places: pairs.length, conforming },
    evidence: citations(
      ...pairs.slice(0, 4).flatMap((pair): [FrameRef, string][] => [
        [pair.first, `${address} with MAC address ${pair.mac}`],
        [pair.last, `${address} with MAC address ${pair.mac}, last time`],
      ]),
    ),
    displayFilter: tunnel ? tunnelFilter(quality, [tunnel]) : `eth.addr == ${mac}`,
  };
}
