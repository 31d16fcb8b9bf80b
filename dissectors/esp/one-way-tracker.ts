import type { FrameRef } from '../../src/moment.js';
import { type FrameId, type Nanoseconds, NS_PER_SECOND, type SegmentIndex } from '../../src/units.js';
import {
  ANSWER_SECONDS,
  ASKING_SECONDS_MIN,
  ONE_WAY_PACKETS_MIN,
  ONE_WAY_SECONDS_MIN,
  type OneWayRun,
} from './session.js';

const ANSWER_NS: Nanoseconds = ANSWER_SECONDS * NS_PER_SECOND;
const ASKED_NS: Nanoseconds = (ONE_WAY_PACKETS_MIN - 1) * ASKING_SECONDS_MIN * NS_PER_SECOND;
const LONG_NS: Nanoseconds = ONE_WAY_SECONDS_MIN * NS_PER_SECOND;

/** Runs kept one by one: the first half of them, and the longest. */
const RUNS_KEPT = 16;

/** Packets of one direction since the last one of the other. */
export class RunState {
  packets = 0;
  firstNs: Nanoseconds = Number.NaN;
  firstFrame: FrameId = 0;
  lastNs: Nanoseconds = Number.NaN;
  lastFrame: FrameId = 0;

  /**
   * `backNs`: time of the last packet of the other direction. What follows that packet at once and is itself followed by a
   * pause was its answer: the run begins behind the pause, whichever of the two stands first in the capture.
   */
  extend(ns: Nanoseconds, frame: FrameId, backNs: Nanoseconds): void {
    const pauseNs = ns - this.lastNs;
    const delayNs = this.lastNs - backNs;
    if (this.packets > 0 && delayNs <= ANSWER_NS && pauseNs > ANSWER_NS && pauseNs > 2 * delayNs)
      this.packets = 0;
    if (this.packets === 0) {
      this.firstNs = ns;
      this.firstFrame = frame;
    }
    this.packets++;
    this.lastNs = ns;
    this.lastFrame = frame;
  }

  /** Long enough, or as many questions at the pace of a ping. Unknown times are never long enough. */
  get isLong(): boolean {
    if (this.packets < ONE_WAY_PACKETS_MIN) return false;
    const lengthNs = this.lastNs - this.firstNs;
    return lengthNs >= LONG_NS || (lengthNs >= ASKED_NS && lengthNs >= this.askingNs);
  }

  private get askingNs(): Nanoseconds {
    return (this.packets - 1) * ASKING_SECONDS_MIN * NS_PER_SECOND;
  }
}

/** What the silent side has sent so far. */
interface Back {
  readonly packets: number;
  readonly lastNs: Nanoseconds;
  readonly lastFrame: FrameId;
}

/** The run of `state` while `back` was silent; `next` is the packet that ended the silence. */
export function oneWayRun(
  state: RunState,
  back: Back,
  addresses: { readonly from: string; readonly to: string },
  segment: SegmentIndex,
  next: FrameRef | null,
  sizes: readonly number[] = [],
): OneWayRun {
  return {
    ...addresses,
    packets: state.packets,
    first: { frame: state.firstFrame, timeNs: state.firstNs, segment },
    last: { frame: state.lastFrame, timeNs: state.lastNs, segment },
    lastBack: back.packets > 0 ? { frame: back.lastFrame, timeNs: back.lastNs, segment } : null,
    nextBack: next,
    backBefore: back.packets,
    sizes,
  };
}

/** Adds a run to a bounded list. */
export function keepRun(runs: OneWayRun[], run: OneWayRun): void {
  runs.push(run);
  if (runs.length <= RUNS_KEPT) return;
  let shortest = RUNS_KEPT / 2;
  for (let at = shortest + 1; at < runs.length; at++) {
    if (secondsOf(runs[at]) < secondsOf(runs[shortest])) shortest = at;
  }
  runs.splice(shortest, 1);
}

export function secondsOf(run: OneWayRun): number {
  return (run.last.timeNs - run.first.timeNs) / NS_PER_SECOND;
}
