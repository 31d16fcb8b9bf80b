import type { Batch } from '../../src/correlate/correlator.js';
import { OpenRef } from '../../src/correlate/open-ref.js';
import { type FrameRef, isNonEmpty, spanOf } from '../../src/moment.js';
import { ORIGIN_FIRST_FRAGMENT } from '../../src/observe/table.js';
import { type FrameId, type Nanoseconds, NS_PER_SECOND, type SegmentIndex } from '../../src/units.js';

import { DATA, INITIATION, PORT, RESPONSE } from './layout.js';
import { WireguardDirectionState } from './open-direction.js';
import type { WireguardRows } from './rows.js';
import type { Handshake, Pause, Socket, Way, WireguardFlow } from './session.js';

const HANDSHAKES_FIRST = 16;
const HANDSHAKES_LAST = 48;
const PAUSES_KEPT = 32;
/** Shorter pauses no rule asks for. */
const PAUSE_NS_MIN = 30 * NS_PER_SECOND;
/** Transport packets whose counters rise that prove the protocol where no handshake was captured. */
const RISING_MIN = 3;

type OpenHandshake = { -readonly [Field in keyof Handshake]: Handshake[Field] } & { responder: number };

/** One flow while its packets come in. Bounded: 64 handshakes, PAUSES_KEPT pauses, two WireguardDirectionState. */
export class OpenFlow {
  lastFrame: FrameId = 0;
  private readonly directions: readonly [WireguardDirectionState, WireguardDirectionState];
  private readonly handshakes: OpenHandshake[] = [];
  private handshakesDropped = 0;
  /** By way: the latest handshake of that side that still lacks an answer or a first packet. */
  private readonly latest: [OpenHandshake | null, OpenHandshake | null] = [null, null];
  private readonly pauses: Pause[] = [];
  private readonly lastTransport: OpenRef;
  private lastTransportWay: Way = 0;
  private rising = 0;
  private isProven = false;
  private readonly counters: [number, number] = [-1, -1];

  constructor(
    readonly low: Socket,
    readonly high: Socket,
    readonly stack: number,
    readonly segment: SegmentIndex,
  ) {
    this.directions = [new WireguardDirectionState(segment), new WireguardDirectionState(segment)];
    this.lastTransport = new OpenRef(0, Number.NaN, segment);
    this.isProven = low.port === PORT || high.port === PORT;
  }

  /** Takes a row in; true where it is a response that answers an initiation of this flow. */
  add(batch: Batch<WireguardRows>, row: number): boolean {
    const { columns } = batch;
    const index = columns.rows.frame[row];
    const ns = batch.timeNs[index];
    const frame = batch.frameIdOf(index);
    const way: Way = columns.rows.direction[row] === 1 ? 1 : 0;
    const type = columns.type[row];
    const receiver = columns.receiver[row];
    const ref = { frame, timeNs: ns, segment: this.segment };
    this.lastFrame = frame;
    this.directions[way].notePacket(frame, ns, columns.length[row]);
    this.directions[1 - way].noteOther();
    if (type === DATA) {
      const isFragment = columns.rows.origin[row] === ORIGIN_FIRST_FRAGMENT;
      this.directions[way].noteSize(ref, columns.length[row], isFragment);
      this.addTransport(way, frame, ns, columns.length[row], receiver, columns.counterLow[row]);
      return false;
    }
    if (type === INITIATION) {
      this.addInitiation(way, columns.sender[row], ref);
      return false;
    }
    return this.addAnswer(way, type, columns.sender[row], receiver, ref);
  }

  private addInitiation(way: Way, sender: number, initiation: FrameRef): void {
    const handshake: OpenHandshake = {
      way,
      sender,
      initiation,
      response: null,
      cookie: null,
      confirmed: null,
      unseenResponse: null,
      dataBack: null,
      responder: 0,
    };
    this.latest[way] = handshake;
    this.handshakes.push(handshake);
    if (this.handshakes.length <= HANDSHAKES_FIRST + HANDSHAKES_LAST) return;
    this.handshakes.splice(HANDSHAKES_FIRST, 1);
    this.handshakesDropped++;
  }

  private addAnswer(way: Way, type: number, sender: number, receiver: number, ref: FrameRef): boolean {
    const initiator = way === 0 ? 1 : 0;
    const asked = this.handshakes.findLast((one) => one.way === initiator && one.sender === receiver);
    if (!asked) return false;
    this.isProven = true;
    if (type !== RESPONSE) asked.cookie ??= ref;
    else if (asked.response === null) {
      asked.response = ref;
      asked.responder = sender;
    }
    return type === RESPONSE;
  }

  private addTransport(
    way: Way,
    frame: FrameId,
    ns: Nanoseconds,
    length: number,
    receiver: number,
    counter: number,
  ): void {
    const direction = this.directions[way];
    const silenceNs = ns - this.lastTransport.timeNs;
    this.settle(way, frame, ns, receiver, counter);
    direction.noteTransport(frame, ns, length, receiver, silenceNs);
    if (silenceNs >= PAUSE_NS_MIN) this.notePause({ frame, timeNs: ns, segment: this.segment });
    this.lastTransport.set(frame, ns);
    this.lastTransportWay = way;
    if (counter > this.counters[way]) this.rising++;
    this.counters[way] = counter;
    if (this.rising >= RISING_MIN) this.isProven = true;
  }

  /** What a transport packet tells of handshakes in progress. */
  private settle(way: Way, frame: FrameId, ns: Nanoseconds, receiver: number, counter: number): void {
    const own = this.latest[way];
    if (own && own.confirmed === null) {
      const ref = { frame, timeNs: ns, segment: this.segment };
      if (own.response !== null) {
        if (receiver === own.responder) own.confirmed = ref;
      } else if (own.unseenResponse === null && this.isNewSession(way, receiver, counter)) {
        own.unseenResponse = ref;
      }
    }
    const asked = this.latest[way === 0 ? 1 : 0];
    if (asked?.response && asked.dataBack === null) {
      asked.dataBack = { frame, timeNs: ns, segment: this.segment };
    }
  }

  /** The first packet under an index: of a session that a response has set up. */
  private isNewSession(way: Way, receiver: number, counter: number): boolean {
    const direction = this.directions[way];
    return !direction.hasReceiver(receiver) && (counter === 0 || direction.transportPackets > 0);
  }

  private notePause(after: FrameRef | null): void {
    const { frame, timeNs, segment } = this.lastTransport;
    this.pauses.push({ before: { frame, timeNs, segment }, after, way: this.lastTransportWay });
    if (this.pauses.length > PAUSES_KEPT) this.pauses.splice(PAUSES_KEPT / 2, 1);
  }

  /** Null where nothing proves that this is WireGuard: its port, an answer to an initiation, or counters that count. */
  describe(): WireguardFlow | null {
    if (!this.isProven && this.handshakes.length === 0) return null;
    const [low, high] = this.directions;
    const refs = [low, high].filter(({ packets }) => packets > 0);
    if (!isNonEmpty(refs)) return null;
    const copy = ({ frame, timeNs, segment }: OpenRef): FrameRef => ({ frame, timeNs, segment });
    const { first, last } = spanOf(refs);
    const open = Number.isNaN(this.lastTransport.timeNs)
      ? []
      : [{ before: copy(this.lastTransport), after: null, way: this.lastTransportWay }];
    return {
      stack: this.stack,
      segment: this.segment,
      first: copy(first),
      last: copy(last),
      directions: [
        low.describe(this.low, this.high, high.packets),
        high.describe(this.high, this.low, low.packets),
      ],
      handshakes: this.handshakes.map(({ responder: _, ...handshake }) => handshake),
      handshakesDropped: this.handshakesDropped,
      pauses: [...this.pauses, ...open],
    };
  }
}
