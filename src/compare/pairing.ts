import { isUnicast } from '../wire/address.js';
import { ActiveLanes } from './active-lanes.js';
import type { Channel, DirectionPlan } from './channel.js';
import { ClockModel, type ClockSample } from './clock.js';
import { encryptedShare } from './encrypted-share.js';
import { HostNames } from './host-names.js';
import { HostSides } from './host-sides.js';
import type { IdentityCollector } from './identity-collector.js';
import { type Lane, type LaneEnds, PROTOCOL_ARP_REPLY, PROTOCOL_ARP_REQUEST } from './lane-table.js';
import { matchSketches, type PacketMatch } from './packet-matches.js';
import type { Plan } from './plan.js';
import { RewrittenFlows } from './rewritten-flows.js';
import type { Side } from './side.js';
import { otherSide, SIDES } from './side.js';
import { learnRewrites } from './tcp-rewrite.js';

export type Collectors = Readonly<Record<Side, IdentityCollector>>;

const DIRECTIONS_MAX = 4096;
const UNPAIRED_KEPT = 20;
/** Lanes of which the text is kept, of each side: every matched packet asks for it several times. */
const KNOWN_ENDS_MAX = 1 << 14;
/** Share of matched packets with an unchanged identification from which it counts as kept. */
const KEPT_SHARE = 0.9;

/** Learns from the sketches of both sides which flow is which, which way packets go, and how the clocks differ. */
export function planComparison(
  collectors: Collectors,
  knownClock: ClockModel | null,
  hopProtocols: number,
): Plan {
  return new Pairing(collectors, knownClock, hopProtocols).plan();
}

class Pairing {
  private readonly matches: readonly PacketMatch[];
  private readonly active: ActiveLanes;
  private readonly names = new HostNames();
  private readonly sides: HostSides;
  private readonly directions: DirectionPlan[] = [];
  private readonly directionByKey = new Map<string, number>();
  private readonly channels: Channel[] = [];
  private readonly channelByKey = new Map<string, number>();
  private readonly channelOf: Record<Side, Int32Array>;
  private readonly unpaired = new Map<string, { side: Side; from: string; to: string; packets: number }>();
  private readonly rewritten = new RewrittenFlows();
  private readonly knownEnds: Record<Side, Map<Lane, LaneEnds>> = { a: new Map(), b: new Map() };
  private readonly identifications = new Map<string, { same: number; changed: number }>();

  constructor(
    private readonly collectors: Collectors,
    private readonly knownClock: ClockModel | null,
    /** Protocols whose routers put their own addresses on every packet, as bits. */
    private readonly hopProtocols: number,
  ) {
    const all = matchSketches(collectors.a, collectors.b).filter((match) => this.isTold(match));
    this.active = new ActiveLanes(collectors, all);
    this.matches = all.filter(
      ({ laneA, laneB }) => this.active.isActive('a', laneA) && this.active.isActive('b', laneB),
    );
    const lanes = this.votedLanes();
    for (const [laneA, { lane, count }] of lanes) {
      const a = this.ends('a', laneA);
      if (a.protocol >= 0) this.names.learn(a, this.ends('b', lane), count);
    }
    this.sides = new HostSides(this.matches.map((match) => ({ match, ends: this.ends('a', match.laneA) })));
    this.countIdentifications();
    this.channelOf = { a: this.noChannels('a'), b: this.noChannels('b') };
    this.pairLanes(lanes);
    const shown = { a: new Set(this.channelOf.a), b: new Set(this.channelOf.b) };
    const isComplete = SIDES.every(
      (side) => collectors[side].byContent.threshold === Number.POSITIVE_INFINITY,
    );
    learnRewrites(this.channels, this.matches, (channel, side) => shown[side].has(channel), isComplete);
  }

  plan(): Plan {
    for (const direction of this.directions) {
      direction.reverse = this.directionByKey.get(directionKey(direction.to, direction.from)) ?? -1;
    }
    const { a, b } = this.collectors;
    const unpaired = [...this.unpaired.values()].sort((x, y) => y.packets - x.packets);
    return {
      directions: this.directions,
      channels: this.channels,
      channelOf: this.channelOf,
      nat: this.names.nat(),
      rewritten: this.rewritten,
      unpaired: unpaired.slice(0, UNPAIRED_KEPT),
      moreUnpaired: Math.max(0, unpaired.length - UNPAIRED_KEPT),
      clock: this.knownClock ?? ClockModel.fit(this.clockSamples()),
      sampleMatches: this.matches.length,
      encrypted: { a: encryptedShare(a), b: encryptedShare(b) },
      commonPairs: new Set(this.directions.map(({ from, to }) => [from, to].sort().join(' '))).size,
      hostsOfB: this.names.renamed(),
      firstArrivals: this.firstArrivals(),
      windows: {
        a: { firstNs: a.firstNs, lastNs: a.lastNs },
        b: { firstNs: b.firstNs, lastNs: b.lastNs },
      },
    };
  }

  /** By lane of A the lane of B that most of its matched packets are found on. */
  private votedLanes(): Map<Lane, { lane: Lane; count: number }> {
    const votes = new Map<Lane, Map<Lane, number>>();
    for (const { laneA, laneB } of this.matches) {
      const known = votes.get(laneA) ?? new Map<Lane, number>();
      known.set(laneB, (known.get(laneB) ?? 0) + 1);
      votes.set(laneA, known);
    }
    const voted = new Map<Lane, { lane: Lane; count: number }>();
    for (const [laneA, candidates] of votes) {
      let best = { lane: -1, count: 0 };
      for (const [lane, count] of candidates) if (count > best.count) best = { lane, count };
      voted.set(laneA, best);
    }
    return voted;
  }

  private pairLanes(lanes: ReadonlyMap<Lane, { lane: Lane }>): void {
    const common = this.commonPairs();
    const taken = new Set<Lane>();
    for (const [laneA, { lane: laneB }] of lanes) {
      const a = this.ends('a', laneA);
      if (taken.has(laneB) || !this.isCounted('a', laneA)) continue;
      taken.add(laneB);
      const channel = this.openChannel(a, laneA, laneB);
      this.channelOf.a[laneA] = channel;
      this.channelOf.b[laneB] = channel;
      const direction = this.directions[this.channels[channel]?.direction ?? -1];
      if (direction) this.noteTranslation(laneA, laneB, direction.sender);
    }
    const exact = this.exactLanes(taken);
    for (const side of SIDES) {
      for (let lane = 0; lane < this.channelOf[side].length; lane++) {
        if (this.channelOf[side][lane] >= 0 || !this.isCounted(side, lane)) continue;
        this.pairRest(side, lane, common, exact);
      }
    }
  }

  private noteTranslation(laneA: Lane, laneB: Lane, sender: Side): void {
    const [a, b] = [this.ends('a', laneA), this.ends('b', laneB)];
    const protocols = this.collectors.a.protocols[laneA] & this.collectors.b.protocols[laneB];
    // A translation changes the address of one end; what changes both is the next hop.
    const isNextHop = a.from !== b.from && a.to !== b.to && (protocols & this.hopProtocols) !== 0;
    if (isNextHop) this.rewritten.note('scion-hops', a, b);
    else this.names.noteTranslation(a, b, sender);
  }

  /** Equal payloads of several flows may be paired crosswise, unless the ports say that they belong together. */
  private isTold({ shift, isUnique, laneA, laneB }: PacketMatch): boolean {
    if (!shift || isUnique) return true;
    const [a, b] = [this.ends('a', laneA), this.ends('b', laneB)];
    return a.fromPort === b.fromPort && a.toPort === b.toPort;
  }

  /** A lane without matched packets: by its own addresses and ports, else in one channel with the others of its hosts. */
  private pairRest(
    side: Side,
    lane: Lane,
    common: ReadonlySet<string>,
    exact: ReadonlyMap<string, Lane>,
  ): void {
    const own = this.ends(side, lane);
    const named = side === 'a' ? own : this.inNamesOfA(own);
    if (!common.has(pairKey(named.from, named.to))) {
      this.noteUnpaired(side, own, this.collectors[side].packets[lane]);
      return;
    }
    const twin = side === 'a' ? (this.answering(lane) ?? exact.get(laneKey(own))) : undefined;
    if (twin !== undefined && this.channelOf.b[twin] < 0) {
      const channel = this.openChannel(own, lane, twin);
      this.channelOf.a[lane] = channel;
      this.channelOf.b[twin] = channel;
      return;
    }
    this.channelOf[side][lane] = this.sharedChannel(side, named, lane);
  }

  /** The lane of B whose other direction was found to be the other direction of this lane of A. */
  private answering(lane: Lane): Lane | undefined {
    const { a, b } = this.channels[this.channelOf.a[lane ^ 1]]?.lanes ?? { a: -1, b: -1 };
    return a >= 0 && b >= 0 && this.isCounted('b', b ^ 1) ? b ^ 1 : undefined;
  }

  /** Pairs of hosts that both sides show, in A's names: by their packets, or by an ARP reply, which is not broadcast. */
  private commonPairs(): Set<string> {
    const shown: Record<Side, Set<string>> = { a: new Set(), b: new Set() };
    for (const side of SIDES) {
      const { lanes } = this.collectors[side];
      for (let lane = 0; lane < lanes.flowCount * 2; lane++) {
        if (!this.active.isActive(side, lane) || this.collectors[side].packets[lane] === 0) continue;
        const ends = this.ends(side, lane);
        if (ends.protocol === PROTOCOL_ARP_REQUEST || ends.protocol < PROTOCOL_ARP_REPLY) continue;
        const named = side === 'a' ? ends : this.inNamesOfA(ends);
        shown[side].add(pairKey(named.from, named.to));
      }
    }
    return new Set([...shown.a].filter((pair) => shown.b.has(pair)));
  }

  private exactLanes(taken: ReadonlySet<Lane>): Map<string, Lane> {
    const exact = new Map<string, Lane>();
    for (let lane = 0; lane < this.channelOf.b.length; lane++) {
      if (taken.has(lane) || !this.isCounted('b', lane)) continue;
      exact.set(laneKey(this.inNamesOfA(this.ends('b', lane))), lane);
    }
    return exact;
  }

  /** Multicast and broadcast pass no tunnel end to end; ARP is no traffic between the ends. */
  private isCounted(side: Side, lane: Lane): boolean {
    const collector = this.collectors[side];
    if ((collector.packets[lane] ?? 0) === 0 || !this.active.isActive(side, lane)) return false;
    return this.ends(side, lane).protocol >= 0 && isUnicast(collector.lanes.destinationWords(lane));
  }

  private openChannel(named: LaneEnds, laneA: Lane, laneB: Lane): number {
    const direction = this.directionOf(named, laneA, laneB);
    if (direction < 0) return -1;
    const level = Math.min(this.collectors.a.levels[laneA], this.collectors.b.levels[laneB]);
    const lanes = { a: laneA, b: laneB };
    this.channels.push({ direction, protocol: named.protocol, lanes, level, rewrite: null });
    return this.channels.length - 1;
  }

  private sharedChannel(side: Side, named: LaneEnds, lane: Lane): number {
    const key = `${named.from} ${named.to} ${named.protocol}`;
    const level = this.collectors[side].levels[lane];
    const known = this.channelByKey.get(key);
    if (known !== undefined) {
      this.channels[known].level = Math.min(this.channels[known].level, level);
      return known;
    }
    const direction = this.directionOf(named, side === 'a' ? lane : -1, side === 'b' ? lane : -1);
    if (direction < 0) return -1;
    const lanes = { a: -1, b: -1 };
    this.channels.push({ direction, protocol: named.protocol, lanes, level, rewrite: null });
    this.channelByKey.set(key, this.channels.length - 1);
    return this.channels.length - 1;
  }

  private directionOf(named: LaneEnds, laneA: Lane, laneB: Lane): number {
    const key = directionKey(named.from, named.to);
    const known = this.directionByKey.get(key);
    if (known !== undefined) return known;
    if (this.directions.length >= DIRECTIONS_MAX) return -1;
    const index = this.directions.length;
    this.directionByKey.set(key, index);
    const lean = this.sides.lean(named.from, named.to);
    const back = this.directions[this.directionByKey.get(directionKey(named.to, named.from)) ?? -1];
    const sender =
      lean === 0 && back
        ? { side: otherSide(back.sender), knownBy: back.senderKnownBy }
        : this.senderOf(lean, laneA, laneB);
    const b = laneB >= 0 ? this.ends('b', laneB) : null;
    const atB = { from: b?.from ?? this.names.ofA(named.from), to: b?.to ?? this.names.ofA(named.to) };
    const [own, other] = sender.side === 'a' ? [named, atB] : [atB, named];
    const scopes = SIDES.map((side) => {
      const lane = side === 'a' ? laneA : laneB;
      return lane < 0 ? 'outer' : this.active.scopeOf(side, lane);
    });
    const tunnel =
      (laneA >= 0 ? this.active.tunnelOf('a', this.ends('a', laneA)) : null) ??
      (b ? this.active.tunnelOf('b', b) : null);
    this.directions.push({
      index,
      from: own.from,
      to: own.to,
      fromAtReceiver: other.from,
      toAtReceiver: other.to,
      sender: sender.side,
      senderKnownBy: sender.knownBy,
      scope: scopes.includes('inner') ? 'inner' : 'outer',
      tunnel,
      keepsIdentification: this.keepsIdentification(key),
      reverse: -1,
    });
    return index;
  }

  private senderOf(
    lean: number,
    laneA: Lane,
    laneB: Lane,
  ): { side: Side; knownBy: DirectionPlan['senderKnownBy'] } {
    if (lean !== 0) return { side: lean > 0 ? 'a' : 'b', knownBy: this.sides.knownBy };
    const { a, b } = this.collectors;
    const marked = (laneA < 0 ? 0 : a.outbound[laneA]) - (laneB < 0 ? 0 : b.outbound[laneB]);
    if (marked !== 0) return { side: marked > 0 ? 'a' : 'b', knownBy: 'mark' };
    const more = (laneA < 0 ? 0 : a.packets[laneA]) - (laneB < 0 ? 0 : b.packets[laneB]);
    return { side: more < 0 ? 'b' : 'a', knownBy: 'count' };
  }

  private countIdentifications(): void {
    for (const { laneA, identification } of this.matches) {
      if (identification === 0) continue;
      const { from, to, protocol } = this.ends('a', laneA);
      if (protocol < 0) continue;
      for (const key of [directionKey(from, to), '']) {
        const known = this.identifications.get(key) ?? { same: 0, changed: 0 };
        if (identification > 0) known.same++;
        else known.changed++;
        this.identifications.set(key, known);
      }
    }
  }

  private keepsIdentification(key: string): boolean {
    const known = this.identifications.get(key) ?? this.identifications.get('');
    return known === undefined || known.same >= KEPT_SHARE * (known.same + known.changed);
  }

  private clockSamples(): ClockSample[] {
    const unique = this.matches.filter(({ isUnique }) => isUnique);
    return (unique.length > 0 ? unique : this.matches).map((match) => {
      const { from, to } = this.ends('a', match.laneA);
      const lean = this.sides.lean(from, to);
      const direction = this.directions[this.directionByKey.get(directionKey(from, to)) ?? -1];
      const isForward = lean !== 0 || !direction ? lean >= 0 : direction.sender === 'a';
      return { timeNs: match.timeA, differenceNs: match.differenceNs, isForward };
    });
  }

  private firstArrivals(): Record<Side, number> {
    const first = { a: Number.POSITIVE_INFINITY, b: Number.POSITIVE_INFINITY };
    for (const { timeNs, isForward } of this.clockSamples()) {
      const receiver = isForward ? 'b' : 'a';
      first[receiver] = Math.min(first[receiver], timeNs);
    }
    return first;
  }

  private noteUnpaired(side: Side, { from, to }: LaneEnds, packets: number): void {
    const key = `${side} ${from} ${to}`;
    const known = this.unpaired.get(key);
    if (known) known.packets += packets;
    else this.unpaired.set(key, { side, from, to, packets });
  }

  private inNamesOfA(ends: LaneEnds): LaneEnds {
    return { ...ends, from: this.names.ofB(ends.from), to: this.names.ofB(ends.to) };
  }

  private ends(side: Side, lane: Lane): LaneEnds {
    const known = this.knownEnds[side].get(lane);
    if (known !== undefined) return known;
    const ends = this.collectors[side].lanes.ends(lane);
    if (this.knownEnds[side].size < KNOWN_ENDS_MAX) this.knownEnds[side].set(lane, ends);
    return ends;
  }

  private noChannels(side: Side): Int32Array {
    return new Int32Array(this.collectors[side].lanes.flowCount * 2).fill(-1);
  }
}

function pairKey(a: string, b: string): string {
  return a < b ? `${a} ${b}` : `${b} ${a}`;
}

function directionKey(from: string, to: string): string {
  return `${from} ${to}`;
}

function laneKey({ from, to, protocol, fromPort, toPort }: LaneEnds): string {
  return `${from} ${to} ${protocol} ${fromPort} ${toPort}`;
}
