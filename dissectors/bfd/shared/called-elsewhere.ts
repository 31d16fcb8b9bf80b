import { CARRIER_OTHER, STATE_DOWN } from '../layout.js';
import { discriminatorText } from '../names.js';
import type { BfdEnd, BfdSession } from '../session.js';

/** A system that stays Down towards a silent address, and who calls it by the discriminator of that session. */
export interface CalledElsewhere {
  readonly asked: BfdEnd;
  readonly answer: BfdEnd;
  readonly discriminator: string;
}

/** Over UDP; never where the system sends something to that other address too: then the two have a session of their own. */
export function* calledElsewhere(sessions: readonly BfdSession[]): Generator<CalledElsewhere> {
  const ends = sessions
    .flatMap(({ sides }) => sides.flatMap((side) => side.ends))
    .filter(({ carrier }) => carrier !== CARRIER_OTHER);
  const ways = new Set(ends.map((end) => wayOf(end, end.from, end.to)));
  const unasked = new Map<string, BfdEnd>();
  for (const end of ends) {
    if (ways.has(wayOf(end, end.to, end.from))) continue;
    for (const peer of end.peers) unasked.set(wayOf(end, end.to, String(peer)), end);
  }
  for (const asked of ends) {
    const answer = unasked.get(wayOf(asked, asked.from, String(asked.discriminator)));
    if (!answer || answer.from === asked.to || ways.has(wayOf(asked, asked.to, asked.from))) continue;
    if (asked.phases.some(({ state }) => state !== STATE_DOWN)) continue;
    yield { asked, answer, discriminator: discriminatorText(asked.discriminator) };
  }
}

function wayOf({ segment, stack, carrier }: BfdEnd, from: string, to: string): string {
  return `${segment} ${stack} ${carrier} ${from} ${to}`;
}
