import type { FrameRef } from '../../src/moment.js';
import type { SegmentIndex } from '../../src/units.js';

/** A host that asks for an address, in one tunnel stack and time segment. */
export interface DhcpClient {
  /** `02:42:ac:11:00:02` */
  readonly mac: string;
  readonly stack: number;
  readonly segment: SegmentIndex;
  readonly first: FrameRef;
  /** DISCOVERs, and any answer to the client: OFFER, ACK or NAK. */
  readonly discovers: number;
  readonly answers: number;
  readonly lastAnswer: FrameRef | null;
  /** DISCOVERs since the last answer. */
  readonly open: { readonly count: number; readonly first: FrameRef | null; readonly last: FrameRef | null };
}

/** An interface MTU (option 26) that a server announces in OFFERs and ACKs, in one tunnel stack and time segment. */
export interface AnnouncedMtu {
  readonly server: string;
  readonly stack: number;
  readonly segment: SegmentIndex;
  /** Bytes of IP packet. */
  readonly mtu: number;
  readonly messages: number;
  readonly first: FrameRef;
  readonly last: FrameRef;
  /** Addresses that ACKs gave out with it; at most ADDRESSES_KEPT. */
  readonly addresses: readonly string[];
}

/** All DHCP of one tunnel stack and time segment. */
export interface DhcpSegment {
  readonly stack: number;
  readonly segment: SegmentIndex;
  readonly first: FrameRef;
  readonly messages: number;
  /** Messages of servers; of them OFFERs and ACKs without option 26. */
  readonly answers: number;
  readonly withoutMtu: number;
  readonly clients: readonly DhcpClient[];
  readonly announced: readonly AnnouncedMtu[];
}
