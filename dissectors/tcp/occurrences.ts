import type { FrameRef } from '../../src/moment.js';

/** How often something happened, and the first and the last frame of it. */
export interface Occurrences {
  readonly count: number;
  readonly first: FrameRef | null;
  readonly last: FrameRef | null;
}

export const NEVER: Occurrences = { count: 0, first: null, last: null };

export function plus({ count, first, last }: Occurrences, ref: FrameRef, more = 1): Occurrences {
  return {
    count: count + more,
    first: first && first.frame <= ref.frame ? first : ref,
    last: last && last.frame >= ref.frame ? last : ref,
  };
}

export function both(a: Occurrences, b: Occurrences): Occurrences {
  if (!b.first || !b.last) return a;
  return plus(plus(a, b.first, b.count), b.last, 0);
}
