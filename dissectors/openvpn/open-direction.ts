import type { FrameRef } from '../../src/moment.js';
import { type FrameId, type Nanoseconds, NS_PER_SECOND, type SegmentIndex } from '../../src/units.js';
import { type PacketIdReader, sumPacketIds } from './packet-ids.js';
import { PING_LENGTH_MAX, PingLearner } from './ping.js';
import { ANSWER_SECONDS, type OpenvpnDirection, type OpenvpnEndpoint, type Pause } from './session.js';

/** Shorter pauses are of no interest: three times the shortest ping period in use. */
const PAUSE_NS_MIN: Nanoseconds = 5 * NS_PER_SECOND;
const PAUSES_KEPT = 16;
const PEER_IDS_KEPT = 8;
const FRAGMENTS_KEPT = 6;
/** Readers of packet ids of keys that were replaced. */
const RETIRED_MAX = 32;
const ANSWER_NS: Nanoseconds = ANSWER_SECONDS * NS_PER_SECOND;

/** Packets of one direction while they come in. Bounded, as the constants say. */
export class OpenvpnDirectionState {
  packets = 0;
  bytes = 0;
  lastNs: Nanoseconds = Number.NaN;
  lastFrame: FrameId = 0;
  dataPackets = 0;
  lastDataNs: Nanoseconds = Number.NaN;
  lastDataFrame: FrameId = 0;
  dataOpcode = 0;
  dataKeyId = 0;
  inbound = 0;
  outbound = 0;
  /** Packets of the other direction when this one last sent. */
  private reverseAtLast = 0;
  private firstNs: Nanoseconds = Number.NaN;
  private firstFrame: FrameId = 0;
  private firstDataNs: Nanoseconds = Number.NaN;
  private firstDataFrame: FrameId = 0;
  private firstPacketId = 0;
  private firstKeyId = 0;
  private lastPacketId = 0;
  private awaitsAnswer = false;
  private answered = 0;
  private largest = 0;
  private fragmented = 0;
  private smallestFragmented = 0;
  private largestFragmented = 0;
  private readonly fragments: FrameRef[] = [];
  private readonly peerIds: number[] = [];
  private keyIds = 0;
  private readonly pauses: Pause[] = [];
  private readonly pings = new PingLearner();
  /** By key id; those of replaced keys behind. */
  readonly readers: (PacketIdReader | undefined)[] = [];
  private readonly retired: PacketIdReader[] = [];
  private sessionStartNs: Nanoseconds = Number.NaN;

  constructor(private readonly segment: SegmentIndex) {}

  /** Any packet; `reversePackets` counts those of the other direction so far. */
  notePacket(ns: Nanoseconds, frame: FrameId, byteLength: number, reversePackets: number): void {
    if (this.packets === 0) {
      this.firstNs = ns;
      this.firstFrame = frame;
    } else if (ns - this.lastNs >= PAUSE_NS_MIN && !(this.lastNs < this.sessionStartNs)) {
      const after = { frame, timeNs: ns, segment: this.segment };
      this.keepPause(this.pauseSince(reversePackets, 'packet', after, ns));
    }
    this.packets++;
    this.bytes += byteLength;
    this.lastNs = ns;
    this.lastFrame = frame;
    this.reverseAtLast = reversePackets;
  }

  /** A data packet, before `notePacket` of the same one. */
  noteData(ns: Nanoseconds, frame: FrameId, length: number, packetId: number, peerId: number): void {
    if (length <= PING_LENGTH_MAX) this.pings.observe(length, ns - this.lastNs);
    if (this.dataPackets === 0) {
      this.firstDataNs = ns;
      this.firstDataFrame = frame;
      this.firstPacketId = packetId;
      this.firstKeyId = this.dataKeyId;
    }
    this.dataPackets++;
    this.lastDataNs = ns;
    this.lastDataFrame = frame;
    this.lastPacketId = packetId;
    this.awaitsAnswer = true;
    if (length > this.largest) this.largest = length;
    this.keyIds |= 1 << this.dataKeyId;
    if (!this.peerIds.includes(peerId) && this.peerIds.length < PEER_IDS_KEPT) this.peerIds.push(peerId);
  }

  /** A data packet of the other direction. */
  noteAnswer(ns: Nanoseconds): void {
    if (!this.awaitsAnswer) return;
    this.awaitsAnswer = false;
    if (ns - this.lastDataNs <= ANSWER_NS) this.answered++;
  }

  noteFragment(ref: FrameRef, length: number): void {
    if (this.fragmented === 0 || length < this.smallestFragmented) this.smallestFragmented = length;
    if (length > this.largestFragmented) this.largestFragmented = length;
    this.fragmented++;
    if (this.fragments.length >= FRAGMENTS_KEPT) this.fragments.pop();
    this.fragments.push(ref);
  }

  /** Keys are negotiated anew: ids of that key start again, or of all keys. */
  retireKey(keyId: number): void {
    const reader = this.readers[keyId];
    if (!reader) return;
    this.readers[keyId] = undefined;
    if (this.retired.length < RETIRED_MAX) this.retired.push(reader);
  }

  /** A new TLS session: what was silent before it belongs to another one. */
  beginSession(ns: Nanoseconds, reversePackets: number): void {
    if (ns - this.lastNs >= PAUSE_NS_MIN && !(this.lastNs < this.sessionStartNs)) {
      this.keepPause(this.pauseSince(reversePackets, 'restart', null, ns));
    }
    this.sessionStartNs = ns;
    for (let keyId = 0; keyId < this.readers.length; keyId++) this.retireKey(keyId);
  }

  /** @param reverseLastNs the last moment at which the other direction was seen, for a pause that never ends. */
  describe(
    from: OpenvpnEndpoint,
    to: OpenvpnEndpoint,
    reversePackets: number,
    reverseLastNs: Nanoseconds,
  ): OpenvpnDirection {
    const readers = [...this.retired, ...this.readers.flatMap((reader) => (reader ? [reader] : []))];
    const packetIds = sumPacketIds(readers);
    const isHidden = readers.length > 0 && packetIds === null && readers.every((reader) => reader.isHidden);
    const isAead = packetIds ? true : isHidden ? false : null;
    const ping = this.pings.learned(this.dataOpcode, isAead);
    const last = this.packets > 0 ? this.refOf(this.lastFrame, this.lastNs) : null;
    const silence = reverseLastNs - this.lastNs;
    const open =
      this.packets > 0 && silence >= PAUSE_NS_MIN && !(this.lastNs < this.sessionStartNs)
        ? [this.pauseSince(reversePackets, 'end', null, reverseLastNs)]
        : [];
    return {
      from,
      to,
      packets: this.packets,
      bytes: this.bytes,
      first: this.packets > 0 ? this.refOf(this.firstFrame, this.firstNs) : null,
      last,
      dataPackets: this.dataPackets,
      firstData: this.dataPackets > 0 ? this.refOf(this.firstDataFrame, this.firstDataNs) : null,
      lastData: this.dataPackets > 0 ? this.refOf(this.lastDataFrame, this.lastDataNs) : null,
      dataOpcode: this.dataOpcode,
      peerIds: [...this.peerIds],
      keyIds: [0, 1, 2, 3, 4, 5, 6, 7].filter((keyId) => (this.keyIds & (1 << keyId)) !== 0),
      firstPacketId: isAead ? { keyId: this.firstKeyId, packetId: this.firstPacketId } : null,
      lastPacketId: isAead ? { keyId: this.dataKeyId, packetId: this.lastPacketId } : null,
      packetIds,
      answered: this.answered,
      fragmented: this.fragmented,
      smallestFragmented: this.smallestFragmented,
      largestFragmented: this.largestFragmented,
      fragments: [...this.fragments],
      largest: this.largest,
      pingPeriodNs: ping.periodNs,
      pings: ping.count,
      pauses: [...this.pauses, ...open],
      inbound: this.inbound,
      outbound: this.outbound,
    };
  }

  private pauseSince(
    reversePackets: number,
    endedBy: Pause['endedBy'],
    after: FrameRef | null,
    endNs: Nanoseconds,
  ): Pause {
    return {
      endedBy,
      before: this.refOf(this.lastFrame, this.lastNs),
      after,
      reverse: reversePackets - this.reverseAtLast,
      lengthNs: endNs - this.lastNs,
    };
  }

  private keepPause(pause: Pause): void {
    this.pauses.push(pause);
    if (this.pauses.length <= PAUSES_KEPT) return;
    let shortest = 0;
    for (let at = 1; at < this.pauses.length; at++) {
      if (this.pauses[at].lengthNs < this.pauses[shortest].lengthNs) shortest = at;
    }
    this.pauses.splice(shortest, 1);
  }

  private refOf(frame: FrameId, timeNs: Nanoseconds): FrameRef {
    return { frame, timeNs, segment: this.segment };
  }
}
