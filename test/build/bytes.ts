/** Joins byte strings in order. */
export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

/** Big-endian writers: network order unless a name says otherwise. */
export function u8(value: number): Uint8Array {
  return Uint8Array.of(value & 0xff);
}

export function u16(value: number): Uint8Array {
  return Uint8Array.of((value >>> 8) & 0xff, value & 0xff);
}

export function u24(value: number): Uint8Array {
  return Uint8Array.of((value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff);
}

export function u32(value: number): Uint8Array {
  return Uint8Array.of((value >>> 24) & 0xff, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff);
}

export function u64(value: bigint): Uint8Array {
  return concat(u32(Number((value >> 32n) & 0xffffffffn)), u32(Number(value & 0xffffffffn)));
}

export function zeros(length: number): Uint8Array {
  return new Uint8Array(length);
}

export function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0) & 0xff);
}

/**
 * Reads hex digits; blanks, line breaks and comments (from `#` or `//` to the end of the line) are ignored.
 * @throws RangeError on anything else, or on an odd number of digits.
 */
export function hex(text: string): Uint8Array {
  const digits = text.replace(/(#|\/\/).*$/gm, '').replace(/\s+/g, '');
  if (!/^([0-9a-f]{2})*$/i.test(digits)) throw new RangeError(`not hex: ${digits}`);
  return Uint8Array.from({ length: digits.length / 2 }, (_, i) =>
    Number.parseInt(digits.slice(2 * i, 2 * i + 2), 16),
  );
}

export interface Random {
  /** The next unsigned 32-bit number. */
  next(): number;
  /** A number in [low, high). */
  between(low: number, high: number): number;
  bytes(length: number): Uint8Array;
}

/** xorshift32 (Marsaglia 2003): the same seed gives the same bytes for ever. A seed of 0 is taken as 1. */
export function random(seed: number): Random {
  let state = seed >>> 0 || 1;
  const next = (): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state;
  };
  return {
    next,
    between: (low, high) => low + (next() / 2 ** 32) * (high - low),
    bytes: (length) => Uint8Array.from({ length }, () => next() >>> 24),
  };
}
