import type { CaptureQuality } from '../correlate/capture-quality.js';
import { captureMayHide } from '../correlate/gates.js';
import { openTimes } from '../correlate/open-times.js';
import { IDENTITY_FRAGMENT } from '../observe/engine-tables.js';
import { frameId, type Nanoseconds, NS_PER_SECOND } from '../units.js';
import { PROTOCOL_TCP, PROTOCOL_UDP } from '../wire/ip.js';
import { ClockModel, type ClockSample } from './clock.js';
import { stateClock, timeText } from './clock-statement.js';
import type { ComparedPacket } from './compared-packet.js';
import { CommonNumbers, type Comparison, type Fate, type Numbering, type Running } from './comparison.js';
import { directionOf, edgesOf } from './comparison-parts.js';
import { type DirectionState, LOSS_SECONDS } from './direction-state.js';
import { DirectionTally } from './direction-tally.js';
import type { Collectors } from './flow-pairs.js';
import type { LaneEnds } from './lane-table.js';
import { MissingRun, type MissingVerdict } from './missing-run.js';
import { type JoinResults, PacketJoin } from './packet-join.js';
import { planComparison } from './pairing.js';
import type { Plan } from './plan.js';
import { otherSide, SIDES, type Side } from './side.js';
import { isUnknown } from './tcp-rewrite.js';
import { WatchedFrames } from './watched-frames.js';

export interface CompareInput {
  readonly collectors: Collectors;
  readonly qualities: Readonly<Record<Side, CaptureQuality>>;
  /** Clock of B minus clock of A, where the operator knows it. */
  readonly offsetSeconds: number | null;
  readonly protocols: readonly string[];
  /** Those whose routers put their own addresses on every packet, as bits. */
  readonly hopProtocols: number;
  readonly numbering: Readonly<Record<Side, Numbering>>;
  /** Frames by side whose fate is asked for, in that side's own numbering. */
  readonly watched: Readonly<Record<Side, ReadonlySet<number>>>;
  /** The captures are taken while they are compared. */
  readonly isLive?: boolean;
  /** While both captures still go on. */
  readonly running?: Running;
  /** For how long each capture is known to have gone on after its last frame. */
  readonly silentNs?: Readonly<Record<Side, Nanoseconds>>;
  readonly waitingMax?: number;
}

type Excuse = keyof DirectionTally['notComparable'];

/** Changed packets of which the bytes are looked at, of all directions together. */
const CHANGED_KEPT = 16_384;
/** Differences of the clocks that are kept for the final fit, one a bin and direction. */
const SAMPLE_BINS = 2048;

/** Compares two sides whose identities are gathered, packet by packet. */
export function compareSides(input: CompareInput): Comparison {
  return new SideComparison(input).compare();
}

class SideComparison implements JoinResults, MissingVerdict {
  private readonly plan: Plan;
  private readonly clock: ClockModel;
  private readonly tallies: readonly DirectionTally[];
  private readonly runs: readonly MissingRun[];
  private readonly fates: Record<Side, Map<number, Fate>> = { a: new Map(), b: new Map() };
  private readonly numbers: CommonNumbers;
  private readonly best = new Map<number, ClockSample>();
  /** Differences of those, by the same key: nearly all packets are no better. */
  private readonly bestNs = new Float64Array((SAMPLE_BINS + 1) * 2).fill(Number.NaN);
  private readonly hidden: Record<Side, Map<number, boolean>> = { a: new Map(), b: new Map() };
  private readonly watched: Readonly<Record<Side, WatchedFrames>>;
  /** By lane of each side: what `portOf` says; -1 where it was not asked yet. */
  private readonly ports: Readonly<Record<Side, Int32Array>>;
  private readonly windows: Plan['windows'];
  private readonly firstArrivals: Plan['firstArrivals'];
  private join: PacketJoin | null = null;

  constructor(private readonly input: CompareInput) {
    const { collectors, qualities, offsetSeconds } = input;
    const given =
      offsetSeconds === null
        ? null
        : ClockModel.fixed(offsetSeconds * NS_PER_SECOND - baseDifferenceNs(qualities));
    this.plan = planComparison(collectors, given, input.hopProtocols);
    this.clock = this.plan.clock ?? ClockModel.fixed(-baseDifferenceNs(qualities));
    const { a, b } = this.plan.channelOf;
    this.ports = { a: new Int32Array(a.length).fill(-1), b: new Int32Array(b.length).fill(-1) };
    this.watched = { a: new WatchedFrames(input.watched.a), b: new WatchedFrames(input.watched.b) };
    const budget = { left: CHANGED_KEPT };
    const highest = new Float64Array(this.plan.channels.length);
    this.tallies = this.plan.directions.map((direction) => new DirectionTally(direction, budget, highest));
    this.runs = this.tallies.map(() => new MissingRun(this));
    this.numbers = new CommonNumbers(collectors, input.numbering);
    const cuts = { a: this.cutNs('a'), b: this.cutNs('b') };
    this.windows = { a: this.windowOf('a', cuts.a), b: this.windowOf('b', cuts.b) };
    const { firstArrivals } = this.plan;
    this.firstArrivals = {
      a: Number.isNaN(cuts.a) ? firstArrivals.a : Number.POSITIVE_INFINITY,
      b: Number.isNaN(cuts.b) ? firstArrivals.b : Number.POSITIVE_INFINITY,
    };
  }

  compare(): Comparison {
    const { collectors, running, waitingMax } = this.input;
    this.join = new PacketJoin(collectors, this.plan, this.clock, this, running, waitingMax);
    this.join.run();
    for (const run of this.runs) run.end();
    this.withdrawUnseen();
    const final = this.finalClock();
    const shiftNs = final ? this.clock.offsetAt(this.middleNs()) - final.offsetAt(this.middleNs()) : 0;
    return this.comparison(final, shiftNs);
  }

  delivered(packet: ComparedPacket, delayNs: Nanoseconds): void {
    this.runs[this.tallyOf(packet).plan.index].end();
    this.tallyOf(packet).noteDelivered(packet, delayNs, this.portOf(packet));
    this.noteFate(packet, 'arrived');
    if (packet.partner) this.noteFate(packet.partner, 'arrived');
  }

  missing(packet: ComparedPacket, state: DirectionState, isEarly: boolean): void {
    const excuse = isEarly ? 'crowded' : this.excuseOf(packet, state);
    const run = this.runs[this.tallyOf(packet).plan.index];
    if (excuse === null) run.note(packet);
    else if (excuse === 'captureLoss') run.noteUnseen(packet);
    else {
      this.tallyOf(packet).noteNotComparable(excuse);
      this.noteFate(packet, 'unknown');
    }
  }

  lost(packet: ComparedPacket): void {
    this.tallyOf(packet).noteLost(packet, this.portOf(packet));
    this.noteFate(packet, 'lost');
  }

  unseen(packet: ComparedPacket): void {
    this.tallyOf(packet).noteNotComparable('captureLoss');
    this.noteFate(packet, 'arrived');
  }

  /** Why a packet that was not found is no loss; null where it is one. */
  private excuseOf(packet: ComparedPacket, state: DirectionState): Excuse | null {
    if (isUnknown(this.plan.channels[packet.channel])) return 'renumbered';
    if (!this.wasRunning(packet, state)) return 'outsideWindow';
    if (this.isHidden(packet)) return 'captureFilter';
    return this.join?.wasAcknowledged(packet) === true ? 'captureLoss' : null;
  }

  received(packet: ComparedPacket, isDuplicate: boolean, isEarly: boolean): void {
    // It may be one of those that could not be waited for on the other side.
    if (packet.isOpen && (isEarly || this.tallyOf(packet).notComparable.crowded > 0)) return;
    if (packet.isOpen && !isDuplicate && !this.couldBeSent(packet)) return;
    if (packet.isOpen && isUnknown(this.plan.channels[packet.channel])) return;
    this.tallyOf(packet).noteReceived(packet, isDuplicate);
  }

  cut(packet: ComparedPacket): void {
    const tally = this.tallyOf(packet);
    if (tally.plan.sender === packet.side) tally.noteNotComparable('snaplen');
  }

  sample(sender: ComparedPacket, receiver: ComparedPacket): void {
    const isForward = sender.side === 'a';
    const [a, b] = isForward ? [sender, receiver] : [receiver, sender];
    const { firstNs, lastNs } = this.plan.windows.a;
    const bin = Math.floor(((a.ownTimeNs - firstNs) / Math.max(1, lastNs - firstNs)) * SAMPLE_BINS);
    const key = bin * 2 + (isForward ? 0 : 1);
    const differenceNs = b.ownTimeNs - a.ownTimeNs;
    const bestNs = this.bestNs[key];
    if (isForward ? bestNs <= differenceNs : bestNs >= differenceNs) return;
    this.bestNs[key] = differenceNs;
    const known = this.best.get(key);
    if (known && (isForward ? known.differenceNs <= differenceNs : known.differenceNs >= differenceNs))
      return;
    this.best.set(key, { timeNs: a.ownTimeNs, differenceNs, isForward });
  }

  holds(sender: ComparedPacket): boolean {
    return this.tallyOf(sender).lastDelivered === sender;
  }

  /**
   * True where the receiver's capture ran when the packet should have arrived: not before its first frame, and either a
   * later packet of the direction arrived or the capture goes on for LOSS_SECONDS more. While captures are running only
   * the latter tells: a packet that was overtaken may still come.
   */
  private wasRunning(packet: ComparedPacket, state: DirectionState): boolean {
    const side = otherSide(packet.side);
    const { firstNs, lastNs } = this.windowOnB(side);
    const expectedNs = packet.timeNs + Math.max(0, state.leastNs || 0);
    const firstArrival = this.firstArrivals[side];
    const hasBegun =
      expectedNs >= firstNs + (this.clock.halfWidthNs ?? 0) ||
      packet.timeNs >= firstArrival + this.clock.offsetAt(firstArrival);
    if (this.isStepping(packet)) return false;
    const isOvertaken = packet.timeNs < state.lastArrivedSentNs && this.input.running === undefined;
    return hasBegun && (isOvertaken || expectedNs + LOSS_SECONDS * NS_PER_SECOND <= lastNs);
  }

  /** True where a clock was set by so much that the packet may have been looked for at the wrong time. */
  private isStepping({ side, ownTimeNs }: ComparedPacket): boolean {
    if (this.clock.pieces.length === 1) return false;
    const ofA = side === 'a' ? ownTimeNs : this.clock.timeOfA(ownTimeNs);
    return this.clock.isStepping(ofA, NS_PER_SECOND);
  }

  /** False for packets that left before the sender's capture began or after it ended. */
  private couldBeSent(packet: ComparedPacket): boolean {
    if (this.isStepping(packet)) return false;
    const { firstNs, lastNs } = this.windowOnB(otherSide(packet.side));
    const state = this.join?.states[this.tallyOf(packet).plan.index];
    const usualNs = Math.max(0, state?.typicalNs || 0);
    const certainNs = this.input.running === undefined ? lastNs : lastNs - LOSS_SECONDS * NS_PER_SECOND;
    return packet.timeNs - usualNs >= firstNs && packet.timeNs - usualNs <= certainNs;
  }

  /** Where the packets of a side begin that are compared; NaN where that is where its capture begins. */
  private cutNs(side: Side): Nanoseconds {
    const { collectors, running } = this.input;
    const cutNs = collectors[side].cutNs(running?.lastBlocks);
    const sinceNs = running?.sinceNs[side] ?? Number.NaN;
    if (!(sinceNs > collectors[side].firstNs)) return cutNs;
    return cutNs > sinceNs ? cutNs : sinceNs;
  }

  /** What was captured a moment after the cut may have been written before it. */
  private windowOf(side: Side, cutNs: Nanoseconds): Plan['windows'][Side] {
    const { firstNs, lastNs } = this.statedWindow(side);
    return {
      firstNs: Number.isNaN(cutNs) ? firstNs : cutNs + LOSS_SECONDS * NS_PER_SECOND,
      lastNs: lastNs + (this.input.silentNs?.[side] ?? 0),
    };
  }

  /** From the first to the last packet, or for as long as the files say that they were open. */
  private statedWindow(side: Side): Plan['windows'][Side] {
    const { firstNs, lastNs } = this.plan.windows[side];
    const quality = this.input.qualities[side];
    const [first] = quality.segments;
    const last = quality.segments[quality.segments.length - 1];
    if (!first || !last || first.clock === 'relative') return { firstNs, lastNs };
    const { fromNs } = openTimes(quality, first.captureIndex);
    const { untilNs } = openTimes(quality, last.captureIndex);
    const own = (at: bigint): Nanoseconds => Number(at - first.baseNs);
    return {
      firstNs: fromNs === null ? firstNs : Math.min(firstNs, own(fromNs)),
      lastNs: untilNs === null ? lastNs : Math.max(lastNs, own(untilNs)),
    };
  }

  private windowOnB(side: Side): { firstNs: Nanoseconds; lastNs: Nanoseconds } {
    const { firstNs, lastNs } = this.windows[side];
    if (side === 'b') return { firstNs, lastNs };
    return { firstNs: firstNs + this.clock.offsetAt(firstNs), lastNs: lastNs + this.clock.offsetAt(lastNs) };
  }

  /** True where a filter of the receiver's capture keeps such packets out, of which it then holds none. */
  private isHidden(packet: ComparedPacket): boolean {
    const known = this.hidden[packet.side].get(packet.lane);
    if (known !== undefined) return known;
    const receiver = otherSide(packet.side);
    if (this.plan.channels[packet.channel].lanes[receiver] >= 0) return false;
    const quality = this.input.qualities[receiver];
    const carrier = this.carrierAt(receiver, packet.channel);
    const { protocol, fromPort, toPort } =
      carrier ?? this.input.collectors[packet.side].lanes.ends(packet.lane);
    const isFragment = (packet.flags & IDENTITY_FRAGMENT) !== 0;
    const classes = isFragment
      ? [{ protocol, fragment: true }]
      : protocol === PROTOCOL_TCP || protocol === PROTOCOL_UDP
        ? [
            { protocol, port: fromPort },
            { protocol, port: toPort },
          ]
        : [{ protocol }];
    const isHidden = classes.every((one) => captureMayHide(quality, one, null) !== null);
    this.hidden[packet.side].set(packet.lane, isHidden);
    return isHidden;
  }

  /** A packet outside the tunnel in which a side sees the direction of that channel; null outside tunnels. */
  private carrierAt(side: Side, channel: number): LaneEnds | null {
    const { channels } = this.plan;
    const { lanes, carriers } = this.input.collectors[side];
    for (const one of channels) {
      const lane = one.lanes[side];
      if (one.direction !== channels[channel].direction || lane < 0 || lanes.stackOf(lane >> 1) === 0)
        continue;
      const carrier = carriers[lane >> 1];
      if (carrier >= 0) return lanes.ends(carrier * 2);
    }
    return null;
  }

  /** The port of the service (the lower one) with the IP protocol above it; 0 where there is none. */
  private portOf(packet: ComparedPacket): number {
    const ports = this.ports[packet.side];
    const known = ports[packet.lane];
    if (known >= 0) return known;
    const { protocol, fromPort, toPort } = this.input.collectors[packet.side].lanes.ends(packet.lane);
    const port = fromPort === 0 || toPort === 0 ? 0 : protocol * 65_536 + Math.min(fromPort, toPort);
    ports[packet.lane] = port;
    return port;
  }

  private tallyOf(packet: ComparedPacket): DirectionTally {
    return this.tallies[this.plan.channels[packet.channel].direction];
  }

  private noteFate(packet: ComparedPacket, fate: Fate['fate']): void {
    if (!this.watched[packet.side].has(packet.capture, packet.frame)) return;
    const frame = frameId(packet.capture, packet.frame);
    const counterpart = packet.partner ? this.numbers.refOf(packet.partner) : null;
    const { direction } = this.plan.channels[packet.channel];
    this.fates[packet.side].set(frame, { fate, counterpart, direction });
  }

  /**
   * A direction of which the receiver's capture holds nothing, although the receiver provably hears the sender, or whose
   * answers its capture lacks too, does not pass there.
   */
  private withdrawUnseen(): void {
    for (const tally of this.tallies) {
      if (tally.lost === 0 || tally.matched > 0) continue;
      const { from, to, reverse } = tally.plan;
      const back = this.tallies[reverse];
      const answersBypass = back !== undefined && back.sent === 0 && back.receivedOnly > 0;
      const isHeard = SIDES.some((side) => this.input.qualities[side].hearsPeer.find(to, from) !== null);
      if (answersBypass || isHeard) tally.withdrawLosses();
    }
  }

  private finalClock(): ClockModel | null {
    if (this.input.offsetSeconds !== null) return this.clock;
    const { clock } = this.plan;
    const fitted = ClockModel.fit([...this.best.values()]);
    if (!fitted || !clock) return fitted ?? clock;
    // Equal packets tell no delay: where there are many, those of the first look may have been the better ones.
    const [width, fittedWidth] = [clock.halfWidthNs, fitted.halfWidthNs];
    if (width === null) return fitted;
    return fittedWidth === null || width < fittedWidth ? clock : fitted;
  }

  private middleNs(): Nanoseconds {
    const { firstNs, lastNs } = this.plan.windows.a;
    return (firstNs + lastNs) / 2;
  }

  private comparison(final: ClockModel | null, shiftNs: Nanoseconds): Comparison {
    const { qualities, protocols, offsetSeconds } = this.input;
    const { plan, numbers, fates } = this;
    const { a, b } = this.input.collectors;
    const { piece, offsetNs, steps } = stateClock(final, { a: a.setBacks, b: b.setBacks }, this.windows.a);
    const base = baseDifferenceNs(qualities);
    const halfWidthNs = piece?.halfWidthNs ?? null;
    return {
      directions: this.tallies.map((tally) => directionOf(tally, shiftNs)),
      clock: final,
      offsetSeconds: offsetNs === null ? null : (offsetNs + base) / NS_PER_SECOND,
      halfWidthSeconds: halfWidthNs === null ? null : halfWidthNs / NS_PER_SECOND,
      skewPpm: piece ? piece.slope * 1e6 : null,
      steps: steps.map(({ timeNs, stepNs }) => ({
        time: timeText(qualities.a, timeNs),
        seconds: stepNs / NS_PER_SECOND,
      })),
      isOffsetGiven: offsetSeconds !== null,
      isLive: this.input.isLive ?? false,
      nat: plan.nat,
      rewritten: plan.rewritten.entries(plan.channels, plan.directions),
      plan,
      qualities,
      protocols,
      edges: { a: edgesOf('a', qualities.a, numbers), b: edgesOf('b', qualities.b, numbers) },
      fateOf: (side, frame) => fates[side].get(frame) ?? null,
      refOf: (packet) => numbers.refOf(packet),
      shift: (side, ref) => numbers.shift(side, ref),
    };
  }
}

/** Base of B's times minus that of A's. */
function baseDifferenceNs({ a, b }: Readonly<Record<Side, CaptureQuality>>): Nanoseconds {
  return Number((b.segments[0]?.baseNs ?? 0n) - (a.segments[0]?.baseNs ?? 0n));
}
