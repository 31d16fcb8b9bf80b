import type { TunnelDirection } from '../../src/correlate/tunnel-direction.js';
import type { FrameRef } from '../../src/moment.js';
import type { SegmentIndex } from '../../src/units.js';

/** Packets that carry one group policy id. */
export interface PolicyUse {
  readonly policyId: number;
  packets: number;
}

/** Packets with bits set that no configured extension explains. */
export interface ReservedUse {
  /** All bits seen in bytes 0 to 3, as one word, and in byte 7. */
  header: number;
  trailer: number;
  packets: number;
  readonly first: FrameRef;
  readonly last: FrameRef;
}

/** What the VXLAN packets of one direction have in common. */
export interface VxlanDirection extends TunnelDirection {
  /** Packets with and without G (group policy). */
  readonly tagged: number;
  readonly untagged: number;
  /** At most POLICIES_MAX; further ones count in `tagged` alone. */
  readonly policies: readonly PolicyUse[];
  /** Null where all reserved bits are 0. */
  readonly reserved: ReservedUse | null;
}

/** Inner frames from one MAC address to another. */
export interface MacPair {
  /** `02:42:ac:11:00:02` */
  readonly source: string;
  readonly destination: string;
  /** Direction of the outer packets. */
  readonly outerDirection: number;
  readonly first: FrameRef;
  readonly last: FrameRef;
}

/**
 * An inner MAC address of the form that silk gives (ee:ee or aa:aa in front), and the IPv4 address beside it.
 */
export interface Addressing {
  readonly mac: string;
  readonly address: string;
  /** Of the sender or of the receiver. */
  readonly isSource: boolean;
  readonly outerDirection: number;
  packets: number;
  readonly first: FrameRef;
  readonly last: FrameRef;
}

/** The group policy id of one direction of an inner conversation is another one from some packet on. */
export interface TagChange {
  /** -1: none. */
  readonly from: number;
  readonly to: number;
  /** The last packet before, the first one with the new id, and how many came before that. */
  readonly before: FrameRef | null;
  readonly at: FrameRef;
  readonly packetsBefore: number;
}

/** One direction of an inner conversation. */
export interface InnerSide {
  readonly packets: number;
  readonly tagged: number;
  readonly untagged: number;
  /** The last group policy id, or -1. */
  readonly policyId: number;
  /** The last change of it; null where all packets carry the same one, or none. */
  readonly change: TagChange | null;
  /** Packets with reserved bits. */
  readonly reserved: number;
  /** Source port of the datagram around the first packet. */
  readonly outerPort: number;
  /** Inner MAC addresses of the last packet; null without Ethernet header. */
  readonly macs: MacPair | null;
  readonly first: FrameRef | null;
  readonly last: FrameRef | null;
}

/** An inner IP conversation. `sides[0]` was sent by the low endpoint. */
export interface InnerFlow {
  /** IP protocol number. */
  readonly protocol: number;
  readonly low: string;
  readonly high: string;
  readonly lowPort: number;
  readonly highPort: number;
  readonly sides: readonly [InnerSide, InnerSide];
}

/** Behind the low or the high tunnel endpoint, or seen behind both. */
export const BEHIND_LOW = 1;
export const BEHIND_HIGH = 2;

/** The VXLAN packets with one VNI between two tunnel endpoints, in one time segment. */
export interface VxlanTunnel {
  readonly segment: SegmentIndex;
  /** Tunnel stack of the inner packets, and the one in which the tunnel itself runs. */
  readonly stack: number;
  readonly outerStack: number;
  readonly low: string;
  readonly high: string;
  readonly vni: number;
  readonly isGpe: boolean;
  /** 0 from the low endpoint to the high one, 1 back. */
  readonly directions: readonly [VxlanDirection, VxlanDirection];
  /** At most MAC_PAIRS_MAX. */
  readonly macPairs: readonly MacPair[];
  /** At most ADDRESSINGS_MAX. */
  readonly addressings: readonly Addressing[];
  /** Inner IP addresses with BEHIND_ bits; at most HOSTS_MAX. */
  readonly hosts: ReadonlyMap<string, number>;
  /**
   * Both directions of an inner conversation travel in one direction of the tunnel: traffic is mirrored into
   * it.
   */
  readonly isMirror: boolean;
  /** Frames to a broadcast or multicast MAC address, ARP among them. */
  readonly flooded: { readonly packets: number; readonly first: FrameRef; readonly last: FrameRef } | null;
  /** Inner conversations: the first ones, and of the rest those that are unanswered or longest. */
  readonly flows: readonly InnerFlow[];
}
