import { OpenRef } from '../../src/correlate/open-ref.js';
import type { FrameRef } from '../../src/moment.js';
import type { FrameId, Nanoseconds } from '../../src/units.js';
import type { LaneUse } from './lane-use.js';
import type { OpenAddressing, OpenTunnel, OpenVxlanDirection, TunnelFlow } from './open-tunnel.js';
import type { InnerFlow, InnerSide, MacPair, TagChange } from './session.js';
import {
  BYTES,
  LARGEST,
  LARGEST_INNER,
  LAST_FRAME,
  LAST_NS,
  PACKETS,
  recordAt,
  type SideCounters,
} from './side-counters.js';

/**
 * One direction of an inner flow: its own counts, and the counters of the tunnel that its last packet went to. Packets
 * are counted in `SideCounters` first.
 */
class OpenSide implements InnerSide {
  packets = 0;
  tagged = 0;
  untagged = 0;
  policyId = -1;
  change: TagChange | null = null;
  outerPort = 0;
  reserved = 0;
  first: FrameRef | null = null;
  last: OpenRef | null = null;
  /** Of the last packet: the direction of the tunnel that it went to, and its lane there; null before the first. */
  sent: OpenVxlanDirection | null = null;
  use: LaneUse | null = null;
  source: OpenAddressing | null = null;
  destination: OpenAddressing | null = null;

  /** To be called with the counters of the packets before settled. */
  noteTag(next: number, at: FrameRef): void {
    const { use, last, packets } = this;
    if (use === null || use.policyId === next) return;
    const before = last && { frame: last.frame, timeNs: last.timeNs, segment: last.segment };
    this.change = { from: use.policyId, to: next, before, at, packetsBefore: packets };
  }

  get macs(): MacPair | null {
    return this.use?.macPair ?? null;
  }

  /** Hands the packets since the last call on to the counters of the tunnel that the lane belongs to. */
  settle(tunnel: OpenTunnel, { records }: SideCounters, at: number): void {
    const { sent, use } = this;
    const packets = records[at + PACKETS];
    if (packets === 0 || !sent || !use) return;
    const last = this.moveLast(records[at + LAST_FRAME], records[at + LAST_NS], tunnel);
    this.packets += packets;
    sent.packets += packets;
    sent.bytes += records[at + BYTES];
    sent.enlarge(records[at + LARGEST], records[at + LARGEST_INNER]);
    sent.span(last.frame, last.timeNs, last.segment);
    records[at + PACKETS] = 0;
    records[at + BYTES] = 0;
    if (use.isTagged) {
      this.tagged += packets;
      sent.tagged += packets;
    } else {
      this.untagged += packets;
      sent.untagged += packets;
    }
    if (use.portUse) use.portUse.packets += packets;
    if (use.policyUse) use.policyUse.packets += packets;
    if (use.reservedUse) {
      this.reserved += packets;
      use.reservedUse.packets += packets;
      advance(use.reservedUse.last, last);
    }
    if (use.macPair) advance(use.macPair.last, last);
    if (this.source) count(this.source, packets, last);
    if (this.destination) count(this.destination, packets, last);
    if (use.isFlooded) tunnel.flood(packets, last);
  }

  private moveLast(frame: FrameId, timeNs: Nanoseconds, { identity }: OpenTunnel): OpenRef {
    if (this.last) this.last.set(frame, timeNs);
    else this.last = new OpenRef(frame, timeNs, identity.segment);
    return this.last;
  }
}

function count(addressing: OpenAddressing, packets: number, last: FrameRef): void {
  addressing.packets += packets;
  advance(addressing.last, last);
}

function advance(ref: OpenRef, to: FrameRef): void {
  if (to.frame > ref.frame) ref.set(to.frame, to.timeNs);
}

export interface FlowIdentity {
  readonly protocol: number;
  readonly low: string;
  readonly high: string;
  readonly lowPort: number;
  readonly highPort: number;
}

/** An inner flow in one tunnel. */
export class OpenFlow implements TunnelFlow {
  readonly sides: readonly [OpenSide, OpenSide] = [new OpenSide(), new OpenSide()];

  /** Ways of which the tunnel knows who is behind which of its sides, as bits: 1 for the same direction inside and outside. */
  private placedWays = 0;

  /** `slot`: where its packets are counted. `identity` is null for frames that are not IP. */
  constructor(
    readonly slot: number,
    readonly tunnel: OpenTunnel,
    readonly identity: FlowIdentity | null,
  ) {}

  get isConversation(): boolean {
    return this.identity !== null;
  }

  get isTwoWay(): boolean {
    return this.sides[0].packets > 0 && this.sides[1].packets > 0;
  }

  /** Tells the tunnel behind which of its sides the endpoints are. */
  place(from: string, to: string, direction: number, outerDirection: number): void {
    const way = direction === outerDirection ? 1 : 2;
    if ((this.placedWays & way) !== 0) return;
    this.placedWays |= way;
    this.tunnel.place(from, to, outerDirection);
  }

  /** To be called before the counters of the tunnel are read. */
  settle(counters: SideCounters): void {
    this.sides[0].settle(this.tunnel, counters, recordAt(this.slot, 0));
    this.sides[1].settle(this.tunnel, counters, recordAt(this.slot, 1));
  }

  describe(): InnerFlow {
    const { protocol, low, high, lowPort, highPort } = this.identity ?? NO_IDENTITY;
    return { protocol, low, high, lowPort, highPort, sides: this.sides };
  }
}

const NO_IDENTITY: FlowIdentity = { protocol: 0, low: '', high: '', lowPort: 0, highPort: 0 };
