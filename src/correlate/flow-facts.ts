import type { TunnelKind } from '../observe/flow-key.js';
import type { FrameId, Nanoseconds, SegmentIndex } from '../units.js';

export interface Endpoints {
  readonly low: string;
  readonly high: string;
  readonly lowPort: number;
  readonly highPort: number;
}

/** One direction of a flow: 0 from low to high, 1 back. */
export interface FlowDirection {
  readonly packets: number;
  readonly bytes: number;
  readonly firstFrame: FrameId;
  readonly lastFrame: FrameId;
  readonly firstNs: Nanoseconds;
  readonly lastNs: Nanoseconds;
  readonly firstSegment: SegmentIndex;
  readonly lastSegment: SegmentIndex;
}

export interface TunnelLayer {
  readonly kind: TunnelKind;
  readonly low: string;
  readonly high: string;
  readonly key: number;
}
