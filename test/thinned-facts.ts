/*
 * What a capture with less in it could have left: the sessions of a run with some of them, or with some of what they hold, left
 * out, or without times. No diagnosis may throw on any of it.
 */

export type Sessions = ReadonlyMap<string, readonly unknown[]>;
/** In [0, 1). */
export type Random = () => number;

/** A small generator (mulberry32), so that a seed tells the whole run. */
export function randomFrom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Without the sessions of one correlator. */
export function without(sessions: Sessions, name: string): Sessions {
  return new Map([...sessions].map(([one, list]) => [one, one === name ? [] : list]));
}

/** Every session stays with a probability of one half. */
export function halved(sessions: Sessions, random: Random): Sessions {
  return new Map([...sessions].map(([name, list]) => [name, list.filter(() => random() < 0.5)]));
}

/** The times of frames are not known. */
export function untimed(sessions: Sessions, random: Random): Sessions {
  const share = random();
  return changed(sessions, (key, value) =>
    key === 'timeNs' && typeof value === 'number' && random() < share ? Number.NaN : undefined,
  );
}

/**
 * Lists that begin with their first item, so that none is ever empty: sendings of a message, changes of an owner that has had
 * one, refusals that make a group. And lists into which numbers of their owner point.
 */
const NEVER_EMPTY = new Set([
  'transmissions',
  'sendings',
  'kept',
  'messages',
  'conflicting',
  'exchanges',
  'answers',
  'fragments',
  'incomplete',
]);
const POINTED_INTO = new Set(['paths', 'sizes', 'packets']);

/** Lists inside sessions are empty or shorter; two sides, and two directions, are always two. */
export function thinned(sessions: Sessions, random: Random): Sessions {
  return changed(sessions, (key, value) => {
    if (!Array.isArray(value) || value.length === 2 || value.length === 0) return undefined;
    if (POINTED_INTO.has(key)) return undefined;
    const lot = random();
    if (lot < 0.15) return NEVER_EMPTY.has(key) ? value.slice(0, 1) : [];
    return lot < 0.3 ? value.slice(0, Math.ceil(value.length / 2)) : undefined;
  });
}

function changed(sessions: Sessions, other: (key: string, value: unknown) => unknown): Sessions {
  return new Map(
    [...sessions].map(([name, list]) => [name, list.map((one) => copyOf(one, other, new Map()))]),
  );
}

/** Plain objects and lists are copied, each once: what is one object in the original is one in the copy. */
function copyOf(
  value: unknown,
  other: (key: string, value: unknown) => unknown,
  known: Map<object, object>,
): unknown {
  if (!isPlain(value)) return value;
  const before = known.get(value);
  if (before) return before;
  if (Array.isArray(value)) {
    const list: unknown[] = [];
    known.set(value, list);
    for (const item of value) list.push(copyOf(item, other, known));
    return list;
  }
  const copy: Record<string, unknown> = {};
  known.set(value, copy);
  for (const [key, own] of Object.entries(value)) {
    const instead = other(key, own);
    copy[key] = copyOf(instead === undefined ? own : instead, other, known);
  }
  return copy;
}

function isPlain(value: unknown): value is object {
  if (value === null || typeof value !== 'object') return false;
  return Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype;
}
