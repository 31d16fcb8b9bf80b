import type { FrameRef } from '../../src/diagnose/diagnosis.js';
import type { OpenRef } from './open-ref.js';
import type {
  OpenAddressing,
  OpenMacPair,
  OpenReservedUse,
  OpenTunnel,
  OpenVxlanDirection,
} from './open-tunnel.js';
import type { InnerFlow, InnerSide, PolicyUse } from './session.js';
import type { PortUse } from './tunnel-direction.js';

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
  /** Of the last packet: G, bits that must be 0, fragmented, to a group address. */
  isTagged = false;
  reservedUse: OpenReservedUse | null = null;
  isFragmented = false;
  isFlooded = false;
  portUse: PortUse | null = null;
  policyUse: PolicyUse | null = null;
  macPair: OpenMacPair | null = null;
  source: OpenAddressing | null = null;
  destination: OpenAddressing | null = null;
  /** Of `packets` those that the counters of the tunnel have got. */
  private settled = 0;

  /** Hands the packets since the last call on to the counters of the tunnel that the lane belongs to. */
  settle(tunnel: OpenTunnel): void {
    const { last, sent } = this;
    const packets = this.packets - this.settled;
    if (packets === 0 || !last || !sent) return;
    this.settled = this.packets;
    if (this.isTagged) {
      this.tagged += packets;
      sent.tagged += packets;
    } else {
      this.untagged += packets;
      sent.untagged += packets;
    }
    if (this.portUse) this.portUse.packets += packets;
    if (this.policyUse) this.policyUse.packets += packets;
    if (this.reservedUse) {
      this.reserved += packets;
      this.reservedUse.packets += packets;
      advance(this.reservedUse.last, last);
    }
    if (this.macPair) advance(this.macPair.last, last);
    for (const addressing of [this.source, this.destination]) {
      if (!addressing) continue;
      addressing.packets += packets;
      advance(addressing.last, last);
    }
    if (this.isFlooded) tunnel.flood(packets, last);
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
