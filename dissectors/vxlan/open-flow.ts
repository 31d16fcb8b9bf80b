import type { FrameRef } from '../../src/diagnose/diagnosis.js';
import type { OpenTunnel } from './open-tunnel.js';
import type { Addressing, InnerFlow, InnerSide, MacPair, PolicyUse } from './session.js';
import type { PortUse } from './tunnel-direction.js';

/** One direction of an inner flow: its own counts, and the counters of the tunnel that its last packet went to. */
export class OpenSide implements InnerSide {
  packets = 0;
  tagged = 0;
  untagged = 0;
  policyId = -1;
  reserved = 0;
  first: FrameRef | null = null;
  last: FrameRef | null = null;
  /** Direction of the outer packets, or -1 before the first. */
  outerDirection = -1;
  sourceMacHigh = -1;
  sourceMacLow = -1;
  destinationMacHigh = -1;
  destinationMacLow = -1;
  isFlooded = false;
  port = -1;
  portUse: PortUse | null = null;
  policyUse: PolicyUse | null = null;
  macPair: MacPair | null = null;
  sourceAddressing: Addressing | null = null;
  destinationAddressing: Addressing | null = null;
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

  describe(): InnerFlow {
    const { protocol, low, high, lowPort, highPort } = this.identity ?? NO_IDENTITY;
    return { protocol, low, high, lowPort, highPort, sides: this.sides };
  }
}

const NO_IDENTITY: FlowIdentity = { protocol: 0, low: '', high: '', lowPort: 0, highPort: 0 };
