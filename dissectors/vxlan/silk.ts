import type { Evidence } from '../../src/diagnose/diagnosis.js';
import type { FrameRef } from '../../src/moment.js';
import { type ArpPair, arpPairs } from '../arp/correlator.js';
import { vxlanTunnels } from './correlator.js';
import { silkAddressOf } from './mac.js';
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
  /** Where it was seen: in frames of a tunnel, or in ARP. */
  readonly tunnel: VxlanTunnel | null;
  readonly addressing: Addressing | null;
  readonly isConforming: boolean;
}

export interface SilkFacts {
  readonly pairs: readonly SilkPair[];
  /** ARP of containers and hosts, in no tunnel. */
  readonly questions: readonly ArpPair[];
  /** At least CONFORMING_MIN MAC addresses follow the convention, or one does on a link with the gateway of all containers. */
  readonly isInUse: boolean;
  /** Conforming MAC addresses. */
  readonly conforming: ReadonlySet<string>;
}

export function silkFacts(evidence: Evidence): SilkFacts {
  // In mirrored traffic the outer endpoints are not those that made the inner frames.
  const tunnels = evidence.sessions(vxlanTunnels).filter(({ isMirror }) => !isMirror);
  const questions = evidence.sessions(arpPairs).filter(({ stack }) => stack === 0);
  const pairs = [...tunnels.flatMap(pairsOfTunnel), ...questions.flatMap(pairsOfQuestion)];
  const conforming = new Set(pairs.filter(({ isConforming }) => isConforming).map(({ mac }) => mac));
  const hasGateway = questions.some(
    ({ asker, target, askerMacs, targetMacs }) =>
      (asker === GATEWAY || target === GATEWAY) &&
      [...askerMacs, ...targetMacs].some(({ mac }) => conforming.has(mac)),
  );
  return { pairs, questions, conforming, isInUse: conforming.size >= CONFORMING_MIN || hasGateway };
}

/** Whether an address of a container, or of the cell itself, belongs to the lease that begins with `base`. */
export function isInLease(address: string, base: string): boolean {
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
    return { mac, encoded: silk.address, address, first, last, tunnel, addressing, isConforming };
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
  return [{ mac, encoded: silk.address, address, first, last, tunnel: null, addressing: null, isConforming }];
}

function numberOf(address: string): number {
  return address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
}
