import type { FrameRef } from '../../src/diagnose/diagnosis.js';
import type { LaneUse } from './lane-use.js';
import type { OpenRef } from './open-ref.js';
import type { OpenAddressing, OpenTunnel, OpenVxlanDirection } from './open-tunnel.js';
import type { InnerFlow, InnerSide } from './session.js';

/**
 * One direction of an inner flow: its own counts, and the counters of the tunnel that its last packet went
 * to.
 */
export class OpenSide implements InnerSide {
  // What every packet touches stands first, together in memory.
  /** `lane` of the last packet, and the direction of the tunnel that it went to; null before the first. */
  lane = 0;
  sent: OpenVxlanDirection | null = null;
  /** Packets of the chunk in hand that are not counted yet, and the frame index of the last one. */
  pending = 0;
  pendingBytes = 0;
  pendingFrame = 0;
  /** Longest outer packet of the lane, in bytes; -1 where every packet is looked at. */
  largest = 0;
  packets = 0;
  last: OpenRef | null = null;
  first: FrameRef | null = null;
  tagged = 0;
  untagged = 0;
  policyId = -1;
  reserved = 0;
  /** Of the last packet. */
  use: LaneUse | null = null;
  source: OpenAddressing | null = null;
  destination: OpenAddressing | null = null;
  /** Of `packets` those that the counters of the tunnel have got. */
  private settled = 0;

  /** Hands the packets since the last call on to the counters of the tunnel that the lane belongs to. */
  settle(tunnel: OpenTunnel): void {
    const { last, sent, use } = this;
    const packets = this.packets - this.settled;
    if (packets === 0 || !last || !sent || !use) return;
    this.settled = this.packets;
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
    for (const addressing of [this.source, this.destination]) {
      if (!addressing) continue;
      addressing.packets += packets;
      advance(addressing.last, last);
    }
    if (use.isFlooded) tunnel.flood(packets, last);
  }
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
export class OpenFlow {
  readonly sides: readonly [OpenSide, OpenSide] = [new OpenSide(), new OpenSide()];

  /** `identity` is null for frames that are not IP. */
  constructor(
    readonly tunnel: OpenTunnel,
    readonly identity: FlowIdentity | null,
  ) {}

  get isConversation(): boolean {
    return this.identity !== null;
  }

  get isTwoWay(): boolean {
    return this.sides[0].packets > 0 && this.sides[1].packets > 0;
  }

  /** To be called before the counters of the tunnel are read. */
  settle(): void {
    this.sides[0].settle(this.tunnel);
    this.sides[1].settle(this.tunnel);
  }

  describe(): InnerFlow {
    const { protocol, low, high, lowPort, highPort } = this.identity ?? NO_IDENTITY;
    return { protocol, low, high, lowPort, highPort, sides: this.sides };
  }
}

const NO_IDENTITY: FlowIdentity = { protocol: 0, low: '', high: '', lowPort: 0, highPort: 0 };
