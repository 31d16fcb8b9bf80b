import {
  type Batch,
  type Correlation,
  type CorrelationRun,
  type Correlator,
  defineCorrelator,
} from '../../src/correlate/correlator.js';
import { OpenSessions } from '../../src/correlate/open-sessions.js';
import type { FrameRef } from '../../src/moment.js';
import {
  type FrameId,
  type Nanoseconds,
  NS_PER_MILLISECOND,
  NS_PER_SECOND,
  type SegmentIndex,
} from '../../src/units.js';
import {
  KIND_ESP,
  KIND_ESP_OF_DRAFT,
  KIND_IKE_WITHOUT_MARKER,
  KIND_KEEPALIVE,
  KIND_NO_IKE_BEHIND_MARKER,
  KIND_UNKNOWN,
  udpencap,
} from './dissector.js';

/** Pauses of a sender from this length on are kept. */
export const PAUSE_SECONDS_MIN = 60;

/** A sender was silent. */
export interface SenderPause {
  readonly last: FrameRef;
  /** Its next packet in this conversation; null where none came. */
  readonly next: FrameRef | null;
  /** Packets that the other side sent meanwhile, and the first and last of those sent after PAUSE_SECONDS_MIN. */
  readonly lateBack: { readonly packets: number; readonly first: FrameRef; readonly last: FrameRef } | null;
}

/** Datagrams that the receiver takes for something else. */
export interface Misframed {
  readonly packets: number;
  readonly first: FrameRef | null;
  readonly last: FrameRef | null;
}

/** One side of a conversation on port 4500. */
export interface NattSide {
  readonly address: string;
  readonly port: number;
  readonly packets: number;
  readonly first: FrameRef | null;
  readonly last: FrameRef | null;
  readonly keepalives: number;
  readonly firstKeepalive: FrameRef | null;
  readonly lastKeepalive: FrameRef | null;
  /** Median distance of keepalives; null below three of them. */
  readonly keepalivePeriodMs: number | null;
  /** Datagrams that are neither keepalive nor IKE nor ESP. */
  readonly unknown: number;
  /** ESP in the framing of RFC 3948, and what is in another one. */
  readonly esp: number;
  readonly ikeWithoutMarker: Misframed;
  readonly espOfDraft: Misframed;
  /** Packets behind the marker of IKE that count up behind one SPI. */
  readonly espBehindMarker: Misframed;
  /** Longest time without a packet of either side that a packet of this side from the same port ended, in ns; 0 before. */
  readonly longestSurvivedNs: Nanoseconds;
  /** Pauses of PAUSE_SECONDS_MIN and more: the first ones, and the one that goes on. */
  readonly pauses: readonly SenderPause[];
}

/** A UDP conversation on port 4500, in one time segment. */
export interface NattConversation {
  readonly segment: SegmentIndex;
  readonly stack: number;
  readonly sides: readonly [NattSide, NattSide];
  readonly first: FrameRef;
}

const CONVERSATIONS_MAX = 8192;
const PAUSES_KEPT = 8;
const INTERVALS_KEPT = 32;
/** Packets that may be missing between two, by loss or because others count in between. */
const MARKED_STEP_MAX = 64;

type UdpencapSchema = typeof udpencap.observes;

const NONE: Misframed = { packets: 0, first: null, last: null };

/** Packets of one kind, the first of them and the last. Most sides have none of most kinds: then there is no Span. */
class Span {
  packets = 1;
  lastNs: Nanoseconds;
  private lastFrame: FrameId;

  constructor(
    private readonly firstNs: Nanoseconds,
    private readonly firstFrame: FrameId,
  ) {
    this.lastNs = firstNs;
    this.lastFrame = firstFrame;
  }

  count(ns: Nanoseconds, frame: FrameId): void {
    this.packets++;
    this.lastNs = ns;
    this.lastFrame = frame;
  }

  session(segment: SegmentIndex): { packets: number; first: FrameRef; last: FrameRef } {
    const { packets, firstNs, firstFrame, lastNs, lastFrame } = this;
    return {
      packets,
      first: { frame: firstFrame, timeNs: firstNs, segment },
      last: { frame: lastFrame, timeNs: lastNs, segment },
    };
  }
}

function counted(span: Span | null, ns: Nanoseconds, frame: FrameId): Span {
  if (span === null) return new Span(ns, frame);
  span.count(ns, frame);
  return span;
}

class SideState {
  esp = 0;
  longestSurvivedNs: Nanoseconds = 0;
  private ikeWithoutMarker: Span | null = null;
  private espOfDraft: Span | null = null;
  private espBehindMarker: Span | null = null;
  private markedSpi = 0;
  private markedSequence = 0;
  packets = 0;
  firstNs: Nanoseconds = Number.NaN;
  firstFrame: FrameId = 0;
  lastNs: Nanoseconds = Number.NaN;
  lastFrame: FrameId = 0;
  unknown = 0;
  private keepalives: Span | null = null;
  private intervalsNs: Nanoseconds[] | null = null;
  private pauses: SenderPause[] | null = null;
  /** Packets of the other side that came more than PAUSE_SECONDS_MIN after the last one of this side. */
  private lateBack: Span | null = null;

  observeOther(ns: Nanoseconds, frame: FrameId): void {
    if (this.packets === 0 || !(ns - this.lastNs >= PAUSE_SECONDS_MIN * NS_PER_SECOND)) return;
    this.lateBack = counted(this.lateBack, ns, frame);
  }

  /** `otherNs`: time of the last packet of the other side, NaN before its first. */
  observe(kind: number, ns: Nanoseconds, frame: FrameId, otherNs: Nanoseconds, segment: SegmentIndex): void {
    if (this.packets > 0) {
      const idleNs = ns - (otherNs > this.lastNs ? otherNs : this.lastNs);
      if (idleNs > this.longestSurvivedNs) this.longestSurvivedNs = idleNs;
    }
    if (this.packets === 0) {
      this.firstNs = ns;
      this.firstFrame = frame;
    } else if (ns - this.lastNs >= PAUSE_SECONDS_MIN * NS_PER_SECOND) {
      this.pauses ??= [];
      if (this.pauses.length < PAUSES_KEPT)
        this.pauses.push(this.pause(segment, { frame, timeNs: ns, segment }));
    }
    this.lateBack = null;
    this.packets++;
    this.lastNs = ns;
    this.lastFrame = frame;
    if (kind === KIND_ESP) this.esp++;
    else if (kind === KIND_UNKNOWN) this.unknown++;
    else if (kind === KIND_KEEPALIVE) this.observeKeepalive(ns, frame);
    else if (kind === KIND_IKE_WITHOUT_MARKER)
      this.ikeWithoutMarker = counted(this.ikeWithoutMarker, ns, frame);
    else if (kind === KIND_ESP_OF_DRAFT) this.espOfDraft = counted(this.espOfDraft, ns, frame);
  }

  /** ESP counts by small steps behind one SPI; something else that is no IKE does not. */
  observeMarked(spi: number, sequence: number, ns: Nanoseconds, frame: FrameId): void {
    const step = sequence - this.markedSequence;
    if (spi === this.markedSpi && step > 0 && step <= MARKED_STEP_MAX) {
      this.espBehindMarker = counted(this.espBehindMarker, ns, frame);
    }
    this.markedSpi = spi;
    this.markedSequence = sequence;
  }

  private observeKeepalive(ns: Nanoseconds, frame: FrameId): void {
    if (this.keepalives !== null) {
      this.intervalsNs ??= [];
      if (this.intervalsNs.length < INTERVALS_KEPT) this.intervalsNs.push(ns - this.keepalives.lastNs);
    }
    this.keepalives = counted(this.keepalives, ns, frame);
  }

  pause(segment: SegmentIndex, next: FrameRef | null): SenderPause {
    return {
      last: { frame: this.lastFrame, timeNs: this.lastNs, segment },
      next,
      lateBack: this.lateBack?.session(segment) ?? null,
    };
  }

  /** Of those that the session will list. */
  get pauseCount(): number {
    return (this.pauses?.length ?? 0) + (this.lateBack === null ? 0 : 1);
  }

  session(address: string, port: number, segment: SegmentIndex): NattSide {
    const ref = (count: number, frame: FrameId, timeNs: Nanoseconds): FrameRef | null =>
      count > 0 ? { frame, timeNs, segment } : null;
    const keepalives = this.keepalives?.session(segment) ?? NONE;
    const pauses = this.pauses ?? [];
    return {
      address,
      port,
      packets: this.packets,
      first: ref(this.packets, this.firstFrame, this.firstNs),
      last: ref(this.packets, this.lastFrame, this.lastNs),
      keepalives: keepalives.packets,
      firstKeepalive: keepalives.first,
      lastKeepalive: keepalives.last,
      keepalivePeriodMs: medianMs(this.intervalsNs ?? []),
      unknown: this.unknown,
      esp: this.esp,
      ikeWithoutMarker: this.ikeWithoutMarker?.session(segment) ?? NONE,
      espOfDraft: this.espOfDraft?.session(segment) ?? NONE,
      espBehindMarker: this.espBehindMarker?.session(segment) ?? NONE,
      longestSurvivedNs: this.longestSurvivedNs,
      pauses: this.lateBack === null ? [...pauses] : [...pauses, this.pause(segment, null)],
    };
  }
}

class ConversationState {
  readonly sides: readonly [SideState, SideState] = [new SideState(), new SideState()];

  constructor(
    private readonly ends: {
      readonly low: string;
      readonly high: string;
      readonly lowPort: number;
      readonly highPort: number;
    },
    private readonly stack: number,
    readonly segment: SegmentIndex,
  ) {}

  get lastFrame(): FrameId {
    return Math.max(this.sides[0].lastFrame, this.sides[1].lastFrame);
  }

  session(): NattConversation {
    const { low, lowPort, high, highPort } = this.ends;
    const sides = [
      this.sides[0].session(low, lowPort, this.segment),
      this.sides[1].session(high, highPort, this.segment),
    ] as const;
    const [first] = sides.flatMap((side) => side.first ?? []).sort((a, b) => a.frame - b.frame);
    return { segment: this.segment, stack: this.stack, sides, first };
  }
}

/** Conversations on port 4500. Holds at most CONVERSATIONS_MAX between epochs; closed ones go through a SessionStore. */
class UdpencapCorrelation implements Correlation<NattConversation, UdpencapSchema> {
  private readonly open: OpenSessions<ConversationState, NattConversation>;

  constructor(private readonly run: CorrelationRun) {
    this.open = new OpenSessions(run, {
      describe: (state) => state.session(),
      score: ({ sides }) => sides.reduce((sum, { pauses }) => sum + pauses.length, 0),
      scoreOpen: ({ sides: [low, high] }) => low.pauseCount + high.pauseCount,
      bound: { max: CONVERSATIONS_MAX, kept: CONVERSATIONS_MAX, lastFrame: ({ lastFrame }) => lastFrame },
    });
  }

  get summarised(): number {
    return this.open.summarised;
  }

  consume(batch: Batch<UdpencapSchema>, flow: number, from: number, to: number): void {
    if (flow < 0) return;
    const { flows } = this.run;
    const state =
      this.open.of(flow) ??
      this.open.begin(flow, new ConversationState(flows.endpoints(flow), flows.stack(flow), batch.segment));
    const { columns, order, timeNs } = batch;
    const { frame, direction } = columns.rows;
    const [low, high] = state.sides;
    for (let at = from; at < to; at++) {
      const row = order[at];
      const ns = timeNs[frame[row]];
      const id = batch.frameIdOf(frame[row]);
      const isLow = direction[row] === 0;
      (isLow ? high : low).observeOther(ns, id);
      const side = isLow ? low : high;
      side.observe(columns.kind[row], ns, id, (isLow ? high : low).lastNs, batch.segment);
      if (columns.kind[row] === KIND_NO_IKE_BEHIND_MARKER) {
        side.observeMarked(columns.spi[row], columns.sequence[row], ns, id);
      }
    }
  }

  endSegment(): void {
    this.open.endSegment();
  }

  endEpoch(): void {
    this.open.endEpoch();
  }

  sessions(): readonly NattConversation[] {
    return this.open.sessions().sort((a, b) => a.first.frame - b.first.frame);
  }
}

function medianMs(intervals: readonly Nanoseconds[]): number | null {
  if (intervals.length < 2) return null;
  const sorted = [...intervals].sort((a, b) => a - b);
  const median = sorted[sorted.length >> 1] / NS_PER_MILLISECOND;
  return Number.isNaN(median) ? null : Math.round(median);
}

/** Conversations on UDP port 4500: who keeps a NAT mapping alive, and who fell silent. */
export const nattConversations = defineCorrelator<NattConversation, UdpencapSchema>({
  name: 'udpencap',
  reads: udpencap,
  order: 'flow',
  create: (run) => new UdpencapCorrelation(run),
});

export default [nattConversations as Correlator] satisfies Correlator[];
