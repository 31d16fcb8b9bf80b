/** A packet, by the source port of the datagram around it, and whether it was lost. */
export interface PortSample {
  readonly port: number;
  readonly isLost: boolean;
}

/** What the lost ones have in common and none of the others has. */
export interface PortBucket {
  readonly kind: 'range' | 'remainder';
  /** First and last port of the range; or the divisor and the remainder. */
  readonly a: number;
  readonly b: number;
  /** Probability that chance makes such a pattern, times the patterns that were tried. */
  readonly chance: number;
}

/** Hashes that choose between so many links, taken as remainders of the port. */
const DIVISORS = [2, 3, 4, 5, 6, 7, 8, 10, 12, 16, 32];

/**
 * The ranges and remainders of the port that hold all lost packets and no other one; the least likely by chance. The
 * chance is exact for lost packets that are drawn at random.
 */
export function portBucket(samples: readonly PortSample[]): PortBucket | null {
  const lost = samples.filter(({ isLost }) => isLost);
  if (lost.length === 0 || lost.length === samples.length) return null;
  const hypotheses = DIVISORS.length + 1;
  const candidates = [
    rangeOf(samples, lost),
    ...DIVISORS.map((divisor) => remainderOf(samples, lost, divisor)),
  ]
    .filter((one) => one !== null)
    .map((one) => ({ ...one, chance: one.chance * hypotheses }));
  return candidates.reduce<PortBucket | null>((a, b) => (a && a.chance <= b.chance ? a : b), null);
}

function rangeOf(samples: readonly PortSample[], lost: readonly PortSample[]): PortBucket | null {
  const ports = lost.map(({ port }) => port);
  const [a, b] = [Math.min(...ports), Math.max(...ports)];
  if (samples.some(({ port, isLost }) => !isLost && port >= a && port <= b)) return null;
  const [n, k] = [samples.length, lost.length];
  // Of the sorted packets any k neighbours might be the lost ones.
  return { kind: 'range', a, b, chance: Math.exp(Math.log(n - k + 1) - logChoose(n, k)) };
}

function remainderOf(
  samples: readonly PortSample[],
  lost: readonly PortSample[],
  divisor: number,
): PortBucket | null {
  const remainder = lost[0].port % divisor;
  const isOf = ({ port }: PortSample): boolean => port % divisor === remainder;
  if (!lost.every(isOf) || samples.some((one) => !one.isLost && isOf(one))) return null;
  const chance = Math.exp(Math.log(divisor) - logChoose(samples.length, lost.length));
  return { kind: 'remainder', a: divisor, b: remainder, chance };
}

/** Natural logarithm of how many ways there are to choose k of n. */
function logChoose(n: number, k: number): number {
  let sum = 0;
  for (let i = 1; i <= k; i++) sum += Math.log((n - k + i) / i);
  return sum;
}
