/** Keys of header words and of what is masked. */
const KEYS = 1 << 7;
const KEY_MASK = KEYS - 1;
/** Keys of the words of a TCP header, which is digested word by word. */
export const KEY_TCP_SEQUENCE = 1;
export const KEY_TCP_ACKNOWLEDGMENT = 2;

/** From the key of a payload word to that of the next (2^32 divided by the golden ratio). */
const KEY_STEP = 0x9e3779b1;
const MULTIPLIER = 0x85ebca6b;
const WORD = 4;

/** The keys of identity digests for a seed: what both sides of a comparison must share. */
export function identityKeys(seed: number): Int32Array {
  let state = seed | 0;
  return Int32Array.from({ length: KEYS }, () => {
    state = (state + 0x9e3779b9) | 0;
    const mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
    return Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
  });
}

/** What a word adds to a digest. As digests are sums, a word that was rewritten can be exchanged afterwards. */
export function identityWord(keys: Int32Array, value: number, key: number): number {
  const mixed = Math.imul(value ^ keys[key & KEY_MASK], MULTIPLIER);
  return mixed ^ (mixed >>> 15);
}

/**
 * Sum over the words of `[from, to)`, whose first byte stands at `base` in the datagram. The key of a word is computed
 * from its offset: looking it up takes as long again as all the rest.
 * @param firstKey key of the word at offset 0
 */
export function payloadDigest(
  view: DataView,
  from: number,
  to: number,
  base: number,
  firstKey: number,
): number {
  let sum = 0;
  let key = (firstKey + Math.imul(base >> 2, KEY_STEP)) | 0;
  let at = from;
  for (; at + 4 * WORD <= to; at += 4 * WORD) {
    const first = Math.imul(view.getInt32(at, true) ^ key, MULTIPLIER);
    const second = Math.imul(view.getInt32(at + WORD, true) ^ (key + KEY_STEP), MULTIPLIER);
    const third = Math.imul(view.getInt32(at + 2 * WORD, true) ^ (key + 2 * KEY_STEP), MULTIPLIER);
    const fourth = Math.imul(view.getInt32(at + 3 * WORD, true) ^ (key + 3 * KEY_STEP), MULTIPLIER);
    const half = (first ^ (first >>> 15)) + (second ^ (second >>> 15));
    sum = (sum + half + (third ^ (third >>> 15)) + (fourth ^ (fourth >>> 15))) | 0;
    key = (key + 4 * KEY_STEP) | 0;
  }
  for (; at + WORD <= to; at += WORD) {
    const mixed = Math.imul(view.getInt32(at, true) ^ key, MULTIPLIER);
    sum = (sum + (mixed ^ (mixed >>> 15))) | 0;
    key = (key + KEY_STEP) | 0;
  }
  if (at >= to) return sum;
  let rest = 0;
  for (let shift = 0; at < to; at++, shift += 8) rest |= view.getUint8(at) << shift;
  const mixed = Math.imul(rest ^ key, MULTIPLIER);
  return (sum + (mixed ^ (mixed >>> 15))) | 0;
}
