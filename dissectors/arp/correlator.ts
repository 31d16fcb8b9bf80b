import { MARK_OUTBOUND } from '../../src/capture/frame-marks.js';
import {
  type Correlation,
  type CorrelationRun,
  type Correlator,
  defineCorrelator,
} from '../../src/correlate/correlator.js';
import { refOf } from '../../src/correlate/frame-reference.js';
import { SessionStore } from '../../src/correlate/session-store.js';
import type { FrameRef } from '../../src/moment.js';
import { NS_PER_SECOND, type SegmentIndex } from '../../src/units.js';
import { formatIpv4, formatMac } from '../../src/wire/address.js';
import type { Rows } from './arp-rows.js';
import dissector, { ARP_REPLY, ARP_REQUEST, type arp } from './dissector.js';
import { arpOwners } from './owners.js';

/** A MAC address that claimed to have an IPv4 address. */
export interface ArpClaim {
  /** `02:42:ac:11:00:02` */
  readonly mac: string;
  packets: number;
  readonly first: FrameRef;
  last: FrameRef;
}

/** What one host asked about another one, in one tunnel (or none) and time segment, and what it was told. */
export interface ArpPair {
  readonly segment: SegmentIndex;
  /** Tunnel stack; 0: in no tunnel. */
  readonly stack: number;
  /** Outer addresses of the requests (of the replies where there are none), where they came in a tunnel. */
  readonly outer: { readonly from: string; readonly to: string } | null;
  /** IPv4 addresses of who asks, and of whom. */
  readonly asker: string;
  readonly target: string;
  requests: number;
  replies: number;
  /** Requests after the last reply. */
  readonly open: { count: number; first: FrameRef | null; last: FrameRef | null };
  /** Of those open, how the asker repeated itself. */
  readonly insistence: Insistence;
  /** Requests that the capture marks as sent by the host it was taken on. */
  outbound: number;
  readonly first: FrameRef;
  last: FrameRef;
  lastReply: FrameRef | null;
  /**
   * MAC addresses that the asker named as its own, and that replies gave for the target; at most CLAIMS_MAX
   * each.
   */
  readonly askerMacs: ArpClaim[];
  readonly targetMacs: ArpClaim[];
}

/** Requests that stand apart from each other; transmissions of one request on several interfaces are one try. */
export interface Insistence {
  /** Times of the last two tries in ns, older first; NaN where there was none. */
  previousNs: number;
  latestNs: number;
  /** Whether 3 tries ever stood within BURST_SECONDS. */
  isBurst: boolean;
}

export const BURST_SECONDS = 10;
const TRY_APART_NS = 0.1 * NS_PER_SECOND;
const BURST_NS = BURST_SECONDS * NS_PER_SECOND;

const PAIRS_MAX = 4096;
const CLAIMS_MAX = 8;

/**
 * Matches replies to requests by the addresses in both. Holds at most PAIRS_MAX pairs between epochs; the
 * least recently seen half goes through a SessionStore.
 */
class ArpCorrelation implements Correlation<ArpPair, typeof arp.observes> {
  private readonly pairs = new Map<string, ArpPair>();
  private readonly closed = new SessionStore<ArpPair>(({ open }) => open.count);

  constructor(private readonly run: CorrelationRun) {}

  get summarised(): number {
    return this.closed.summarised;
  }

  consume(batch: Rows, _flow: number, from: number, to: number): void {
    const { columns, order } = batch;
    for (let at = from; at < to; at++) {
      const row = order[at];
      const operation = columns.operation[row];
      if (operation === ARP_REQUEST) this.ask(batch, row);
      else if (operation === ARP_REPLY) this.reply(batch, row);
    }
  }

  private ask(batch: Rows, row: number): void {
    const { columns } = batch;
    const asker = columns.senderAddress[row];
    const target = columns.targetAddress[row];
    // An announcement asks nothing; a probe has no address yet (RFC 5227, sections 2.1.1 and 2.3).
    if (asker === target || asker === 0) return;
    const pair = this.pairOf(batch, row, asker, target, true);
    const at = refOf(batch, row);
    pair.requests++;
    pair.last = at;
    pair.open.count++;
    pair.open.first ??= at;
    pair.open.last = at;
    if ((batch.marks[columns.rows.frame[row]] & MARK_OUTBOUND) !== 0) pair.outbound++;
    insist(pair.insistence, at.timeNs);
    claim(pair.askerMacs, formatMac(columns.senderMacHigh[row], columns.senderMacLow[row]), at);
  }

  private reply(batch: Rows, row: number): void {
    const { columns } = batch;
    const target = columns.senderAddress[row];
    const asker = columns.targetAddress[row];
    if (asker === target) return;
    const pair = this.pairOf(batch, row, asker, target, false);
    const at = refOf(batch, row);
    pair.replies++;
    pair.last = at;
    pair.lastReply = at;
    pair.open.count = 0;
    pair.open.first = null;
    pair.open.last = null;
    pair.insistence.previousNs = Number.NaN;
    pair.insistence.latestNs = Number.NaN;
    pair.insistence.isBurst = false;
    claim(pair.targetMacs, formatMac(columns.senderMacHigh[row], columns.senderMacLow[row]), at);
  }

  private pairOf(batch: Rows, row: number, asker: number, target: number, isRequest: boolean): ArpPair {
    const flow = batch.flowOf(row);
    const { flows } = this.run;
    const stack = flow < 0 ? 0 : flows.stack(flow);
    const key = `${stack} ${asker} ${target}`;
    const known = this.pairs.get(key);
    if (known) {
      // Moves to the end: the map's order is then by last frame.
      this.pairs.delete(key);
      this.pairs.set(key, known);
      return known;
    }
    const at = refOf(batch, row);
    const outward = batch.columns.rows.direction[row];
    const pair: ArpPair = {
      segment: batch.segment,
      stack,
      outer: flow < 0 ? null : flows.addresses(flow, isRequest ? outward : 1 - outward),
      asker: formatIpv4(asker),
      target: formatIpv4(target),
      requests: 0,
      replies: 0,
      open: { count: 0, first: null, last: null },
      insistence: { previousNs: Number.NaN, latestNs: Number.NaN, isBurst: false },
      outbound: 0,
      first: at,
      last: at,
      lastReply: null,
      askerMacs: [],
      targetMacs: [],
    };
    this.pairs.set(key, pair);
    if (stack === 0) this.run.linkNeighbours.note(pair.asker, pair.target);
    return pair;
  }

  endSegment(): void {
    for (const pair of this.pairs.values()) this.closed.add(pair);
    this.pairs.clear();
  }

  endEpoch(): void {
    if (this.pairs.size <= PAIRS_MAX) return;
    let excess = this.pairs.size - PAIRS_MAX / 2;
    for (const [key, pair] of this.pairs) {
      if (excess-- <= 0) break;
      this.pairs.delete(key);
      this.closed.add(pair);
    }
  }

  sessions(): readonly ArpPair[] {
    return [...this.closed.sessions(), ...this.pairs.values()].sort((a, b) => a.first.frame - b.first.frame);
  }
}

function insist(tries: Insistence, timeNs: number): void {
  if (timeNs - tries.latestNs < TRY_APART_NS) return;
  if (timeNs - tries.previousNs <= BURST_NS) tries.isBurst = true;
  tries.previousNs = tries.latestNs;
  tries.latestNs = timeNs;
}

function claim(claims: ArpClaim[], mac: string, at: FrameRef): void {
  const known = claims.find((one) => one.mac === mac);
  if (known) {
    known.packets++;
    known.last = at;
  } else if (claims.length < CLAIMS_MAX) {
    claims.push({ mac, packets: 1, first: at, last: at });
  }
}

/** Every question of one host about another, with the answers. */
export const arpPairs = defineCorrelator<ArpPair, typeof arp.observes>({
  name: 'arp',
  reads: dissector,
  order: 'capture',
  create: (run) => new ArpCorrelation(run),
});

export default [arpPairs as Correlator, arpOwners as Correlator] satisfies Correlator[];
