/** `3 packets`, `1 packet`. */
export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** `81 bytes`, `79 to 81 bytes`. */
export function lengthText({
  shortestLength,
  longestLength,
}: {
  readonly shortestLength: number;
  readonly longestLength: number;
}): string {
  const lengths =
    shortestLength === longestLength ? `${longestLength}` : `${shortestLength} to ${longestLength}`;
  return `${lengths} bytes`;
}
