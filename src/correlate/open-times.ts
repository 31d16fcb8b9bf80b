import { bestOf, isNonEmpty } from '../moment.js';
import { NS_PER_SECOND } from '../units.js';
import type { CaptureQuality } from './capture-quality.js';

/** When a file was open for packets, as its interface statistics state it; nanoseconds since 1970. */
export interface OpenTimes {
  readonly fromNs: bigint | null;
  readonly untilNs: bigint | null;
}

/** Statements further from the packets are mistakes. */
const APART_MAX_NS = 86_400n * BigInt(NS_PER_SECOND);
/** Packets may be stamped a little outside of what the program noted. */
const TOLERANCE_NS = BigInt(NS_PER_SECOND);

/**
 * For how long a capture was open beyond its first and last packet. Null where the file does not say so for every
 * interface, contradicts itself, or lost packets since it was written (a part cut out of it keeps its statistics).
 */
export function openTimes({ captures, interfaces }: CaptureQuality, captureIndex: number): OpenTimes {
  const facts = captures[captureIndex];
  const own = interfaces.filter((one) => one.captureIndex === captureIndex);
  const unknown = { fromNs: null, untilNs: null };
  if (!facts || own.length === 0 || facts.firstTimeNs === null || facts.lastTimeNs === null) return unknown;
  const delivered = own.map(({ delivered, received }) => delivered ?? received);
  const isWhole =
    delivered.some((count) => count === null) || sum(delivered) <= facts.frames + (facts.drops ?? 0);
  if (!isWhole) return unknown;
  const { firstTimeNs, lastTimeNs } = facts;
  const opened = own.map(({ openedNs }) => nearest(openedNs, firstTimeNs));
  const closed = own.map(({ closedNs }) => nearest(closedNs, lastTimeNs));
  return {
    fromNs: near(
      bestKnown(opened, (a, b) => a > b),
      firstTimeNs,
      -1n,
    ),
    untilNs: near(
      bestKnown(closed, (a, b) => a < b),
      lastTimeNs,
      1n,
    ),
  };
}

/** Of several readings of a time the one that is nearest to the packet. */
function nearest(readings: readonly bigint[] | undefined, packetNs: bigint): bigint | null {
  if (readings === undefined || !isNonEmpty(readings)) return null;
  return bestOf(readings, (one, best) => distance(one, packetNs) < distance(best, packetNs));
}

function distance(a: bigint, b: bigint): bigint {
  return a > b ? a - b : b - a;
}

/** The stated time where it lies on that side of the packet and not too far from it. */
function near(stated: bigint | null, packetNs: bigint, way: bigint): bigint | null {
  if (stated === null) return null;
  const beyond = (stated - packetNs) * way;
  return beyond >= -TOLERANCE_NS && beyond <= APART_MAX_NS ? stated : null;
}

/** Of times that are all known the one that no other is better than. */
function bestKnown(
  times: readonly (bigint | null)[],
  isBetter: (one: bigint, best: bigint) => boolean,
): bigint | null {
  const known = times.flatMap((time) => time ?? []);
  return known.length === times.length && isNonEmpty(known) ? bestOf(known, isBetter) : null;
}

function sum(counts: readonly (number | null)[]): number {
  return counts.reduce<number>((total, count) => total + (count ?? 0), 0);
}
