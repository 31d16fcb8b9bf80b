import type { TunnelDirection } from '../../src/correlate/tunnel-direction.js';
import type { FrameRef } from '../../src/moment.js';
import type { SegmentIndex } from '../../src/units.js';

/** What one endpoint of a tunnel sent to the other. */
export interface GreDirection extends TunnelDirection {
  /** Packets that carry the key field; keepalives and MidoNet's flow state are not counted here nor in `plain`. */
  readonly keyed: number;
  /** Packets without a key field. */
  readonly plain: number;
  readonly keepalives: number;
  /** In order of appearance, at most TYPES_KEPT. */
  readonly protocolTypes: readonly number[];
}

/** GRE between two addresses with one key, in one time segment. */
export interface GreTunnel {
  readonly kind: 'gre' | 'erspan';
  /** The tunnel's own stack (`flows.tunnelLayers`), and the one around it; 0: in no tunnel. */
  readonly stack: number;
  readonly outerStack: number;
  readonly segment: SegmentIndex;
  readonly low: string;
  readonly high: string;
  /** 0 where packets carry none; the call id of PPTP; the session id of ERSPAN. */
  readonly key: number;
  readonly isPptp: boolean;
  /** From low to high, and back. */
  readonly directions: readonly [GreDirection, GreDirection];
}

/** Sequence numbers of one direction of a tunnel. */
export interface GreSequence {
  readonly kind: 'gre' | 'erspan';
  readonly stack: number;
  readonly segment: SegmentIndex;
  readonly from: string;
  readonly to: string;
  readonly key: number;
  /** Different numbers seen, and numbers in between that never arrived. */
  readonly distinct: number;
  readonly missing: number;
  readonly duplicates: number;
  readonly reordered: number;
  readonly restarts: number;
  readonly gapCount: number;
  readonly first: FrameRef;
  readonly last: FrameRef;
  /** Packets around gaps that are still open: of many, the first and the largest ones. */
  readonly gaps: readonly { readonly missing: number; readonly before: FrameRef; readonly after: FrameRef }[];
  /** Packets by the direction that the capture states for its frames. */
  readonly outbound: number;
}
