import {
  type Batch,
  type Correlation,
  type CorrelationRun,
  defineCorrelator,
} from '../../src/correlate/correlator.js';
import type { FlowId, FlowStates } from '../../src/correlate/flow-registry.js';
import { SessionStore } from '../../src/correlate/session-store.js';
import type { FrameRef } from '../../src/diagnose/diagnosis.js';
import { ORIGIN_WHOLE } from '../../src/observe/table.js';
import type { FrameId, Nanoseconds, SegmentIndex } from '../../src/units.js';
import { formatAddress } from '../../src/wire/address.js';
import { TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN } from '../../src/wire/transport.js';
import * as state from './connection-table.js';
import { ConnectionTable } from './connection-table.js';
import { tcp } from './dissector.js';

/** What one side of a connection sent. */
export interface TcpDirection {
  readonly address: string;
  readonly port: number;
  readonly segments: number;
  readonly payloadBytes: number;
  readonly sentSyn: boolean;
  /** That its SYN announced, in bytes; 0 where it announced none or the SYN is not in the capture. */
  readonly maximumSegmentSize: number;
  /** Some segment carried an acknowledgment: all do but an opening SYN, and some RST. */
  readonly sentAck: boolean;
  readonly sentFin: boolean;
  readonly sentRst: boolean;
  /** Its acknowledgment number advanced: data of the peer reached it. */
  readonly ackAdvanced: boolean;
  /** ACKs of the peer that cover data of this side which is not in the capture, and that data in bytes. */
  readonly uncapturedAcks: number;
  readonly uncapturedBytes: number;
  /** Frames with such ACKs: at most the first three and the last one. */
  readonly uncapturedAt: readonly FrameRef[];
}

/** A connection, or what the capture holds of one. `a` is the numerically lower endpoint. */
export interface TcpConnection {
  readonly a: TcpDirection;
  readonly b: TcpDirection;
  /** Index of the tunnel stack; 0: not in a tunnel. */
  readonly stack: number;
  readonly segment: SegmentIndex;
  readonly firstFrame: FrameId;
  readonly firstNs: Nanoseconds;
  readonly lastNs: Nanoseconds;
}

type Rows = Batch<typeof tcp.observes>;

const PROOFS_KEPT = 3;
/** Directions whose frames with ACKs of uncaptured data are kept; of the others they are counted. */
const PROOF_DIRECTIONS_MAX = 1024;
/** More than this in flight is no window (2^30 is the limit, RFC 7323) but numbers that somebody rewrote. */
const GAP_BYTES_MAX = 1 << 26;

interface Proofs {
  readonly first: FrameRef[];
  /** The newest; withdrawn where the data turns up behind its ACK after all. */
  newest: FrameRef | null;
}

/**
 * Holds one state a flow of the registry (about a million), and of closed connections the first 500 and the 500 with
 * most ACKs of uncaptured data; hands out as many of the open ones. The rest are well as far as this correlator can
 * tell, and traffic counts them, so they are not reported as summarised.
 */
class TcpCorrelation implements Correlation<TcpConnection, typeof tcp.observes> {
  private readonly table = new ConnectionTable();
  private readonly slots: FlowStates<number>;
  private readonly proofs = new Map<number, Proofs>();
  private readonly closed = new SessionStore<TcpConnection>(uncapturedAcksOf);

  constructor(private readonly run: CorrelationRun) {
    this.slots = run.flows.trackStates<number>((slot) => {
      this.closed.add(this.connection(slot));
      this.release(slot);
      this.table.close(slot);
    });
  }

  consume(batch: Rows, flow: FlowId, from: number, to: number): void {
    if (flow < 0) return;
    const { columns, order } = batch;
    let slot = this.slots.get(flow);
    if (slot === undefined) {
      slot = this.openConnection(batch, flow, order[from]);
      this.slots.set(flow, slot);
    }
    const { frame, direction, origin } = columns.rows;
    for (let at = from; at < to; at++) {
      const row = order[at];
      const own = slot * 2 + direction[row];
      const flags = columns.flags[row];
      if (this.isNewConnection(own, flags, columns.sequence[row])) this.restart(slot, batch, row);
      this.table.segments[own]++;
      this.table.payloadBytes[own] += columns.payloadLength[row];
      if (origin[row] !== ORIGIN_WHOLE) {
        this.table.seen[own] |= state.UNRELIABLE;
        continue;
      }
      if ((flags & TCP_RST) !== 0) {
        this.table.seen[own] |= state.SEEN_RST;
        continue;
      }
      if ((flags & TCP_SYN) !== 0) this.table.maximumSegmentSize[own] = columns.maximumSegmentSize[row];
      this.advanceSequence(own, flags, columns.sequence[row], columns.payloadLength[row]);
      if ((flags & TCP_ACK) !== 0) this.acknowledge(batch, flow, own, row);
    }
    const lastNs = batch.timeNs[frame[order[to - 1]]];
    if (!Number.isNaN(lastNs)) this.table.lastNs[slot] = lastNs;
  }

  endSegment(): void {
    this.slots.clear();
  }

  sessions(): readonly TcpConnection[] {
    const open = this.kept()
      .sessions()
      .map((slot) => this.connection(slot));
    return [...this.closed.sessions(), ...open].sort(
      (a, b) => a.segment - b.segment || a.firstFrame - b.firstFrame,
    );
  }

  private kept(): SessionStore<number> {
    const kept = new SessionStore<number>((slot) => this.uncapturedAcks(slot));
    for (const slot of this.table.openSlots()) kept.add(slot);
    return kept;
  }

  private openConnection(batch: Rows, flow: FlowId, row: number): number {
    const { table, run } = this;
    const slot = table.open();
    table.addresses.set(run.flows.addressWords(flow, 0), slot * 8);
    table.addresses.set(run.flows.addressWords(flow, 1), slot * 8 + 4);
    const ports = run.flows.ports(flow, 0);
    table.ports[slot * 2] = ports.from;
    table.ports[slot * 2 + 1] = ports.to;
    table.stack[slot] = run.flows.stack(flow);
    this.stamp(slot, batch, row);
    return slot;
  }

  private stamp(slot: number, batch: Rows, row: number): void {
    const index = batch.columns.rows.frame[row];
    this.table.segment[slot] = batch.segment;
    this.table.firstFrame[slot] = batch.frameIdOf(index);
    this.table.firstNs[slot] = batch.timeNs[index];
    this.table.lastNs[slot] = batch.timeNs[index];
  }

  /** An opening SYN whose number does not continue what was sent: the ports are used again. */
  private isNewConnection(own: number, flags: number, sequence: number): boolean {
    if ((flags & (TCP_SYN | TCP_ACK)) !== TCP_SYN) return false;
    return (this.table.seen[own] & state.HAS_NEXT) !== 0 && (sequence + 1) >>> 0 !== this.table.next[own];
  }

  private restart(slot: number, batch: Rows, row: number): void {
    this.closed.add(this.connection(slot));
    this.release(slot);
    this.table.clear(slot);
    this.stamp(slot, batch, row);
  }

  private release(slot: number): void {
    this.proofs.delete(slot * 2);
    this.proofs.delete(slot * 2 + 1);
  }

  /** Next expected number = max(sequence + length, SYN and FIN counting one each); RFC 9293, section 3.4. */
  private advanceSequence(own: number, flags: number, sequence: number, length: number): void {
    const { table } = this;
    let counted = length;
    if ((flags & TCP_SYN) !== 0) {
      counted++;
      table.seen[own] |= state.SEEN_SYN;
    }
    if ((flags & TCP_FIN) !== 0) {
      counted++;
      table.seen[own] |= state.SEEN_FIN;
    }
    const end = (sequence + counted) >>> 0;
    if ((table.seen[own] & state.HAS_NEXT) === 0) {
      table.seen[own] |= state.HAS_NEXT;
      const other = own ^ 1;
      const isBehind =
        (table.seen[other] & state.HAS_ACK) !== 0 && ((table.acknowledged[other] - end) | 0) > 0;
      table.next[own] = isBehind ? table.acknowledged[other] : end;
      return;
    }
    if ((table.seen[own] & (state.GAP_OPEN | state.GAP_ACKNOWLEDGED)) !== 0) this.fillGap(own, sequence, end);
    if (((sequence - table.next[own]) | 0) > 0 && (table.seen[own] & state.GAP_OPEN) === 0) {
      table.gapStart[own] = table.next[own];
      table.gapEnd[own] = sequence;
      table.seen[own] = (table.seen[own] & ~state.GAP_ACKNOWLEDGED) | state.GAP_OPEN;
    }
    if (((end - table.next[own]) | 0) > 0) table.next[own] = end;
  }

  /** Data of the gap came after all (reordered or sent again): it is no gap of the capture. */
  private fillGap(own: number, sequence: number, end: number): void {
    const { table } = this;
    if (((sequence - table.gapEnd[own]) | 0) >= 0 || ((end - table.gapStart[own]) | 0) <= 0) return;
    if ((table.seen[own] & state.GAP_ACKNOWLEDGED) !== 0) {
      table.uncapturedAcks[own]--;
      table.uncapturedBytes[own] -= (table.gapEnd[own] - table.gapStart[own]) >>> 0;
      const proofs = this.proofs.get(own);
      if (proofs) proofs.newest = null;
    }
    table.seen[own] &= ~(state.GAP_OPEN | state.GAP_ACKNOWLEDGED);
  }

  /** Takes the acknowledgment of `own` in: what it says of the peer's data, and that it reached this side. */
  private acknowledge(batch: Rows, flow: FlowId, own: number, row: number): void {
    const { table } = this;
    const acknowledgment = batch.columns.acknowledgment[row];
    if ((table.seen[own] & state.HAS_ACK) === 0) {
      table.seen[own] |= state.HAS_ACK;
      table.acknowledged[own] = acknowledgment;
    } else if (((acknowledgment - table.acknowledged[own]) | 0) > 0) {
      table.acknowledged[own] = acknowledgment;
      if ((table.seen[own] & state.SEEN_ACK_ADVANCE) === 0) this.noteHearing(batch, flow, own, row);
    }
    const other = own ^ 1;
    const known = table.seen[other];
    if ((known & state.HAS_NEXT) === 0 || (known & state.UNRELIABLE) !== 0) return;
    const ahead = (acknowledgment - table.next[other]) | 0;
    if (ahead > GAP_BYTES_MAX) {
      table.seen[other] |= state.UNRELIABLE;
    } else if (ahead > 1) {
      table.gapStart[other] = table.next[other];
      table.gapEnd[other] = acknowledgment;
      table.next[other] = acknowledgment;
      this.noteUncaptured(batch, other, row);
    } else if (ahead === 1) {
      // The probe of a keepalive repeats the last number without its byte (RFC 9293, section 3.8.4).
      table.next[other] = acknowledgment;
    } else if ((known & state.GAP_OPEN) !== 0 && ((acknowledgment - table.gapEnd[other]) | 0) >= 0) {
      this.noteUncaptured(batch, other, row);
    }
  }

  private noteHearing(batch: Rows, flow: FlowId, own: number, row: number): void {
    this.table.seen[own] |= state.SEEN_ACK_ADVANCE;
    const { from, to } = this.run.flows.addresses(flow, own & 1);
    this.run.hearsPeer.note(from, to, 'it acknowledges TCP data', refOf(batch, row));
  }

  private noteUncaptured(batch: Rows, sender: number, row: number): void {
    const { table } = this;
    const bytes = (table.gapEnd[sender] - table.gapStart[sender]) >>> 0;
    table.seen[sender] = (table.seen[sender] & ~state.GAP_OPEN) | state.GAP_ACKNOWLEDGED;
    table.uncapturedAcks[sender]++;
    table.uncapturedBytes[sender] += bytes;
    let proofs = this.proofs.get(sender);
    if (!proofs) {
      if (this.proofs.size >= PROOF_DIRECTIONS_MAX) return;
      proofs = { first: [], newest: null };
      this.proofs.set(sender, proofs);
    }
    if (proofs.newest && proofs.first.length < PROOFS_KEPT) proofs.first.push(proofs.newest);
    proofs.newest = refOf(batch, row);
  }

  private uncapturedAcks(slot: number): number {
    return this.table.uncapturedAcks[slot * 2] + this.table.uncapturedAcks[slot * 2 + 1];
  }

  private connection(slot: number): TcpConnection {
    const { table } = this;
    return {
      a: this.side(slot, 0),
      b: this.side(slot, 1),
      stack: table.stack[slot],
      segment: table.segment[slot],
      firstFrame: table.firstFrame[slot],
      firstNs: table.firstNs[slot],
      lastNs: table.lastNs[slot],
    };
  }

  private side(slot: number, direction: number): TcpDirection {
    const { table } = this;
    const at = slot * 2 + direction;
    const seen = table.seen[at];
    const proofs = this.proofs.get(at);
    return {
      address: formatAddress(table.addresses, at * 4),
      port: table.ports[at],
      segments: table.segments[at],
      payloadBytes: table.payloadBytes[at],
      sentSyn: (seen & state.SEEN_SYN) !== 0,
      maximumSegmentSize: table.maximumSegmentSize[at],
      sentAck: (seen & state.HAS_ACK) !== 0,
      sentFin: (seen & state.SEEN_FIN) !== 0,
      sentRst: (seen & state.SEEN_RST) !== 0,
      ackAdvanced: (seen & state.SEEN_ACK_ADVANCE) !== 0,
      uncapturedAcks: table.uncapturedAcks[at],
      uncapturedBytes: table.uncapturedBytes[at],
      uncapturedAt: proofs ? [...proofs.first, ...(proofs.newest ? [proofs.newest] : [])] : [],
    };
  }
}

function uncapturedAcksOf({ a, b }: TcpConnection): number {
  return a.uncapturedAcks + b.uncapturedAcks;
}

function refOf(batch: Rows, row: number): FrameRef {
  const index = batch.columns.rows.frame[row];
  return { frame: batch.frameIdOf(index), segment: batch.segment, timeNs: batch.timeNs[index] };
}

export const tcpConnections = defineCorrelator<TcpConnection, typeof tcp.observes>({
  name: 'tcp',
  reads: tcp,
  order: 'flow',
  create: (run) => new TcpCorrelation(run),
});

/** All segments of the run; the only session of `tcpChecksums`. */
export interface TcpChecksums {
  readonly segments: number;
  /** Segments whose checksum the sending host's network card had yet to fill in. */
  readonly pending: number;
  readonly examples: readonly FrameRef[];
}

/** Counts unfilled checksums; holds three frames. */
class ChecksumCorrelation implements Correlation<TcpChecksums, typeof tcp.observes> {
  private segments = 0;
  private pending = 0;
  private readonly examples: FrameRef[] = [];

  consume(batch: Rows, _flow: FlowId, from: number, to: number): void {
    const { columns, order } = batch;
    this.segments += to - from;
    for (let at = from; at < to; at++) {
      const row = order[at];
      if (columns.checksumPending[row] === 0) continue;
      this.pending++;
      if (this.examples.length >= PROOFS_KEPT) continue;
      const index = columns.rows.frame[row];
      this.examples.push({
        frame: batch.frameIdOf(index),
        segment: batch.segment,
        timeNs: batch.timeNs[index],
      });
    }
  }

  sessions(): readonly TcpChecksums[] {
    const { segments, pending, examples } = this;
    return segments > 0 ? [{ segments, pending, examples }] : [];
  }
}

export const tcpChecksums = defineCorrelator<TcpChecksums, typeof tcp.observes>({
  name: 'tcp.checksums',
  reads: tcp,
  order: 'capture',
  create: () => new ChecksumCorrelation(),
});

export default [tcpConnections, tcpChecksums];
