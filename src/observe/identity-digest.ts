/** One key a word of the largest datagram; larger (offloaded) ones use them again. */
const KEYS = 1 << 14;
export const IDENTITY_KEY_MASK = KEYS - 1;
/** Keys of the words of a TCP header, which is digested word by word. */
export const KEY_TCP_SEQUENCE = 1;
export const KEY_TCP_ACKNOWLEDGMENT = 2;

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
  const mixed = Math.imul(value ^ keys[key & IDENTITY_KEY_MASK], 0x85ebca6b);
  return mixed ^ (mixed >>> 15);
}
