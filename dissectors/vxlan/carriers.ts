import type { CaptureQuality } from '../../src/correlate/capture-quality.js';
import { captureMayHide } from '../../src/correlate/gates.js';
import type { TunnelDirection } from '../../src/correlate/tunnel-direction.js';
import type { Evidence } from '../../src/diagnose/diagnosis.js';
import type { Subject } from '../../src/report/report.js';
import { PROTOCOL_UDP } from '../../src/wire/ip.js';
import { carrierFilter, pairFilter } from '../../src/wording/display-filters.js';
import { geneveTunnels } from '../geneve/correlator.js';
import { type IcmpError, icmpErrors } from '../icmp/correlator.js';
import { fragmentStreams } from '../ip/correlator.js';
import { type FragmentPair, fragmentPairs, incompleteOf } from '../ip/fragment-pairs.js';
import { vxlanTunnels } from './correlator.js';

/*
 * How the underlay carries the packets of tunnels over UDP, whatever the protocol: what fits, what is cut
 * into fragments, and what a router reports.
 */

/** One direction of a VXLAN or Geneve tunnel. */
export interface Carrier {
  readonly kind: 'vxlan' | 'geneve';
  readonly vni: number;
  readonly low: string;
  readonly high: string;
  /** Tunnel stack of the inner packets, and that in which the tunnel runs. */
  readonly stack: number;
  readonly outerStack: number;
  readonly direction: TunnelDirection;
  /** Outer headers and the inner Ethernet header, in bytes; 0 where no inner IP packet was seen. */
  readonly overhead: number;
  /** "Packet too big" errors about its outer packets. */
  readonly reports: readonly IcmpError[];
  /** Smallest MTU that they name; 0 where there is none. */
  readonly reportedMtu: number;
  /** Fragmented datagrams of the direction (of all its tunnels) that did and did not arrive whole. */
  readonly complete: number;
  readonly incomplete: number;
  /** The capture may lack fragments through its own fault. */
  readonly mayMissFragments: boolean;
}

/** A pattern, not the occasional loss of a packet. */
const INCOMPLETE_MIN = 3;
const INCOMPLETE_SHARE = 0.1;

/** Two diagnoses ask for the same. */
const carriersOfRun = new WeakMap<Evidence, readonly Carrier[]>();

export function carriersOf(evidence: Evidence): readonly Carrier[] {
  const known = carriersOfRun.get(evidence);
  if (known) return known;
  const carriers = findCarriers(evidence);
  carriersOfRun.set(evidence, carriers);
  return carriers;
}

const FRAGMENT = { protocol: PROTOCOL_UDP, fragment: true };

function findCarriers(evidence: Evidence): Carrier[] {
  const streams = evidence.sessions(fragmentStreams).filter(({ protocol }) => protocol === PROTOCOL_UDP);
  const tooBig = evidence.sessions(icmpErrors).filter(({ meaning }) => meaning === 'packet-too-big');
  const pairs = fragmentPairs(streams);
  const vxlan = evidence.sessions(vxlanTunnels).map((tunnel) => ({ ...tunnel, kind: 'vxlan' as const }));
  const geneve = evidence.sessions(geneveTunnels).map((tunnel) => ({ ...tunnel, kind: 'geneve' as const }));
  return [...vxlan, ...geneve].flatMap(({ kind, vni, low, high, stack, outerStack, directions }) =>
    directions.flatMap((direction) => {
      if (direction.packets === 0) return [];
      const reports = reportsAbout(tooBig, direction, outerStack);
      return {
        kind,
        vni,
        low,
        high,
        stack,
        outerStack,
        direction,
        overhead: direction.largestInner > 0 ? direction.largestOuter - direction.largestInner : 0,
        reports,
        reportedMtu: smallestMtu(reports),
        ...fragmentsOf(evidence, pairs, direction, outerStack),
        mayMissFragments: captureMayHide(evidence.quality, FRAGMENT, low) !== null,
      };
    }),
  );
}

/** Pieces of the direction's packets are missing as a rule, or a router still refuses them. */
export function isLossy({ complete, incomplete, mayMissFragments, reports }: Carrier): boolean {
  const isPattern = incomplete >= INCOMPLETE_MIN && incomplete >= INCOMPLETE_SHARE * (incomplete + complete);
  return (
    (isPattern && !mayMissFragments) || reports.some(({ ignoredCount }) => ignoredCount >= INCOMPLETE_MIN)
  );
}

export function carrierSubject({ kind, vni, low, high, direction }: Carrier): Subject {
  return { kind: 'tunnel', tunnel: kind, endpoints: [low, high], vni, from: direction.from };
}

/**
 * Display filter for the outermost packets of the tunnel's two ends: UDP ports other than 4789 a stock tshark
 * does not know.
 */
export function filterOf(quality: CaptureQuality, { stack, low, high }: Carrier): string {
  return carrierFilter(quality, stack) ?? pairFilter(low, high);
}

/** `VXLAN 42 from 10.0.0.1 to 10.0.0.2`. */
export function carrierWords({ kind, vni, direction }: Carrier): string {
  return `${kind === 'vxlan' ? 'VXLAN' : 'Geneve'} ${vni} from ${direction.from} to ${direction.to}`;
}

function reportsAbout(
  tooBig: readonly IcmpError[],
  { from, to, ports }: TunnelDirection,
  outerStack: number,
): IcmpError[] {
  return tooBig.filter(
    ({ isPlausible, quoted, stack }) =>
      isPlausible &&
      stack === outerStack &&
      quoted?.source === from &&
      quoted.destination === to &&
      ports.some(({ port }) => port === quoted.destinationPort),
  );
}

function smallestMtu(reports: readonly IcmpError[]): number {
  const known = reports.map((report) => report.smallestMtu).filter((mtu) => mtu > 0);
  return known.length > 0 ? Math.min(...known) : 0;
}

function fragmentsOf(
  evidence: Evidence,
  pairs: readonly FragmentPair[],
  { from, to }: TunnelDirection,
  outerStack: number,
): { complete: number; incomplete: number } {
  const pair = pairs.find((one) => one.source === from && one.destination === to && one.stack === outerStack);
  if (!pair) return { complete: 0, incomplete: 0 };
  const { count } = incompleteOf(evidence.quality, pair, ['first', 'middle', 'tail']);
  return { complete: pair.complete, incomplete: count };
}
