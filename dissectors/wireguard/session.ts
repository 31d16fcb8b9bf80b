import type { Fragmented } from '../../src/correlate/tunnel-direction.js';
import type { FrameRef } from '../../src/moment.js';
import type { Nanoseconds, SegmentIndex } from '../../src/units.js';

/** Timers of the protocol, in seconds (WireGuard paper, section 6; they are no options). */
const REKEY_TIMEOUT_SECONDS = 5;
export const KEEPALIVE_TIMEOUT_SECONDS = 10;
/** Data that nothing follows from the peer begins a handshake after that. */
export const SILENCE_SECONDS = KEEPALIVE_TIMEOUT_SECONDS + REKEY_TIMEOUT_SECONDS;

/** A direction of a flow: 0 from its low endpoint to its high one, 1 back. */
export type Way = 0 | 1;

export interface Socket {
  readonly address: string;
  readonly port: number;
}

/** An initiation and what became of it. */
export interface Handshake {
  readonly way: Way;
  /** Index that the initiator chose. */
  readonly sender: number;
  readonly initiation: FrameRef;
  readonly response: FrameRef | null;
  readonly cookie: FrameRef | null;
  /** First transport packet of the initiator under the responder's new index. */
  readonly confirmed: FrameRef | null;
  /** Transport packet of the initiator under an index that it can only know from a response, which the capture lacks. */
  readonly unseenResponse: FrameRef | null;
  /** First transport packet of the responder after its response. */
  readonly dataBack: FrameRef | null;
}

/** A stretch without any transport packet of either peer. */
export interface Pause {
  readonly before: FrameRef;
  /** Null: to the end of the flow's segment, or of the flow. */
  readonly after: FrameRef | null;
  /** Who sent the packet before it. */
  readonly way: Way;
}

export interface WireguardDirection {
  readonly from: Socket;
  readonly to: Socket;
  readonly packets: number;
  readonly bytes: number;
  /** Transport packets with something in them, and those without. */
  readonly dataPackets: number;
  readonly keepalives: number;
  readonly first: FrameRef | null;
  readonly last: FrameRef | null;
  readonly firstTransport: FrameRef | null;
  readonly lastTransport: FrameRef | null;
  /** Largest transport packet that came whole, in bytes of UDP payload; 0 where none did. */
  readonly largest: number;
  /** Packets that came in IP fragments; null where none did. */
  readonly fragmented: Fragmented | null;
  /** Receiver indices of its transport packets: the first and the latest. */
  readonly receivers: readonly number[];
  /** Its packets since the last one of the other side, if that ever sent one. */
  readonly unanswered: { readonly packets: number; readonly first: FrameRef } | null;
  /** Of keepalives that this side sends when the tunnel is idle; NaN where none was learned. */
  readonly keepalivePeriodNs: Nanoseconds;
}

/** What two sockets said to each other in WireGuard. */
export interface WireguardFlow {
  readonly stack: number;
  readonly segment: SegmentIndex;
  readonly first: FrameRef;
  readonly last: FrameRef;
  /** From low to high, and back. */
  readonly directions: readonly [WireguardDirection, WireguardDirection];
  /** In order; the middle of a long list is missing. */
  readonly handshakes: readonly Handshake[];
  readonly handshakesDropped: number;
  readonly pauses: readonly Pause[];
}
