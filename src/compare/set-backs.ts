import { type Nanoseconds, NS_PER_MILLISECOND } from '../units.js';

/** Frames that stand in a file behind later ones are nearer than this. */
const STEP_BACK_NS = 30 * NS_PER_MILLISECOND;
/** Frames after which times that stay behind are a clock that was set back, and no disorder of the file. */
const FRAMES_BEHIND = 32;
/** Beyond it times are left as they are. */
const SET_BACKS_MAX = 4096;

/** From a record on all times were made later by so much, in all. */
export interface SetBack {
  readonly ordinal: number;
  readonly shiftNs: Nanoseconds;
  /** Of the frame before it, as made to run on. */
  readonly atNs: Nanoseconds;
}

/** A step back that may yet prove to be disorder. */
interface Suspect {
  readonly ordinal: number;
  readonly firstNs: Nanoseconds;
  latestNs: Nanoseconds;
  frames: number;
}

/**
 * Makes the times of one side run on where its clock was set back, so that what lies before never mixes with what lies
 * after: as if no time had passed between both frames. Frames that merely stand in the wrong order keep their times: of
 * those the next ones return to the time before by a jump. Bounded: 4,096 steps.
 */
export class SetBacks {
  readonly all: SetBack[] = [];
  /** The latest time so far, made to run on; NaN before the first frame. */
  latestNs = Number.NaN;
  private suspect: Suspect | null = null;
  private shiftNs: Nanoseconds = 0;

  /** The next frame in capture order; `ordinal`: of its first record. */
  note(timeNs: Nanoseconds, ordinal: number): void {
    const runOnNs = timeNs + this.shiftNs;
    if (this.suspect !== null && this.isDecided(this.suspect, runOnNs)) {
      this.suspect = null;
      this.note(timeNs, ordinal);
    } else if (this.suspect === null) {
      if (runOnNs < this.latestNs - STEP_BACK_NS)
        this.suspect = { ordinal, firstNs: runOnNs, latestNs: runOnNs, frames: 1 };
      else if (!(this.latestNs >= runOnNs)) this.latestNs = runOnNs;
    }
  }

  /** Decides of what is left at the end of the capture. */
  end(): void {
    if (this.suspect !== null && this.suspect.frames > 1) this.confirm(this.suspect);
    this.suspect = null;
  }

  /** What is added to the time of that record. */
  shiftAt(ordinal: number): Nanoseconds {
    let low = 0;
    let high = this.all.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.all[middle].ordinal <= ordinal) low = middle + 1;
      else high = middle;
    }
    return low === 0 ? 0 : this.all[low - 1].shiftNs;
  }

  private isDecided(suspect: Suspect, runOnNs: Nanoseconds): boolean {
    const droppedNs = this.latestNs - suspect.firstNs;
    const isBehind = runOnNs < this.latestNs - STEP_BACK_NS;
    if (!isBehind && runOnNs - suspect.latestNs > droppedNs / 2) return true;
    suspect.frames++;
    if (runOnNs > suspect.latestNs) suspect.latestNs = runOnNs;
    if (isBehind && suspect.frames < FRAMES_BEHIND) return false;
    this.confirm(suspect);
    return true;
  }

  private confirm({ ordinal, firstNs, latestNs }: Suspect): void {
    if (this.all.length >= SET_BACKS_MAX) return;
    const addedNs = this.latestNs - firstNs;
    this.shiftNs += addedNs;
    this.all.push({ ordinal, shiftNs: this.shiftNs, atNs: this.latestNs });
    this.latestNs = latestNs + addedNs;
  }
}
