import type { Batch } from '../../src/correlate/correlator.js';
import type { FrameRef } from '../../src/moment.js';
import { ORIGIN_FIRST_FRAGMENT } from '../../src/observe/table.js';
import { type FrameId, type Nanoseconds, NS_PER_SECOND, type SegmentIndex } from '../../src/units.js';
import { ENCAPSULATION_UDP, type esp } from './dissector.js';
import { keepRun, oneWayRun, RunState } from './one-way-tracker.js';
import { DirectionState, SaState } from './open-sa.js';
import {
  ANSWER_SECONDS,
  type EspDirection,
  type EspPair,
  type EspSa,
  ONE_WAY_PACKETS_MIN,
  type OneWayRun,
} from './session.js';

/** SAs of both directions that begin within this time, with no other candidate, belong together. */
const PAIRING_NS: Nanoseconds = 10 * NS_PER_SECOND;
const ANSWER_NS: Nanoseconds = ANSWER_SECONDS * NS_PER_SECOND;
/** Answers of hosts behind the gateway come within a round trip. */
const VOTE_NS: Nanoseconds = NS_PER_SECOND / 5;
const VOTES_MIN = 8;
/** SAs that wait for a partner, a direction; older ones are taken off the list. */
const UNPAIRED_MAX = 16;

/** All ESP between two addresses. */
export class PairState {
  isClosed = false;
  private readonly directions: readonly DirectionState[] = [new DirectionState(), new DirectionState()];
  private readonly runs: OneWayRun[] = [];
  private runCount = 0;
  /** A direction has several SAs: they may belong to different tunnels, and are compared one by one from then on. */
  private hasSeveral = false;

  constructor(
    private readonly low: string,
    private readonly high: string,
    private readonly stack: number,
    private readonly segment: SegmentIndex,
  ) {}

  /** The loop over rows: everything that a packet costs is in here, so that times are never boxed to be handed on. */
  consume(batch: Batch<typeof esp.observes>, from: number, to: number): void {
    const { order, timeNs, marks, columns } = batch;
    const { rows, payloadLength, spi, encapsulation } = columns;
    for (let at = from; at < to; at++) {
      const row = order[at];
      const index = rows.frame[row];
      const direction = rows.direction[row];
      const ns = timeNs[index];
      const frame = batch.frameIdOf(index);
      const length = payloadLength[row];
      const own = this.directions[direction];
      const other = this.directions[1 - direction];
      if (own.packets === 0) {
        own.firstNs = ns;
        own.firstFrame = frame;
      }
      if (other.run.packets > 0) {
        if (ns - other.lastNs <= ANSWER_NS) other.sizes.answer();
        if (other.run.isLong) this.endRun(1 - direction, ns, frame);
        other.run.packets = 0;
      }
      own.run.extend(ns, frame, other.lastNs);
      own.sizes.count(length, own.run.packets - 1);
      own.packets++;
      own.bytes += length;
      if (rows.origin[row] === ORIGIN_FIRST_FRAGMENT) own.noteFragment(frame, ns, this.segment);
      else if (length > own.largest) own.largest = length;
      own.lastNs = ns;
      own.lastFrame = frame;
      let sa = own.current;
      if (sa === null || sa.spi !== spi[row]) {
        const known = own.sas.get(spi[row]);
        if (known) known.returns++;
        sa = known ?? this.beginSa(direction, spi[row], ns, frame);
        own.current = sa;
      }
      if (this.hasSeveral) this.comparePartners(sa, own, other, ns, frame);
      const sequence = columns.sequence[row];
      if (!sa.sequences.follows(sequence)) {
        sa.sequences.observe(sequence, ns, frame, sa.lastNs, sa.lastFrame);
      }
      const beforeNs = sa.lastNs;
      const beforeFrame = sa.lastFrame;
      sa.packets++;
      sa.bytes += length;
      sa.lastNs = ns;
      sa.lastFrame = frame;
      if (encapsulation[row] === ENCAPSULATION_UDP) {
        const port = columns.sourcePort[row];
        if (sa.udpPackets > 0 && sa.sourcePort !== port)
          sa.changePort(port, beforeNs, beforeFrame, ns, frame);
        sa.udpPackets++;
        sa.sourcePort = port;
        sa.destinationPort = columns.destinationPort[row];
      }
      if (marks[index] !== 0) sa.countMark(marks[index]);
    }
  }

  private comparePartners(
    sa: SaState,
    own: DirectionState,
    other: DirectionState,
    ns: Nanoseconds,
    frame: FrameId,
  ): void {
    if (sa.partner === null) voteForPartner(sa, other, ns);
    own.lastGapNs = ns - other.lastNs;
    const { partner } = sa;
    const back = partner?.run ?? null;
    if (partner !== null && back !== null && back.packets > 0) {
      if (back.isLong) this.endPartnerRun(partner, back, sa, ns, frame);
      back.packets = 0;
    }
    sa.run ??= new RunState();
    sa.run.extend(ns, frame, partner?.lastNs ?? Number.NaN);
  }

  private beginSa(direction: number, spi: number, ns: Nanoseconds, frame: FrameId): SaState {
    const own = this.directions[direction];
    const other = this.directions[1 - direction];
    const sa = new SaState(spi, direction, ns, frame);
    own.sas.set(spi, sa);
    if (own.sas.size > 1) this.hasSeveral = true;
    own.unpaired = recent(own.unpaired, ns);
    other.unpaired = recent(other.unpaired, ns);
    const [candidate] = other.unpaired;
    if (candidate && other.unpaired.length === 1 && own.unpaired.length === 0) {
      sa.partner = candidate;
      candidate.partner = sa;
      other.unpaired = [];
    } else {
      own.unpaired.push(sa);
    }
    return sa;
  }

  private endRun(direction: number, ns: Nanoseconds, frame: FrameId): void {
    this.runCount++;
    keepRun(this.runs, this.runOf(direction, { frame, timeNs: ns, segment: this.segment }));
  }

  private endPartnerRun(partner: SaState, run: RunState, sa: SaState, ns: Nanoseconds, frame: FrameId): void {
    const next = { frame, timeNs: ns, segment: this.segment };
    partner.runs ??= [];
    keepRun(partner.runs, oneWayRun(run, sa, this.addresses(partner.direction), this.segment, next));
  }

  private runOf(direction: number, next: FrameRef | null): OneWayRun {
    const own = this.directions[direction];
    const other = this.directions[1 - direction];
    return oneWayRun(own.run, other, this.addresses(direction), this.segment, next, own.sizes.runList());
  }

  private addresses(direction: number): { from: string; to: string } {
    return direction === 0 ? { from: this.low, to: this.high } : { from: this.high, to: this.low };
  }

  /** How bad the pair is: numbers that are missing, and packets that went one way. */
  get badness(): number {
    let sum = 0;
    for (const own of this.directions) {
      sum += own.aggregatedMissing;
      for (const sa of own.sas.values()) sum += sa.sequences.missing;
      if (own.run.isLong) sum += own.run.packets;
    }
    for (const run of this.runs) sum += run.packets;
    return sum;
  }

  get saCount(): number {
    return this.directions[0].sas.size + this.directions[1].sas.size;
  }

  *allSas(): Iterable<SaState> {
    for (const { sas } of this.directions) yield* sas.values();
  }

  /** Takes an SA off the list and adds what it counted to the sums of its direction. */
  aggregate(sa: SaState): void {
    const own = this.directions[sa.direction];
    own.sas.delete(sa.spi);
    if (own.current === sa) own.current = null;
    if (sa.partner) sa.partner.partner = null;
    own.aggregatedSas++;
    own.aggregatedPackets += sa.packets;
    own.aggregatedUdpPackets += sa.udpPackets;
    own.aggregatedDistinct += sa.sequences.distinct;
    own.aggregatedMissing += sa.sequences.missing;
  }

  session(): EspPair {
    const directions = [this.describe(0), this.describe(1)] as const;
    const runs = [...this.runs];
    let { runCount } = this;
    for (let direction = 0; direction < 2; direction++) {
      if (!this.directions[direction].run.isLong) continue;
      runs.push(this.runOf(direction, null));
      runCount++;
    }
    const firsts = directions.flatMap(({ first }) => first ?? []).sort((a, b) => a.frame - b.frame);
    const lasts = directions.flatMap(({ last }) => last ?? []).sort((a, b) => b.frame - a.frame);
    return {
      low: this.low,
      high: this.high,
      stack: this.stack,
      segment: this.segment,
      first: firsts[0],
      last: lasts[0],
      directions,
      runs,
      runCount,
    };
  }

  private describe(direction: number): EspDirection {
    const own = this.directions[direction];
    const sas = [...own.sas.values()].map((sa) => this.describeSa(sa));
    const udpPackets = sas.reduce((sum, sa) => sum + sa.udpPackets, own.aggregatedUdpPackets);
    const { packets, bytes, sizes } = own;
    const ref = (frame: FrameId, timeNs: Nanoseconds): FrameRef | null =>
      packets > 0 ? { frame, timeNs, segment: this.segment } : null;
    return {
      ...this.addresses(direction),
      packets,
      bytes,
      first: ref(own.firstFrame, own.firstNs),
      last: ref(own.lastFrame, own.lastNs),
      nativePackets: packets - udpPackets,
      udpPackets,
      sas,
      largest: own.largest,
      fragmented: own.fragmented && { ...own.fragmented },
      sizes: packets < ONE_WAY_PACKETS_MIN ? [] : sizes.list(),
      aggregated: {
        sas: own.aggregatedSas,
        distinct: own.aggregatedDistinct,
        missing: own.aggregatedMissing,
      },
    };
  }

  private describeSa(sa: SaState): EspSa {
    const { sequences, partner, portMove } = sa;
    const { segment } = this;
    const runs = [...(sa.runs ?? [])];
    if (partner && sa.run?.isLong) {
      runs.push(oneWayRun(sa.run, partner, this.addresses(sa.direction), segment, null));
    }
    const ref = (count: number, frame: FrameId, timeNs: Nanoseconds): FrameRef | null =>
      count > 0 ? { frame, timeNs, segment } : null;
    const { late, duplicate } = sequences;
    return {
      spi: sa.spi,
      ...this.addresses(sa.direction),
      segment,
      packets: sa.packets,
      bytes: sa.bytes,
      first: { frame: sa.firstFrame, timeNs: sa.firstNs, segment },
      last: { frame: sa.lastFrame, timeNs: sa.lastNs, segment },
      nativePackets: sa.packets - sa.udpPackets,
      udpPackets: sa.udpPackets,
      sourcePort: sa.sourcePort,
      destinationPort: sa.destinationPort,
      inbound: sa.inbound,
      outbound: sa.outbound,
      firstSequence: sequences.first,
      highestSequence: sequences.highest,
      distinct: sequences.distinct,
      missing: sequences.missing,
      gapCount: sequences.gapCount,
      gaps: sequences.gaps.map((gap) => ({ ...gap })),
      duplicates: sequences.duplicates,
      firstDuplicate: duplicate && ref(sequences.duplicates, duplicate.firstFrame, duplicate.firstNs),
      lastDuplicate: duplicate && ref(sequences.duplicates, duplicate.lastFrame, duplicate.lastNs),
      reordered: sequences.reordered,
      firstReordered: late && ref(sequences.reordered, late.firstFrame, late.firstNs),
      lastReordered: late && ref(sequences.reordered, late.lastFrame, late.lastNs),
      maxExtent: sequences.maxExtent,
      late32: sequences.late32,
      late64: sequences.late64,
      late1024: sequences.late1024,
      beyondWindow: sequences.beyondWindow,
      restarts: sequences.restarts,
      jumps: sequences.jumps,
      wraps: sequences.wraps,
      partnerSpi: partner?.spi ?? 0,
      returns: sa.returns,
      portMove: portMove && {
        before: portMove.before,
        after: portMove.after,
        last: { frame: portMove.beforeFrame, timeNs: portMove.beforeNs, segment },
        first: { frame: portMove.frame, timeNs: portMove.ns, segment },
        changes: portMove.changes,
      },
      runs,
    };
  }
}

/**
 * SAs that began together are told apart by who answers whom: an SA that comes right after the same SA of the other side
 * again and again answers it: sooner after it than that one came after the packet before. Votes against the candidate count it down.
 */
function voteForPartner(sa: SaState, other: DirectionState, ns: Nanoseconds): void {
  const asked = other.current;
  const gapNs = ns - other.lastNs;
  if (asked === null || asked.partner !== null || !(gapNs <= VOTE_NS && gapNs < other.lastGapNs)) return;
  if (sa.candidate === asked) sa.candidateVotes++;
  else if (sa.candidateVotes > 0) sa.candidateVotes--;
  else {
    sa.candidate = asked;
    sa.candidateVotes = 1;
  }
  if (sa.candidate !== asked || sa.candidateVotes < VOTES_MIN) return;
  sa.partner = asked;
  asked.partner = sa;
  for (const { run } of [sa, asked]) if (run !== null) run.packets = 0;
}

/** Those that began less than PAIRING_NS ago. */
function recent(sas: readonly SaState[], ns: Nanoseconds): SaState[] {
  return sas.slice(-UNPAIRED_MAX).filter(({ firstNs }) => ns - firstNs <= PAIRING_NS);
}
