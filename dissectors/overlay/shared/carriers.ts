import type { CaptureQuality } from '../../../src/correlate/capture-quality.js';
import { captureMayHide } from '../../../src/correlate/gates.js';
import type { TunnelDirection } from '../../../src/correlate/tunnel-direction.js';
import type { CarriedKind, Evidence } from '../../../src/diagnose/diagnosis.js';
import type { FollowedTunnel } from '../../../src/diagnose/followed-tunnel.js';
import type { Subject } from '../../../src/report/report.js';
import { PROTOCOL_UDP } from '../../../src/wire/ip.js';
import { carrierFilter } from '../../../src/wording/display-filters.js';
import { type IcmpError, icmpErrors } from '../../icmp/correlator.js';
import { fragmentStreams } from '../../ip/correlator.js';
import { type FragmentPair, fragmentPairs, incompleteOf } from '../../ip/shared/fragment-pairs.js';
import { type RepeatedWhenCut, repeatedWhenCut } from '../cut-packets.js';

/*
 * How the underlay carries the packets of tunnels, of whatever kind: what fits, what is cut into fragments, and what a
 * router reports.
 */

/** One direction of a tunnel with one key. */
export interface Carrier extends FollowedTunnel {
  readonly kind: CarriedKind;
  readonly direction: TunnelDirection;
  /** Outer headers, with the inner Ethernet header where there is one, in bytes; 0 where no inner IP packet was seen. */
  readonly overhead: number;
  /** "Packet too big" errors about its outer packets. */
  readonly reports: readonly IcmpError[];
  /** Smallest MTU that they name; 0 where there is none. */
  readonly reportedMtu: number;
  /** Fragmented datagrams of the direction (of all its tunnels) that did and did not arrive whole. */
  readonly complete: number;
  readonly incomplete: number;
  /** What is repeated in vain of the inner packets that leave in fragments. */
  readonly repeated: RepeatedWhenCut | null;
  /** Fragments are missing, and the capture may lack them through its own fault. */
  readonly mayMissFragments: boolean;
}

/** A pattern, not the occasional loss of a packet. */
const INCOMPLETE_MIN = 3;
const INCOMPLETE_SHARE = 0.1;

/** Kinds of tunnel that name another one judge by themselves what does not fit. */
const RULE_FOR_EVERY_KIND = 'overlay.mtu-exceeded';

/** Several diagnoses ask for the same. */
const carriersOfRun = new WeakMap<Evidence, readonly Carrier[]>();

export function carriersOf(evidence: Evidence): readonly Carrier[] {
  const known = carriersOfRun.get(evidence);
  if (known) return known;
  const carriers = evidence.tunnelKinds
    .filter(({ judges }) => judges.size === RULE_FOR_EVERY_KIND)
    .flatMap((kind) => carriersOfKind(evidence, kind));
  carriersOfRun.set(evidence, carriers);
  return carriers;
}

function carriersOfKind(evidence: Evidence, kind: CarriedKind): Carrier[] {
  const { quality, sessions } = evidence;
  const protocols = new Set(quality.protocols.classesOf(kind.kind).map(({ protocol }) => protocol));
  const tooBig = sessions(icmpErrors).filter(
    ({ meaning, quoted }) => meaning === 'packet-too-big' && protocols.has(quoted?.protocol ?? -1),
  );
  const pairs = fragmentPairs(sessions(fragmentStreams).filter(({ protocol }) => protocols.has(protocol)));
  return kind.followed(evidence).flatMap((tunnel) =>
    tunnel.directions.flatMap((direction) => {
      if (direction.packets === 0) return [];
      const reports = reportsAbout(tooBig, direction, tunnel.outerStack);
      const overhead = direction.largestInner > 0 ? direction.largestOuter - direction.largestInner : 0;
      const fragments = fragmentsOf(evidence, pairs, direction, tunnel.outerStack);
      return {
        ...tunnel,
        kind,
        direction,
        overhead,
        reports,
        reportedMtu: smallestMtu(reports),
        ...fragments,
        repeated: repeatedOf(evidence, tunnel, direction),
        // Asked only where fragments are missing: of thousands of tunnels hardly any.
        mayMissFragments:
          fragments.incomplete > 0 &&
          [...protocols].some(
            (protocol) =>
              captureMayHide(quality, { protocol, fragment: true }, tunnel.low, tunnel.outerStack) !== null,
          ),
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

export function carrierSubject({ kind, vni, key, low, high, direction }: Carrier): Subject {
  return {
    kind: 'tunnel',
    tunnel: kind.kind,
    endpoints: [low, high],
    ...(vni === undefined ? {} : { vni }),
    ...(key === undefined ? {} : { key }),
    from: direction.from,
  };
}

/** Display filter for the outermost packets of the tunnel's two ends. */
export function filterOf(quality: CaptureQuality, { kind, stack, low, high }: Carrier): string {
  return carrierFilter(quality, stack) ?? kind.filter(low, high);
}

/** `VXLAN 42 from 10.0.0.1 to 10.0.0.2`. */
export function carrierWords({ kind, vni, key, direction }: Carrier): string {
  const network = vni ?? key;
  return `${kind.name}${network === undefined ? '' : ` ${network}`} from ${direction.from} to ${direction.to}`;
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
      (quoted.protocol !== PROTOCOL_UDP || ports.some(({ port }) => port === quoted.destinationPort)),
  );
}

/** Null where nothing is cut, or what is inside cannot be read. */
function repeatedOf(
  evidence: Evidence,
  { stack, segment, directions }: FollowedTunnel,
  { fragmented, from }: TunnelDirection,
): RepeatedWhenCut | null {
  if (!fragmented || stack === 0) return null;
  return repeatedWhenCut(evidence, { stack, segment, outerDirection: directions[0].from === from ? 0 : 1 });
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
