import type { FrameRef } from '../../src/moment.js';
import { NS_PER_SECOND } from '../../src/units.js';
import { LatestIsdAs } from './isd-as.js';
import type { ClockStamps, ControlTally, PathUse, ScionDirection, Tally } from './session.js';

const NAMES_KEPT = 16;
const SESSIONS_KEPT = 16;
const PATHS_KEPT = 16;

/** Counts packets of a kind, and the longest time between two of them. */
class Counter {
  count = 0;
  private first: FrameRef | null = null;
  private last: FrameRef | null = null;
  private longestGapNs = 0;
  private gapFrom: FrameRef | null = null;
  private gapTo: FrameRef | null = null;

  note(at: FrameRef): void {
    this.count++;
    this.first ??= at;
    const { last } = this;
    if (last !== null && at.timeNs - last.timeNs > this.longestGapNs) {
      this.longestGapNs = at.timeNs - last.timeNs;
      this.gapFrom = last;
      this.gapTo = at;
    }
    this.last = at;
  }

  tally(): Tally {
    const { count, first, last } = this;
    return { count, first, last };
  }

  controlTally(): ControlTally {
    const { longestGapNs, gapFrom, gapTo } = this;
    return { ...this.tally(), longestGapNs, gapFrom, gapTo };
  }
}

/** What packets say of the clock of their sender. */
class StampCounter {
  private count = 0;
  private firstStamp = 0;
  private isMoving = false;
  private least = Number.POSITIVE_INFINITY;
  private most = Number.NEGATIVE_INFINITY;
  private first: FrameRef | null = null;
  private last: FrameRef | null = null;

  note(stampSeconds: number, at: FrameRef): void {
    const lag = at.timeNs / NS_PER_SECOND - stampSeconds;
    if (Number.isNaN(lag)) return;
    if (this.count === 0) this.firstStamp = stampSeconds;
    else if (stampSeconds !== this.firstStamp) this.isMoving = true;
    this.count++;
    if (lag < this.least) this.least = lag;
    if (lag > this.most) this.most = lag;
    this.first ??= at;
    this.last = at;
  }

  describe(): ClockStamps | null {
    const { count, least, most, isMoving, first, last } = this;
    if (first === null || last === null) return null;
    return { count, leastLagSeconds: least, mostLagSeconds: most, isMoving, first, last };
  }
}

/** One direction of a link while it is open; holds a fixed number of names, sessions and paths. */
export class ScionDirectionState {
  readonly source = new LatestIsdAs();
  readonly destination = new LatestIsdAs();
  readonly all = new Counter();
  readonly old = new Counter();
  readonly current = new Counter();
  readonly bfd = new Counter();
  readonly gatewayFrames = new Counter();
  readonly beacons = new Counter();
  readonly registrations = new Counter();
  readonly otherControl = new Counter();
  readonly unreadControl = new Counter();
  readonly stamps = new StampCounter();
  oneHopPackets = 0;
  private bytes = 0;
  private largestPacket = 0;
  private readonly sources = new Set<string>();
  private readonly destinations = new Set<string>();
  private readonly sessions = new Set<number>();
  private neighbours: { readonly from: string; readonly to: string } | null = null;
  private readonly paths = new Map<number, { packets: number; first: FrameRef; last: FrameRef }>();

  notePacket(at: FrameRef, isCurrent: boolean, length: number): void {
    this.all.note(at);
    (isCurrent ? this.current : this.old).note(at);
    this.bytes += length;
    if (length > this.largestPacket) this.largestPacket = length;
  }

  noteEnds(source: string, destination: string): void {
    keep(this.sources, source);
    keep(this.destinations, destination);
  }

  noteNeighbours(from: string, to: string): void {
    this.neighbours ??= { from, to };
  }

  noteSession(session: number): void {
    if (this.sessions.size < SESSIONS_KEPT) this.sessions.add(session);
  }

  /** Of more paths than are kept those that expire first stay. */
  notePath(expirySeconds: number, at: FrameRef): void {
    const known = this.paths.get(expirySeconds);
    if (known) {
      known.packets++;
      known.last = at;
      return;
    }
    if (this.paths.size >= PATHS_KEPT) {
      const latest = Math.max(...this.paths.keys());
      if (expirySeconds >= latest) return;
      this.paths.delete(latest);
    }
    this.paths.set(expirySeconds, { packets: 1, first: at, last: at });
  }

  describe(): ScionDirection {
    const paths: PathUse[] = [...this.paths]
      .map(([expirySeconds, use]) => ({ expirySeconds, ...use }))
      .sort((a, b) => a.expirySeconds - b.expirySeconds);
    const { count: packets, first, last } = this.all.tally();
    return {
      packets,
      bytes: this.bytes,
      first,
      last,
      old: this.old.tally(),
      current: this.current.tally(),
      largestPacket: this.largestPacket,
      sources: [...this.sources],
      destinations: [...this.destinations],
      neighbours: this.neighbours,
      oneHopPackets: this.oneHopPackets,
      bfd: this.bfd.tally(),
      gatewayFrames: this.gatewayFrames.tally(),
      gatewaySessions: [...this.sessions].sort((a, b) => a - b),
      beacons: this.beacons.controlTally(),
      registrations: this.registrations.controlTally(),
      otherControl: this.otherControl.tally(),
      unreadControl: this.unreadControl.tally(),
      paths,
      stamps: this.stamps.describe(),
    };
  }
}

function keep(names: Set<string>, name: string): void {
  if (names.size < NAMES_KEPT) names.add(name);
}
