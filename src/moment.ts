import { type FrameId, type Nanoseconds, NS_PER_SECOND, type SegmentIndex } from './units.js';

/** A list of which the first and the last can be asked. */
export type NonEmpty<Item> = readonly [Item, ...Item[]];

export function isNonEmpty<Item>(list: readonly Item[]): list is NonEmpty<Item> {
  return list.length > 0;
}

/** A point in the capture. `timeNs` is NaN where the frame has no time. */
export interface Moment {
  readonly segment: SegmentIndex;
  readonly timeNs: Nanoseconds;
}

/** A frame and when it was captured. */
export interface FrameRef extends Moment {
  readonly frame: FrameId;
}

/** NaN across time segments, and where a time is unknown. */
export function secondsBetween(from: Moment, to: Moment): number {
  return from.segment === to.segment ? (to.timeNs - from.timeNs) / NS_PER_SECOND : Number.NaN;
}

/** A frame that a finding rests on. */
export interface Citation extends FrameRef {
  /** One line; packet strings need no escaping here, the report escapes. */
  readonly summary: string;
}

/** The first and the last frame, in the order of the capture. */
export function earliestOf<Ref extends FrameRef>(refs: NonEmpty<Ref>): Ref {
  return refs.reduce((first, ref) => (ref.frame < first.frame ? ref : first));
}

export function latestOf<Ref extends FrameRef>(refs: NonEmpty<Ref>): Ref {
  return refs.reduce((last, ref) => (ref.frame > last.frame ? ref : last));
}
