// Counters of interface statistics belong to the capture that wrote them, not to every file that repeats them.
import type { CaptureFacts, CaptureInterface } from './capture-source.js';

/** Packets that may have been waiting in buffers when the capture stopped: a share of those that were written, and some. */
const UNWRITTEN_SHARE = 0.1;
const UNWRITTEN_PACKETS = 16;
const OF_ANOTHER =
  'interface statistics that count more packets than the file holds: those of a larger capture';

interface Counters {
  /** Packets that were delivered to the capture, or null where the file does not say. */
  readonly delivered: number | null;
  readonly drops: number;
}

/**
 * The captures with such drops only as can be their own. A part that was cut out of a capture repeats the statistics of
 * the whole (`drops` is then null, and `skipped` says so); the files of a ring count on from the one before, so each has
 * what it adds.
 */
export function withOwnDrops(
  captures: readonly CaptureFacts[],
  interfaces: readonly CaptureInterface[],
): readonly CaptureFacts[] {
  let before: Counters | null = null;
  return captures.map((facts, index) => {
    const counters = countersOf(facts, interfaces, index);
    const last = before;
    before = counters;
    if (counters === null || counters.delivered === null || fits(facts, counters)) return facts;
    const added = last === null ? null : addedSince(last, counters);
    if (added !== null && fits(facts, added)) return { ...facts, drops: added.drops };
    return { ...facts, drops: null, skipped: new Map([...facts.skipped, [OF_ANOTHER, 1]]) };
  });
}

/** Null where the file states no drops. */
function countersOf(
  { drops }: CaptureFacts,
  interfaces: readonly CaptureInterface[],
  index: number,
): Counters | null {
  if (drops === null) return null;
  const counting = interfaces.filter(
    ({ captureIndex, received, delivered }) =>
      captureIndex === index && (received !== null || delivered !== undefined),
  );
  if (counting.length === 0) return { delivered: null, drops };
  const delivered = counting.reduce((sum, one) => sum + deliveredTo(one), 0);
  return { delivered, drops };
}

/** The kernel counts what it drops as received. */
function deliveredTo({ received, delivered, dropped }: CaptureInterface): number {
  return delivered ?? (received ?? 0) - (dropped ?? 0);
}

function addedSince(before: Counters, now: Counters): Counters | null {
  if (before.delivered === null || now.delivered === null) return null;
  const added = { delivered: now.delivered - before.delivered, drops: now.drops - before.drops };
  return added.delivered >= 0 && added.drops >= 0 ? added : null;
}

function fits({ frames }: CaptureFacts, { delivered }: Counters): boolean {
  return delivered === null || delivered <= frames * (1 + UNWRITTEN_SHARE) + UNWRITTEN_PACKETS;
}
