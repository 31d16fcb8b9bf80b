/** The two captures that are compared. */
export type Side = 'a' | 'b';
export const SIDES: readonly Side[] = ['a', 'b'];

export function otherSide(side: Side): Side {
  return side === 'a' ? 'b' : 'a';
}
