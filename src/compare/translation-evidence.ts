import { PROTOCOL_AH, PROTOCOL_ESP, PROTOCOL_TCP, PROTOCOL_UDP } from '../wire/ip.js';
import { PORT_IKE, PORT_NAT_TRAVERSAL } from '../wire/transport.js';
import type { Collectors, FlowPair, FlowPairs } from './flow-pairs.js';
import { type Lane, type LaneEnds, laneKey } from './lane-table.js';
import type { PacketMatch } from './packet-matches.js';
import { SIDES, type Side } from './side.js';

/** UDP whose payload begins with numbers that hosts draw: cookies and SPIs of IKE and ESP (RFC 7296, RFC 3948). */
const DRAWN_NUMBERS_PORTS: readonly number[] = [PORT_IKE, PORT_NAT_TRAVERSAL];
/** One packet may be equal by chance where its content is not drawn by hosts. */
const PACKETS_MIN = 2;
/** Where no number of a header tells two packets apart. */
const CONTENTS_MIN = 3;
/** Share of the smaller of both flows that must be found in the other one, and of what is found that must be there. */
const COVERED_SHARE = 0.5;
const EXCLUSIVE_SHARE = 0.9;

/**
 * Leaves out packets that are equal by chance: equal payload alone (the last fragments of a file for several hosts,
 * pings with a fixed payload, heartbeats) does not make two packets one. Between the same ends it does. Under other
 * addresses or ports it takes numbers that hosts draw (TCP, ESP, IKE), the identification, or else an order in TTL and
 * time that agrees in both directions, of a flow that keeps one end and has no rival.
 */
export function withoutChance(
  matches: readonly PacketMatch[],
  pairs: FlowPairs,
  collectors: Collectors,
  ends: (side: Side, lane: Lane) => LaneEnds,
  hopProtocols: number,
): readonly PacketMatch[] {
  const evidence = new TranslationEvidence(pairs, collectors, ends, hopProtocols);
  if (evidence.isComplete) return matches;
  return matches.filter(({ laneA, laneB }) => evidence.has(laneA, laneB));
}

class TranslationEvidence {
  private readonly proven = new Set<FlowPair>();
  private readonly keepsIdentification: boolean;
  /** By lane of each side: matches of translated pairs, and those between the same ends. */
  private readonly rivals: Record<Side, Map<Lane, number>> = { a: new Map(), b: new Map() };
  private readonly plain: Record<Side, Set<Lane>> = { a: new Set(), b: new Set() };
  private endsOfB: ReadonlySet<string> | null = null;

  constructor(
    private readonly pairs: FlowPairs,
    private readonly collectors: Collectors,
    private readonly ends: (side: Side, lane: Lane) => LaneEnds,
    private readonly hopProtocols: number,
  ) {
    const doubtful: FlowPair[] = [];
    for (const pair of pairs.all) {
      if (!pair.isTranslated || this.isNextHop(pair)) this.accept(pair);
      else doubtful.push(pair);
    }
    for (const pair of doubtful) if (this.isCertain(pair)) this.accept(pair);
    const [same, other] = this.identifications();
    this.keepsIdentification = same > other;
    for (const { laneA, laneB, count } of doubtful) {
      this.rivals.a.set(laneA, (this.rivals.a.get(laneA) ?? 0) + count);
      this.rivals.b.set(laneB, (this.rivals.b.get(laneB) ?? 0) + count);
    }
    for (const pair of doubtful) if (this.isSameByIdentification(pair)) this.accept(pair);
    const unproven = (): FlowPair[] => doubtful.filter((pair) => !this.proven.has(pair));
    for (const pair of unproven().filter((one) => this.isSameByOrder(one))) this.accept(pair);
    const hosts = new Set([...this.proven].flatMap(({ a, b }) => hostKeys(a, b)));
    for (const pair of unproven()) if (this.isOfKnownHosts(pair, hosts)) this.accept(pair);
  }

  /** No pair of flows is left that may be equal by chance. */
  get isComplete(): boolean {
    return this.proven.size === this.pairs.size;
  }

  has(laneA: Lane, laneB: Lane): boolean {
    const pair = this.pairs.of(laneA, laneB);
    return pair !== undefined && this.proven.has(pair);
  }

  private accept(pair: FlowPair): void {
    this.proven.add(pair);
    this.plain.a.add(pair.laneA);
    this.plain.b.add(pair.laneB);
  }

  /** A router of a protocol that puts its own addresses on every packet. */
  private isNextHop({ laneA, laneB, a, b }: FlowPair): boolean {
    const protocols = this.collectors.a.protocols[laneA] & this.collectors.b.protocols[laneB];
    return a.from !== b.from && a.to !== b.to && (protocols & this.hopProtocols) !== 0;
  }

  /** Sequence numbers of TCP, SPIs and cookies are drawn at random: no other packet has them. */
  private isCertain(pair: FlowPair): boolean {
    const { a, b, count } = pair;
    if (a.protocol !== b.protocol) return false;
    if (a.protocol === PROTOCOL_TCP) return a.fromPort > 0 && pair.withNumbers > 0;
    if (a.protocol === PROTOCOL_ESP || a.protocol === PROTOCOL_AH) return true;
    if (a.protocol !== PROTOCOL_UDP || !hasDrawnNumbers(a) || !hasDrawnNumbers(b)) return false;
    const back = this.backOf(pair)?.unique ?? 0;
    return count === pair.unique && pair.unique + back >= PACKETS_MIN;
  }

  private isSameByIdentification(pair: FlowPair): boolean {
    const { sameIdentification: same, otherIdentification: other } = pair;
    const back = this.backOf(pair)?.sameIdentification ?? 0;
    if (same === 0 || same <= other || same + back < PACKETS_MIN) return false;
    // Length and identification alone are equal every now and then.
    if (pair.withContent === 0 && !(this.isCovered(pair) && this.isExclusive(pair))) return false;
    // Hosts that count alike are more likely than a translation of both ends without a router.
    return !(pair.isFromChanged && pair.isToChanged) || this.isOrdered(pair);
  }

  private isSameByOrder(pair: FlowPair): boolean {
    const contents = pair.unique + (this.backOf(pair)?.unique ?? 0);
    if (contents < CONTENTS_MIN || (pair.isFromChanged && pair.isToChanged)) return false;
    return this.isOrdered(pair) && this.isAlone(pair) && (pair.withNumbers === 0 || this.isCovered(pair));
  }

  /** Another flow of hosts that other flows have shown to be the same. */
  private isOfKnownHosts(pair: FlowPair, hosts: ReadonlySet<string>): boolean {
    const [key] = hostKeys(pair.a, pair.b);
    return pair.unique > 0 && pair.a.protocol === pair.b.protocol && hosts.has(key) && this.isAlone(pair);
  }

  /** Nothing says that one of the two flows is another one. */
  private isAlone(pair: FlowPair): boolean {
    const { laneA, laneB, a } = pair;
    if (this.keepsIdentification && pair.otherIdentification > 0) return false;
    if (this.plain.a.has(laneA) || this.plain.b.has(laneB) || this.isAtB(a)) return false;
    return this.isExclusive(pair);
  }

  /** TTL and time say that both directions pass the two captures in opposite order. */
  private isOrdered(pair: FlowPair): boolean {
    const back = this.backOf(pair);
    const { laneA, laneB, order } = pair;
    if (order === 0) return false;
    if (back)
      return back.order === -order && Math.sign(pair.differenceNs - back.differenceNs) === Math.sign(order);
    const { a, b } = this.collectors;
    return !((a.packets[laneA ^ 1] ?? 0) > 0 && (b.packets[laneB ^ 1] ?? 0) > 0);
  }

  private isCovered({ laneA, laneB, count }: FlowPair): boolean {
    const isSample = SIDES.some((side) => Number.isFinite(this.collectors[side].byContent.threshold));
    const { a, b } = this.collectors;
    return isSample || count >= COVERED_SHARE * Math.min(a.packets[laneA], b.packets[laneB]);
  }

  private isExclusive({ laneA, laneB, count }: FlowPair): boolean {
    const most = Math.max(this.rivals.a.get(laneA) ?? 0, this.rivals.b.get(laneB) ?? 0);
    return count >= EXCLUSIVE_SHARE * most;
  }

  /** True where B shows that flow under the addresses that it has at A. */
  private isAtB(ends: LaneEnds): boolean {
    if (this.endsOfB === null) {
      const { lanes, packets } = this.collectors.b;
      const known = new Set<string>();
      for (let lane = 0; lane < lanes.flowCount * 2; lane++)
        if (packets[lane] > 0) known.add(laneKey(this.ends('b', lane)));
      this.endsOfB = known;
    }
    return this.endsOfB.has(laneKey(ends));
  }

  private identifications(): [number, number] {
    let [same, other] = [0, 0];
    for (const { sameIdentification, otherIdentification, a } of this.proven) {
      if (a.protocol < 0) continue;
      same += sameIdentification;
      other += otherIdentification;
    }
    return [same, other];
  }

  private backOf({ laneA, laneB }: FlowPair): FlowPair | undefined {
    return this.pairs.of(laneA ^ 1, laneB ^ 1);
  }
}

function hasDrawnNumbers({ fromPort, toPort }: LaneEnds): boolean {
  return DRAWN_NUMBERS_PORTS.includes(fromPort) || DRAWN_NUMBERS_PORTS.includes(toPort);
}

/** What the hosts of a flow are called on both sides, and the same of its other direction. */
function hostKeys(a: LaneEnds, b: LaneEnds): [string, string] {
  return [`${a.from} ${b.from} ${a.to} ${b.to}`, `${a.to} ${b.to} ${a.from} ${b.from}`];
}
