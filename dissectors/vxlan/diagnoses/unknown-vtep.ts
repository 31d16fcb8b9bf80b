import { earliest, latest, momentOf } from '../../../src/correlate/frame-reference.js';
import { addTo } from '../../../src/correlate/group-by.js';
import {
  defineDiagnosis,
  type Evidence,
  insufficientData,
  type Judgement,
} from '../../../src/diagnose/diagnosis.js';
import type { FrameRef } from '../../../src/moment.js';
import { isWithin } from '../../../src/side-files/networks.js';
import { hostFilter } from '../../../src/wording/display-filters.js';
import { geneveTunnels } from '../../geneve/correlator.js';
import { vxlanTunnels } from '../correlator.js';
import tunnelZones from '../side-files/tunnel-zone.js';
import { citations } from '../tunnel-subject.js';

export default defineDiagnosis({
  id: 'vxlan.unknown-vtep',
  title: 'Unexpected tunnel endpoint',
  severity: 'warning',
  subject: 'server',
  layer: 'tunnel-data',
  priority: 2,
  rule:
    'The members of the overlay are given (--config, overlay.endpoints; or the members of a MidoNet tunnel zone, --log), and a VXLAN ' +
    'or Geneve tunnel runs between a member and an address that is none.',
  notWhen:
    'No list is given. Neither end is a member: then it is another overlay, and nothing is said. The address is a multicast group.',
  causes: [
    'The host is missing from the tunnel zone, or its address changed',
    'A forwarding entry names an address that is no longer a member',
    'A foreign host sends to the port of the overlay',
  ],
  nextSteps: [
    'MidoNet: midonet-cli, tunnel-zone ZONE list member, list host; add the host if it belongs there',
    'Silk: the leases (silk-controller), and bridge fdb show dev silk-vtep on the member',
    'If the address is foreign, ask the owner of the network and block it',
  ],
  refutedBy: 'A list of members of the time of the capture that has the address.',
  source: 'MidoNet guide, tunnel zone; RFC 7348, section 7 (rogue endpoints)',
  fault: 'remark',
  technology: 'vxlan',
  *diagnose(evidence) {
    const members = membersOf(evidence);
    if (members.length === 0) return;
    const isMember = (address: string): boolean => members.some((member) => isWithin(address, member));
    const strangers = new Map<string, Outer[]>();
    for (const tunnel of outerTunnels(evidence)) {
      const unknown = [tunnel.low, tunnel.high].filter((address) => !isMember(address));
      if (unknown.length === 2) yield foreign(tunnel);
      else if (unknown.length === 0) {
        yield {
          result: 'healthy',
          subject: { kind: 'tunnel', endpoints: [tunnel.low, tunnel.high], vni: tunnel.vni },
        };
      } else addTo(strangers, unknown[0], tunnel);
    }
    for (const [address, tunnels] of strangers) yield problemOf(evidence, address, tunnels, members.length);
  },
});

interface Outer {
  readonly low: string;
  readonly high: string;
  readonly vni: number;
  readonly directions: readonly {
    readonly from: string;
    readonly packets: number;
    readonly first: FrameRef | null;
    readonly last: FrameRef | null;
  }[];
}

function membersOf({ side }: Evidence): string[] {
  const zones = side.of(tunnelZones).flatMap(({ members }) => members.map(({ address }) => address));
  return [...(side.configuration?.overlayEndpoints ?? []), ...zones];
}

/** Tunnels in no other tunnel, without those to a group. */
function outerTunnels(evidence: Evidence): Outer[] {
  const all = [
    ...evidence.sessions(vxlanTunnels).filter(({ isMirror }) => !isMirror),
    ...evidence.sessions(geneveTunnels),
  ];
  return all.filter(({ outerStack, low, high }) => outerStack === 0 && !isGroup(low) && !isGroup(high));
}

function isGroup(address: string): boolean {
  if (address.includes(':')) return address.startsWith('ff');
  return Number.parseInt(address, 10) >= 224;
}

function foreign({ low, high, vni }: Outer): Judgement {
  return insufficientData(
    { kind: 'tunnel', endpoints: [low, high], vni },
    `Neither ${low} nor ${high} is in the given list of tunnel endpoints: it is that of another overlay; give the one of this tunnel.`,
  );
}

function problemOf(
  { side }: Evidence,
  address: string,
  tunnels: readonly Outer[],
  members: number,
): Judgement {
  const directions = tunnels.flatMap((one) => one.directions);
  const first = earliest(directions.map((one) => one.first));
  const last = latest(directions.map((one) => one.last));
  const at = first ?? { segment: 0, timeNs: Number.NaN };
  const sent = directions
    .filter(({ from }) => from === address)
    .reduce((sum, { packets }) => sum + packets, 0);
  const total = directions.reduce((sum, { packets }) => sum + packets, 0);
  const peers = [...new Set(tunnels.map(({ low, high }) => (low === address ? high : low)))];
  const zone = side
    .of(tunnelZones)
    .map((one) => one.zone)
    .join(', ');
  return {
    result: 'problem',
    subject: { kind: 'server', endpoints: [address] },
    confidence: 'medium',
    explanation:
      `${address} ${sent > 0 ? `sends ${sent} packets into` : 'is sent packets of'} the overlay (with ${peers.slice(0, 3).join(', ')}), ` +
      `and is none of its ${members} given endpoints${zone === '' ? '' : ` (tunnel zone ${zone})`}.`,
    pair: [address, peers[0]],
    where: sent > 0 ? 'sender' : 'unknown',
    first: momentOf(at),
    last: momentOf(last ?? at),
    ongoingAtEnd: true,
    counts: { packets: total, sent, received: total - sent, tunnels: tunnels.length, members },
    evidence: citations(
      ...directions
        .slice(0, 4)
        .flatMap((one) => [
          [one.first, `first packet from ${one.from}`] as const,
          [one.last, `last packet from ${one.from}`] as const,
        ]),
    ),
    displayFilter: `${hostFilter(address)} && (udp || ${address.includes(':') ? 'ipv6.fraghdr' : 'ip.flags.mf == 1'})`,
  };
}
