import type { TimeSegment } from '../capture/capture-source.js';
import { type LaneEnds, LaneTable } from '../compare/lane-table.js';
import type { IdentitySink } from '../correlate/identity-sink.js';
import {
  IDENTITY_ARP,
  IDENTITY_DEPTH_MASK,
  IDENTITY_DEPTH_SHIFT,
  IDENTITY_DONT_FRAGMENT,
  IDENTITY_FRAGMENT,
  IDENTITY_LEVEL_MASK,
  LEVEL_BODY,
} from '../observe/engine-tables.js';
import type { Slot } from '../observe/slot.js';
import {
  IPV4_HEADER_LENGTH_MIN,
  IPV6_HEADER_LENGTH,
  PROTOCOL_ESP,
  PROTOCOL_TCP,
  PROTOCOL_UDP,
} from '../wire/ip.js';
import { PacketRecords, RECORD_BYTES } from './packet-record.js';

/** Fixed, so that digests of several processes and of several days meet. */
const FLEET_SEED = 0x666c_6565;

/** Payload from which on a datagram without numbers of its own is told from others. */
const PAYLOAD_BYTES_MIN = 12;
const BUCKET_BITS = 6;
const BUCKETS = 1 << BUCKET_BITS;
const IDENTITY_BITS = 53;
/** Records that a bucket holds before it gives them away. */
const BUCKET_RECORDS = 1024;

/** Takes the records of one bucket as they come; the bytes are used again afterwards. */
export type TakeBucket = (bucket: number, bytes: Uint8Array) => void;

/** One direction of a flow at a point, with what was counted of it. */
export interface PointLane extends LaneEnds {
  /** The tunnel around it; null outside tunnels. */
  readonly tunnel: {
    readonly kind: string;
    readonly key: number;
    readonly ends: readonly [string, string];
  } | null;
  readonly packets: number;
  readonly bytes: number;
  readonly firstUs: number;
  readonly lastUs: number;
  readonly timeToLive: number;
  readonly sizeMax: number;
  readonly dontFragment: number;
  /** Lane outside of all tunnels of the packets that carry it; -1 outside tunnels. */
  readonly carrier: number;
}

/**
 * The identities of a point's packets over what routers and NATs leave alone, in buckets by their upper bits. Bounded:
 * 64 buckets of 32 KiB, and the lanes of 262,144 flows.
 */
export class PacketDigest implements IdentitySink {
  readonly seed = FLEET_SEED;
  private readonly lanes = new LaneTable(FLEET_SEED);
  private readonly buckets = Array.from(
    { length: BUCKETS },
    () => new PacketRecords(new Uint8Array(BUCKET_RECORDS * RECORD_BYTES)),
  );
  private readonly lengths = new Uint32Array(BUCKETS);
  private readonly tallies: LaneTally[] = [];
  /** Inner rows of the frame at hand, whose carrier is the row that follows them. */
  private readonly innerLanes: number[] = [];
  firstUs = Number.POSITIVE_INFINITY;
  lastUs = Number.NEGATIVE_INFINITY;
  recordCount = 0;

  constructor(
    private readonly segments: readonly TimeSegment[],
    private readonly give: TakeBucket,
  ) {}

  take(slot: Slot, isCopy: Uint8Array | null): void {
    this.lanes.begin(slot);
    const { identities } = slot;
    const { frame: frames, flow: flows, direction: directions, length } = identities.rows;
    const { timeNs } = slot.chunk.frames;
    const baseUs = Number((this.segments[slot.chunk.segment]?.baseNs ?? 0n) / 1000n);
    let frameBefore = -1;
    for (let row = 0; row < length; row++) {
      const frame = frames[row];
      if (frame !== frameBefore) this.innerLanes.length = 0;
      frameBefore = frame;
      const flags = identities.flags[row];
      if (flows[row] < 0 || (flags & IDENTITY_ARP) !== 0 || Number.isNaN(timeNs[frame])) continue;
      if (isCopy !== null && isCopy[frame] === 1) continue;
      const flow = this.lanes.flowOf(flows[row], (flags & IDENTITY_FRAGMENT) !== 0);
      if (flow < 0) continue;
      this.note(slot, row, flow * 2 + directions[row], baseUs + Math.floor(timeNs[frame] / 1000));
    }
  }

  /** Gives away what the buckets still hold. */
  end(): void {
    for (let bucket = 0; bucket < BUCKETS; bucket++) this.empty(bucket);
  }

  /** By lane; those without packets are null. */
  pointLanes(): (PointLane | null)[] {
    return Array.from({ length: this.lanes.flowCount * 2 }, (_, lane) => {
      const tally = this.tallies[lane];
      return tally === undefined ? null : this.pointLane(lane, tally);
    });
  }

  private pointLane(lane: number, tally: LaneTally): PointLane {
    const ends = this.lanes.ends(lane);
    const tunnel = this.lanes.tunnelEnds(ends.stack);
    return {
      ...ends,
      ...tally,
      tunnel:
        tunnel === null ? null : { kind: tunnel.kind, key: tunnel.key, ends: [tunnel.low, tunnel.high] },
    };
  }

  private note({ identities, view }: Slot, row: number, lane: number, timeUs: number): void {
    const flags = identities.flags[row];
    const depth = (flags >> IDENTITY_DEPTH_SHIFT) & IDENTITY_DEPTH_MASK;
    const size = identities.networkLength[row];
    const timeToLive = identities.timeToLive[row];
    const mayFragment = (flags & IDENTITY_DONT_FRAGMENT) === 0;
    if (timeUs < this.firstUs) this.firstUs = timeUs;
    if (timeUs > this.lastUs) this.lastUs = timeUs;
    this.count(lane, timeUs, size, timeToLive, mayFragment);
    if (depth > 0) this.innerLanes.push(lane);
    else for (const inner of this.innerLanes) this.tallies[inner].carrier = lane;
    if ((flags & IDENTITY_LEVEL_MASK) < LEVEL_BODY) return;
    const protocol = this.lanes.protocolOf(lane);
    const isDistinct = protocol === PROTOCOL_TCP || protocol === PROTOCOL_ESP;
    if (!isDistinct && identities.length[row] < PAYLOAD_BYTES_MIN) return;
    const identity = identityOf(identities.shape[row], identities.body[row], protocol);
    const bucket = Math.floor(identity / 2 ** (IDENTITY_BITS - BUCKET_BITS));
    const records = this.buckets[bucket];
    const port =
      depth === 0 && protocol === PROTOCOL_UDP ? sourcePortAt(view, identities.packetOffset[row]) : 0;
    const carried = depth === 0 && this.innerLanes.length > 0 ? this.stackOf(this.innerLanes[0]) : 0;
    const at = this.lengths[bucket]++;
    records.write(at, identity, timeUs, lane, size, timeToLive, depth, port, carried);
    this.recordCount++;
    if (this.lengths[bucket] === BUCKET_RECORDS) this.empty(bucket);
  }

  private stackOf(lane: number): number {
    return this.lanes.stackOf(lane >> 1);
  }

  private count(lane: number, timeUs: number, size: number, timeToLive: number, mayFragment: boolean): void {
    const known = this.tallies[lane];
    if (known === undefined) {
      this.tallies[lane] = {
        packets: 1,
        bytes: size,
        firstUs: timeUs,
        lastUs: timeUs,
        timeToLive,
        sizeMax: size,
        dontFragment: mayFragment ? 0 : 1,
        carrier: -1,
      };
      return;
    }
    known.packets++;
    known.bytes += size;
    if (timeUs < known.firstUs) known.firstUs = timeUs;
    if (timeUs > known.lastUs) known.lastUs = timeUs;
    if (size > known.sizeMax) known.sizeMax = size;
    if (!mayFragment) known.dontFragment++;
  }

  private empty(bucket: number): void {
    const length = this.lengths[bucket];
    if (length > 0) this.give(bucket, this.buckets[bucket].bytes.subarray(0, length * RECORD_BYTES));
    this.lengths[bucket] = 0;
  }
}

interface LaneTally {
  packets: number;
  bytes: number;
  firstUs: number;
  lastUs: number;
  readonly timeToLive: number;
  sizeMax: number;
  dontFragment: number;
  carrier: number;
}

export { BUCKETS as DIGEST_BUCKETS };

/** A whole number below 2^53 of two digests, mixed so that its upper bits are as even as its lower ones. */
function identityOf(shape: number, body: number, protocol: number): number {
  let a = Math.imul(shape ^ (shape >>> 16), 0x85ebca6b) ^ Math.imul(protocol + 1, 0x27d4eb2f);
  a = Math.imul(a ^ (a >>> 13) ^ body, 0xc2b2ae35);
  let b = Math.imul(body ^ (body >>> 15) ^ a, 0x2c1b3c6d);
  b = Math.imul(b ^ (b >>> 12), 0x297a2d39);
  return ((b ^ (b >>> 15)) & 0x1f_ffff) * 2 ** 32 + ((a ^ (a >>> 16)) >>> 0);
}

/** Of the UDP header behind an IP header without options or extension headers; else 0. */
function sourcePortAt(view: DataView, offset: number): number {
  const first = view.getUint8(offset);
  const length = first === 0x45 ? IPV4_HEADER_LENGTH_MIN : first >> 4 === 6 ? IPV6_HEADER_LENGTH : 0;
  return length === 0 || offset + length + 2 > view.byteLength ? 0 : view.getUint16(offset + length);
}
