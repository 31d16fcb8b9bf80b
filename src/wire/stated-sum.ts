import { addressBytes } from './address-bytes.js';
import { foldSum, sumOfBytes } from './checksum.js';

/**
 * The checksum that words call wrong, in hexadecimal, as it is written into a header. A field of 0 says that nothing was told;
 * so where the words say 0, which a sender leaves to its network card, the sum of the pseudo-header stands for it.
 */
export function statedSum(
  text: string,
  { source, destination }: { readonly source: string; readonly destination: string },
  protocol: number,
): number {
  const stated = Number.parseInt(text, 16);
  if (stated !== 0) return stated;
  const sums = [source, destination].map((address) => {
    const bytes = addressBytes(address) ?? new Uint8Array(0);
    return sumOfBytes(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), 0, bytes.byteLength);
  });
  return foldSum(sums.reduce((sum, one) => sum + one, protocol));
}
