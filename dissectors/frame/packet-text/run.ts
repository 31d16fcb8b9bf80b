// What one run of a program printed: its packets, put together line by line, and at its end the link type and the clock
// that they share.
import type { BytePages } from '../../../src/capture/byte-pages.js';
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
import { IS_FROM_WORDS, IS_IN, IS_OUT, PacketColumns } from './packet-columns.js';
import { STAMP_FORMS, type StampForm, settleTimes } from './stamp.js';

/** Packets whose bytes are looked at to tell the link type of all. */
const VOTES_MAX = 256;
/** Of a run: 64 MiB hold fewer lines of packets. */
const PACKETS_MAX = 1 << 21;
/** Further names share the last. */
const INTERFACES_MAX = 1000;
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

/** What the columns hold of a packet, as one object that is filled anew. */
class Packet {
  time: bigint | null = null;
  wireLength: number | null = null;
  /** The Ethernet header that the line prints. */
  link: Uint8Array | null = null;
  /** Its bytes, as the text shows them or made from its words. */
  shown: Uint8Array = new Uint8Array(0);
  interfaceName: string | null = null;
  direction: Direction = null;
  /** True where the bytes were made from the words of the line: they begin with the packet, not with a link header. */
  isFromWords = false;
  /** Of the packet without link header, where words say it. */
  packetLength = 0;
}

export class Run {
  readonly facts: RunFacts;
  private readonly columns = new PacketColumns();
  private readonly packet = new Packet();
  private readonly interfaces: string[] = [];
  private readonly interfaceIndexes = new Map<string, number>();
  /** Lines of later fragments that name neither packet nor offset. */
  fragmentsUntold = 0;
  /** Runs behind this one whose packets are left out. */
  runsBeyond = 0;
  private outside = 0;
  private unspoken = 0;
  private beyond = 0;

  /** @param pages where the bytes of packets are kept; runs share it */
  constructor(
    program: RunFacts['program'],
    private readonly pages: BytePages,
  ) {
    this.facts = { program, linkType: null, spans: null, hasHeads: false };
  }

  get packetCount(): number {
    return this.columns.count;
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
    { timeNs, form, wireLength, link, interfaceName, direction }: PacketHead,
    bytes: Uint8Array,
    length: number,
    isFromWords: boolean,
    packetLength: number,
  ) {
    const { columns, pages } = this;
    if (columns.count >= PACKETS_MAX) {
      this.beyond++;
      return;
    }
    const linkLength = link?.length ?? 0;
    const at = pages.reserve(linkLength + length);
    const kept = pages.bytesAt(at, linkLength + length);
    if (link !== null) kept.set(link);
    kept.set(bytes.subarray(0, length), linkLength);
    const row = columns.add();
    columns.timeNs[row] = timeNs ?? 0n;
    columns.form[row] = timeNs === null || form === null ? 0 : 1 + STAMP_FORMS.indexOf(form);
    columns.wireLength[row] = wireLength ?? -1;
    columns.at[row] = at;
    columns.linkLength[row] = linkLength;
    columns.length[row] = length;
    columns.packetLength[row] = packetLength;
    columns.interfaceIndex[row] = interfaceName === null ? 0 : 1 + this.indexOf(interfaceName);
    columns.marks[row] =
      (isFromWords ? IS_FROM_WORDS : 0) | (direction === null ? 0 : direction === 'in' ? IS_IN : IS_OUT);
  }

  private indexOf(name: string): number {
    const { interfaces, interfaceIndexes } = this;
    const known = interfaceIndexes.get(name);
    if (known !== undefined) return known;
    if (interfaces.length === INTERFACES_MAX) return INTERFACES_MAX - 1;
    interfaceIndexes.set(name, interfaces.length);
    return interfaces.push(name) - 1;
  }

  /** Names of what was left out, with counts; complete once the packets were read. */
  leftOut(): ReadonlyMap<string, number> {
    return new Map([
      ['hex dumps that begin with no header that is known', this.outside],
      [
        'lines of packets that are neither IP nor ARP, or whose names stand for addresses (use -n)',
        this.unspoken,
      ],
      [`packets beyond the first ${PACKETS_MAX} of a text`, this.beyond],
      ['runs of programs that print packets, beyond the first 1,000 of a text', this.runsBeyond],
    ]);
  }

  *read(): Generator<RunPacket> {
    const { columns } = this;
    settleTimes(columns, this.facts.spans);
    const dumped = this.dumpedLinkType();
    const common = this.commonLinkType(dumped);
    const out: RunPacket = {
      timeNs: null,
      bytes: new Uint8Array(0),
      originalLength: 0,
      linkType: common,
      interfaceName: null,
      direction: null,
      isInWords: false,
      isListed: false,
    };
    for (let row = 0; row < columns.count; row++) {
      const packet = this.packetOf(row);
      if (!this.fill(out, packet, dumped, common)) continue;
      out.timeNs = packet.time;
      out.interfaceName = packet.interfaceName;
      out.direction = packet.direction;
      out.isInWords = packet.isFromWords;
      out.isListed = packet.isFromWords && this.facts.program === 'tshark';
      yield out;
    }
  }

  private packetOf(row: number): Packet {
    const { columns, packet } = this;
    const linkLength = columns.linkLength[row];
    const bytes = this.pages.bytesAt(columns.at[row], linkLength + columns.length[row]);
    const marks = columns.marks[row];
    const wireLength = columns.wireLength[row];
    const index = columns.interfaceIndex[row];
    packet.time = columns.form[row] === 0 ? null : columns.timeNs[row];
    packet.wireLength = wireLength < 0 ? null : wireLength;
    packet.link = linkLength === 0 ? null : bytes.subarray(0, linkLength);
    packet.shown = bytes.subarray(linkLength);
    packet.interfaceName = index === 0 ? null : this.interfaces[index - 1];
    packet.direction = (marks & IS_IN) !== 0 ? 'in' : (marks & IS_OUT) !== 0 ? 'out' : null;
    packet.isFromWords = (marks & IS_FROM_WORDS) !== 0;
    packet.packetLength = columns.packetLength[row];
    return packet;
  }

  private fill(out: RunPacket, packet: Packet, dumped: number, common: number): boolean {
    const { shown } = packet;
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
    for (let row = 0; row < this.columns.count && voters < VOTES_MAX; row++) {
      const { isFromWords, shown } = this.packetOf(row);
      if (isFromWords) continue;
      voters++;
      for (const linkType of fittingLinkTypes(shown)) votes.set(linkType, (votes.get(linkType) ?? 0) + 1);
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
    let bare = 0;
    let hasLinks = true;
    let hasArp = false;
    for (let row = 0; row < this.columns.count; row++) {
      const { isFromWords, link, shown } = this.packetOf(row);
      if (!isFromWords && dumped !== LINKTYPE_RAW) continue;
      bare++;
      hasLinks &&= link !== null;
      hasArp ||= payloadOf(shown, LINKTYPE_RAW)?.type === ETHERTYPE_ARP;
    }
    if (bare > 0 && hasLinks) return LINKTYPE_ETHERNET;
    return hasArp ? LINKTYPE_LINUX_SLL : LINKTYPE_RAW;
  }
}

function linkHeader({ link, direction }: Packet, type: number, linkType: number): Uint8Array | null {
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
