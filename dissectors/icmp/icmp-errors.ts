import {
  type Batch,
  type Correlation,
  type CorrelationRun,
  defineCorrelator,
} from '../../src/correlate/correlator.js';
import { refOf } from '../../src/correlate/frame-reference.js';
import { SessionStore } from '../../src/correlate/session-store.js';
import type { FrameRef } from '../../src/moment.js';
import { type Nanoseconds, NS_PER_SECOND, type SegmentIndex } from '../../src/units.js';
import { formatAddress } from '../../src/wire/address.js';
import dissector from './dissector.js';
import { type ErrorMeaning, meaningOf } from './message-types.js';
import type { ICMP_ROWS, IcmpTable } from './rows.js';

/** The packet that an ICMP error quotes, as the reporter saw it. */
export interface QuotedPacket {
  readonly family: 4 | 6;
  readonly source: string;
  readonly destination: string;
  /** IP protocol number; behind extension headers for IPv6. */
  readonly protocol: number;
  /** UDP, TCP, SCTP; 0 otherwise and where the quote stops before the ports. */
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** Of ESP, ESP in UDP on port 4500, or AH; 0 otherwise. */
  readonly spi: number;
  /** Of a quoted ICMP echo; 0 otherwise. */
  readonly echoIdentifier: number;
  /** Type of a quoted ICMP message, or -1. */
  readonly icmpType: number;
}

/**
 * ICMP errors of one kind, from one reporter to one receiver, about one flow, in one time segment. The quoted
 * packet is the outermost one that the reporter saw: for tunnels the outer packet.
 */
export interface IcmpError {
  readonly segment: SegmentIndex;
  /** Tunnel stack in which the error travelled (`flows.tunnelLayers`); 0: in no tunnel. */
  readonly stack: number;
  readonly family: 4 | 6;
  readonly type: number;
  readonly code: number;
  readonly meaning: ErrorMeaning;
  /** Who sent the error, and to whom. */
  readonly reporter: string;
  readonly receiver: string;
  /** Null where the quote is too short to be read. */
  readonly quoted: QuotedPacket | null;
  /** True where the quoted source is the receiver of the error; otherwise NAT on one layer only, or forged. */
  readonly isPlausible: boolean;
  count: number;
  readonly first: FrameRef;
  last: FrameRef;
  /** The first ERROR_FRAMES_KEPT frames. */
  readonly frames: FrameRef[];
  /** Total length of quoted packets in bytes, IP header included: of the first, and the largest. */
  readonly quotedLength: number;
  largestQuotedLength: number;
  /** Smallest and largest TTL left in the quoted packets. */
  quotedTimeToLiveMin: number;
  quotedTimeToLiveMax: number;
  /** reassembly-timeout only: distinct datagrams quoted, by identification; at most IDENTIFICATIONS_KEPT are told apart. */
  readonly identifications: number[];
  /** packet-too-big only: the last and the smallest next-hop MTU; 0 where the router does not say. */
  mtu: number;
  smallestMtu: number;
  /**
   * packet-too-big only: reports about packets that exceed the MTU which an earlier report, at least one second
   * before and not longer than a minute after its predecessor, had already stated.
   */
  readonly ignored: FrameRef[];
  ignoredCount: number;
}

/** Groups held open; the least recently seen half is closed at the end of an epoch. */
const GROUPS_MAX = 4096;
const ERROR_FRAMES_KEPT = 10;
const IDENTIFICATIONS_KEPT = 1024;
/** A sender has learned by then: a round trip, and the packets that were already on their way. */
const LEARNING_NS: Nanoseconds = NS_PER_SECOND;
/** Longer pauses may be a new discovery: RFC 1191 asks to try again after ten minutes. */
const REPORT_PAUSE_NS: Nanoseconds = 60 * NS_PER_SECOND;

/** Groups errors. Holds at most GROUPS_MAX groups between epochs; closed ones go through a SessionStore. */
class IcmpErrorCorrelation implements Correlation<IcmpError, typeof ICMP_ROWS> {
  private open = new Map<string, IcmpError>();
  private readonly closed = new SessionStore<IcmpError>((error) => error.count);
  private readonly words = new Int32Array(4);

  constructor(private readonly run: CorrelationRun) {}

  get summarised(): number {
    return this.closed.summarised;
  }

  consume(batch: Batch<typeof ICMP_ROWS>, _flow: number, from: number, to: number): void {
    const { columns, order } = batch;
    for (let at = from; at < to; at++) {
      const row = order[at];
      if (isError(columns.family[row], columns.type[row])) this.observe(batch, row);
    }
  }

  private observe(batch: Batch<typeof ICMP_ROWS>, row: number): void {
    const { columns } = batch;
    const flow = batch.flowOf(row);
    if (flow < 0) return;
    const { from: reporter, to: receiver } = this.run.flows.addresses(flow, columns.rows.direction[row]);
    const stack = this.run.flows.stack(flow);
    const quoted = this.quotedPacket(columns, row);
    const ref = refOf(batch, row);
    const { family, type, code } = columns;
    const key = `${stack} ${family[row]} ${type[row]} ${code[row]} ${reporter} ${receiver} ${quotedKey(quoted)}`;
    let error = this.open.get(key);
    if (error) {
      // Moves to the end: the map's order is then by last frame.
      this.open.delete(key);
    } else {
      error = this.begin(columns, row, stack, reporter, receiver, quoted, ref);
    }
    if (stack === 0 && quoted && error.isPlausible && reporter === quoted.destination) {
      this.run.hearsPeer.note(reporter, quoted.source, 'an ICMP error about its packet', ref);
    }
    this.open.set(key, error);
    add(error, columns, row, ref);
  }

  private begin(
    columns: IcmpTable,
    row: number,
    stack: number,
    reporter: string,
    receiver: string,
    quoted: QuotedPacket | null,
    first: FrameRef,
  ): IcmpError {
    const family = columns.family[row] === 6 ? 6 : 4;
    const [type, code] = [columns.type[row], columns.code[row]];
    return {
      segment: first.segment,
      stack,
      family,
      type,
      code,
      meaning: meaningOf(family, type, code),
      reporter,
      receiver,
      quoted,
      isPlausible: quoted !== null && quoted.source === receiver,
      count: 0,
      first,
      last: first,
      frames: [],
      quotedLength: quoted ? columns.quotedLength[row] : 0,
      largestQuotedLength: 0,
      quotedTimeToLiveMin: 255,
      quotedTimeToLiveMax: 0,
      identifications: [],
      mtu: 0,
      smallestMtu: 0,
      ignored: [],
      ignoredCount: 0,
    };
  }

  private quotedPacket(columns: IcmpTable, row: number): QuotedPacket | null {
    const family = columns.quotedFamily[row];
    if (family === 0) return null;
    const { words } = this;
    words[0] = columns.quotedSource0[row];
    words[1] = columns.quotedSource1[row];
    words[2] = columns.quotedSource2[row];
    words[3] = columns.quotedSource3[row];
    const source = formatAddress(words);
    words[0] = columns.quotedDestination0[row];
    words[1] = columns.quotedDestination1[row];
    words[2] = columns.quotedDestination2[row];
    words[3] = columns.quotedDestination3[row];
    const protocol = columns.quotedProtocol[row];
    return {
      family: family === 6 ? 6 : 4,
      source,
      destination: formatAddress(words),
      protocol,
      sourcePort: columns.quotedSourcePort[row],
      destinationPort: columns.quotedDestinationPort[row],
      spi: columns.quotedSpi[row],
      echoIdentifier: columns.quotedIdentifier[row],
      icmpType: protocol === 1 || protocol === 58 ? columns.quotedType[row] : -1,
    };
  }

  endSegment(): void {
    for (const error of this.open.values()) this.closed.add(error);
    this.open.clear();
  }

  endEpoch(): void {
    if (this.open.size <= GROUPS_MAX) return;
    let excess = this.open.size - GROUPS_MAX / 2;
    for (const [key, error] of this.open) {
      if (excess-- <= 0) break;
      this.open.delete(key);
      this.closed.add(error);
    }
  }

  sessions(): readonly IcmpError[] {
    return [...this.closed.sessions(), ...this.open.values()].sort((a, b) => a.first.frame - b.first.frame);
  }
}

function quotedKey(quoted: QuotedPacket | null): string {
  if (!quoted) return '';
  const { source, destination, protocol, sourcePort, destinationPort, spi, echoIdentifier } = quoted;
  return `${source} ${destination} ${protocol} ${sourcePort} ${destinationPort} ${spi} ${echoIdentifier}`;
}

function isError(family: number, type: number): boolean {
  // ICMPv6 errors are the types below 128 (RFC 4443, section 2.1); rows of ICMP are echo and errors only.
  return family === 6 ? type < 128 : type !== 0 && type !== 8;
}

function add(error: IcmpError, columns: IcmpTable, row: number, ref: FrameRef): void {
  if (error.meaning === 'packet-too-big') addTooBig(error, columns, row, ref);
  error.count++;
  error.last = ref;
  if (error.frames.length < ERROR_FRAMES_KEPT) error.frames.push(ref);
  if (!error.quoted) return;
  const timeToLive = columns.quotedTimeToLive[row];
  error.largestQuotedLength = Math.max(error.largestQuotedLength, columns.quotedLength[row]);
  error.quotedTimeToLiveMin = Math.min(error.quotedTimeToLiveMin, timeToLive);
  error.quotedTimeToLiveMax = Math.max(error.quotedTimeToLiveMax, timeToLive);
  if (error.meaning !== 'reassembly-timeout') return;
  const identification = columns.quotedIdentification[row];
  const known = error.identifications;
  if (known.length < IDENTIFICATIONS_KEPT && !known.includes(identification)) known.push(identification);
}

/** Before the counts of `error` take the report in: compares it with what the reports before it said. */
function addTooBig(error: IcmpError, columns: IcmpTable, row: number, ref: FrameRef): void {
  const length = error.quoted ? columns.quotedLength[row] : 0;
  // Old routers say 0 (RFC 1191, section 5): then only a smaller packet shows that the sender reacted.
  const exceeds = error.smallestMtu > 0 ? length > error.smallestMtu : length >= error.quotedLength;
  const isLate =
    error.count > 0 &&
    ref.timeNs - error.first.timeNs >= LEARNING_NS &&
    ref.timeNs - error.last.timeNs <= REPORT_PAUSE_NS;
  if (isLate && length > 0 && exceeds) {
    error.ignoredCount++;
    if (error.ignored.length < ERROR_FRAMES_KEPT) error.ignored.push(ref);
  }
  const mtu = columns.nextHopMtu[row];
  error.mtu = mtu;
  if (mtu > 0 && (error.smallestMtu === 0 || mtu < error.smallestMtu)) error.smallestMtu = mtu;
}

/** Every ICMP and ICMPv6 error, grouped by reporter, kind and quoted flow. */
export const icmpErrors = defineCorrelator<IcmpError, typeof ICMP_ROWS>({
  name: 'icmp-errors',
  reads: dissector,
  order: 'capture',
  create: (run) => new IcmpErrorCorrelation(run),
});
