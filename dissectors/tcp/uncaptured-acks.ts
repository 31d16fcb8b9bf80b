import { PAUSE_SECONDS_MIN } from '../../src/correlate/pauses.js';
import type { FrameRef } from '../../src/moment.js';
import { type Nanoseconds, NS_PER_SECOND } from '../../src/units.js';
import type { QuietAck } from './tcp-connection.js';

const PROOFS_KEPT = 3;
const QUIET_ACKS_MAX = 64;
/** Directions whose frames with ACKs of uncaptured data are kept; of the others they are counted. */
const PROOF_DIRECTIONS_MAX = 1024;

interface Proofs {
  /** Those after a while without data of that direction, at most QUIET_ACKS_MAX: a pause of the capture may explain them. */
  readonly quiet: QuietAck[];
  readonly first: FrameRef[];
  /** Withdrawn where the data turns up behind its ACK after all. */
  newest: FrameRef | null;
}

/** Frames that prove that data was delivered which the capture does not hold, by direction of a connection. */
export class UncapturedAcks {
  private readonly proofs = new Map<number, Proofs>();

  /** @param lastDataNs when data of the direction was captured last, or NaN */
  note(direction: number, ref: FrameRef, lastDataNs: Nanoseconds): void {
    let proofs = this.proofs.get(direction);
    if (!proofs) {
      if (this.proofs.size >= PROOF_DIRECTIONS_MAX) return;
      proofs = { quiet: [], first: [], newest: null };
      this.proofs.set(direction, proofs);
    }
    const isQuiet = ref.timeNs - lastDataNs > PAUSE_SECONDS_MIN * NS_PER_SECOND;
    if (isQuiet && proofs.quiet.length < QUIET_ACKS_MAX) proofs.quiet.push({ at: ref, sinceNs: lastDataNs });
    if (proofs.newest && proofs.first.length < PROOFS_KEPT) proofs.first.push(proofs.newest);
    proofs.newest = ref;
  }

  withdrawNewest(direction: number): void {
    const proofs = this.proofs.get(direction);
    if (!proofs?.newest) return;
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
