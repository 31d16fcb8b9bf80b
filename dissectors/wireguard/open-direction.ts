import { OpenRef } from '../../src/correlate/open-ref.js';
import { type OpenFragmented, withFragmented } from '../../src/correlate/tunnel-direction.js';
import type { FrameRef } from '../../src/moment.js';
import type { FrameId, Nanoseconds, SegmentIndex } from '../../src/units.js';
import { NS_PER_SECOND } from '../../src/units.js';
import { KEEPALIVE_LENGTH } from './layout.js';
import { KEEPALIVE_TIMEOUT_SECONDS, type Socket, type WireguardDirection } from './session.js';

const RECEIVERS_FIRST = 4;
const RECEIVERS_LAST = 12;
const GAPS_KEPT = 24;
/** Keepalives that answer data leave after 10 s; those of an idle tunnel later. */
const IDLE_GAP_NS = (KEEPALIVE_TIMEOUT_SECONDS + 1) * NS_PER_SECOND;
const PERIOD_GAPS_MIN = 3;
const PERIOD_SPREAD_NS = NS_PER_SECOND;
const PERIOD_SHARE_MIN = 0.8;

/** One direction while its packets come in. Bounded: 16 indices, GAPS_KEPT gaps. */
export class WireguardDirectionState {
  packets = 0;
  bytes = 0;
  dataPackets = 0;
  keepalives = 0;
  private largest = 0;
  private fragmented: OpenFragmented | null = null;
  readonly first: OpenRef;
  readonly last: OpenRef;
  readonly firstTransport: OpenRef;
  readonly lastTransport: OpenRef;
  private readonly unansweredFirst: OpenRef;
  private unanswered = 0;
  private readonly receivers: number[] = [];
  /** Silence of the whole flow before each of its keepalives. */
  private readonly gaps: Nanoseconds[] = [];

  constructor(segment: SegmentIndex) {
    const none = (): OpenRef => new OpenRef(0, Number.NaN, segment);
    this.first = none();
    this.last = none();
    this.firstTransport = none();
    this.lastTransport = none();
    this.unansweredFirst = none();
  }

  get transportPackets(): number {
    return this.dataPackets + this.keepalives;
  }

  notePacket(frame: FrameId, ns: Nanoseconds, bytes: number): void {
    if (this.packets === 0) this.first.set(frame, ns);
    this.packets++;
    this.bytes += bytes;
    this.last.set(frame, ns);
    if (this.unanswered++ === 0) this.unansweredFirst.set(frame, ns);
  }

  /** The other side sent a packet. */
  noteOther(): void {
    this.unanswered = 0;
  }

  /** `silenceNs`: since the last transport packet of either side. */
  noteTransport(frame: FrameId, ns: Nanoseconds, length: number, receiver: number, silenceNs: number): void {
    if (this.transportPackets === 0) this.firstTransport.set(frame, ns);
    this.lastTransport.set(frame, ns);
    if (length > KEEPALIVE_LENGTH) this.dataPackets++;
    else {
      this.keepalives++;
      if (silenceNs > IDLE_GAP_NS && this.gaps.length < GAPS_KEPT) this.gaps.push(silenceNs);
    }
    const { receivers } = this;
    if (receivers[receivers.length - 1] === receiver || receivers.includes(receiver)) return;
    receivers.push(receiver);
    if (receivers.length > RECEIVERS_FIRST + RECEIVERS_LAST) receivers.splice(RECEIVERS_FIRST, 1);
  }

  /** Transport data, whole or as the first of several fragments. */
  noteSize(ref: FrameRef, length: number, isFragment: boolean): void {
    if (isFragment) this.fragmented = withFragmented(this.fragmented, ref);
    else if (length > this.largest) this.largest = length;
  }

  hasReceiver(receiver: number): boolean {
    return this.receivers.includes(receiver);
  }

  describe(from: Socket, to: Socket, packetsBack: number): WireguardDirection {
    const { packets, bytes, dataPackets, keepalives } = this;
    const ref = (one: OpenRef) => ({ frame: one.frame, timeNs: one.timeNs, segment: one.segment });
    const hasTransport = this.transportPackets > 0;
    return {
      from,
      to,
      packets,
      bytes,
      dataPackets,
      keepalives,
      first: packets > 0 ? ref(this.first) : null,
      last: packets > 0 ? ref(this.last) : null,
      firstTransport: hasTransport ? ref(this.firstTransport) : null,
      lastTransport: hasTransport ? ref(this.lastTransport) : null,
      largest: this.largest,
      fragmented: this.fragmented && { ...this.fragmented },
      receivers: [...this.receivers],
      unanswered:
        this.unanswered > 0 && packetsBack > 0
          ? { packets: this.unanswered, first: ref(this.unansweredFirst) }
          : null,
      keepalivePeriodNs: this.period(),
    };
  }

  /** The timer begins anew with any packet of the session, so every gap is the period, or longer where one got lost. */
  private period(): Nanoseconds {
    if (this.gaps.length < PERIOD_GAPS_MIN) return Number.NaN;
    const sorted = [...this.gaps].sort((a, b) => a - b);
    const median = sorted[sorted.length >> 1];
    const equal = sorted.filter((gap) => Math.abs(gap - median) <= PERIOD_SPREAD_NS).length;
    return equal >= PERIOD_GAPS_MIN && equal >= PERIOD_SHARE_MIN * sorted.length ? median : Number.NaN;
  }
}
