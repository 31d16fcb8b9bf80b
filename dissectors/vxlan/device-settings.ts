import { earliest, latest } from '../../src/correlate/frame-reference.js';
import { addTo } from '../../src/correlate/group-by.js';
import type { Evidence, Problem } from '../../src/diagnose/diagnosis.js';
import { statedProblem } from '../../src/diagnose/stated-problem.js';
import { originText } from '../../src/side-files/origin.js';
import hostLinks, { type HostLink, type LinkTunnel } from '../host/side-files/ip-link.js';
import { vxlanTunnels } from './correlator.js';
import { tunnelRequests } from './requests.js';
import type { VxlanTunnel } from './session.js';
import { citations, pairOf, tunnelFilter, tunnelSubject, tunnelWords } from './tunnel-subject.js';

/* The VXLAN devices of a host (`ip -d link`) held against the tunnels of that host on the wire. */

/** The devices of one endpoint, and its tunnels in the capture. */
interface Endpoint {
  readonly address: string;
  readonly devices: readonly { readonly link: HostLink; readonly tunnel: LinkTunnel }[];
  readonly tunnels: readonly VxlanTunnel[];
}

function endpoints({ side, sessions }: Evidence): Endpoint[] {
  const byAddress = new Map<string, Endpoint['devices'][number][]>();
  for (const link of side.of(hostLinks)) {
    const { tunnel } = link;
    if (tunnel?.kind !== 'vxlan' || tunnel.local === null) continue;
    addTo(byAddress, tunnel.local, { link, tunnel });
  }
  if (byAddress.size === 0) return [];
  const all = sessions(vxlanTunnels).filter(({ isMirror, outerStack }) => !isMirror && outerStack === 0);
  return [...byAddress].map(([address, devices]) => ({
    address,
    devices,
    tunnels: all.filter(({ low, high }) => low === address || high === address),
  }));
}

/** `vxlan.port-mismatch`: tunnels of the host use a port that none of its devices has. */
export function* portsAgainstDevices(evidence: Evidence): Generator<Problem> {
  for (const { address, devices, tunnels } of endpoints(evidence)) {
    const known = devices.flatMap(({ tunnel }) => tunnel.destinationPort ?? []);
    if (known.length === 0) continue;
    for (const tunnel of tunnels) {
      const used = tunnel.directions.flatMap(({ ports }) => ports.map(({ port }) => port));
      const others = [...new Set(used.filter((port) => !known.includes(port)))];
      if (others.length === 0) continue;
      const words = `has dstport ${known.join(', ')}, and ${tunnelWords(tunnel)} uses port ${others.join(', ')}: ${address} listens on another port than the packets go to`;
      yield deviceProblem(evidence, tunnel, devices[0].link, words, { ports: others.length });
    }
  }
}

/** `vxlan.vni-mismatch`: no device of the host has the VNI of the wire, and none of their VNIs is on the wire. */
export function* networksAgainstDevices(evidence: Evidence): Generator<Problem> {
  for (const { address, devices, tunnels } of endpoints(evidence)) {
    const known = devices.flatMap(({ tunnel }) => tunnel.key ?? []);
    if (known.length === 0 || tunnels.some(({ vni }) => known.includes(vni))) continue;
    for (const tunnel of tunnels) {
      const words = `has VNI ${known.join(', ')}, and the packets between it and ${tunnel.low === address ? tunnel.high : tunnel.low} carry VNI ${tunnel.vni}`;
      yield deviceProblem(evidence, tunnel, devices[0].link, words, { vni: tunnel.vni });
    }
  }
}

/** `vxlan.reserved-bits`: the packets carry group policy ids, and the receiving device is made without gbp. */
export function* groupsAgainstDevices(evidence: Evidence): Generator<Problem> {
  for (const { address, devices, tunnels } of endpoints(evidence)) {
    for (const tunnel of tunnels) {
      const device = devices.find((one) => one.tunnel.key === tunnel.vni);
      const received = tunnel.directions[tunnel.low === address ? 1 : 0];
      if (!device || device.tunnel.hasGroupPolicy || received.tagged === 0) continue;
      const words = `is made without gbp, and ${received.tagged} packets to ${address} carry a group policy id: a device without gbp drops them`;
      yield deviceProblem(evidence, tunnel, device.link, words, { tagged: received.tagged });
    }
  }
}

function deviceProblem(
  evidence: Evidence,
  tunnel: VxlanTunnel,
  { name, origin }: HostLink,
  words: string,
  counts: Readonly<Record<string, number>>,
): Problem {
  const first = earliest(tunnel.directions.map((one) => one.first));
  const last = latest(tunnel.directions.map((one) => one.last));
  const works = tunnelRequests(evidence).some(
    (one) => one.tunnel === tunnel && one.sides.some(({ answered }) => answered > 0),
  );
  return statedProblem(evidence, {
    subject: { ...tunnelSubject(tunnel), device: name },
    severity: works ? 'warning' : 'error',
    confidence: works ? 'medium' : 'high',
    explanation:
      `The device ${name} (${originText(origin)}) ${words}.` +
      (works
        ? ' Requests are answered all the same, so that the output may be of another time or host.'
        : ''),
    pair: pairOf(tunnel),
    where: 'receiver',
    ...(first && last ? { first, last } : {}),
    counts,
    evidence: citations([first, `first packet of ${tunnelWords(tunnel)}`], [last, 'last one']),
    displayFilter: tunnelFilter(evidence.quality, [tunnel]),
  });
}
