import type { TimeRange } from './part-source.js';

/** A bound of a time range as the operator says it. */
export type TimeWord =
  | { readonly kind: 'absolute'; readonly ns: bigint }
  /** From the first frame. */
  | { readonly kind: 'after-start'; readonly ns: bigint }
  /** Back from the last frame. */
  | { readonly kind: 'before-end'; readonly ns: bigint };

const UNITS: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
  d: 86_400_000_000_000n,
};

const DURATION = /^([+-])(\d{1,9})(?:\.(\d{1,9}))?(ns|us|ms|s|m|h|d)?$/;
const DATE = /^(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d{1,9})\d*)?(Z|z|[+-]\d\d:\d\d)$/;

/** `2026-11-30T10:15:00Z`, `+30s` from the first frame, `-5m` from the last one; null for anything else. */
export function timeWordOf(text: string): TimeWord | null {
  const duration = DURATION.exec(text);
  if (duration !== null) {
    const [, sign, whole, fraction = '', unit = 's'] = duration;
    const unitNs = UNITS[unit] ?? 1n;
    const ns = BigInt(whole) * unitNs + (BigInt(fraction.padEnd(9, '0')) * unitNs) / 1_000_000_000n;
    return { kind: sign === '+' ? 'after-start' : 'before-end', ns };
  }
  const date = DATE.exec(text);
  if (date === null) return null;
  const [, day, time, fraction = '', zone] = date;
  const milliseconds = Date.parse(`${day}T${time}${zone.toUpperCase()}`);
  if (Number.isNaN(milliseconds)) return null;
  return { kind: 'absolute', ns: BigInt(milliseconds) * 1_000_000n + BigInt(fraction.padEnd(9, '0')) };
}

/** The range in the times of a capture that begins and ends then; null where it would need a time that there is not. */
export function rangeOf(
  from: TimeWord | null,
  to: TimeWord | null,
  edges: { readonly firstNs: bigint | null; readonly lastNs: bigint | null },
): TimeRange | null {
  const [fromNs, toNs] = [from, to].map((word) => instantOf(word, edges));
  if (fromNs === undefined || toNs === undefined) return null;
  return { fromNs, toNs };
}

function instantOf(
  word: TimeWord | null,
  { firstNs, lastNs }: { readonly firstNs: bigint | null; readonly lastNs: bigint | null },
): bigint | null | undefined {
  if (word === null) return null;
  if (word.kind === 'absolute') return word.ns;
  if (word.kind === 'after-start') return firstNs === null ? undefined : firstNs + word.ns;
  return lastNs === null ? undefined : lastNs - word.ns;
}
