import type { CaptureFacts, CaptureInterface, TimeSegment } from '../capture/capture-source.js';
import {
  MARK_CHECKSUM_PENDING,
  MARK_INBOUND,
  MARK_NO_TIME,
  MARK_OUTBOUND,
  MARK_SEGMENTATION_OFFLOAD,
} from '../capture/frame-marks.js';
import type { FrameRef } from '../moment.js';
import {
  HEADER_MALFORMED,
  HEADER_OF_UNKNOWN_LINK_TYPE,
  HEADER_TOO_DEEP,
  HEADER_TRUNCATED,
  HEADER_UNDECODED,
} from '../observe/engine-tables.js';
import type { Slot } from '../observe/slot.js';
import { frameId, type Nanoseconds, type SegmentIndex } from '../units.js';
import { LINKTYPE_VPP_DISPATCH } from '../wire/link-types.js';
import type { CopyPair } from './copies.js';
import type { FlowRegistry } from './flow-registry.js';
import type { HearsPeer } from './hears-peer.js';
import type { KnownProtocols } from './known-protocols.js';
import type { LinkNeighbours } from './link-neighbours.js';
import type { PartOfCapture } from './part-of-capture.js';
import { type CapturePause, longest, PauseTracker } from './pauses.js';
import type { Traffic } from './traffic.js';

/** First and last timed frame of a time segment: the edges that rules about absence must respect. */
export interface Window {
  readonly first: FrameRef;
  readonly last: FrameRef;
}

/** A frame-level fact: how often, and the first frames to cite. */
export interface FrameFact {
  count: number;
  readonly examples: FrameRef[];
}

const EXAMPLES_KEPT = 3;
const SILENCES_KEPT = 256;
/** Shorter silences are of no interest to a rule about absence. */
const SILENCE_MIN_NS = 100_000_000;

/** What is known of the capture itself when a report is asked for. */
export interface CaptureQuality {
  readonly captures: readonly CaptureFacts[];
  readonly interfaces: readonly CaptureInterface[];
  readonly segments: readonly TimeSegment[];
  readonly frames: number;
  /** Frames that were cut (captured length below the wire length), and the smallest length they were cut to. */
  readonly cut: FrameFact & { readonly smallestBytes: number };
  /** Frames longer than 1,600 bytes at the link layer, and the longest; frames that the capture itself marks as offloaded. */
  readonly giant: FrameFact & { readonly largestBytes: number };
  readonly offloadMarks: FrameFact;
  readonly withoutTime: FrameFact;
  /** Times that step back by more than 1 ms inside a segment, and the largest such step. */
  readonly stepsBack: FrameFact & { readonly largestNs: Nanoseconds };
  /** The longest times without any frame: in them the capture, not a flow, fell silent. At most SILENCES_KEPT, in order of time. */
  readonly silences: readonly CapturePause[];
  /** Stretches in which the capture may not have run (see PauseTracker), in order of time. */
  readonly pauses: readonly CapturePause[];
  /** Frames by the direction that the capture states. */
  readonly inbound: number;
  readonly outbound: number;
  readonly copies: {
    readonly count: number;
    readonly framesWithIp: number;
    readonly pairs: readonly CopyPair[];
  };
  /** Headers that did not fit, by fault. */
  readonly truncatedHeaders: number;
  readonly malformedHeaders: number;
  /** Frames whose link layers or tunnels are nested deeper than is dissected, and those of a link type that nobody reads. */
  readonly tooDeep: FrameFact;
  readonly unknownLinkType: FrameFact;
  /** Frames that may hold a packet of a kind that is not read: encrypted (MACsec, Wi-Fi), compressed, of an unknown EtherType. */
  readonly undecoded: number;
  /** True while a live capture goes on: how long it will be, and what else it will hold, is not known yet. */
  readonly isRunning?: boolean;
  /** Absent where all of the capture is looked at. */
  readonly part?: PartOfCapture;
  /** Operator's `--local` addresses. */
  readonly local: readonly string[];
  readonly flows: FlowRegistry;
  readonly traffic: Traffic;
  /** Which protocol is what: a tunnel, the control of one, on which ports. */
  readonly protocols: KnownProtocols;
  readonly hearsPeer: HearsPeer;
  /** Who resolved whose address on the link. */
  readonly linkNeighbours: LinkNeighbours;
  /** Null for a segment without timed frames. */
  window(segment: SegmentIndex): Window | null;
  /**
   * Seconds from `timeNs` to the end of its segment, pauses included; 0 where unknown. For how long an answer could
   * have been seen is `secondsToPause` (gates).
   */
  secondsToEnd(moment: { readonly segment: SegmentIndex; readonly timeNs: Nanoseconds }): number;
}

/** 1,500 bytes and any link-layer header in front: Linux cooked, VLAN tags, PPPoE, MPLS labels. */
const ORDINARY_FRAME_MAX = 1600;
const STEP_BACK_NS = 1_000_000;

/** Frame-level half of the quality facts, gathered while chunks pass. */
export class CaptureQualityObserver {
  frames = 0;
  readonly cut = { ...noFact(), smallestBytes: Number.POSITIVE_INFINITY };
  readonly giant = { ...noFact(), largestBytes: 0 };
  readonly offloadMarks = noFact();
  readonly withoutTime = noFact();
  readonly stepsBack = { ...noFact(), largestNs: 0 };
  inbound = 0;
  outbound = 0;
  truncatedHeaders = 0;
  malformedHeaders = 0;
  readonly tooDeep = noFact();
  readonly unknownLinkType = noFact();
  undecoded = 0;
  readonly windows: (Window | undefined)[] = [];
  private longSilences: CapturePause[] = [];
  private readonly pauseTracker = new PauseTracker();
  /** Latest time of the segment so far, and the time of the last frame. */
  private latestNs = Number.NaN;
  private lastNs = Number.NaN;
  private lastSegment = -1;

  observe(slot: Slot, isCopy: Uint8Array | null): void {
    const { segment } = slot.chunk;
    if (segment !== this.lastSegment) {
      this.lastSegment = segment;
      this.lastNs = this.latestNs = Number.NaN;
      this.pauseTracker.endSegment();
    }
    this.observeFrames(slot);
    this.observeTimes(slot);
    this.observeUnreadableRows(slot, isCopy);
  }

  private observeFrames(slot: Slot): void {
    const { originalLength, capturedLength, linkType, marks } = slot.chunk.frames;
    let inbound = 0;
    let outbound = 0;
    for (let index = slot.firstFrame; index < slot.nextFrame; index++) {
      const original = originalLength[index];
      if (capturedLength[index] < original) {
        this.note(this.cut, slot, index);
        this.cut.smallestBytes = Math.min(this.cut.smallestBytes, capturedLength[index]);
      }
      // A dispatch record is a packet with pages of text in front of it.
      if (original > ORDINARY_FRAME_MAX && linkType[index] !== LINKTYPE_VPP_DISPATCH) {
        this.note(this.giant, slot, index);
        this.giant.largestBytes = Math.max(this.giant.largestBytes, original);
      }
      const mark = marks[index];
      if (mark === 0) continue;
      if ((mark & (MARK_CHECKSUM_PENDING | MARK_SEGMENTATION_OFFLOAD)) !== 0)
        this.note(this.offloadMarks, slot, index);
      if ((mark & MARK_INBOUND) !== 0) inbound++;
      else if ((mark & MARK_OUTBOUND) !== 0) outbound++;
    }
    this.frames += slot.nextFrame - slot.firstFrame;
    this.inbound += inbound;
    this.outbound += outbound;
  }

  /** Steps, silences, and the window: frames of a segment may stand slightly out of order, so that is the extent of their times. */
  private observeTimes(slot: Slot): void {
    const { timeNs, marks } = slot.chunk.frames;
    const { segment } = slot.chunk;
    let { lastNs, latestNs } = this;
    let first = -1;
    let last = -1;
    for (let index = slot.firstFrame; index < slot.nextFrame; index++) {
      const at = timeNs[index];
      if (Number.isNaN(at) || (marks[index] & MARK_NO_TIME) !== 0) {
        this.note(this.withoutTime, slot, index);
        continue;
      }
      if (at < lastNs - STEP_BACK_NS) {
        this.note(this.stepsBack, slot, index);
        this.stepsBack.largestNs = Math.max(this.stepsBack.largestNs, lastNs - at);
      }
      if (at - latestNs >= SILENCE_MIN_NS)
        this.noteSilence(segment, latestNs, at, this.frames - slot.nextFrame + index);
      lastNs = at;
      if (!(at <= latestNs)) latestNs = at;
      if (first < 0 || at < timeNs[first]) first = index;
      if (last < 0 || at > timeNs[last]) last = index;
    }
    this.lastNs = lastNs;
    this.latestNs = latestNs;
    if (first >= 0) this.widenWindow(refOf(slot, first), refOf(slot, last));
  }

  /** Counts headers that did not fit; again for those of messages that the assembler put together. */
  observeUnreadableRows(slot: Slot, isCopy: Uint8Array | null): void {
    const { rows, kind } = slot.unreadableHeaders;
    for (let row = 0; row < rows.length; row++) {
      if (isCopy !== null && isCopy[rows.frame[row]] === 1) continue;
      if (kind[row] === HEADER_TRUNCATED) this.truncatedHeaders++;
      else if (kind[row] === HEADER_MALFORMED) this.malformedHeaders++;
      else if (kind[row] === HEADER_TOO_DEEP) this.note(this.tooDeep, slot, rows.frame[row]);
      else if (kind[row] === HEADER_OF_UNKNOWN_LINK_TYPE)
        this.note(this.unknownLinkType, slot, rows.frame[row]);
      else if (kind[row] === HEADER_UNDECODED) this.undecoded++;
    }
  }

  /** In order of time. */
  get silences(): readonly CapturePause[] {
    this.dropShortSilences();
    return this.longSilences;
  }

  /** In order of time. */
  get pauses(): readonly CapturePause[] {
    return this.pauseTracker.pauses();
  }

  private noteSilence(segment: SegmentIndex, fromNs: Nanoseconds, toNs: Nanoseconds, frame: number): void {
    this.pauseTracker.note(segment, fromNs, toNs, frame);
    this.longSilences.push({ segment, fromNs, toNs });
    if (this.longSilences.length >= SILENCES_KEPT * 2) this.dropShortSilences();
  }

  private dropShortSilences(): void {
    if (this.longSilences.length > SILENCES_KEPT)
      this.longSilences = longest(this.longSilences, SILENCES_KEPT);
  }

  private widenWindow(first: FrameRef, last: FrameRef): void {
    const known = this.windows[first.segment];
    this.windows[first.segment] = {
      first: known && known.first.timeNs <= first.timeNs ? known.first : first,
      last: known && known.last.timeNs >= last.timeNs ? known.last : last,
    };
  }

  private note(fact: FrameFact, slot: Slot, index: number): void {
    fact.count++;
    if (fact.examples.length < EXAMPLES_KEPT) fact.examples.push(refOf(slot, index));
  }
}

function noFact(): FrameFact {
  return { count: 0, examples: [] };
}

function refOf(slot: Slot, index: number): FrameRef {
  const { frames, segment } = slot.chunk;
  return {
    frame: frameId(frames.capture[index], frames.number[index]),
    timeNs: frames.timeNs[index],
    segment,
  };
}
