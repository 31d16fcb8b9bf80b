import type { FrameRef } from '../../src/moment.js';
import { DIAGNOSTIC_ADMIN_DOWN, STATE_ADMIN_DOWN, STATE_UP } from './layout.js';
import type { BfdPhase, BfdSession, BfdSide } from './session.js';

/** One side leaves Up: its last phase in Up and the first one that is not. */
export interface Leaving {
  readonly side: BfdSide;
  readonly up: BfdPhase;
  readonly down: BfdPhase;
  /** The side came back under another discriminator: its BFD process started anew. */
  readonly isRestart: boolean;
}

/** A session goes down: who said so first, what the other side said, and when it was up again. */
export interface Drop {
  readonly leavings: readonly Leaving[];
  readonly first: FrameRef;
  /** The first packet in Up of a side that had left it; null: not in the capture. */
  readonly returned: FrameRef | null;
  /** An operator took it down on one side (RFC 5880, section 6.8.16). */
  readonly isPlanned: boolean;
}

/** The times at which a session went down, in order. */
export function dropsOf({ sides }: BfdSession): Drop[] {
  const leavings = sides.flatMap(leavingsOf).sort((a, b) => a.down.first.frame - b.down.first.frame);
  const groups: Leaving[][] = [];
  for (const leaving of leavings) {
    const group = groups.at(-1);
    const [opening] = group ?? [];
    const back = opening ? returnOf(opening) : null;
    const isOwn = opening?.side === leaving.side;
    const isLater = back !== null && back.frame < leaving.down.first.frame;
    if (group && !isOwn && !isLater) group.push(leaving);
    else groups.push([leaving]);
  }
  return groups.map(dropOf);
}

function leavingsOf(side: BfdSide): Leaving[] {
  const { phases } = side;
  return phases.flatMap((down, at) => {
    const up = phases[at - 1];
    if (!up || up.state !== STATE_UP || down.state === STATE_UP) return [];
    return [{ side, up, down, isRestart: up.myDiscriminator !== down.myDiscriminator }];
  });
}

function dropOf(leavings: readonly Leaving[]): Drop {
  const returns = leavings.flatMap((leaving) => returnOf(leaving) ?? []);
  return {
    leavings,
    first: leavings[0].down.first,
    returned: returns.sort((a, b) => a.frame - b.frame)[0] ?? null,
    isPlanned: leavings.some(isAdministrative),
  };
}

function returnOf({ side, down }: Leaving): FrameRef | null {
  const up = side.phases.find(({ state, first }) => state === STATE_UP && first.frame > down.first.frame);
  return up?.first ?? null;
}

/** AdminDown, or Down with the diagnostic of it, before the side is up again. */
function isAdministrative({ side, down }: Leaving): boolean {
  const from = side.phases.indexOf(down);
  for (const { state, diagnostic } of side.phases.slice(from)) {
    if (state === STATE_UP) return false;
    if (state === STATE_ADMIN_DOWN || diagnostic === DIAGNOSTIC_ADMIN_DOWN) return true;
  }
  return false;
}

/** True where some packet of the session says Up. */
export function wasUp({ sides }: BfdSession): boolean {
  return sides.some(({ phases }) => phases.some(({ state }) => state === STATE_UP));
}
