import {
  HEADER_CONTINUES,
  HEADER_MALFORMED,
  HEADER_TRUNCATED,
  HEADER_UNDECODED,
} from '../observe/engine-tables.js';
import {
  FLOW_DISCRIMINATOR,
  FLOW_HIGH,
  FLOW_KIND_DISCRIMINATED,
  FLOW_LOW,
  FLOW_PORTS,
  FLOW_PROTOCOL,
  FLOW_STACK,
  STACK_KEY,
  STACK_KIND,
  STACK_PARENT,
  TUNNEL_DEPTH_MAX,
} from '../observe/flow-key.js';
import { KEY_WORDS } from '../observe/key-table.js';
import type { Slot } from '../observe/slot.js';
import { ORIGIN_FIRST_FRAGMENT, ORIGIN_WHOLE } from '../observe/table.js';
import { IPV4_MAPPED } from '../wire/ip.js';
import type { ChecksumNote } from './checksum-note.js';

/** How sure the choice of the dissector was. */
export const CLAIM_PORT = 0;
export const CLAIM_WEAK = 1;
export const CLAIM_STRONG = 2;

/** Protocol numbers of the spine in the unreadableHeader table; the catalogue's are `SPINE_PROTOCOLS.length + index`. */
export const SPINE_PROTOCOLS = ['link', 'ip', 'transport'] as const;

/** Protocols of the catalogue that are noted by frame (`Slot.protocols`), a bit each. */
export const NOTED_PROTOCOLS_MAX = 32;

/** Stacks remembered by the conversation that carries them, a power of two. */
const RECENT_STACKS = 256;
const RECENT_WORDS = 5;

const EMPTY_VIEW = new DataView(new ArrayBuffer(0));

/**
 * What the layers outside a protocol know of the current packet. One per worker, reused for every frame;
 * all number fields stay within 31 bits or in typed arrays, so that writing them allocates nothing.
 */
export class FrameContext {
  view: DataView = EMPTY_VIEW;
  /** Index of the frame in its chunk. */
  index = 0;
  /** MARK_ bits of the frame. */
  marks = 0;
  /** Addresses as four words each; IPv4 as 0, 0, 0xFFFF, address. */
  readonly source = new Int32Array(4);
  readonly destination = new Int32Array(4);
  /** 4 or 6; 0 outside IP. */
  family = 0;
  /** IP protocol number of the innermost IP header. */
  protocol = 0;
  sourcePort = 0;
  destinationPort = 0;
  timeToLive = 0;
  /** Offset of the innermost IP header. */
  networkOffset = 0;
  /** Length on the wire that the innermost IP header claims, header included. */
  networkLength = 0;
  /** Length on the wire of the payload that is handed to the dissector; may exceed what was captured. */
  payloadLength = 0;
  /** True where bytes that the headers claim were cut off by the capture. */
  isCut = false;
  origin = ORIGIN_WHOLE;
  claim = CLAIM_PORT;
  /** Index in the chunk's flow dictionary, or -1; and the packet's direction on it. */
  flow = -1;
  direction = 0;
  /** Index in the chunk's stack dictionary; 0: not in a tunnel. */
  stack = 0;
  depth = 0;
  /** `Slot.aggregatesRows`: one row may stand for several packets. */
  aggregatesRows = false;
  /** Differs from one round of dissecting to the next: indices of rows are good within one. */
  round = 0;

  /** Of the current IP fragment, for the dissector of fragments. */
  readonly fragmentIdentification = new Uint32Array(1);
  fragmentOffset = 0;
  moreFragments = 0;
  /**
   * Where the bytes begin that stay equal on the whole path, for a protocol whose routers rewrite its header (SCION);
   * -1: nothing is rewritten. Set last by the dissector, for the current packet; read where captures are compared.
   */
  stableFrom = -1;
  /** Offset at which the frame would end had the capture not cut it. */
  wireEnd = 0;
  /** Ethernet headers of the frame that another link layer carries. */
  carriedLinks = 0;
  /** Offset of the Ethernet header that the frame begins with; -1 where it begins with none. */
  ethernetOffset = -1;

  /** The conversation entered last, and the packet's direction on it: once a frame is dissected, its innermost one. */
  innermostFlow = -1;
  innermostDirection = 0;
  /** The checksum being told, for the dissector of those that do not fit; null outside of its calls. */
  checksum: ChecksumNote | null = null;

  private readonly key = new Int32Array(KEY_WORDS);
  /** Stacks looked up lately: round, flow of the carrier, key and kind of the tunnel, stack. */
  private readonly recentStacks = new Int32Array(RECENT_STACKS * RECENT_WORDS);
  private readonly outer: OuterLayer[] = Array.from({ length: TUNNEL_DEPTH_MAX }, () => new OuterLayer());

  constructor(public slot: Slot) {}

  /** What is known of flows, stacks and rows by their index no longer holds. */
  beginRound(): void {
    this.round = (this.round + 1) & 0x3fff_ffff;
  }

  /** Makes the context that of a new frame, outside every tunnel. */
  begin(view: DataView, index: number, marks: number, wireEnd: number, isCut = false): void {
    this.view = view;
    this.index = index;
    this.marks = marks;
    this.wireEnd = wireEnd;
    this.family = 0;
    this.flow = -1;
    this.direction = 0;
    this.stack = 0;
    this.depth = 0;
    this.carriedLinks = 0;
    this.ethernetOffset = -1;
    this.origin = ORIGIN_WHOLE;
    this.claim = CLAIM_PORT;
    this.isCut = isCut;
    this.stableFrom = -1;
    this.innermostFlow = -1;
    this.innermostDirection = 0;
  }

  /** Bytes on the wire from `offset` to the end of the frame. */
  wireLengthFrom(offset: number): number {
    return this.wireEnd - offset;
  }

  /**
   * End of what can be read of something that claims to end at `claimedEnd`; notes in `isCut` whether the capture
   * (not the sender) is to blame for what is missing.
   */
  clamp(claimedEnd: number, end: number): number {
    if (claimedEnd <= end) {
      this.isCut = false;
      return claimedEnd;
    }
    this.isCut = this.wireEnd > end;
    return end;
  }

  /**
   * Finds the flow of the addresses, protocol and the current ports; sets `flow` and `direction`, and counts the packet.
   * `sourcePort` is that of the flow's key, where the packet's own says nothing.
   */
  enterConversation(sourcePort: number = this.sourcePort): void {
    this.resumeConversation(sourcePort);
    const flow = this.flow;
    this.innermostFlow = flow;
    this.innermostDirection = this.direction;
    if (flow < 0) return;
    this.slot.flows.count(flow, this.direction, this.index, this.networkLength);
    if (this.depth > 0) {
      this.slot.flows.noteWay(flow, this.direction, this.outer[this.depth - 1].addressDirection());
    }
    // Only frames that turn out to be copies are counted out again.
    if (this.aggregatesRows) return;
    const row = this.slot.touches.rows.append(this);
    this.slot.touches.byteLength[row] = this.networkLength;
  }

  /** As `enterConversation`, for a message whose packets were counted when they came. */
  resumeConversation(sourcePort: number = this.sourcePort): void {
    this.direction = this.writeEndpoints(sourcePort, this.destinationPort);
    this.key[FLOW_STACK] = this.stack;
    this.key[FLOW_PROTOCOL] = this.protocol;
    this.key[FLOW_DISCRIMINATOR] = 0;
    this.flow = this.slot.flows.findOrAdd(this.key);
  }

  /**
   * The flow of a protocol's own making: same stack and addresses, no ports, split by `discriminator` (an SPI, a
   * hash). Does not change `flow`; the direction is `directionOf` the addresses.
   */
  discriminatedFlow(protocol: number, discriminator: number): number {
    this.writeEndpoints(0, 0);
    this.key[FLOW_STACK] = this.stack;
    this.key[FLOW_PROTOCOL] = protocol | FLOW_KIND_DISCRIMINATED;
    this.key[FLOW_DISCRIMINATOR] = discriminator;
    return this.slot.flows.findOrAdd(this.key);
  }

  /** Direction of the packet on a flow without ports. */
  addressDirection(): number {
    return compareAddresses(this.source, this.destination) > 0 ? 1 : 0;
  }

  /** Goes into a tunnel: the inner headers may now overwrite the context. False where the nesting is too deep. */
  enterTunnel(kind: number, tunnelKey: number): boolean {
    if (this.depth >= TUNNEL_DEPTH_MAX) return false;
    const stack = this.stackOf(kind, tunnelKey);
    if (stack < 0) return false;
    this.outer[this.depth].save(this);
    this.depth++;
    this.stack = stack;
    this.claim = CLAIM_PORT;
    return true;
  }

  /** The stack inside a tunnel that the current conversation carries. */
  private stackOf(kind: number, tunnelKey: number): number {
    const { flow, recentStacks } = this;
    const at = ((Math.imul(flow, 31) + tunnelKey) & (RECENT_STACKS - 1)) * RECENT_WORDS;
    const isRecent =
      recentStacks[at] === this.round &&
      recentStacks[at + 1] === flow &&
      recentStacks[at + 2] === (tunnelKey | 0) &&
      recentStacks[at + 3] === kind;
    if (isRecent && flow >= 0) return recentStacks[at + 4];
    // A stack's key holds its endpoints where a flow's does.
    this.writeEndpoints(0, 0);
    this.key[STACK_PARENT] = this.stack;
    this.key[STACK_KIND] = kind;
    this.key[FLOW_PORTS] = 0;
    this.key[STACK_KEY] = tunnelKey;
    const stack = this.slot.stacks.findOrAdd(this.key);
    recentStacks[at] = this.round;
    recentStacks[at + 1] = flow;
    recentStacks[at + 2] = tunnelKey;
    recentStacks[at + 3] = kind;
    recentStacks[at + 4] = stack;
    return stack;
  }

  leaveTunnel(): void {
    this.depth--;
    this.outer[this.depth].restore(this);
  }

  /** Says that the current packet was counted in an earlier row of the table of that protocol. */
  noteAggregated(protocolIndex: number): void {
    const { protocols } = this.slot;
    const table = protocolIndex - SPINE_PROTOCOLS.length;
    // Empty where identities are not collected.
    if (this.index < protocols.length && table < NOTED_PROTOCOLS_MAX) protocols[this.index] |= 1 << table;
  }

  /** Says that a header of that protocol did not fit into what is there; tells the capture's fault from the sender's. */
  observeUnreadable(protocolIndex: number): void {
    const kind = this.isCut
      ? HEADER_TRUNCATED
      : this.origin === ORIGIN_FIRST_FRAGMENT
        ? HEADER_CONTINUES
        : HEADER_MALFORMED;
    this.observeUnreadableOf(protocolIndex, kind);
  }

  /** Says that the rest of the current frame may hold a packet, of a kind that nobody reads. */
  observeUndecoded(protocolIndex: number): void {
    this.observeUnreadableOf(protocolIndex, HEADER_UNDECODED);
  }

  observeUnreadableOf(protocolIndex: number, kind: number): void {
    const table = this.slot.unreadableHeaders;
    const row = table.rows.append(this);
    table.protocol[row] = protocolIndex;
    table.kind[row] = kind;
  }

  /** Writes both endpoints into the key in canonical order and returns the direction: 0 if the source is the low one. */
  private writeEndpoints(sourcePort: number, destinationPort: number): number {
    const { source, destination, key } = this;
    if (this.family === 4) {
      const order =
        source[3] === destination[3]
          ? sourcePort - destinationPort
          : source[3] >>> 0 < destination[3] >>> 0
            ? -1
            : 1;
      key[FLOW_LOW] = key[FLOW_LOW + 1] = key[FLOW_HIGH] = key[FLOW_HIGH + 1] = 0;
      key[FLOW_LOW + 2] = key[FLOW_HIGH + 2] = IPV4_MAPPED;
      key[FLOW_LOW + 3] = order > 0 ? destination[3] : source[3];
      key[FLOW_HIGH + 3] = order > 0 ? source[3] : destination[3];
      return this.writePorts(order, sourcePort, destinationPort);
    }
    let order = compareAddresses(source, destination);
    if (order === 0) order = sourcePort - destinationPort;
    const low = order > 0 ? destination : source;
    const high = order > 0 ? source : destination;
    for (let word = 0; word < 4; word++) {
      key[FLOW_LOW + word] = low[word];
      key[FLOW_HIGH + word] = high[word];
    }
    return this.writePorts(order, sourcePort, destinationPort);
  }

  private writePorts(order: number, sourcePort: number, destinationPort: number): number {
    this.key[FLOW_PORTS] =
      order > 0 ? (destinationPort << 16) | sourcePort : (sourcePort << 16) | destinationPort;
    return order > 0 ? 1 : 0;
  }
}

/** Fields of the context that an inner packet overwrites. */
class OuterLayer {
  private readonly source = new Int32Array(4);
  private readonly destination = new Int32Array(4);
  private family = 0;
  private protocol = 0;
  private sourcePort = 0;
  private destinationPort = 0;
  private timeToLive = 0;
  private networkOffset = 0;
  private networkLength = 0;
  private payloadLength = 0;
  private isCut = false;
  private origin = 0;
  private claim = 0;
  private flow = -1;
  private direction = 0;
  private stack = 0;

  save(frame: FrameContext): void {
    // Eight plain moves cost a fraction of two calls of TypedArray.set.
    for (let word = 0; word < 4; word++) {
      this.source[word] = frame.source[word];
      this.destination[word] = frame.destination[word];
    }
    this.family = frame.family;
    this.protocol = frame.protocol;
    this.sourcePort = frame.sourcePort;
    this.destinationPort = frame.destinationPort;
    this.timeToLive = frame.timeToLive;
    this.networkOffset = frame.networkOffset;
    this.networkLength = frame.networkLength;
    this.payloadLength = frame.payloadLength;
    this.isCut = frame.isCut;
    this.origin = frame.origin;
    this.claim = frame.claim;
    this.flow = frame.flow;
    this.direction = frame.direction;
    this.stack = frame.stack;
  }

  addressDirection(): number {
    return compareAddresses(this.source, this.destination) > 0 ? 1 : 0;
  }

  restore(frame: FrameContext): void {
    for (let word = 0; word < 4; word++) {
      frame.source[word] = this.source[word];
      frame.destination[word] = this.destination[word];
    }
    frame.family = this.family;
    frame.protocol = this.protocol;
    frame.sourcePort = this.sourcePort;
    frame.destinationPort = this.destinationPort;
    frame.timeToLive = this.timeToLive;
    frame.networkOffset = this.networkOffset;
    frame.networkLength = this.networkLength;
    frame.payloadLength = this.payloadLength;
    frame.isCut = this.isCut;
    frame.origin = this.origin;
    frame.claim = this.claim;
    frame.flow = this.flow;
    frame.direction = this.direction;
    frame.stack = this.stack;
  }
}

/** Negative, zero or positive, comparing as unsigned numbers from the most significant word. */
function compareAddresses(a: Int32Array, b: Int32Array): number {
  for (let word = 0; word < 4; word++) {
    if (a[word] !== b[word]) return (a[word] ^ 0x8000_0000) < (b[word] ^ 0x8000_0000) ? -1 : 1;
  }
  return 0;
}
