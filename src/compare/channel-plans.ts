import type { ActiveLanes } from './active-lanes.js';
import type { Channel, DirectionPlan } from './channel.js';
import type { Collectors } from './flow-pairs.js';
import type { HostNames } from './host-names.js';
import type { HostSides } from './host-sides.js';
import type { Lane, LaneEnds } from './lane-table.js';
import type { PacketMatch } from './packet-matches.js';
import { otherSide, SIDES, type Side } from './side.js';

const DIRECTIONS_MAX = 4096;
/** Share of matched packets with an unchanged identification from which it counts as kept. */
const KEPT_SHARE = 0.9;

export interface LearnedOfHosts {
  readonly collectors: Collectors;
  readonly active: ActiveLanes;
  readonly names: HostNames;
  readonly sides: HostSides;
  readonly ends: (side: Side, lane: Lane) => LaneEnds;
}

/** The channels of a comparison and the directions that they belong to, in names of A. Bounded: 4,096 directions. */
export class ChannelPlans {
  readonly directions: DirectionPlan[] = [];
  readonly channels: Channel[] = [];
  private readonly directionByKey = new Map<string, number>();
  private readonly channelByKey = new Map<string, number>();
  private readonly identifications = new Map<string, { same: number; changed: number }>();

  constructor(
    private readonly learned: LearnedOfHosts,
    matches: readonly PacketMatch[],
  ) {
    this.countIdentifications(matches);
  }

  /** The direction between two hosts, by their names in A's capture. */
  find(from: string, to: string): DirectionPlan | undefined {
    return this.directions[this.directionByKey.get(directionKey(from, to)) ?? -1];
  }

  /** The direction of a channel. */
  of(channel: number): DirectionPlan {
    return this.directions[this.channels[channel].direction];
  }

  /** No more channels will come: every direction learns which one is its other way. */
  end(): void {
    for (const [key, index] of this.directionByKey) {
      const [from, to] = key.split(' ');
      this.directions[index].reverse = this.directionByKey.get(directionKey(to, from)) ?? -1;
    }
  }

  /** A flow of its own on both sides; -1 where there is no room for another direction. */
  open(named: LaneEnds, laneA: Lane, laneB: Lane): number {
    const direction = this.directionOf(named, laneA, laneB);
    if (direction < 0) return -1;
    const level = Math.min(this.learned.collectors.a.levels[laneA], this.learned.collectors.b.levels[laneB]);
    const lanes = { a: laneA, b: laneB };
    this.channels.push({ direction, protocol: named.protocol, lanes, level, rewrite: null });
    return this.channels.length - 1;
  }

  /** Of all flows of a protocol between two hosts of which nothing was found on the other side. */
  shared(side: Side, named: LaneEnds, lane: Lane): number {
    const key = `${named.from} ${named.to} ${named.protocol}`;
    const level = this.learned.collectors[side].levels[lane];
    const known = this.channelByKey.get(key);
    if (known !== undefined) {
      this.channels[known].level = Math.min(this.channels[known].level, level);
      return known;
    }
    const direction = this.directionOf(named, side === 'a' ? lane : -1, side === 'b' ? lane : -1);
    if (direction < 0) return -1;
    const lanes = { a: -1, b: -1 };
    this.channels.push({ direction, protocol: named.protocol, lanes, level, rewrite: null });
    this.channelByKey.set(key, this.channels.length - 1);
    return this.channels.length - 1;
  }

  private directionOf(named: LaneEnds, laneA: Lane, laneB: Lane): number {
    const key = directionKey(named.from, named.to);
    const known = this.directionByKey.get(key);
    if (known !== undefined) return known;
    if (this.directions.length >= DIRECTIONS_MAX) return -1;
    const index = this.directions.length;
    this.directionByKey.set(key, index);
    const lean = this.learned.sides.lean(named.from, named.to);
    const back = this.find(named.to, named.from);
    const sender =
      lean === 0 && back
        ? { side: otherSide(back.sender), knownBy: back.senderKnownBy }
        : this.senderOf(lean, laneA, laneB);
    const b = laneB >= 0 ? this.learned.ends('b', laneB) : null;
    const atB = {
      from: b?.from ?? this.learned.names.ofA(named.from),
      to: b?.to ?? this.learned.names.ofA(named.to),
    };
    const [own, other] = sender.side === 'a' ? [named, atB] : [atB, named];
    const scopes = SIDES.map((side) => {
      const lane = side === 'a' ? laneA : laneB;
      return lane < 0 ? 'outer' : this.learned.active.scopeOf(side, lane);
    });
    const tunnel =
      (laneA >= 0 ? this.learned.active.tunnelOf('a', this.learned.ends('a', laneA)) : null) ??
      (b ? this.learned.active.tunnelOf('b', b) : null);
    this.directions.push({
      index,
      from: own.from,
      to: own.to,
      fromAtReceiver: other.from,
      toAtReceiver: other.to,
      sender: sender.side,
      senderKnownBy: sender.knownBy,
      scope: scopes.includes('inner') ? 'inner' : 'outer',
      tunnel,
      keepsIdentification: this.keepsIdentification(key),
      reverse: -1,
    });
    return index;
  }

  private senderOf(
    lean: number,
    laneA: Lane,
    laneB: Lane,
  ): { side: Side; knownBy: DirectionPlan['senderKnownBy'] } {
    if (lean !== 0) return { side: lean > 0 ? 'a' : 'b', knownBy: this.learned.sides.knownBy };
    const { a, b } = this.learned.collectors;
    const marked = (laneA < 0 ? 0 : a.outbound[laneA]) - (laneB < 0 ? 0 : b.outbound[laneB]);
    if (marked !== 0) return { side: marked > 0 ? 'a' : 'b', knownBy: 'mark' };
    const more = (laneA < 0 ? 0 : a.packets[laneA]) - (laneB < 0 ? 0 : b.packets[laneB]);
    return { side: more < 0 ? 'b' : 'a', knownBy: 'count' };
  }

  private countIdentifications(matches: readonly PacketMatch[]): void {
    for (const { laneA, identification } of matches) {
      if (identification === 0) continue;
      const { from, to, protocol } = this.learned.ends('a', laneA);
      if (protocol < 0) continue;
      for (const key of [directionKey(from, to), '']) {
        const known = this.identifications.get(key) ?? { same: 0, changed: 0 };
        if (identification > 0) known.same++;
        else known.changed++;
        this.identifications.set(key, known);
      }
    }
  }

  private keepsIdentification(key: string): boolean {
    const known = this.identifications.get(key) ?? this.identifications.get('');
    return known === undefined || known.same >= KEPT_SHARE * (known.same + known.changed);
  }
}

function directionKey(from: string, to: string): string {
  return `${from} ${to}`;
}
