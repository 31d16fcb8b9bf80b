import type { FrameRef } from '../../src/moment.js';
import { type FrameId, type Nanoseconds, NS_PER_SECOND, type SegmentIndex } from '../../src/units.js';
import { ONE_WAY_PACKETS_MIN, ONE_WAY_SECONDS_MIN, type OneWayRun } from './session.js';

/** Runs kept one by one: the first half of them, and the longest. */
const RUNS_KEPT = 16;

/** Packets of one direction since the last one of the other. */
export class RunState {
  packets = 0;
  firstNs: Nanoseconds = Number.NaN;
  firstFrame: FrameId = 0;
  lastNs: Nanoseconds = Number.NaN;
  lastFrame: FrameId = 0;

  extend(ns: Nanoseconds, frame: FrameId): void {
    if (this.packets === 0) {
      this.firstNs = ns;
      this.firstFrame = frame;
    }
    this.packets++;
    this.lastNs = ns;
    this.lastFrame = frame;
  }

  /** Unknown times are never long enough. */
  get isLong(): boolean {
    return (
      this.packets >= ONE_WAY_PACKETS_MIN && this.lastNs - this.firstNs >= ONE_WAY_SECONDS_MIN * NS_PER_SECOND
    );
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
