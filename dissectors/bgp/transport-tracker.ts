import type { FrameRef } from '../../src/moment.js';
import { NS_PER_SECOND } from '../../src/units.js';
import { TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN } from '../../src/wire/transport.js';
import type { Mutable, Pause, TransportSide } from './transport-side.js';
import { newSide } from './transport-side.js';

/** Hold times are at least 3 s (RFC 4271, section 4.2), so that shorter pauses never matter. */
const PAUSE_MIN_NS = NS_PER_SECOND;
const PAUSES_MAX = 16;
/** More than this ahead is no window but numbers that somebody rewrote. */
const WINDOW_MAX = 1 << 26;

/** A segment as a correlator sees it. */
export interface Segment {
  flags: number;
  sequence: number;
  acknowledgment: number;
  payloadLength: number;
  authentication: number;
}

interface Hole {
  from: number;
  to: number;
}

/** Follows one TCP connection; holds PAUSES_MAX pauses a direction. */
export class TransportTracker {
  readonly sides: readonly [Mutable<TransportSide>, Mutable<TransportSide>] = [newSide(), newSide()];
  first: FrameRef | null = null;
  last: FrameRef | null = null;
  private readonly synSequence: [number, number] = [-1, -1];
  /** Next sequence number of each direction, or -1. */
  private readonly next: [number, number] = [-1, -1];
  /** The newest stretch of each direction that was left out, as `[from, to)`; equal where there is none. */
  private readonly holes: readonly [Hole, Hole] = [
    { from: 0, to: 0 },
    { from: 0, to: 0 },
  ];

  /** True where a SYN opens another connection of the same ports. */
  isOpenedAnew(direction: 0 | 1, { flags, sequence }: Segment): boolean {
    if ((flags & (TCP_SYN | TCP_ACK)) !== TCP_SYN || this.first === null) return false;
    return this.synSequence[direction] !== sequence;
  }

  add(direction: 0 | 1, segment: Segment, ref: FrameRef): void {
    const side = this.sides[direction];
    this.first ??= ref;
    this.last = ref;
    side.lastSegment = ref;
    const { flags, sequence, payloadLength } = segment;
    if ((flags & TCP_SYN) !== 0) {
      this.noteSyn(direction, segment, ref);
      return;
    }
    if ((flags & TCP_RST) !== 0) {
      side.rst ??= ref;
      return;
    }
    if (payloadLength > 0) this.noteData(direction, segment, ref);
    if ((flags & TCP_FIN) !== 0) {
      side.fin ??= ref;
      this.next[direction] = (sequence + payloadLength + 1) >>> 0;
    }
    if ((flags & TCP_ACK) !== 0) this.noteAcknowledgment(direction === 0 ? 1 : 0, segment, ref);
  }

  private noteSyn(direction: 0 | 1, { flags, sequence, authentication }: Segment, ref: FrameRef): void {
    const side = this.sides[direction];
    this.next[direction] = (sequence + 1) >>> 0;
    if ((flags & TCP_ACK) !== 0) {
      side.synAck ??= { ...ref, authentication };
      return;
    }
    this.synSequence[direction] = sequence;
    const { syn } = side;
    side.syn = { first: syn?.first ?? ref, last: ref, count: (syn?.count ?? 0) + 1, authentication };
  }

  private noteData(direction: 0 | 1, { sequence, payloadLength }: Segment, ref: FrameRef): void {
    const side = this.sides[direction];
    const end = (sequence + payloadLength) >>> 0;
    const next = this.next[direction];
    const isKnown = next >= 0;
    if (isKnown && ((end - next) | 0) <= 0) {
      // The probe of a TCP keepalive repeats one byte (RFC 9293, section 3.8.4).
      if (payloadLength === 1) return;
      if (this.fillsHole(direction, sequence, end)) {
        side.lastData = ref;
        return;
      }
      side.repeats++;
      side.lastRepeat = ref;
      return;
    }
    const isAhead = isKnown && ((sequence - next) | 0) > 0;
    if (isAhead) {
      this.holes[direction].from = next;
      this.holes[direction].to = sequence;
    }
    this.notePause(side, ref, isAhead);
    side.dataSegments++;
    side.firstData ??= ref;
    side.lastData = ref;
    this.next[direction] = end;
  }

  /** Late or sent again, it was not seen before. */
  private fillsHole(direction: 0 | 1, sequence: number, end: number): boolean {
    const hole = this.holes[direction];
    if (hole.from === hole.to || ((end - hole.to) | 0) > 0 || ((sequence - hole.from) | 0) < 0) return false;
    hole.from = end;
    return true;
  }

  /** What was acknowledged was sent, whether or not it is in the capture. */
  private noteAcknowledgment(sender: 0 | 1, { acknowledgment }: Segment, ref: FrameRef): void {
    const hole = this.holes[sender];
    if (hole.from !== hole.to && acknowledgment === hole.from) this.sides[sender].lastMissed = ref;
    const next = this.next[sender];
    const ahead = next < 0 ? 0 : (acknowledgment - next) | 0;
    if (ahead <= 1 || ahead > WINDOW_MAX) return;
    const side = this.sides[sender];
    this.notePause(side, ref, true);
    this.next[sender] = acknowledgment;
    if (side.lastData) side.lastData = ref;
  }

  private notePause(side: Mutable<TransportSide>, to: FrameRef, isTorn: boolean): void {
    const from = side.lastData;
    if (!from || !(to.timeNs - from.timeNs >= PAUSE_MIN_NS)) return;
    side.pauses.push({ from, to, isTorn });
    if (side.pauses.length <= PAUSES_MAX) return;
    let shortest = 0;
    for (let at = 1; at < side.pauses.length; at++) {
      if (lengthOf(side.pauses[at]) < lengthOf(side.pauses[shortest])) shortest = at;
    }
    side.pauses.splice(shortest, 1);
  }
}

function lengthOf({ from, to }: Pause): number {
  return to.timeNs - from.timeNs;
}
