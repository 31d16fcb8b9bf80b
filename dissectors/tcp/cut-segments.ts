import type { FrameRef } from '../../src/moment.js';

/** Directions of connections with segments in IP fragments that are followed. */
const DIRECTIONS_MAX = 1024;

/** A segment that was sent in fragments, of its own packet or of the tunnel's around it, and how often. */
export interface CutSegment {
  readonly sequence: number;
  readonly sendings: number;
  readonly first: FrameRef;
  readonly last: FrameRef;
}

/** The segment that was sent in fragments most often, by direction of a connection; and the newest one. */
export class CutSegments {
  private readonly byDirection = new Map<number, { worst: CutSegment; newest: CutSegment }>();

  /** At the first fragment. */
  note(direction: number, sequence: number, at: FrameRef): void {
    const known = this.byDirection.get(direction);
    if (!known) {
      if (this.byDirection.size >= DIRECTIONS_MAX) return;
      const one = { sequence, sendings: 1, first: at, last: at };
      this.byDirection.set(direction, { worst: one, newest: one });
      return;
    }
    const { newest } = known;
    known.newest =
      newest.sequence === sequence
        ? { ...newest, sendings: newest.sendings + 1, last: at }
        : { sequence, sendings: 1, first: at, last: at };
    if (known.newest.sendings >= known.worst.sendings) known.worst = known.newest;
  }

  forget(slot: number): void {
    this.byDirection.delete(slot * 2);
    this.byDirection.delete(slot * 2 + 1);
  }

  worst(direction: number): CutSegment | null {
    return this.byDirection.get(direction)?.worst ?? null;
  }
}
