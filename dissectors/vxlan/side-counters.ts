/** What a record holds: of packets since the last settlement, all of one lane. */
export const LANE = 0;
/** Longest outer packet, in bytes; EVERY_PACKET where each is looked at. */
export const LARGEST = 1;
/** Length of the inner IP packet in it, in bytes; 0 where there is none. */
export const LARGEST_INNER = 2;
export const PACKETS = 3;
/** Sum of the outer packets, in bytes. */
export const BYTES = 4;
/** Frame id of the last packet, and nanoseconds from the base of the segment. */
export const LAST_FRAME = 5;
export const LAST_NS = 6;

export const EVERY_PACKET = -1;

/** A cache line. */
const RECORD_FIELDS = 8;
const SLOTS_START = 4096;
const GROWTH = 4;

/** One record a direction of an inner flow, side by side: all that the usual packet touches. */
export class SideCounters {
  records = new Float64Array(SLOTS_START * 2 * RECORD_FIELDS);

  /** Makes room for both directions of a flow, neither of which has a lane yet. */
  open(slot: number): void {
    const from = recordAt(slot, 0);
    const end = recordAt(slot + 1, 0);
    if (end > this.records.length) {
      const grown = new Float64Array(this.records.length * GROWTH);
      grown.set(this.records);
      this.records = grown;
    }
    this.records.fill(0, from, end);
    this.records[from + LANE] = this.records[from + RECORD_FIELDS + LANE] = Number.NaN;
  }
}

/** Where the record of a direction begins. */
export function recordAt(slot: number, direction: number): number {
  return (slot * 2 + direction) * RECORD_FIELDS;
}
