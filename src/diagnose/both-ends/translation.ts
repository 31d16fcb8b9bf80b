import type { Comparison } from '../../compare/comparison.js';
import type { Side } from '../../compare/side.js';

/**
 * How what two hosts send each other changes its addresses between the captures, in words; null where it does not.
 * The addresses are those that `side` shows.
 */
export function translationOf(
  [one, other]: readonly [string, string],
  side: Side,
  { directions }: Comparison,
): string | null {
  for (const { plan } of directions) {
    const isOwn = plan.sender === side;
    const [from, to] = isOwn ? [plan.from, plan.to] : [plan.fromAtReceiver, plan.toAtReceiver];
    const [fromThere, toThere] = isOwn ? [plan.fromAtReceiver, plan.toAtReceiver] : [plan.from, plan.to];
    if ([from, to].sort().join(' ') !== [one, other].sort().join(' ')) continue;
    const [here, there] = from === fromThere ? [to, toThere] : [from, fromThere];
    if (here === there) continue;
    const [a, b] = side === 'a' ? [here, there] : [there, here];
    return `what is ${a} in capture A is ${b} in capture B`;
  }
  return null;
}
