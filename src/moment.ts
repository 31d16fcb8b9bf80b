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

/** What a list that is not empty becomes item by item. */
export function mapped<Item, Other>(list: NonEmpty<Item>, of: (item: Item) => Other): NonEmpty<Other> {
  const [one, ...others] = list;
  return [of(one), ...others.map(of)];
}

/** Of all items the one that no other is better than; the first of several. */
export function bestOf<Item>(list: NonEmpty<Item>, isBetter: (one: Item, best: Item) => boolean): Item {
  let [best] = list;
  for (const one of list) if (isBetter(one, best)) best = one;
  return best;
}

/** The item with the greatest amount; the first of several. NaN wins only where it stands first. */
export function mostBy<Item>(list: NonEmpty<Item>, amountOf: (item: Item) => number): Item {
  return bestOf(list, (one, best) => amountOf(one) > amountOf(best));
}

/** The first and the last frame, in the order of the capture. */
export function earliestOf<Ref extends FrameRef>(refs: NonEmpty<Ref>): Ref {
  return bestOf(refs, (one, best) => one.frame < best.frame);
}

export function latestOf<Ref extends FrameRef>(refs: NonEmpty<Ref>): Ref {
  return bestOf(refs, (one, best) => one.frame > best.frame);
}

/** From the first frame of any part to the last of any. */
export function spanOf<Ref extends FrameRef>(
  parts: NonEmpty<{ readonly first: Ref; readonly last: Ref }>,
): { readonly first: Ref; readonly last: Ref } {
  return {
    first: earliestOf(mapped(parts, ({ first }) => first)),
    last: latestOf(mapped(parts, ({ last }) => last)),
  };
}
