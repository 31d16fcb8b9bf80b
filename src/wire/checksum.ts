/*
 * The Internet checksum: the ones' complement of the ones' complement sum of 16-bit words (RFC 1071). Sums here are
 * plain numbers below 2^32, folded to 16 bits only at the end, so that parts can be added up in any order.
 */

/** Where the checksum stands in a header. */
export const IPV4_HEADER_CHECKSUM = 10;
export const ICMP_CHECKSUM = 2;

/** Sum of the words in `[offset, end)`, at most 64 KiB of them; an odd last byte counts as the high one of its word. */
export function sumOfBytes(view: DataView, offset: number, end: number): number {
  let sum = 0;
  let at = offset;
  for (; at + 4 <= end; at += 4) {
    const word = view.getInt32(at);
    // 65,536 bytes of ones add up to less than 2^32, so nothing is lost where this wraps to a negative number.
    sum = (sum + (word >>> 16) + (word & 0xffff)) | 0;
  }
  if (at + 2 <= end) {
    sum = (sum + view.getUint16(at)) | 0;
    at += 2;
  }
  if (at < end) sum = (sum + (view.getUint8(at) << 8)) | 0;
  return foldSum(sum);
}

/** Sum of the 16-bit halves of four address words; those of IPv4 are 0, 0, 0xffff, address, and 0xffff adds nothing. */
export function sumOfAddress(words: Int32Array): number {
  let sum = 0;
  for (let word = 0; word < 4; word++) sum += (words[word] >>> 16) + (words[word] & 0xffff);
  return sum;
}

/** The 16 bits that a sum comes down to. */
export function foldSum(sum: number): number {
  let folded = (sum >>> 16) + (sum & 0xffff);
  folded = (folded >>> 16) + (folded & 0xffff);
  return folded;
}

/** Equal as ones' complement numbers: there 0 and 0xffff are the same. */
export function areSameSum(a: number, b: number): boolean {
  return a % 0xffff === b % 0xffff;
}
