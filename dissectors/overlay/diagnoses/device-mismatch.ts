import { defineDiagnosis, type Evidence, type Judgement } from '../../../src/diagnose/diagnosis.js';
import { statedProblem } from '../../../src/diagnose/stated-problem.js';
import { originText } from '../../../src/side-files/origin.js';
import { pairFilter } from '../../../src/wording/display-filters.js';
import hostLinks, { type HostLink, type LinkTunnel } from '../../host/side-files/ip-link.js';
import { type Carrier, carriersOf } from '../shared/carriers.js';

const PACKETS_MIN = 3;

export default defineDiagnosis({
  id: 'overlay.device-mismatch',
  title: 'Tunnel device does not fit its packets or its link',
  severity: 'warning',
  subject: 'tunnel',
  layer: 'tunnel-data',
  priority: 2,
  rule:
    'The tunnel devices of a host are given (--log, ip -d link). A device with a remote end has no packets with that host in the capture, and the tunnel with its key goes to another one, at least 3 packets; or the host sends that tunnel from another address than the local one of the device. ' +
    'Or: the MTU of the device and the overhead of the tunnel do not fit into the MTU of the interface that has its local address.',
  notWhen:
    'A group (multicast) or no remote end is set. The capture has packets between the ends that the device names.',
  causes: [
    'The device was made with an address that the host has not any more, or the peer has moved',
    'Routes or source NAT send the outer packets from another address',
    'The MTU of the device was left at 1500, or that of the underlay was lowered',
  ],
  nextSteps: [
    'On both ends: ip -d link show DEVICE; local of one must be remote of the other',
    'ip link set dev DEVICE type KIND remote ADDRESS local ADDRESS (or make it anew)',
    'ip link set dev DEVICE mtu SIZE: MTU of the underlay less the overhead',
  ],
  refutedBy: 'An answer through the tunnel to a full-size ping: ping -M do -s SIZE.',
  source: 'Cloud Foundry guide, inspecting the VTEP; MidoNet guide, MTU table; ip-link(8)',
  thresholds: {
    packets: [PACKETS_MIN, 'packets', 'a stray packet is no tunnel'],
  },
  fault: 'mismatch',
  *diagnose(evidence): Generator<Judgement> {
    const links = evidence.side.of(hostLinks);
    for (const link of links) {
      const { tunnel } = link;
      if (tunnel === null || tunnel.local === null) continue;
      yield* judgeEnds(evidence, link, tunnel, links);
      yield* judgeMtu(evidence, link, tunnel, tunnel.local, links);
    }
  },
});

/** Several kinds are carried by one: a gretap device sends GRE. */
function carriesKind({ kind }: LinkTunnel, carrier: Carrier): boolean {
  return kind === carrier.kind.kind || (kind.includes('gre') && carrier.kind.kind === 'gre');
}

function* judgeEnds(
  evidence: Evidence,
  link: HostLink,
  tunnel: LinkTunnel,
  links: readonly HostLink[],
): Generator<Judgement> {
  const { local, remote, key } = tunnel;
  if (local === null || remote === null || isGroup(remote)) return;
  const own = new Set(
    links
      .filter(({ origin }) => origin.file === link.origin.file)
      .flatMap(({ addresses }) => addresses.map(({ address }) => address)),
  );
  const all = carriersOf(evidence).filter(
    (one) =>
      one.outerStack === 0 && carriesKind(tunnel, one) && (key === null || (one.vni ?? one.key) === key),
  );
  const subject = { kind: 'tunnel', tunnel: tunnel.kind, endpoints: [local, remote], device: link.name };
  const isOf = ({ direction }: Carrier, a: string, b: string): boolean =>
    (direction.from === a && direction.to === b) || (direction.from === b && direction.to === a);
  if (all.some((one) => isOf(one, local, remote))) {
    yield { result: 'healthy', subject };
    return;
  }
  const other = all.find(
    ({ direction }) =>
      direction.packets >= PACKETS_MIN &&
      (direction.from === local || (own.has(direction.from) && direction.to === remote)),
  );
  if (other === undefined) return;
  const { from, to, packets } = other.direction;
  yield statedProblem(evidence, {
    subject,
    explanation: `The device ${link.name} (${originText(link.origin)}) has local ${local} and remote ${remote}, and its tunnel goes from ${from} to ${to} in the capture (${packets} packets): the ends do not agree.`,
    pair: [from, to],
    where: 'sender',
    counts: { packets },
    displayFilter: pairFilter(from, to),
  });
}

function* judgeMtu(
  evidence: Evidence,
  link: HostLink,
  { kind, local }: LinkTunnel,
  address: string,
  links: readonly HostLink[],
): Generator<Judgement> {
  const under = links.find(
    (one) =>
      one !== link &&
      one.origin.file === link.origin.file &&
      one.addresses.some((own) => own.address === address),
  );
  const forms = evidence.quality.protocols.overheads(kind).filter(({ overhead }) => !overhead.isRare);
  const family = address.includes(':') ? 'IPv6' : 'IPv4';
  const form = forms.find(({ overhead }) => overhead.form.includes(family)) ?? forms[0];
  if (under === undefined || form === undefined || link.mtu === 0) return;
  const { bytes } = form.overhead;
  const subject = {
    kind: 'tunnel',
    tunnel: kind,
    endpoints: [local ?? address],
    device: link.name,
    mtu: link.mtu,
  };
  if (link.mtu + bytes <= under.mtu) {
    yield { result: 'healthy', subject };
    return;
  }
  const cut = carriersOf(evidence).find(
    ({ direction }) => direction.from === address && direction.fragmented !== null,
  );
  yield statedProblem(evidence, {
    subject,
    severity: cut === undefined ? 'info' : 'warning',
    title: 'MTU of the tunnel device is too large for its link',
    explanation:
      `The device ${link.name} has an MTU of ${link.mtu} (${originText(link.origin)}); with the ${bytes} bytes of ${form.name} that is ${link.mtu + bytes}, more than the ${under.mtu} of ${under.name}. ` +
      (cut === undefined
        ? 'Full-size packets will be cut, or not be sent.'
        : `${address} sends ${cut.direction.fragmented?.packets ?? 0} of its outer packets as fragments.`) +
      ` Set it to ${under.mtu - bytes}.`,
    where: 'sender',
    counts: { deviceMtu: link.mtu, linkMtu: under.mtu, overhead: bytes },
    displayFilter: `${family === 'IPv6' ? 'ipv6' : 'ip'}.addr == ${address}`,
  });
}

function isGroup(address: string): boolean {
  return address.startsWith('ff') || (!address.includes(':') && Number(address.split('.')[0]) >= 224);
}
