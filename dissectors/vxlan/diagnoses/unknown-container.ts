import { momentOf } from '../../../src/correlate/frame-reference.js';
import { defineDiagnosis, type Evidence, type Judgement } from '../../../src/diagnose/diagnosis.js';
import type { FrameRef } from '../../../src/moment.js';
import { canonicalNetwork, isWithin } from '../../../src/side-files/networks.js';
import { containersAt, filesOf, innerHosts } from '../inner-hosts.js';
import containerStores from '../side-files/container-store.js';
import { isLeaseBase } from '../silk.js';
import { citations, tunnelFilter, tunnelWords } from '../tunnel-subject.js';

export default defineDiagnosis({
  id: 'silk.unknown-container',
  title: 'IP not in any store.json',
  severity: 'info',
  subject: 'flow',
  layer: 'tunnel-data',
  priority: 1,
  rule:
    'The containers of some cells are given (--store), and an address of the overlay network that sends or receives is ' +
    'in none of the files. The overlay is the configured one (--config, overlay.networks), else the /16 around the known containers; ' +
    'outside of tunnels only addresses in the /24 of a known container count.',
  notWhen: 'No store is given. The address is the base of a lease (x.y.z.0), which is the cell itself.',
  causes: [
    'The container runs on a cell whose store.json was not given',
    'The container is gone, or came after store.json was read',
  ],
  nextSteps: [
    'Read /var/vcap/data/container-metadata/store.json on the other cells and give each with --store',
    'Find the cell by the lease: the first three bytes of the address are those of its overlay address',
  ],
  refutedBy: 'A store.json that has the address.',
  source: 'Cloud Foundry guide, debugging non-C2C packets (check store.json on other cells)',
  fault: 'remark',
  *diagnose(evidence) {
    if (evidence.side.of(containerStores).length === 0) return;
    const seen = new Map<string, Transmission>();
    for (const one of [...inTunnels(evidence), ...outsideTunnels(evidence)]) {
      if (!seen.has(one.address)) seen.set(one.address, one);
    }
    for (const one of seen.values()) yield judge(evidence, one);
  },
});

interface Transmission {
  readonly address: string;
  readonly place: string;
  readonly packets: number;
  readonly first: FrameRef | null;
  readonly last: FrameRef | null;
  readonly displayFilter: string;
}

function inTunnels(evidence: Evidence): Transmission[] {
  const { configuration } = evidence.side;
  const containers = evidence.side.of(containerStores);
  const given = configuration?.overlayNetworks ?? [];
  const networks = given.length > 0 ? given : around(containers, 16);
  return innerHosts(evidence)
    .filter(({ address }) => networks.some((network) => isWithin(address, network)))
    .map(({ address, tunnel, sent, received, first, last }) => ({
      address,
      place: tunnelWords(tunnel),
      packets: sent + received,
      first,
      last,
      displayFilter: tunnelFilter(evidence.quality, [tunnel]),
    }));
}

function outsideTunnels({ quality, side }: Evidence): Transmission[] {
  const leases = around(side.of(containerStores), 24);
  const isOfLease = (address: string): boolean =>
    !isLeaseBase(address) && !address.endsWith('.255') && leases.some((lease) => isWithin(address, lease));
  return [...quality.traffic.all()]
    .filter(({ stack }) => stack === 0)
    .flatMap(({ a, b, fromA, fromB }) =>
      [a, b].filter(isOfLease).map((address) => ({
        address,
        place: 'Outside of tunnels',
        packets: fromA.packets + fromB.packets,
        first: fromA.first ?? fromB.first,
        last: fromA.last ?? fromB.last,
        displayFilter: `ip.addr == ${address}`,
      })),
    );
}

function around(containers: readonly { readonly address: string }[], prefix: number): string[] {
  const networks = containers.flatMap(({ address }) => canonicalNetwork(`${address}/${prefix}`) ?? []);
  return [...new Set(networks)];
}

function judge(
  evidence: Evidence,
  { address, place, packets, first, last, displayFilter }: Transmission,
): Judgement {
  const subject = { kind: 'flow', address };
  if (containersAt(evidence, address).length > 0) return { result: 'healthy', subject };
  const containers = evidence.side.of(containerStores);
  const isOwnCell = around(containers, 24).some((lease) => isWithin(address, lease));
  const at = first ?? { segment: 0, timeNs: Number.NaN };
  return {
    result: 'problem',
    subject,
    confidence: 'high',
    explanation:
      `${place}: ${address} is in none of the stores (${filesOf(containers)}). ` +
      (isOwnCell
        ? 'Its lease is that of a cell whose store was given: the container is newer or older than the file.'
        : 'Its lease is that of another cell.'),
    first: momentOf(at),
    last: momentOf(last ?? at),
    ongoingAtEnd: true,
    counts: { packets, containersKnown: containers.length },
    evidence: citations(
      [first, `first packet of or to ${address}`],
      [last, `last packet of or to ${address}`],
    ),
    displayFilter,
  };
}
