/** A verdict that depends on the dress. The list is checked: what violates no longer must leave it. */
export interface KnownViolation {
  readonly captures: readonly string[];
  /** Names of the transformations. */
  readonly in: readonly string[];
  readonly id: string;
  readonly why: string;
}

export const NOTHING_BACK =
  'who only pings says the same whether it is answered or not: the finding is unsure of itself and asks for the other end';
export const WRAPS = ['inside GRE', 'inside IP in IP', 'inside VXLAN'] as const;
export const ASKS_AGAIN =
  'the initiator begins again in vain, which is all that its own packets show: the answers that name the cause are the others';
