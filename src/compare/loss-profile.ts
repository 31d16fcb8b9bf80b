import { IDENTITY_DONT_FRAGMENT, IDENTITY_FRAGMENT } from '../observe/engine-tables.js';
import type { Nanoseconds } from '../units.js';
import type { ComparedPacket } from './compared-packet.js';

/** What the packets of a class have in common. */
export type ClassKind = 'fragment' | 'protocol' | 'port' | 'dscp' | 'dont-fragment';

/** Packets of one class that were lost one after the other, none of them arriving in between. */
export interface LossRun {
  count: number;
  readonly first: ComparedPacket;
  last: ComparedPacket;
  /** Counters of the whole direction when it began. */
  readonly deliveredBefore: number;
  readonly lostBefore: number;
  /** Packets of other classes during it. */
  othersDelivered: number;
  othersLost: number;
  /** From its beginning to the last packet of another class that arrived during it. */
  interleavedNs: Nanoseconds;
}

/** A class of packets since the first loss of the direction. */
export interface LossClass {
  readonly kind: ClassKind;
  /** Bit of the protocol, port with the protocol above it, DSCP, or 0 first, 1 later fragments and 2 all of them. */
  readonly value: number;
  sent: number;
  lost: number;
  run: LossRun | null;
  longest: LossRun | null;
}

const CLASSES_MAX = 512;
const KIND_FACTOR = 2 ** 26;
const KINDS: readonly ClassKind[] = ['fragment', 'protocol', 'port', 'dscp', 'dont-fragment'];
export const FIRST_FRAGMENTS = 0;
export const LATER_FRAGMENTS = 1;
export const ALL_FRAGMENTS = 2;

/** Which packets of a direction are lost: counted from the first loss on. Bounded: 512 classes. */
export class LossProfile {
  readonly classes = new Map<number, LossClass>();
  delivered = 0;
  lost = 0;
  /** Sizes at the IP layer. */
  largestDelivered = 0;
  smallestLost = Number.POSITIVE_INFINITY;
  largestLost = 0;
  private lastDeliveredNs = Number.NEGATIVE_INFINITY;

  /** `port`: of the service, with the IP protocol times 65,536; 0 where there is none. */
  note(packet: ComparedPacket, isLost: boolean, port: number): void {
    if (isLost) {
      this.lost++;
      this.smallestLost = Math.min(this.smallestLost, packet.networkLength);
      this.largestLost = Math.max(this.largestLost, packet.networkLength);
    } else {
      this.delivered++;
      this.largestDelivered = Math.max(this.largestDelivered, packet.networkLength);
      this.lastDeliveredNs = packet.timeNs;
    }
    if ((packet.flags & IDENTITY_FRAGMENT) !== 0) {
      this.noteClass(0, packet.offset === 0 ? FIRST_FRAGMENTS : LATER_FRAGMENTS, packet, isLost);
      this.noteClass(0, ALL_FRAGMENTS, packet, isLost);
    }
    for (let bits = packet.protocols; bits !== 0; bits &= bits - 1) {
      this.noteClass(1, 31 - Math.clz32(bits & -bits), packet, isLost);
    }
    if (port !== 0) this.noteClass(2, port, packet, isLost);
    if (packet.trafficClass >> 2 !== 0) this.noteClass(3, packet.trafficClass >> 2, packet, isLost);
    if ((packet.flags & IDENTITY_DONT_FRAGMENT) !== 0) this.noteClass(4, 1, packet, isLost);
  }

  classOf(kind: ClassKind, value: number): LossClass | null {
    return this.classes.get(KINDS.indexOf(kind) * KIND_FACTOR + value) ?? null;
  }

  private noteClass(kind: number, value: number, packet: ComparedPacket, isLost: boolean): void {
    const key = kind * KIND_FACTOR + value;
    let known = this.classes.get(key);
    if (!known) {
      if (this.classes.size >= CLASSES_MAX) return;
      known = { kind: KINDS[kind], value, sent: 0, lost: 0, run: null, longest: null };
      this.classes.set(key, known);
    }
    known.sent++;
    if (!isLost) {
      known.run = null;
      return;
    }
    known.lost++;
    known.run ??= {
      count: 0,
      first: packet,
      last: packet,
      deliveredBefore: this.delivered,
      lostBefore: this.lost - 1,
      othersDelivered: 0,
      othersLost: 0,
      interleavedNs: 0,
    };
    this.extend(known.run, packet);
    if (known.longest === null || known.run.count > known.longest.count) known.longest = known.run;
  }

  private extend(run: LossRun, packet: ComparedPacket): void {
    run.count++;
    run.last = packet;
    run.othersDelivered = this.delivered - run.deliveredBefore;
    run.othersLost = this.lost - run.lostBefore - run.count;
    run.interleavedNs = run.othersDelivered > 0 ? this.lastDeliveredNs - run.first.timeNs : 0;
  }
}
