// What one run of a program printed: its packets, put together line by line, and at its end the link type and the clock
// that they share.
import { ETHERNET_HEADER_LENGTH, ETHERTYPE_ARP } from '../../../src/wire/ethernet.js';
import {
  LINKTYPE_ETHERNET,
  LINKTYPE_LINUX_SLL,
  LINKTYPE_RAW,
  SLL_ADDRESS,
  SLL_FROM_US,
  SLL_HEADER_LENGTH,
  SLL_PROTOCOL,
  SLL_TO_US,
} from '../../../src/wire/link-types.js';
import { fittingLinkTypes, packetLength, payloadOf } from './link-guess.js';
import { type StampForm, settleTimes } from './stamp.js';

/** Packets whose bytes are looked at to tell the link type of all. */
const VOTES_MAX = 256;
/** Bytes of packets that a run has room for once it has any. */
const FIRST_ROOM = 4096;
/** No packet is longer: the largest length that IP can say, and a link header. */
const PACKET_LENGTH_MAX = 65_535 + 64;
/** sll_pkttype for packets between others, which says no direction. */
const SLL_BETWEEN_OTHERS = 3;
const SLL_ARPHRD_OFFSET = 2;
const ARPHRD_ETHERNET = 1;

export type Direction = 'in' | 'out' | null;

/** What the line of a packet says of it beside its bytes. */
export interface PacketHead {
  readonly timeNs: bigint | null;
  readonly form: StampForm | null;
  /** On the wire, link header included; null where the line does not say. */
  readonly wireLength: number | null;
  /** The Ethernet header that `tcpdump -e` prints: 14 bytes. */
  readonly link: Uint8Array | null;
  readonly interfaceName: string | null;
  readonly direction: Direction;
}

interface Packet extends PacketHead {
  /** Where its bytes stand in those of the run. */
  readonly at: number;
  readonly length: number;
  /** True where the bytes were made from the words of the line: they begin with the packet, not with a link header. */
  readonly isFromWords: boolean;
  /** Of the packet without link header, where words say it. */
  readonly packetLength: number;
}

/** What the command, or what tcpdump says of itself, tells of all packets. */
export interface RunFacts {
  readonly program: 'tcpdump' | 'tshark' | 'hex' | 'snippet';
  linkType: number | null;
  spans: 'since-previous' | 'since-first' | null;
  /** The text has a head for every packet, so that bytes without one are no packet. */
  hasHeads: boolean;
}

/** As `TextPacket`; one object, filled anew for each packet. */
export interface RunPacket {
  timeNs: bigint | null;
  bytes: Uint8Array;
  originalLength: number;
  linkType: number;
  interfaceName: string | null;
  direction: Direction;
  isInWords: boolean;
  isListed: boolean;
}

export class Run {
  readonly facts: RunFacts;
  private readonly packets: Packet[] = [];
  private bytes = new Uint8Array(0);
  private used = 0;
  /** Lines of later fragments that name neither packet nor offset. */
  fragmentsUntold = 0;
  private outside = 0;
  private unspoken = 0;

  constructor(program: RunFacts['program']) {
    this.facts = { program, linkType: null, spans: null, hasHeads: false };
  }

  get packetCount(): number {
    return this.packets.length;
  }

  /** A packet whose bytes the text shows. */
  addBytes(head: PacketHead, bytes: Uint8Array, length: number): void {
    this.keep(head, bytes, Math.min(length, PACKET_LENGTH_MAX), false, 0);
  }

  /** A packet of which the text has words: its headers, from the network layer on. */
  addWords(head: PacketHead, bytes: Uint8Array, packetLength: number): void {
    this.keep(head, bytes, bytes.length, true, packetLength);
  }

  /** A line of a packet that nobody could read. */
  passOver(): void {
    this.unspoken++;
  }

  private keep(
    head: PacketHead,
    bytes: Uint8Array,
    length: number,
    isFromWords: boolean,
    packetLength: number,
  ) {
    if (this.used + length > this.bytes.length) {
      const grown = new Uint8Array(Math.max(2 * this.bytes.length, this.used + length, FIRST_ROOM));
      grown.set(this.bytes);
      this.bytes = grown;
    }
    this.bytes.set(bytes.subarray(0, length), this.used);
    this.packets.push({ ...head, at: this.used, length, isFromWords, packetLength });
    this.used += length;
  }

  /** Names of what was left out, with counts; complete once the packets were read. */
  leftOut(): ReadonlyMap<string, number> {
    return new Map([
      ['hex dumps that begin with no header that is known', this.outside],
      [
        'lines of packets that are neither IP nor ARP, or whose names stand for addresses (use -n)',
        this.unspoken,
      ],
    ]);
  }

  *read(): Generator<RunPacket> {
    this.settleClock();
    const dumped = this.dumpedLinkType();
    const common = this.commonLinkType(dumped);
    const out: RunPacket = {
      timeNs: null,
      bytes: this.bytes,
      originalLength: 0,
      linkType: common,
      interfaceName: null,
      direction: null,
      isInWords: false,
      isListed: false,
    };
    for (const packet of this.packets) {
      if (!this.fill(out, packet, dumped, common)) continue;
      out.timeNs = packet.timeNs;
      out.interfaceName = packet.interfaceName;
      out.direction = packet.direction;
      out.isInWords = packet.isFromWords;
      out.isListed = packet.isFromWords && this.facts.program === 'tshark';
      yield out;
    }
  }

  private bytesOf({ at, length }: Packet): Uint8Array {
    return this.bytes.subarray(at, at + length);
  }

  private fill(out: RunPacket, packet: Packet, dumped: number, common: number): boolean {
    const shown = this.bytesOf(packet);
    const own = packet.isFromWords ? LINKTYPE_RAW : dumped;
    const payload = payloadOf(shown, own);
    if (payload === null) {
      // Of a run with a link header, whatever is behind it; without one only what has a header to be told by.
      if (own === LINKTYPE_RAW || !this.facts.hasHeads) {
        this.outside++;
        return false;
      }
      out.linkType = own;
      out.bytes = shown;
      out.originalLength = Math.max(packet.wireLength ?? 0, shown.length);
      return true;
    }
    const ipLength = packet.packetLength > 0 ? packet.packetLength : packetLength(shown, payload);
    if (own !== LINKTYPE_RAW) {
      out.linkType = own;
      out.bytes = shown;
      out.originalLength = Math.max(packet.wireLength ?? payload.offset + ipLength, shown.length);
      return true;
    }
    const link = linkHeader(packet, payload.type, common);
    out.linkType = common;
    out.bytes = link === null ? shown : joined(link, shown);
    const linkLength = link?.length ?? 0;
    const wire = common === LINKTYPE_ETHERNET && packet.wireLength !== null ? packet.wireLength : 0;
    out.originalLength = Math.max(wire, linkLength + ipLength, out.bytes.length);
    return true;
  }

  /** The link type that most of the shown bytes fit; what the text states counts where they allow it. */
  private dumpedLinkType(): number {
    const votes = new Map<number, number>();
    let voters = 0;
    for (const packet of this.packets) {
      if (packet.isFromWords) continue;
      if (voters++ === VOTES_MAX) break;
      for (const linkType of fittingLinkTypes(this.bytesOf(packet))) {
        votes.set(linkType, (votes.get(linkType) ?? 0) + 1);
      }
    }
    const { linkType } = this.facts;
    if (linkType !== null && (votes.has(linkType) || (votes.size === 0 && voters > 0))) return linkType;
    let best = LINKTYPE_RAW;
    for (const [candidate, count] of votes) if (count > (votes.get(best) ?? 0)) best = candidate;
    return best;
  }

  /**
   * The link type of packets that are shown without link header: Ethernet where every line has its addresses; else raw
   * IP, unless there is ARP, which needs a header that says so.
   */
  private commonLinkType(dumped: number): number {
    const bare = this.packets.filter(({ isFromWords }) => isFromWords || dumped === LINKTYPE_RAW);
    if (bare.length > 0 && bare.every(({ link }) => link !== null)) return LINKTYPE_ETHERNET;
    const hasArp = bare.some(
      (packet) => payloadOf(this.bytesOf(packet), LINKTYPE_RAW)?.type === ETHERTYPE_ARP,
    );
    return hasArp ? LINKTYPE_LINUX_SLL : LINKTYPE_RAW;
  }

  private settleClock(): void {
    const times = this.packets.map(({ timeNs }) => timeNs);
    settleTimes(
      times,
      this.packets.map(({ form }) => form),
      this.facts.spans,
    );
    for (const [index, packet] of this.packets.entries()) {
      this.packets[index] = { ...packet, timeNs: times[index] ?? null };
    }
  }
}

function linkHeader({ link, direction }: PacketHead, type: number, linkType: number): Uint8Array | null {
  if (linkType === LINKTYPE_ETHERNET) return link ?? new Uint8Array(ETHERNET_HEADER_LENGTH);
  if (linkType !== LINKTYPE_LINUX_SLL) return null;
  const header = new Uint8Array(SLL_HEADER_LENGTH);
  const view = new DataView(header.buffer);
  const packetType = direction === 'in' ? SLL_TO_US : direction === 'out' ? SLL_FROM_US : SLL_BETWEEN_OTHERS;
  view.setUint16(0, packetType);
  view.setUint16(SLL_ARPHRD_OFFSET, ARPHRD_ETHERNET);
  // The length of the address in front of it stays 0: the text does not say it.
  header.fill(0, SLL_ADDRESS, SLL_PROTOCOL);
  view.setUint16(SLL_PROTOCOL, type);
  return header;
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  const both = new Uint8Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}
