import { defineDiagnosis, type Evidence, type Judgement } from '../../../src/diagnose/diagnosis.js';
import { statedProblem } from '../../../src/diagnose/stated-problem.js';
import { isWithin, prefixLength } from '../../../src/side-files/networks.js';
import { originText } from '../../../src/side-files/origin.js';
import { pairFilter } from '../../../src/wording/display-filters.js';
import hostLinks from '../side-files/ip-link.js';
import routes, { type Route } from '../side-files/routes.js';

export default defineDiagnosis({
  id: 'host.no-route',
  title: 'Host has no route to a peer',
  severity: 'warning',
  subject: 'host',
  layer: 'underlay',
  priority: 2,
  rule:
    'The routing table of a host is given (--log, ip route or netstat -nr), and its addresses are known (from the routes, ip addr, or --local). Packets of another host reach it and it sends none back, or no packet of the remote end of ' +
    'one of its tunnel devices (ip -d link) is in the capture; and that peer lies in none of the networks of the table without a default route, or the most exact route to it is unreachable, blackhole or prohibit.',
  notWhen:
    'The host sends to the peer: another table (ip rule) leads there, or the output is of another time. The table has no network at all: it is an excerpt.',
  causes: [
    'The default route was lost (DHCP, a VPN that took it), or a static route was not set after a restart',
    'A routing daemon withdrew the network: its session is down',
    'An unreachable or blackhole route was set to keep traffic inside a tunnel that is now down',
  ],
  nextSteps: [
    'ip route get PEER: what does the kernel choose? ip rule: are there other tables?',
    'ip route add NETWORK via GATEWAY dev DEVICE; then ping PEER',
  ],
  refutedBy: 'ip route get PEER names a device and a gateway that answers.',
  source: 'MidoNet guide (routing: netstat -nr, ip route); ip-route(8)',
  fault: 'unreachable',
  *diagnose(evidence): Generator<Judgement> {
    const all = evidence.side.of(routes);
    for (const file of new Set(all.map(({ origin }) => origin.file))) {
      const table = all.filter(({ origin }) => origin.file === file);
      if (table.some(({ refusal }) => refusal === null)) yield* judgeTable(evidence, file, table);
    }
  },
});

function* judgeTable(evidence: Evidence, file: string, table: readonly Route[]): Generator<Judgement> {
  for (const { own, peer, sent } of peersOf(evidence, file, table)) {
    const isV6 = peer.includes(':');
    if (!table.some(({ destination }) => destination.includes(':') === isV6)) continue;
    const subject = { kind: 'host', file, endpoints: own === null ? [peer] : [own, peer] };
    const fault = faultOf(table, peer);
    if (fault === null || sent > 0) {
      yield { result: 'healthy', subject };
      continue;
    }
    yield statedProblem(evidence, {
      subject,
      explanation: `${fault} The host sends nothing to ${peer} in the capture.`,
      ...(own === null ? {} : { pair: [own, peer] as const }),
      where: 'sender',
      counts: { routes: table.length },
      displayFilter: own === null ? 'frame' : pairFilter(own, peer),
    });
  }
}

/** Null where a route leads to the peer. */
function faultOf(table: readonly Route[], peer: string): string | null {
  const [best] = table
    .filter(({ destination }) => isWithin(peer, destination))
    .sort((a, b) => prefixLength(b.destination) - prefixLength(a.destination));
  if (best === undefined) {
    const devices = [...new Set(table.flatMap(({ device }) => device ?? []))].join(', ');
    return `No route in ${originText(table[0].origin)} and below leads to ${peer}, and there is no default route (networks on ${devices}).`;
  }
  if (best.refusal === null) return null;
  return `The route to ${peer} is ${best.refusal} ${best.destination} (${originText(best.origin)}).`;
}

interface Peer {
  /** Null for the remote end of a device that no packet shows. */
  readonly own: string | null;
  readonly peer: string;
  /** Packets of the host to it. */
  readonly sent: number;
}

function peersOf(evidence: Evidence, file: string, table: readonly Route[]): Peer[] {
  const links = evidence.side.of(hostLinks).filter(({ origin }) => origin.file === file);
  const own = new Set([
    ...evidence.quality.local,
    ...table.flatMap(({ source }) => source ?? []),
    ...links.flatMap(({ addresses }) => addresses.map(({ address }) => address)),
  ]);
  const peers = new Map<string, Peer>();
  for (const { a, b, stack, fromA, fromB } of evidence.quality.traffic.all()) {
    if (stack !== 0 || own.has(a) === own.has(b)) continue;
    const [mine, peer] = own.has(a) ? [a, b] : [b, a];
    if (isGroup(peer)) continue;
    const sent = (own.has(a) ? fromA : fromB).packets;
    peers.set(peer, { own: mine, peer, sent: sent + (peers.get(peer)?.sent ?? 0) });
  }
  for (const { tunnel } of links) {
    const remote = tunnel?.remote ?? null;
    if (remote !== null && !isGroup(remote) && !peers.has(remote))
      peers.set(remote, { own: tunnel?.local ?? null, peer: remote, sent: 0 });
  }
  return [...peers.values()];
}

/** Multicast and broadcast need no route. */
function isGroup(address: string): boolean {
  return address.includes(':')
    ? /^(?:ff|fe80)/.test(address)
    : address === '255.255.255.255' || Number(address.split('.')[0]) >= 224 || /\.255$/.test(address);
}
