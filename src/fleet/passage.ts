import { DigestCursor } from './digest-file.js';
import type { PointLane } from './packet-digest.js';

/*
 * What became of the packets between two points, flow by flow, from the digests of both. That packets are lost, and how
 * many, is what the comparison says, which looks at more than identities; a passage says which ones they are.
 */

/** Packets of a class. Times are those of the sender's clock, in microseconds since 1970; null where there is none. */
export interface PassageClass {
  sent: number;
  missing: number;
  firstMissingUs: number | null;
  lastMissingUs: number | null;
  lastArrivedUs: number | null;
  /** Arrived behind the first one that is missing. */
  arrivedAfter: number;
  /** Missing behind the last one that arrived, and the first of these. */
  missingSince: number;
  missingSinceUs: number | null;
}

/** One flow outside tunnels. */
export interface FlowPassage extends PassageClass {
  readonly protocol: number;
  readonly fromPort: number;
  readonly toPort: number;
  /** What it carries: `vxlan 7`; null where that is no tunnel. */
  readonly network: string | null;
  /** In bytes of IP; 0 where there is none. Where packets are missing, of those that arrived behind the first of them. */
  largestArrived: number;
  smallestMissing: number;
}

/** One direction between two hosts; addresses as in the sender's capture. */
export interface Passage extends PassageClass {
  readonly from: string;
  readonly to: string;
  readonly sender: 'a' | 'b';
  /** Those with the most missing packets first. */
  readonly flows: readonly FlowPassage[];
  /** Flows that are not listed. */
  readonly moreFlows: number;
}

export interface PassageSide {
  readonly digest: string;
  readonly lanes: readonly (PointLane | null)[];
  readonly firstUs: number;
  readonly lastUs: number;
}

/** A direction in which packets are known to be lost. */
export interface AskedDirection {
  readonly from: string;
  readonly to: string;
  readonly sender: 'a' | 'b';
}

/** What left so near to an end of the other capture may have arrived outside of it: by delay at the end, by the doubt of clocks at the beginning. */
const EDGE_FROM_US = 20_000;
const EDGE_TO_US = 1_000_000;
const FLOWS_LISTED_MAX = 512;
/** Flows beyond these are told by their hosts alone. */
const FLOWS_TOLD_MAX = 1 << 17;

/**
 * Two passes over both digests: the first learns when each flow misses packets and when its last one arrived, the second
 * counts what lies behind. Bounded: the lanes of the points.
 * @param offsetUs clock of B minus clock of A
 */
export function passages(
  sides: Readonly<Record<'a' | 'b', PassageSide>>,
  asked: readonly AskedDirection[],
  offsetUs: number,
): Passage[] {
  return (['a', 'b'] as const).flatMap((sender) => {
    const wanted = asked.filter((direction) => direction.sender === sender);
    if (wanted.length === 0) return [];
    const other = sides[sender === 'a' ? 'b' : 'a'];
    return new SidePassages(sides[sender], other, sender === 'a' ? offsetUs : -offsetUs, wanted).read();
  });
}

/** A packet of the sender's digest, or several equal ones. */
interface Sent {
  readonly timeUs: number;
  readonly count: number;
  readonly size: number;
  readonly hasArrived: boolean;
}

class SidePassages {
  /** By lane of the sender: index of the direction, or -1. Lanes in tunnels belong to none. */
  private readonly directionOf: Int32Array;
  private readonly flows = new Map<string, { readonly lane: number; readonly flow: FlowPassage }>();
  private readonly networks: ReadonlyMap<number, string>;

  constructor(
    private readonly side: PassageSide,
    private readonly other: PassageSide,
    private readonly shiftUs: number,
    private readonly asked: readonly AskedDirection[],
  ) {
    this.networks = networksOf(side.lanes);
    this.directionOf = Int32Array.from(side.lanes, (lane) =>
      lane === null || lane.tunnel !== null
        ? -1
        : asked.findIndex(({ from, to }) => from === lane.from && to === lane.to),
    );
  }

  read(): Passage[] {
    this.pass((flow, sent) => noteFirst(flow, sent));
    this.pass((flow, sent) => noteBehind(flow, sent));
    return this.asked.map((direction, index) => {
      const own = [...this.flows.values()]
        .filter(({ lane }) => this.directionOf[lane] === index)
        .map(({ flow }) => flow);
      own.sort((x, y) => y.missing - x.missing || y.sent - x.sent || x.fromPort - y.fromPort);
      return {
        ...direction,
        ...totalOf(own),
        flows: own.slice(0, FLOWS_LISTED_MAX),
        moreFlows: Math.max(0, own.length - FLOWS_LISTED_MAX),
      };
    });
  }

  private pass(visit: (flow: FlowPassage, sent: Sent) => void): void {
    const own = new DigestCursor(this.side.digest);
    const others = new DigestCursor(this.other.digest);
    const [fromUs, toUs] = [this.other.firstUs + EDGE_FROM_US, this.other.lastUs - EDGE_TO_US];
    try {
      while (own.advance()) {
        while (others.identity < own.identity) others.advance();
        const { records, at } = own;
        const lane = records.lane(at);
        if (this.directionOf[lane] < 0) continue;
        const timeUs = records.timeUs(at);
        if (timeUs + this.shiftUs < fromUs || timeUs + this.shiftUs > toUs) continue;
        const hasArrived = others.identity === own.identity;
        visit(this.flowOf(lane, records.port(at), records.carried(at)), {
          timeUs,
          count: records.repeats(at),
          size: records.size(at),
          hasArrived,
        });
      }
    } finally {
      own.close();
      others.close();
    }
  }

  private flowOf(index: number, port: number, carried: number): FlowPassage {
    const isCrowded = this.flows.size >= FLOWS_TOLD_MAX;
    const key = isCrowded ? `${index}` : `${index} ${port} ${carried}`;
    const known = this.flows.get(key);
    if (known !== undefined) return known.flow;
    const lane = this.side.lanes[index];
    const flow: FlowPassage = {
      ...newClass(),
      protocol: lane?.protocol ?? 0,
      fromPort: isCrowded ? 0 : port || (lane?.fromPort ?? 0),
      toPort: lane?.toPort ?? 0,
      network: isCrowded ? null : (this.networks.get(carried) ?? null),
      largestArrived: 0,
      smallestMissing: 0,
    };
    this.flows.set(key, { lane: index, flow });
    return flow;
  }
}

/** By tunnel stack of a point: the network in it. */
function networksOf(lanes: readonly (PointLane | null)[]): Map<number, string> {
  const networks = new Map<number, string>();
  for (const lane of lanes) {
    if (lane !== null && lane.tunnel !== null) networks.set(lane.stack, networkName(lane.tunnel));
  }
  return networks;
}

/** `vxlan 7`; the kind alone where the tunnel has no key. */
export function networkName({ kind, key }: { readonly kind: string; readonly key: number }): string {
  return key === 0 ? kind : `${kind} ${key}`;
}

function newClass(): PassageClass {
  return {
    sent: 0,
    missing: 0,
    firstMissingUs: null,
    lastMissingUs: null,
    lastArrivedUs: null,
    arrivedAfter: 0,
    missingSince: 0,
    missingSinceUs: null,
  };
}

function noteFirst(flow: FlowPassage, { timeUs, count, size, hasArrived }: Sent): void {
  flow.sent += count;
  if (hasArrived) {
    flow.lastArrivedUs = later(flow.lastArrivedUs, timeUs);
    return;
  }
  flow.missing += count;
  flow.firstMissingUs = earlier(flow.firstMissingUs, timeUs);
  flow.lastMissingUs = later(flow.lastMissingUs, timeUs);
  flow.smallestMissing = flow.smallestMissing === 0 ? size : Math.min(flow.smallestMissing, size);
}

function noteBehind(flow: FlowPassage, { timeUs, count, size, hasArrived }: Sent): void {
  if (hasArrived) {
    if (flow.firstMissingUs !== null && timeUs < flow.firstMissingUs) return;
    if (flow.firstMissingUs !== null) flow.arrivedAfter += count;
    flow.largestArrived = Math.max(flow.largestArrived, size);
  } else if (flow.lastArrivedUs === null || timeUs > flow.lastArrivedUs) {
    flow.missingSince += count;
    flow.missingSinceUs = earlier(flow.missingSinceUs, timeUs);
  }
}

/** Of several flows together. What lies behind the last arrival of all is known of flows whose first packet is missing. */
export function totalOf(flows: readonly PassageClass[]): PassageClass {
  const total = newClass();
  for (const flow of flows) {
    total.sent += flow.sent;
    total.missing += flow.missing;
    if (flow.firstMissingUs !== null)
      total.firstMissingUs = earlier(total.firstMissingUs, flow.firstMissingUs);
    if (flow.lastMissingUs !== null) total.lastMissingUs = later(total.lastMissingUs, flow.lastMissingUs);
    if (flow.lastArrivedUs !== null) total.lastArrivedUs = later(total.lastArrivedUs, flow.lastArrivedUs);
    total.arrivedAfter += flow.arrivedAfter;
  }
  for (const flow of flows) {
    const since = flow.missingSinceUs;
    if (since === null || (total.lastArrivedUs !== null && since < total.lastArrivedUs)) continue;
    total.missingSince += flow.missingSince;
    total.missingSinceUs = earlier(total.missingSinceUs, since);
  }
  return total;
}

function earlier(known: number | null, timeUs: number): number {
  return known === null ? timeUs : Math.min(known, timeUs);
}

function later(known: number | null, timeUs: number): number {
  return known === null ? timeUs : Math.max(known, timeUs);
}
