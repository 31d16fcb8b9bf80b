const NS_PER_SECOND = 1_000_000_000n;

/** RFC 3339 in UTC with nanoseconds; what no calendar holds comes as `@` and the number. @param absoluteNs since 1970 */
export function formatRfc3339(absoluteNs: bigint): string {
  let seconds = absoluteNs / NS_PER_SECOND;
  let fraction = absoluteNs % NS_PER_SECOND;
  if (fraction < 0n) {
    fraction += NS_PER_SECOND;
    seconds -= 1n;
  }
  const date = new Date(Number(seconds) * 1000);
  if (Number.isNaN(date.getTime())) return `@${absoluteNs}`;
  return date.toISOString().replace(/\.\d+Z$/, `.${fraction.toString().padStart(9, '0')}Z`);
}
