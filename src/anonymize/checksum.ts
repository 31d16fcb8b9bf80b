/** The sum of 16-bit words (RFC 1071), folded; an odd last byte counts as the upper one. */
export function sumOf(view: DataView, from: number, to: number): number {
  let sum = 0;
  let at = from;
  for (; at + 2 <= to; at += 2) sum += view.getUint16(at);
  if (at < to) sum += view.getUint8(at) << 8;
  return fold(sum);
}

/**
 * Puts a checksum right by how the bytes that it covers have changed (RFC 1624): one that was wrong stays as wrong as it was.
 * @param before folded sums of what it covers, without the checksum itself or with it
 */
export function adjustChecksum(
  view: DataView,
  at: number,
  before: number,
  after: number,
  zeroIsNone = false,
): void {
  const old = view.getUint16(at);
  if (zeroIsNone && old === 0) return;
  const sum = fold((~old & 0xffff) + (~before & 0xffff) + after);
  const fresh = ~sum & 0xffff;
  view.setUint16(at, zeroIsNone && fresh === 0 ? 0xffff : fresh);
}

export function fold(sum: number): number {
  let folded = sum;
  while (folded > 0xffff) folded = (folded & 0xffff) + Math.floor(folded / 0x1_0000);
  return folded;
}
