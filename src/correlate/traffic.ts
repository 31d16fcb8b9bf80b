import type { FrameRef, Moment } from '../diagnose/diagnosis.js';
import type { FlowId, FlowRegistry } from './flow-registry.js';

/** Packets from one host to another, all protocols of one tunnel stack together. */
export interface OneWayTraffic {
  packets: number;
  bytes: number;
  first: FrameRef | null;
  last: FrameRef | null;
}

export interface Conversation {
  /** IP protocol number. */
  readonly protocol: number;
  readonly portOfA: number;
  readonly portOfB: number;
  readonly fromA: OneWayTraffic;
  readonly fromB: OneWayTraffic;
}

/** Everything between two hosts in one tunnel stack. */
export interface PairTraffic {
  readonly a: string;
  readonly b: string;
  readonly stack: number;
  readonly fromA: OneWayTraffic;
  readonly fromB: OneWayTraffic;
  readonly conversations: readonly Conversation[];
}

/** Conversations kept one by one for a pair; the sums count all of them. */
const CONVERSATIONS_KEPT = 256;
/** Pairs and conversations kept in all; a pair takes about half a kilobyte. */
const PAIRS_MAX = 1 << 16;
const CONVERSATIONS_MAX = 1 << 17;
/** Packets from which on a flow is more than a scan. */
const LONG_PACKETS_MIN = 3;

/** Who talked to whom, over all flows of the run; made when a report is asked for. */
export class Traffic {
  private readonly pairs = new Map<string, PairTraffic & { conversations: Conversation[] }>();
  private readonly seenProtocols = new Set<number>();
  private readonly seenPorts = new Set<number>();

  private conversationCount = 0;

  constructor(flows: FlowRegistry) {
    if (flows.size <= PAIRS_MAX) {
      flows.forEachConversation((flow) => this.add(flows, flow));
      return;
    }
    // A scan has a packet or two a pair: what talks longer comes first, then others as long as there is room.
    const isLong = (flow: FlowId): boolean =>
      flows.packetCount(flow, 0) + flows.packetCount(flow, 1) >= LONG_PACKETS_MIN;
    flows.forEachConversation((flow) => {
      if (isLong(flow)) this.add(flows, flow);
    });
    flows.forEachConversation((flow) => {
      if (!isLong(flow)) this.add(flows, flow);
    });
  }

  private add(flows: FlowRegistry, flow: FlowId): void {
    const { low, high, lowPort, highPort } = flows.endpoints(flow);
    if (flows.packetCount(flow, 0) + flows.packetCount(flow, 1) === 0) return;
    const protocol = flows.protocol(flow);
    this.seenProtocols.add(protocol);
    if (this.seenPorts.size < CONVERSATIONS_KEPT) this.seenPorts.add(lowPort).add(highPort);
    const isOrdered = low <= high;
    const pair = this.pairOf(isOrdered ? low : high, isOrdered ? high : low, flows.stack(flow));
    if (!pair) return;
    const fromLow = oneWay(flows, flow, 0);
    const fromHigh = oneWay(flows, flow, 1);
    const [fromA, fromB] = isOrdered ? [fromLow, fromHigh] : [fromHigh, fromLow];
    addTo(pair.fromA, fromA);
    addTo(pair.fromB, fromB);
    if (pair.conversations.length < CONVERSATIONS_KEPT && this.conversationCount < CONVERSATIONS_MAX) {
      this.conversationCount++;
      const [portOfA, portOfB] = isOrdered ? [lowPort, highPort] : [highPort, lowPort];
      pair.conversations.push({ protocol, portOfA, portOfB, fromA, fromB });
    }
  }

  /** All traffic between two hosts, `a` and `b` as asked for; null where there is none. */
  between(a: string, b: string, stack = 0): PairTraffic | null {
    if (a <= b) return this.pairs.get(`${a} ${b} ${stack}`) ?? null;
    const pair = this.pairs.get(`${b} ${a} ${stack}`);
    if (!pair) return null;
    return {
      a,
      b,
      stack,
      fromA: pair.fromB,
      fromB: pair.fromA,
      conversations: pair.conversations.map((one) => ({
        protocol: one.protocol,
        portOfA: one.portOfB,
        portOfB: one.portOfA,
        fromA: one.fromB,
        fromB: one.fromA,
      })),
    };
  }

  /** Every pair, in no particular order. */
  all(): Iterable<PairTraffic> {
    return this.pairs.values();
  }

  /** IP protocol numbers that occur anywhere, tunnels included. */
  get protocols(): ReadonlySet<number> {
    return this.seenProtocols;
  }

  /** UDP, TCP and SCTP ports that occur (a sample of at most 256 where there are more). */
  get ports(): ReadonlySet<number> {
    return this.seenPorts;
  }

  private pairOf(
    a: string,
    b: string,
    stack: number,
  ): (PairTraffic & { conversations: Conversation[] }) | null {
    const key = `${a} ${b} ${stack}`;
    const known = this.pairs.get(key);
    if (known) return known;
    if (this.pairs.size >= PAIRS_MAX) return null;
    const pair = { a, b, stack, fromA: none(), fromB: none(), conversations: [] };
    this.pairs.set(key, pair);
    return pair;
  }
}

function none(): OneWayTraffic {
  return { packets: 0, bytes: 0, first: null, last: null };
}

function oneWay(flows: FlowRegistry, flow: number, direction: number): OneWayTraffic {
  const counted = flows.direction(flow, direction);
  if (counted.packets === 0) return none();
  return {
    packets: counted.packets,
    bytes: counted.bytes,
    first: { frame: counted.firstFrame, segment: counted.firstSegment, timeNs: counted.firstNs },
    last: { frame: counted.lastFrame, segment: counted.lastSegment, timeNs: counted.lastNs },
  };
}

function addTo(sum: OneWayTraffic, part: OneWayTraffic): void {
  sum.packets += part.packets;
  sum.bytes += part.bytes;
  if (part.first && (!sum.first || isBefore(part.first, sum.first))) sum.first = part.first;
  if (part.last && (!sum.last || isBefore(sum.last, part.last))) sum.last = part.last;
}

/** Order of two moments: by segment, then by time. */
export function isBefore(a: Moment, b: Moment): boolean {
  return a.segment < b.segment || (a.segment === b.segment && a.timeNs < b.timeNs);
}
