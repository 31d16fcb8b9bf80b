import { PAUSE_SECONDS_MIN } from '../../src/correlate/pauses.js';
import type { FrameRef } from '../../src/moment.js';
import { type Nanoseconds, NS_PER_MILLISECOND, NS_PER_SECOND } from '../../src/units.js';
import { type ConnectionTable, doubleAt, GAP_START, LAST_DATA_NS, wordAt } from './connection-table.js';
import type { QuietAck } from './tcp-connection.js';

const PROOFS_KEPT = 3;
const QUIET_ACKS_MAX = 64;
/** Directions whose frames with ACKs of uncaptured data are kept; of the others they are counted. */
const PROOF_DIRECTIONS_MAX = 1024;

/** Network cards with several queues hand frames over out of order: data may stand that much behind its ACK. */
const LATE_DATA_NS: Nanoseconds = NS_PER_MILLISECOND;
const RECENT_MAX = 32;

/** Data that an ACK covers and that may still come. */
interface RecentGap {
  /** Sequence number of its first byte. */
  readonly start: number;
  readonly bytes: number;
  readonly at: FrameRef;
}

interface Proofs {
  /** The newest last; at most RECENT_MAX. */
  readonly recent: RecentGap[];
  /** Those after a while without data of that direction, at most QUIET_ACKS_MAX: a pause of the capture may explain them. */
  quiet: QuietAck[];
  first: FrameRef[];
  /** Withdrawn where the data turns up behind its ACK after all. */
  newest: FrameRef | null;
}

/** Frames that prove that data was delivered which the capture does not hold, by direction of a connection. */
export class UncapturedAcks {
  private readonly proofs = new Map<number, Proofs>();

  /** Of the gap of the direction in `table`, of so many bytes. */
  note(direction: number, ref: FrameRef, table: ConnectionTable, bytes: number): void {
    const start = table.words[wordAt(direction, GAP_START)];
    // When data of the direction was captured last, or NaN.
    const lastDataNs = table.doubles[doubleAt(direction, LAST_DATA_NS)];
    let proofs = this.proofs.get(direction);
    if (!proofs) {
      if (this.proofs.size >= PROOF_DIRECTIONS_MAX) return;
      proofs = { recent: [], quiet: [], first: [], newest: null };
      this.proofs.set(direction, proofs);
    }
    const isQuiet = ref.timeNs - lastDataNs > PAUSE_SECONDS_MIN * NS_PER_SECOND;
    if (isQuiet && proofs.quiet.length < QUIET_ACKS_MAX) proofs.quiet.push({ at: ref, sinceNs: lastDataNs });
    if (proofs.newest && proofs.first.length < PROOFS_KEPT) proofs.first.push(proofs.newest);
    proofs.newest = ref;
    if (proofs.recent.length >= RECENT_MAX) proofs.recent.shift();
    proofs.recent.push({ start, bytes, at: ref });
  }

  /** Data `[start, end)` that stands right behind its ACKs, which then prove nothing. */
  withdrawLate(
    table: ConnectionTable,
    direction: number,
    start: number,
    end: number,
    nowNs: Nanoseconds,
  ): void {
    const proofs = this.proofs.get(direction);
    if (!proofs) return;
    for (const gap of [...proofs.recent]) {
      const isFilled = ((start - (gap.start + gap.bytes)) | 0) < 0 && ((end - gap.start) | 0) > 0;
      if (!isFilled || !(nowNs - gap.at.timeNs <= LATE_DATA_NS)) continue;
      const { frame } = gap.at;
      proofs.recent.splice(proofs.recent.indexOf(gap), 1);
      proofs.quiet = proofs.quiet.filter(({ at }) => at.frame !== frame);
      proofs.first = proofs.first.filter((one) => one.frame !== frame);
      if (proofs.newest?.frame === frame) proofs.newest = null;
      table.uncapturedAcks[direction]--;
      table.uncapturedBytes[direction] -= gap.bytes;
    }
  }

  withdrawNewest(direction: number): void {
    const proofs = this.proofs.get(direction);
    if (!proofs?.newest) return;
    if (proofs.recent.at(-1)?.at.frame === proofs.newest.frame) proofs.recent.pop();
    const { frame } = proofs.newest;
    if (proofs.quiet.at(-1)?.at.frame === frame) proofs.quiet.pop();
    proofs.newest = null;
  }

  /** Both directions of a connection. */
  forget(slot: number): void {
    this.proofs.delete(slot * 2);
    this.proofs.delete(slot * 2 + 1);
  }

  quiet(direction: number): QuietAck[] {
    return [...(this.proofs.get(direction)?.quiet ?? [])];
  }

  /** At most the first three and the newest. */
  frames(direction: number): FrameRef[] {
    const proofs = this.proofs.get(direction);
    if (!proofs) return [];
    return [...proofs.first, ...(proofs.newest ? [proofs.newest] : [])];
  }
}
