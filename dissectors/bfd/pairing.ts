import { groupBy } from '../../src/correlate/group-by.js';
import type { BfdEnd, BfdSession, BfdSide } from './session.js';

/** Ends that belong to one session while it is put together; `lowSide` are those of the lower address. */
interface Draft {
  readonly lowSide: BfdEnd[];
  readonly highSide: BfdEnd[];
}

/**
 * Puts the ends together that watch each other: first by the discriminators by which they call each other (RFC 5880,
 * section 6.3), then, among hosts and carriers where only one choice is left, by address.
 */
export function pairEnds(ends: readonly BfdEnd[]): BfdSession[] {
  const byHosts = groupBy(ends, ({ from, to, segment, stack, carrier }) => {
    const [low, high] = from <= to ? [from, to] : [to, from];
    return `${segment} ${stack} ${carrier} ${low} ${high}`;
  });
  return [...byHosts.values()].flatMap(sessionsOf).sort((a, b) => a.first.frame - b.first.frame);
}

function sessionsOf(ends: readonly BfdEnd[]): BfdSession[] {
  const drafts = joinLeftOvers(draftsByDiscriminator(inOrder(ends)));
  return drafts.map(sessionOf);
}

function draftsByDiscriminator(ends: readonly BfdEnd[]): Draft[] {
  let drafts: Draft[] = [];
  for (const end of ends) {
    const related = drafts.filter(({ lowSide, highSide }) =>
      (isLow(end) ? highSide : lowSide).some((other) => knows(end, other) || knows(other, end)),
    );
    const draft: Draft = {
      lowSide: related.flatMap(({ lowSide }) => lowSide),
      highSide: related.flatMap(({ highSide }) => highSide),
    };
    sideOf(draft, end).push(end);
    drafts = [...drafts.filter((one) => !related.includes(one)), draft];
  }
  return drafts;
}

/**
 * Ends whose peer never called them by name: where each side has one such draft they are the two ends of one session,
 * and where there is but one session it is a system that started anew.
 */
function joinLeftOvers(drafts: readonly Draft[]): Draft[] {
  const halves = drafts.filter(({ lowSide, highSide }) => lowSide.length === 0 || highSide.length === 0);
  const whole = drafts.filter((one) => !halves.includes(one));
  const lowHalves = halves.filter(({ highSide }) => highSide.length === 0);
  const highHalves = halves.filter(({ lowSide }) => lowSide.length === 0);
  if (whole.length === 0 && isSuccession(lowHalves) && isSuccession(highHalves)) return [merged(halves)];
  const isOneSession = whole.length === 1 && isSuccession([...whole, ...lowHalves]);
  if (isOneSession && isSuccession([...whole, ...highHalves])) return [merged(drafts)];
  return [...drafts];
}

/** One after another, never two at the same time: one system with one discriminator after another. */
function isSuccession(drafts: readonly Draft[]): boolean {
  return [true, false].every((low) => {
    const ends = inOrder(drafts.flatMap(({ lowSide, highSide }) => (low ? lowSide : highSide)));
    return ends.every((end, at) => at === 0 || ends[at - 1].last.frame <= end.first.frame);
  });
}

function merged(drafts: readonly Draft[]): Draft {
  return {
    lowSide: drafts.flatMap(({ lowSide }) => lowSide),
    highSide: drafts.flatMap(({ highSide }) => highSide),
  };
}

function sessionOf({ lowSide, highSide }: Draft): BfdSession {
  const ends = inOrder([...lowSide, ...highSide]);
  const [{ from, to, stack, segment, carrier, first }] = ends;
  const [low, high] = from <= to ? [from, to] : [to, from];
  return {
    sides: [side(low, lowSide), side(high, highSide)],
    stack,
    segment,
    carrier,
    first,
    last: ends.reduce((latest, { last }) => (last.frame > latest.frame ? last : latest), first),
  };
}

function side(address: string, ends: readonly BfdEnd[]): BfdSide {
  return {
    address,
    ends: inOrder(ends),
    phases: ends.flatMap(({ phases }) => phases).sort((a, b) => a.first.frame - b.first.frame),
    pauses: ends.flatMap(({ pauses }) => pauses).sort((a, b) => a.from.frame - b.from.frame),
  };
}

function isLow({ from, to }: BfdEnd): boolean {
  return from <= to;
}

function sideOf(draft: Draft, end: BfdEnd): BfdEnd[] {
  return isLow(end) ? draft.lowSide : draft.highSide;
}

function knows(end: BfdEnd, other: BfdEnd): boolean {
  return end.from === other.to && end.peers.includes(other.discriminator);
}

function inOrder(ends: readonly BfdEnd[]): BfdEnd[] {
  return [...ends].sort((a, b) => a.first.frame - b.first.frame);
}
