import { groupBy } from '../../../src/correlate/group-by.js';
import type { NattConversation } from '../correlator.js';

/*
 * Conversations on UDP 4500 by the two hosts that have them: what asks for those of each tunnel in turn would otherwise look
 * at all of them as often as there are tunnels.
 */

/** Made once for the list that a run, or a look at one that goes on, gives. */
const byHostsOfList = new WeakMap<
  readonly NattConversation[],
  ReadonlyMap<string, readonly NattConversation[]>
>();

const NONE: readonly NattConversation[] = [];

/** Those between two hosts, whichever way round, in the order of the list. */
export function conversationsBetween(
  conversations: readonly NattConversation[],
  a: string,
  b: string,
): readonly NattConversation[] {
  let known = byHostsOfList.get(conversations);
  if (!known) {
    known = groupBy(conversations, ({ sides: [one, other] }) => hostsKey(one.address, other.address));
    byHostsOfList.set(conversations, known);
  }
  return known.get(hostsKey(a, b)) ?? NONE;
}

function hostsKey(a: string, b: string): string {
  return a <= b ? `${a} ${b}` : `${b} ${a}`;
}
