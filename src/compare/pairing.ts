import { mostBy, type NonEmpty } from '../moment.js';
import { isUnicast } from '../wire/address.js';
import { PROTOCOL_TCP } from '../wire/ip.js';
import { ActiveLanes } from './active-lanes.js';
import { Aliases } from './aliases.js';
import { ChannelPlans } from './channel-plans.js';
import { ClockModel, type ClockSample } from './clock.js';
import { encryptedShare } from './encrypted-share.js';
import { type Collectors, type FlowPair, FlowPairs } from './flow-pairs.js';
import { HostNames, translatedSide } from './host-names.js';
import { HostSides } from './host-sides.js';
import { isBetweenHosts, isOfLaterFragments, type Lane, type LaneEnds, laneKey } from './lane-table.js';
import { LaneChannels } from './lane-turns.js';
import { matchSketches, type PacketMatch, withoutStrays } from './packet-matches.js';
import type { Plan, Turn } from './plan.js';
import { RewrittenFlows } from './rewritten-flows.js';
import { samePointOf } from './same-point.js';
import { otherSide, SIDES, type Side } from './side.js';
import { learnRewrites } from './tcp-rewrite.js';
import { withoutChance } from './translation-evidence.js';

const UNPAIRED_KEPT = 20;
/** Lanes of which the text is kept, of each side: every matched packet asks for it several times. */
const KNOWN_ENDS_MAX = 1 << 14;

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
  private readonly plans: ChannelPlans;
  private readonly channelOf: Record<Side, LaneChannels>;
  private readonly aliases = new Aliases();
  /** Lanes of hosts that share an address with those of the other side, and are not on the path. */
  private readonly foreign: Record<Side, Set<Lane>> = { a: new Set(), b: new Set() };
  private readonly unpaired = new Map<string, { side: Side; from: string; to: string; packets: number }>();
  private readonly rewritten = new RewrittenFlows();
  private readonly knownEnds: Record<Side, Map<Lane, LaneEnds>> = { a: new Map(), b: new Map() };

  constructor(
    private readonly collectors: Collectors,
    private readonly knownClock: ClockModel | null,
    /** Protocols whose routers put their own addresses on every packet, as bits. */
    private readonly hopProtocols: number,
  ) {
    const found = matchSketches(collectors.a, collectors.b).filter((match) => this.isTold(match));
    const ends = (side: Side, lane: Lane): LaneEnds => this.ends(side, lane);
    const foundPairs = new FlowPairs(found, ends);
    const all = withoutStrays(withoutChance(found, foundPairs, collectors, ends, hopProtocols));
    this.active = new ActiveLanes(collectors, all);
    this.matches = all.filter(
      ({ laneA, laneB }) => this.active.isActive('a', laneA) && this.active.isActive('b', laneB),
    );
    const pairs = this.matches.length === found.length ? foundPairs : new FlowPairs(this.matches, ends);
    for (const { a, b, count } of pairs.all) if (a.protocol >= 0) this.names.learn(a, b, count);
    this.sides = new HostSides(this.matches.map((match) => ({ match, ends: this.ends('a', match.laneA) })));
    const { active, names, sides } = this;
    this.plans = new ChannelPlans({ collectors, active, names, sides, ends }, this.matches);
    this.channelOf = { a: this.noChannels('a'), b: this.noChannels('b') };
    this.pairLanes(pairs);
    const shown = { a: this.channelOf.a.shown(), b: this.channelOf.b.shown() };
    const isComplete = SIDES.every(
      (side) => collectors[side].byContent.threshold === Number.POSITIVE_INFINITY,
    );
    learnRewrites(this.plans.channels, this.matches, (channel, side) => shown[side].has(channel), isComplete);
  }

  plan(): Plan {
    this.plans.end();
    const { directions, channels } = this.plans;
    const { a, b } = this.collectors;
    const unpaired = [...this.unpaired.values()].sort((x, y) => y.packets - x.packets);
    return {
      directions,
      channels,
      channelOf: this.channelOf,
      nat: this.names.nat(),
      rewritten: this.rewritten,
      unpaired: unpaired.slice(0, UNPAIRED_KEPT),
      moreUnpaired: Math.max(0, unpaired.length - UNPAIRED_KEPT),
      clock: this.knownClock ?? ClockModel.fit(this.clockSamples()),
      sampleMatches: this.matches.length,
      samePoint: samePointOf(this.matches, Number(b.baseNs - a.baseNs)),
      encrypted: { a: encryptedShare(a), b: encryptedShare(b) },
      commonPairs: new Set(directions.map(({ from, to }) => [from, to].sort().join(' '))).size,
      hostsOfB: this.names.renamed(),
      firstArrivals: this.firstArrivals(),
      windows: {
        a: { firstNs: a.firstNs, lastNs: a.lastNs },
        b: { firstNs: b.firstNs, lastNs: b.lastNs },
      },
    };
  }

  /**
   * A lane whose ends a translation hides from the other side keeps its channel; under another address or port there it is
   * still the same. What the other side shows may stand for several of them, one after the other.
   */
  private pairLanes(pairs: FlowPairs): void {
    const uses: Record<Side, Map<Lane, Set<number>>> = { a: new Map(), b: new Map() };
    for (const [inside, list] of this.insidesOf(pairs)) {
      const main = mostBy(list, ({ count }) => count);
      const channel = this.plans.open(main.a, main.laneA, main.laneB);
      if (channel < 0) continue;
      const [lane, outside] = [laneOn(main, inside), otherSide(inside)];
      this.channelOf[inside].set(lane, channel);
      for (const pair of list) {
        const shown = laneOn(pair, outside);
        uses[outside].set(shown, (uses[outside].get(shown) ?? new Set()).add(channel));
        if (pair.isTranslated) this.noteTranslation(pair, inside, this.plans.of(channel).sender);
      }
    }
    for (const side of SIDES) {
      const shared = new Set<Lane>();
      for (const [lane, channels] of uses[side]) {
        const [channel, ...others] = channels;
        if (others.length > 0) shared.add(lane);
        else if (!this.channelOf[side].has(lane)) this.channelOf[side].set(lane, channel);
      }
      if (shared.size > 0) this.shareInTurns(side, shared);
    }
    this.findForeign();
    const common = this.commonPairs();
    const exact = this.exactLanes();
    for (const side of SIDES) {
      for (let lane = 0; lane < this.channelOf[side].length; lane++) {
        if (this.channelOf[side].has(lane) || !this.isCounted(side, lane)) continue;
        this.pairRest(side, lane, common, exact);
      }
    }
  }

  /** Lanes that stand for several of the other side: each packet found says for which one they do at its time. */
  private shareInTurns(side: Side, shared: ReadonlySet<Lane>): void {
    const other = otherSide(side);
    const turns = new Map<Lane, Turn[]>();
    for (const match of this.matches) {
      const [own, hidden] = side === 'a' ? [match.laneA, match.laneB] : [match.laneB, match.laneA];
      const fromNs = side === 'a' ? match.timeA : match.timeA + match.differenceNs;
      // A packet of the other direction tells it as well.
      for (const back of [0, 1]) {
        const channel = shared.has(own ^ back) ? this.channelOf[other].of(hidden ^ back) : -1;
        if (channel < 0) continue;
        const known = turns.get(own ^ back);
        if (known) known.push({ fromNs, channel });
        else turns.set(own ^ back, [{ fromNs, channel }]);
      }
    }
    for (const [lane, list] of turns)
      if (!this.channelOf[side].has(lane))
        this.channelOf[side].setTurns(
          lane,
          list.sort((x, y) => x.fromNs - y.fromNs),
        );
  }

  /** Pairs of lanes by the one that is not hidden, in the order of their first packet. */
  private *insidesOf(pairs: FlowPairs): Iterable<readonly [Side, NonEmpty<FlowPair>]> {
    const known: Record<Side, Map<Lane, [FlowPair, ...FlowPair[]]>> = { a: new Map(), b: new Map() };
    const lists: [Side, NonEmpty<FlowPair>][] = [];
    for (const pair of pairs.all) {
      if (!this.isCounted('a', pair.laneA)) continue;
      const inside = this.insideOf(pair);
      const lane = laneOn(pair, inside);
      const list = known[inside].get(lane);
      if (list) list.push(pair);
      else {
        const own: [FlowPair, ...FlowPair[]] = [pair];
        known[inside].set(lane, own);
        lists.push([inside, own]);
      }
    }
    yield* lists;
  }

  /** The side that shows the end that is translated under its own address. */
  private insideOf({ a, b, isFromChanged, isToChanged }: FlowPair): Side {
    if (isFromChanged === isToChanged) return 'a';
    const isFromAtA = this.sides.lean(a.from, a.to) >= 0;
    return isFromChanged
      ? translatedSide(a.from, b.from, isFromAtA ? 'a' : 'b')
      : translatedSide(a.to, b.to, isFromAtA ? 'b' : 'a');
  }

  /**
   * Packets come from an address that hides hosts of the other side, and the other side shows none of them: they are of
   * another host behind it. A firewall that renumbers TCP makes its connections look so, too.
   */
  private findForeign(): void {
    if (this.aliases.isEmpty) return;
    const isRenumbering = this.matches.some(({ shift }) => shift !== null && shift.sequence !== 0);
    this.aliases.isRenumbering = isRenumbering;
    for (const side of SIDES) {
      const others = this.keysOf(otherSide(side));
      for (let lane = 0; lane < this.channelOf[side].length; lane++) {
        if (this.channelOf[side].has(lane) || this.channelOf[side].has(lane ^ 1)) continue;
        if (!this.isCounted(side, lane)) continue;
        const own = this.ends(side, lane);
        // Later fragments name no port: where the path cut, the other side has no flow like theirs.
        if (!this.aliases.hides(side, own.from) || isOfLaterFragments(own)) continue;
        if (isRenumbering && own.protocol === PROTOCOL_TCP) continue;
        const hosts = [...this.aliases.hostsOf(side, own.from)];
        if (hosts.some((from) => others.has(laneKey({ ...own, from })))) continue;
        this.aliases.share(side, own.from);
        this.foreign[side].add(lane).add(lane ^ 1);
      }
    }
  }

  private keysOf(side: Side): Set<string> {
    const keys = new Set<string>();
    for (let lane = 0; lane < this.channelOf[side].length; lane++)
      if (this.isCounted(side, lane)) keys.add(laneKey(this.ends(side, lane)));
    return keys;
  }

  private noteTranslation(pair: FlowPair, inside: Side, sender: Side): void {
    const { laneA, laneB, a, b } = pair;
    const protocols = this.collectors.a.protocols[laneA] & this.collectors.b.protocols[laneB];
    // A translation changes the address of one end; what changes both is the next hop.
    const isNextHop = a.from !== b.from && a.to !== b.to && (protocols & this.hopProtocols) !== 0;
    if (isNextHop) this.rewritten.note('scion-hops', a, b);
    else {
      this.aliases.note(pair, inside);
      this.names.noteTranslation(a, b, sender);
    }
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
    if (this.joinAnswers(side, lane)) return;
    const named = side === 'a' ? own : this.inNamesOfA(own);
    const isOfPath = named !== null && common.has(pairKey(named.from, named.to));
    const isKnown = !this.foreign[side].has(lane) && this.aliases.hostsBehind(side, own) !== null;
    if (!isOfPath || !isKnown) {
      this.noteUnpaired(side, own, this.collectors[side].packets[lane]);
      return;
    }
    const twin = side === 'a' ? exact.get(laneKey(own)) : undefined;
    if (twin === undefined || this.channelOf.b.has(twin)) {
      this.channelOf[side].set(lane, this.plans.shared(side, named, lane));
      return;
    }
    const channel = this.plans.open(own, lane, twin);
    this.channelOf.a.set(lane, channel);
    this.channelOf.b.set(twin, channel);
  }

  /** A lane whose other direction is known belongs to the other direction of the same channel, or channels. */
  private joinAnswers(side: Side, lane: Lane): boolean {
    const turns = this.channelOf[side].turnsOf(lane ^ 1).flatMap(({ fromNs, channel }): Turn[] => {
      const answers = this.answersTo(side, lane, channel);
      return answers < 0 ? [] : [{ fromNs, channel: answers }];
    });
    if (turns.length > 0) this.channelOf[side].setTurns(lane, turns);
    return turns.length > 0;
  }

  private answersTo(side: Side, lane: Lane, channel: number): number {
    const { a, b } = this.plans.channels[channel].lanes;
    if (a < 0 || b < 0) return -1;
    const [backA, backB] = [this.channelOf.a.of(a ^ 1), this.channelOf.b.of(b ^ 1)];
    if (backA >= 0 || backB >= 0) return Math.max(backA, backB);
    const [laneA, laneB] = side === 'a' ? [lane, b ^ 1] : [a ^ 1, lane];
    const named = this.ends('a', a ^ 1);
    const [other, twin] = side === 'a' ? (['b', laneB] as const) : (['a', laneA] as const);
    if (!this.isCounted(other, twin)) return this.plans.shared(side, named, lane);
    const opened = this.plans.open(named, laneA, laneB);
    if (opened >= 0) this.channelOf[other].set(twin, opened);
    return opened;
  }

  /** Pairs of hosts that both sides show, in A's names: by their packets, or by an ARP reply, which is not broadcast. */
  private commonPairs(): Set<string> {
    const shown: Record<Side, Set<string>> = { a: new Set(), b: new Set() };
    for (const side of SIDES) {
      const { lanes } = this.collectors[side];
      for (let lane = 0; lane < lanes.flowCount * 2; lane++) {
        if (!this.active.isActive(side, lane) || this.collectors[side].packets[lane] === 0) continue;
        const ends = this.ends(side, lane);
        if (!isBetweenHosts(ends)) continue;
        const named = side === 'a' ? ends : this.inNamesOfA(ends);
        if (named !== null) shown[side].add(pairKey(named.from, named.to));
      }
    }
    return new Set([...shown.a].filter((pair) => shown.b.has(pair)));
  }

  private exactLanes(): Map<string, Lane> {
    const exact = new Map<string, Lane>();
    const keysOfA = this.keysOf('a');
    for (let lane = 0; lane < this.channelOf.b.length; lane++) {
      if (this.channelOf.b.has(lane) || !this.isCounted('b', lane)) continue;
      const own = this.ends('b', lane);
      const named = this.inNamesOfA(own);
      const key = named === null ? this.withKeptPort(own, keysOfA) : laneKey(named);
      if (key !== null) exact.set(key, lane);
    }
    return exact;
  }

  /**
   * A translation that gives some ports and keeps others: of the hosts behind the address only one shows a flow with just
   * these ports. Null where none does, or several.
   */
  private withKeptPort(own: LaneEnds, keysOfA: ReadonlySet<string>): string | null {
    const froms = [own.from, ...this.aliases.hostsOf('b', own.from)];
    const tos = [own.to, ...this.aliases.hostsOf('b', own.to)];
    const keys = froms.flatMap((from) => tos.map((to) => laneKey({ ...own, from, to })));
    const [key, ...others] = keys.filter((one) => keysOfA.has(one));
    return key !== undefined && others.length === 0 ? key : null;
  }

  /** Multicast and broadcast pass no tunnel end to end; ARP is no traffic between the ends. */
  private isCounted(side: Side, lane: Lane): boolean {
    const collector = this.collectors[side];
    if ((collector.packets[lane] ?? 0) === 0 || !this.active.isActive(side, lane)) return false;
    return this.ends(side, lane).protocol >= 0 && isUnicast(collector.lanes.destinationWords(lane));
  }

  private clockSamples(): ClockSample[] {
    const unique = this.matches.filter(({ isUnique }) => isUnique);
    return (unique.length > 0 ? unique : this.matches).map((match) => {
      const { from, to } = this.ends('a', match.laneA);
      const lean = this.sides.lean(from, to);
      const direction = this.plans.find(from, to);
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

  /** Null where an end may be any of several hosts. */
  private inNamesOfA(ends: LaneEnds): LaneEnds | null {
    const hosts = this.aliases.hostsBehind('b', ends);
    if (hosts === null) return null;
    const nameOf = (host: string, shown: string): string => (host === shown ? this.names.ofB(shown) : host);
    return { ...ends, from: nameOf(hosts.from, ends.from), to: nameOf(hosts.to, ends.to) };
  }

  private ends(side: Side, lane: Lane): LaneEnds {
    const known = this.knownEnds[side].get(lane);
    if (known !== undefined) return known;
    const ends = this.collectors[side].lanes.ends(lane);
    if (this.knownEnds[side].size < KNOWN_ENDS_MAX) this.knownEnds[side].set(lane, ends);
    return ends;
  }

  private noChannels(side: Side): LaneChannels {
    return new LaneChannels(this.collectors[side].lanes.flowCount * 2);
  }
}

function laneOn({ laneA, laneB }: FlowPair, side: Side): Lane {
  return side === 'a' ? laneA : laneB;
}

function pairKey(a: string, b: string): string {
  return a < b ? `${a} ${b}` : `${b} ${a}`;
}
