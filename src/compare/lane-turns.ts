import type { Nanoseconds } from '../units.js';
import type { Lane } from './lane-table.js';
import type { LaneTurns, Turn } from './plan.js';

const NO_CHANNEL = -1;

/** The channel of every lane of a side; of some it changes in the course of time. Bounded as the lanes are. */
export class LaneChannels implements LaneTurns {
  /** Below NO_CHANNEL: an index of `turns`. */
  private readonly channels: Int32Array;
  private readonly turns: (readonly Turn[])[] = [];

  constructor(readonly length: number) {
    this.channels = new Int32Array(length).fill(NO_CHANNEL);
  }

  has(lane: Lane): boolean {
    return this.channels[lane] !== NO_CHANNEL;
  }

  set(lane: Lane, channel: number): void {
    this.channels[lane] = channel;
  }

  /** `turns` in the order of time. */
  setTurns(lane: Lane, turns: readonly Turn[]): void {
    const distinct = turns.filter(({ channel }, index) => channel !== turns[index - 1]?.channel);
    if (distinct.length === 1) this.channels[lane] = distinct[0].channel;
    if (distinct.length < 2) return;
    this.channels[lane] = NO_CHANNEL - 1 - this.turns.length;
    this.turns.push(distinct);
  }

  turnsOf(lane: Lane): readonly Turn[] {
    const channel = this.channels[lane];
    if (channel === NO_CHANNEL) return [];
    if (channel >= 0) return [{ fromNs: Number.NEGATIVE_INFINITY, channel }];
    return this.turns[NO_CHANNEL - 1 - channel];
  }

  /** The first one; -1 where it has none. */
  of(lane: Lane): number {
    const channel = this.channels[lane] ?? NO_CHANNEL;
    return channel >= NO_CHANNEL ? channel : this.turns[NO_CHANNEL - 1 - channel][0].channel;
  }

  at(lane: Lane, timeNs: Nanoseconds): number {
    const channel = this.channels[lane];
    if (channel >= NO_CHANNEL) return channel;
    const turns = this.turns[NO_CHANNEL - 1 - channel];
    let found = turns[0].channel;
    for (const turn of turns) if (turn.fromNs <= timeNs) found = turn.channel;
    return found;
  }

  /** Indices of all channels that have a lane of this side. */
  shown(): Set<number> {
    const shown = new Set(this.channels);
    for (const turns of this.turns) for (const { channel } of turns) shown.add(channel);
    return shown;
  }
}
