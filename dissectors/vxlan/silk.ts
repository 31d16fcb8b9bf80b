import type { Evidence } from '../../src/diagnose/diagnosis.js';
import type { FrameRef } from '../../src/moment.js';
import { type ArpPair, arpPairs } from '../arp/correlator.js';
import { type LinkLane, linkLanes } from '../eth/correlator.js';
import { silkAddressOf } from '../eth/shared/silk-mac.js';
import { vxlanTunnels } from './correlator.js';
import type { Addressing, VxlanTunnel } from './session.js';

/*
 * The conventions of Cloud Foundry's silk: MAC addresses encode IPv4 addresses, a cell's tunnel endpoint has
 * the base address of the cell's lease, containers have one neighbour, 169.254.0.1. They are judged only
 * where the capture itself shows that they are in use.
 */

export const GATEWAY = '169.254.0.1';
/** MAC addresses that must follow the convention before one that does not is told. */
export const CONFORMING_MIN = 2;
/** Leases are /24 unless configured otherwise; a lease of up to /22 is not taken for another one. */
const LEASE_BITS_MAX = 10;

/** A MAC address of silk's form beside the IPv4 address of its owner. */
export interface SilkPair {
  readonly mac: string;
  /** The address in the MAC address. */
  readonly encoded: string;
  readonly address: string;
  readonly first: FrameRef;
  readonly last: FrameRef;
  /** At the other end of a link in no tunnel; null elsewhere. */
  readonly neighbour: string | null;
  /** Where it was seen: in frames of a tunnel, or on a link. */
  readonly tunnel: VxlanTunnel | null;
  readonly addressing: Addressing | null;
  readonly isConforming: boolean;
}

export interface SilkFacts {
  readonly pairs: readonly SilkPair[];
  /** ARP of containers and hosts, and IP packets of theirs, in no tunnel. */
  readonly questions: readonly ArpPair[];
  readonly lanes: readonly LinkLane[];
  /**
   * At least CONFORMING_MIN MAC addresses follow the convention, or one does on a link with the gateway of all containers,
   * or the MAC addresses of both ends of a link are made from one address.
   */
  readonly isInUse: boolean;
  /** Conforming MAC addresses. */
  readonly conforming: ReadonlySet<string>;
}

export function silkFacts(evidence: Evidence): SilkFacts {
  // In mirrored traffic the outer endpoints are not those that made the inner frames.
  const tunnels = evidence.sessions(vxlanTunnels).filter(({ isMirror }) => !isMirror);
  const questions = evidence.sessions(arpPairs).filter(({ stack }) => stack === 0);
  const lanes = evidence.sessions(linkLanes);
  const pairs = [
    ...tunnels.flatMap(pairsOfTunnel),
    ...questions.flatMap(pairsOfQuestion),
    ...pairsOfLinks(lanes),
  ];
  const conforming = new Set(pairs.filter(({ isConforming }) => isConforming).map(({ mac }) => mac));
  const hasGateway = questions.some(
    ({ asker, target, askerMacs, targetMacs }) =>
      (asker === GATEWAY || target === GATEWAY) &&
      [...askerMacs, ...targetMacs].some(({ mac }) => conforming.has(mac)),
  );
  const isInUse = conforming.size >= CONFORMING_MIN || hasGateway || pairs.some(isLinkOfContainer);
  return { pairs, questions, lanes, conforming, isInUse };
}

/** Whether an address of a container, or of the cell itself, belongs to the lease that begins with `base`. */
function isInLease(address: string, base: string): boolean {
  const first = numberOf(base);
  const distance = numberOf(address) - first;
  return distance >= 0 && distance < leaseSize(first);
}

/** A base address leaves the host bits 0: how many they may be, the address itself tells. */
function leaseSize(base: number): number {
  let bits = 0;
  while (bits < LEASE_BITS_MAX && ((base >>> bits) & 1) === 0) bits++;
  return 2 ** bits;
}

/** True for an address that may begin a lease of the default length. */
export function isLeaseBase(address: string): boolean {
  return address.endsWith('.0');
}

function pairsOfTunnel(tunnel: VxlanTunnel): SilkPair[] {
  return tunnel.addressings.flatMap((addressing) => {
    const { mac, address, first, last } = addressing;
    const silk = silkAddressOf(mac);
    if (!silk || address.startsWith('169.254.')) return [];
    const isConforming = !silk.isHostSide && isInLease(address, silk.address);
    const neighbour = null;
    return { mac, encoded: silk.address, address, first, last, neighbour, tunnel, addressing, isConforming };
  });
}

/**
 * On the link of a container: its own MAC encodes its address, that of the host side the container's, too.
 */
function pairsOfQuestion({ asker, target, askerMacs, targetMacs }: ArpPair): SilkPair[] {
  return [
    ...askerMacs.flatMap((claim) => pairOfClaim(claim, asker, target)),
    ...targetMacs.flatMap((claim) => pairOfClaim(claim, target, asker)),
  ];
}

function pairOfClaim(
  { mac, first, last }: ArpPair['askerMacs'][number],
  owner: string,
  neighbour: string,
): SilkPair[] {
  const silk = silkAddressOf(mac);
  if (!silk) return [];
  const address = owner === GATEWAY ? neighbour : owner;
  const isRightSide = silk.isHostSide === (owner === GATEWAY);
  const isConforming = isRightSide && silk.address === address;
  return [linkPair({ mac, address, first, last, neighbour: null }, silk.address, isConforming)];
}

type SeenOnLink = Pick<SilkPair, 'mac' | 'address' | 'first' | 'last' | 'neighbour'>;

function linkPair(seen: SeenOnLink, encoded: string, isConforming: boolean): SilkPair {
  return { ...seen, encoded, tunnel: null, addressing: null, isConforming };
}

/** Both ends of the link of a container have MAC addresses made from one address: that of the container, as silk knows it. */
export function isLinkOfContainer({ mac, encoded, neighbour }: SilkPair): boolean {
  const own = silkAddressOf(mac);
  const other = neighbour === null ? null : silkAddressOf(neighbour);
  return other !== null && own?.isHostSide !== other.isHostSide && other.address === encoded;
}

/**
 * What IP packets show of MAC addresses: that of a container beside its own address, that of the host side beside the
 * container's, as it sends to and for the container alone. A MAC address that stands beside other addresses as well as the
 * right one forwards for others, and one beside several wrong ones tells of none.
 */
function pairsOfLinks(lanes: readonly LinkLane[]): SilkPair[] {
  const seen = new Map<string, Map<string, SeenOnLink>>();
  for (const lane of lanes) {
    for (const one of endsOf(lane)) {
      const addresses = seen.get(one.mac) ?? new Map<string, SeenOnLink>();
      seen.set(one.mac, addresses);
      const known = addresses.get(one.address);
      addresses.set(one.address, known ? { ...known, last: one.last } : one);
    }
  }
  return [...seen].flatMap(([mac, addresses]) => {
    const silk = silkAddressOf(mac);
    if (!silk) return [];
    const right = addresses.get(silk.address);
    if (right) return [linkPair(right, silk.address, true)];
    const all = [...addresses.values()];
    // The device of a cell sends for all its containers.
    if (isLeaseBase(silk.address))
      return all
        .filter(({ address }) => !silk.isHostSide && isInLease(address, silk.address))
        .map((one) => linkPair(one, silk.address, true));
    return all.length === 1 ? [linkPair(all[0], silk.address, false)] : [];
  });
}

function endsOf(lane: LinkLane): SeenOnLink[] {
  const { sourceMac, destinationMac, source, destination, first, last } = lane;
  const ends: SeenOnLink[] = [];
  const add = (mac: string, address: string, neighbour: string): void => {
    if (isUnicastIpv4(address)) ends.push({ mac, address, first, last, neighbour });
  };
  const from = silkAddressOf(sourceMac);
  const to = silkAddressOf(destinationMac);
  if (from) add(sourceMac, from.isHostSide ? destination : source, destinationMac);
  if (to) add(destinationMac, to.isHostSide ? source : destination, sourceMac);
  return ends;
}

/** An address that a container may have. */
function isUnicastIpv4(address: string): boolean {
  if (address.includes(':') || address.startsWith('169.254.')) return false;
  const first = Number.parseInt(address, 10);
  return first > 0 && first < 224 && first !== 127;
}

function numberOf(address: string): number {
  return address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
}
