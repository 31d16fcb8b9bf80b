import type { ObservationTable, Schema } from '../observe/table.js';
import type { FrameContext } from './frame-context.js';

/**
 * Reads `[offset, end)` of `frame.view` and appends rows. Never throws and allocates nothing: a header that
 * does not fit is reported with `frame.observeUnreadable`, and the function returns.
 */
export type Dissect = (frame: FrameContext, offset: number, end: number) => void;

/** 0: not mine; CLAIM_WEAK; CLAIM_STRONG (a false match is rarer than one in 2^24 packets). */
export type Recognise = (frame: FrameContext, offset: number, end: number) => number;

/** Where a protocol hangs. The child declares it; the parent is not edited. */
export interface CarriedBy {
  readonly etherType?: readonly number[];
  readonly ipProtocol?: readonly number[];
  /** Either port of the datagram. */
  readonly udpPort?: readonly number[];
  /** Either port; the assembler hands over whole messages (see `StreamFraming`). */
  readonly tcpPort?: readonly number[];
  /** LINKTYPE_ values that are this protocol. */
  readonly linkType?: readonly number[];
  /** Bytes behind the end that the outermost IP header states (VPP writes there why it dropped the packet). */
  readonly ipTrailer?: boolean;
  /** Outermost IP packets right behind an Ethernet header, once they are dissected; `offset` is that of the Ethernet header. */
  readonly ethernetIp?: boolean;
  /** A place for a sub-dissector that another protocol declares, such as 'udpencap.esp'. */
  readonly subDissector?: readonly string[];
  /** IP fragments, each by itself, from the byte after the (unfragmentable part of the) IP header. */
  readonly ipFragment?: boolean;
  /** Checksums that do not fit, once the frame is dissected: `frame.checksum` says which. */
  readonly checksum?: boolean;
  /** UDP on ports that nobody owns, tried in order of `priority` (highest first). */
  readonly udpHeuristic?: { readonly priority: number; readonly recognise: Recognise };
  /** Whole UDP datagrams that no port owner and no recogniser takes; one dissector of the catalogue may. */
  readonly udpUnclaimed?: boolean;
}

/** How messages are cut out of a TCP stream. */
export interface StreamFraming {
  /** Length of the message that starts at `offset`; 0: more bytes are needed; -1: this is not the protocol, resynchronise. */
  messageLength(view: DataView, offset: number, end: number): number;
  /** False where what starts at `offset` has no length of its own (text), so that it proves no start of a message. */
  hasOwnLength?(view: DataView, offset: number, end: number): boolean;
}

/** What the engine hands to a dissector when it is bound. */
export interface Binding {
  /** The number by which unreadableHeaders name the protocol. */
  readonly protocolIndex: number;
  /** The dissector that hangs on a named place of this protocol; does nothing where nobody does. */
  subDissector(name: string): Dissect;
  /** Dissects an inner packet; call between `frame.enterTunnel` and `frame.leaveTunnel`. */
  readonly innerEthernet: Dissect;
  /** As above; the packet is IPv4 or IPv6 by its version nibble. */
  readonly innerIp: Dissect;
  /** As above, by EtherType. */
  innerEtherType(frame: FrameContext, etherType: number, offset: number, end: number): void;
}

/** A field at a fixed place of the header. */
export interface HeaderField {
  /** With the name of the protocol: `VXLAN VNI`. */
  readonly name: string;
  /** In bits from the beginning of the header, and its width, at most 32. */
  readonly at: number;
  readonly bits: number;
  /** Written as `0x…`. */
  readonly isHex?: boolean;
}

export interface Dissector<S extends Schema = Schema> {
  /** Name of the folder: Wireshark's display filter name. */
  readonly protocol: string;
  readonly carriedBy: CarriedBy;
  readonly observes: S;
  /** Rows a chunk may hold before the rest of it is dissected in a second round. */
  readonly rowsPerChunk?: number;
  /**
   * True where the source port is a hash of what is carried (VXLAN, Geneve): all datagrams between two hosts to the
   * protocol's port are one conversation, whatever their source port (RFC 7348, section 5).
   */
  readonly hasEntropySourcePort?: boolean;
  /** True where the rows are about frames, not about the packets in them: those of copies are correlated too. */
  readonly keepsCopies?: boolean;
  /** True where a message may span IP fragments: the dissector is called again with the whole, `origin` assembled. */
  readonly assembles?: boolean;
  readonly stream?: StreamFraming;
  /** Fields that a comparison of two captures names where they changed on the way. */
  readonly headerFields?: readonly HeaderField[];
  /**
   * True where the protocol's own routers send every packet on under their addresses (SCION): other outer addresses at
   * another capture point are no translation.
   */
  readonly isForwardedByHops?: boolean;
  bind(table: ObservationTable<S>, binding: Binding): Dissect;
}

/** Gives the schema its exact type, and hands the dissector over in the form the engine keeps. */
export function defineDissector<const S extends Schema>(dissector: Dissector<S>): Dissector<S> {
  return dissector;
}
