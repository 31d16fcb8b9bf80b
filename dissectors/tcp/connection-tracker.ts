import { MARK_INBOUND, MARK_OUTBOUND } from '../../src/capture/frame-marks.js';
import type { Batch, CorrelationRun } from '../../src/correlate/correlator.js';
import type { FlowId } from '../../src/correlate/flow-id.js';
import type { FlowStates } from '../../src/correlate/flow-states.js';
import { SessionStore } from '../../src/correlate/session-store.js';
import { ORIGIN_FIRST_FRAGMENT, ORIGIN_WHOLE } from '../../src/observe/table.js';
import { formatAddress } from '../../src/wire/address.js';
import { TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN } from '../../src/wire/transport.js';
import { type Rows, refOf } from './batch-rows.js';
import * as state from './connection-table.js';
import { ConnectionTable, doubleAt, momentAt, wordAt } from './connection-table.js';
import { ConnectionWatch } from './connection-watch.js';
import { CutSegments } from './cut-segments.js';
import { ServiceAggregation } from './service-aggregation.js';
import type { TcpService } from './session.js';
import type { TcpConnection, TcpDirection } from './tcp-connection.js';
import { UncapturedAcks } from './uncaptured-acks.js';

/** More than this in flight is no window (2^30 is the limit, RFC 7323) but numbers that somebody rewrote. */
const GAP_BYTES_MAX = 1 << 26;

/** The bits of the frame marks are those of `ConnectionTable.marks`. */
const PASSED = MARK_INBOUND | MARK_OUTBOUND;

/**
 * Follows the connections of a run. Holds one state a flow of the registry (about half a million); of closed connections
 * the first 500 and the 500 with most ACKs of uncaptured data, and hands out as many of the open ones. The rest are
 * well as far as sequence numbers tell, and traffic and services count them, so they are not reported as summarised.
 */
export class ConnectionTracker {
  private readonly table = new ConnectionTable();
  private readonly slots: FlowStates<number>;
  private readonly proofs = new UncapturedAcks();
  private readonly cut = new CutSegments();
  private readonly closed = new SessionStore<TcpConnection>(uncapturedAcksOf);
  private readonly watch = new ConnectionWatch(this.table);
  private readonly closedServices = new ServiceAggregation();

  constructor(private readonly run: CorrelationRun) {
    this.slots = run.flows.trackStates<number>((slot) => {
      this.retire(slot);
      this.table.close(slot);
    });
  }

  consume(batch: Batch<Rows>, flow: FlowId, from: number, to: number): void {
    if (flow < 0) return;
    const { columns, order } = batch;
    const { table } = this;
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
      const length = columns.payloadLength[row];
      if ((flags & TCP_SYN) !== 0) {
        if (this.isNewConnection(own, flags, columns.sequence[row])) this.restart(slot, batch, row);
        else this.forgetOldNumbers(own, columns.sequence[row]);
        this.watch.noteOpening(batch, slot, own, row);
      }
      table.words[wordAt(own, state.SEGMENTS)]++;
      table.marks[own] |= (batch.marks[frame[row]] & PASSED) | (columns.checksumPending[row] << 2);
      if (origin[row] !== ORIGIN_WHOLE) {
        table.doubles[doubleAt(own, state.PAYLOAD_BYTES)] += length;
        table.seen[own] |= state.UNRELIABLE;
        if (origin[row] === ORIGIN_FIRST_FRAGMENT && length > 0)
          this.cut.note(own, columns.sequence[row], refOf(batch, row));
        continue;
      }
      if ((flags & TCP_RST) !== 0) {
        table.doubles[doubleAt(own, state.PAYLOAD_BYTES)] += length;
        this.watch.noteReset(batch, slot, own, row);
        table.seen[own] |= state.SEEN_RST;
        continue;
      }
      if (this.isOfOldConnection(own, flags, columns.acknowledgment[row])) continue;
      const seen = table.seen[own];
      if ((seen & state.WATCHED) !== 0 || columns.http[row] !== 0 || columns.window[row] === 0) {
        this.watch.look(batch, slot, own, row);
      }
      if (length > 0 || (flags & (TCP_SYN | TCP_FIN)) !== 0 || (seen & state.HAS_NEXT) === 0) {
        table.doubles[doubleAt(own, state.PAYLOAD_BYTES)] += length;
        this.advanceSequence(batch, slot, own, row);
      } else if (columns.sequence[row] !== table.words[wordAt(own, state.NEXT)]) {
        this.advanceSequence(batch, slot, own, row);
      }
      if ((flags & TCP_ACK) !== 0) this.acknowledge(batch, flow, own, row);
    }
    const lastNs = batch.timeNs[frame[order[to - 1]]];
    if (!Number.isNaN(lastNs)) table.moments[momentAt(slot, state.LAST_NS)] = lastNs;
  }

  endSegment(): void {
    this.slots.clear();
  }

  /** Connections to which too much happened to be kept are closed: what follows of them counts as begun in the middle. */
  endEpoch(): void {
    for (const slot of this.watch.surplus()) {
      this.retire(slot);
      this.table.clear(slot);
      this.table.moments[momentAt(slot, state.FIRST_NS)] = this.table.moments[momentAt(slot, state.LAST_NS)];
    }
    this.closedServices.trim();
  }

  connections(): readonly TcpConnection[] {
    const kept = new SessionStore<number>((slot) => this.uncapturedAcks(slot));
    for (const slot of this.table.openSlots()) kept.add(slot);
    const open = kept.sessions().map((slot) => this.connection(slot));
    return [...this.closed.sessions(), ...open].sort(
      (a, b) => a.segment - b.segment || a.firstFrame - b.firstFrame,
    );
  }

  services(): readonly TcpService[] {
    const aggregate = new ServiceAggregation();
    for (const slot of this.table.openSlots()) aggregate.add(this.table, slot, this.watch.eventsOf(slot));
    aggregate.merge(this.closedServices);
    aggregate.trim();
    return aggregate.services();
  }

  /** Services that were merged into one for all other clients of their server. */
  get mergedServices(): number {
    return this.closedServices.merged;
  }

  private openConnection(batch: Batch<Rows>, flow: FlowId, row: number): number {
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

  private stamp(slot: number, batch: Batch<Rows>, row: number): void {
    const index = batch.columns.rows.frame[row];
    this.table.segment[slot] = batch.segment;
    this.table.moments[momentAt(slot, state.FIRST_FRAME)] = batch.frameIdOf(index);
    this.table.moments[momentAt(slot, state.FIRST_NS)] = batch.timeNs[index];
    this.table.moments[momentAt(slot, state.LAST_NS)] = batch.timeNs[index];
  }

  /** An opening SYN whose number does not continue what was sent: the ports are used again. */
  private isNewConnection(own: number, flags: number, sequence: number): boolean {
    if ((flags & (TCP_SYN | TCP_ACK)) !== TCP_SYN) return false;
    return (
      (this.table.seen[own] & state.HAS_NEXT) !== 0 &&
      (sequence + 1) >>> 0 !== this.table.words[wordAt(own, state.NEXT)]
    );
  }

  /**
   * Before the SYN-ACK, the other side still may speak of the connection before (RFC 9293, section 3.5.1, figure 9): what
   * acknowledges something else than the SYN says nothing of the new one.
   */
  private isOfOldConnection(own: number, flags: number, acknowledgment: number): boolean {
    const { seen, words } = this.table;
    const other = own ^ 1;
    return (
      (seen[other] & (state.SENT_OPENING | state.HAS_ACK)) === state.SENT_OPENING &&
      (flags & (TCP_SYN | TCP_ACK)) === TCP_ACK &&
      (seen[own] & state.SEEN_SYN) === 0 &&
      words[wordAt(other, state.DATA_SEGMENTS)] === 0 &&
      acknowledgment !== words[wordAt(other, state.NEXT)]
    );
  }

  /** A SYN begins the numbers of its direction; others that were seen before are of an older connection. */
  private forgetOldNumbers(own: number, sequence: number): void {
    const { seen, words } = this.table;
    if ((seen[own] & state.HAS_NEXT) === 0) return;
    if ((sequence + 1) >>> 0 === words[wordAt(own, state.NEXT)] || (seen[own] & state.SEEN_SYN) !== 0) return;
    seen[own] &= ~(
      state.HAS_NEXT |
      state.HAS_ACK |
      state.GAP_OPEN |
      state.GAP_ACKNOWLEDGED |
      state.UNRELIABLE
    );
    seen[own ^ 1] &= ~state.HAS_ACK;
  }

  private restart(slot: number, batch: Batch<Rows>, row: number): void {
    this.retire(slot);
    this.table.clear(slot);
    this.stamp(slot, batch, row);
  }

  /** Files what is known of a connection. */
  private retire(slot: number): void {
    this.closed.add(this.connection(slot));
    this.closedServices.add(this.table, slot, this.watch.eventsOf(slot));
    this.watch.forget(slot);
    this.proofs.forget(slot);
    this.cut.forget(slot);
  }

  /** Next expected number = max(sequence + length, SYN and FIN counting one each); RFC 9293, section 3.4. */
  private advanceSequence(batch: Batch<Rows>, slot: number, own: number, row: number): void {
    const { table } = this;
    const flags = batch.columns.flags[row];
    const sequence = batch.columns.sequence[row];
    const length = batch.columns.payloadLength[row];
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
    if (length > 0) table.words[wordAt(own, state.DATA_SEGMENTS)]++;
    if ((table.seen[own] & state.HAS_NEXT) === 0) {
      table.seen[own] |= state.HAS_NEXT;
      const other = own ^ 1;
      const isBehind =
        (table.seen[other] & state.HAS_ACK) !== 0 &&
        ((table.words[wordAt(other, state.ACKNOWLEDGED)] - end) | 0) > 0;
      table.words[wordAt(own, state.NEXT)] = isBehind ? table.words[wordAt(other, state.ACKNOWLEDGED)] : end;
      if (length > 0) this.noteNewData(batch, own, row, length);
      return;
    }
    const ahead = (end - table.words[wordAt(own, state.NEXT)]) | 0;
    if (ahead <= 0) {
      if (length > 0 && (flags & TCP_SYN) === 0) this.watch.noteRepeat(batch, slot, own, row);
    } else if (length > 0) this.noteNewData(batch, own, row, length);
    if ((table.seen[own] & (state.GAP_OPEN | state.GAP_ACKNOWLEDGED)) !== 0) this.fillGap(own, sequence, end);
    const timeNs = batch.timeNs[batch.columns.rows.frame[row]];
    if (ahead <= 0 && table.uncapturedAcks[own] > 0)
      this.proofs.withdrawLate(table, own, sequence, end, timeNs);
    const isGap = ((sequence - table.words[wordAt(own, state.NEXT)]) | 0) > 0;
    if (isGap && length > 0)
      this.watch.noteGap(slot, own, table.words[wordAt(own, state.NEXT)], sequence, timeNs);
    if (isGap && (table.seen[own] & state.GAP_OPEN) === 0) {
      table.words[wordAt(own, state.GAP_START)] = table.words[wordAt(own, state.NEXT)];
      table.words[wordAt(own, state.GAP_END)] = sequence;
      table.seen[own] = (table.seen[own] & ~state.GAP_ACKNOWLEDGED) | state.GAP_OPEN;
      if (length === 0) this.watch.noteSkipped(batch, own, row);
    }
    if (ahead > 0) table.words[wordAt(own, state.NEXT)] = end;
  }

  private noteNewData(batch: Batch<Rows>, own: number, row: number, length: number): void {
    const { table } = this;
    if (length > table.words[wordAt(own, state.LARGEST_SENT)])
      table.words[wordAt(own, state.LARGEST_SENT)] = length;
    table.doubles[doubleAt(own, state.LAST_DATA_NS)] = batch.timeNs[batch.columns.rows.frame[row]];
  }

  /** Data of the gap came after all (reordered or sent again): it is no gap of the capture. */
  private fillGap(own: number, sequence: number, end: number): void {
    const { table } = this;
    if (
      ((sequence - table.words[wordAt(own, state.GAP_END)]) | 0) >= 0 ||
      ((end - table.words[wordAt(own, state.GAP_START)]) | 0) <= 0
    )
      return;
    if ((table.seen[own] & state.GAP_ACKNOWLEDGED) !== 0) {
      table.uncapturedAcks[own]--;
      table.uncapturedBytes[own] -=
        (table.words[wordAt(own, state.GAP_END)] - table.words[wordAt(own, state.GAP_START)]) >>> 0;
      this.proofs.withdrawNewest(own);
    }
    table.seen[own] &= ~(state.GAP_OPEN | state.GAP_ACKNOWLEDGED);
  }

  /** Takes the acknowledgment of `own` in: what it says of the peer's data, and that it reached this side. */
  private acknowledge(batch: Batch<Rows>, flow: FlowId, own: number, row: number): void {
    const { table } = this;
    const acknowledgment = batch.columns.acknowledgment[row];
    const other = own ^ 1;
    const known = table.seen[other];
    if ((table.seen[own] & state.HAS_ACK) === 0) {
      table.seen[own] |= state.HAS_ACK;
      table.words[wordAt(own, state.ACKNOWLEDGED)] = acknowledgment;
    } else {
      const advance = (acknowledgment - table.words[wordAt(own, state.ACKNOWLEDGED)]) | 0;
      if (advance > 0) {
        table.words[wordAt(own, state.ACKNOWLEDGED)] = acknowledgment;
        // A segment that this acknowledges is no larger than what it acknowledges.
        if (advance > table.words[wordAt(other, state.LARGEST_ACKNOWLEDGED)]) {
          table.words[wordAt(other, state.LARGEST_ACKNOWLEDGED)] = Math.min(
            advance,
            table.words[wordAt(other, state.LARGEST_SENT)],
          );
        }
        if ((table.seen[own] & state.SEEN_ACK_ADVANCE) === 0) this.noteHearing(batch, flow, own, row);
      }
    }
    if ((known & state.HAS_NEXT) === 0 || (known & state.UNRELIABLE) !== 0) return;
    const ahead = (acknowledgment - table.words[wordAt(other, state.NEXT)]) | 0;
    if (ahead > GAP_BYTES_MAX) {
      table.seen[other] |= state.UNRELIABLE;
    } else if (ahead > 1) {
      table.words[wordAt(other, state.GAP_START)] = table.words[wordAt(other, state.NEXT)];
      table.words[wordAt(other, state.GAP_END)] = acknowledgment;
      table.words[wordAt(other, state.NEXT)] = acknowledgment;
      this.watch.noteGap(
        own >> 1,
        other,
        table.words[wordAt(other, state.GAP_START)],
        acknowledgment,
        Number.NaN,
      );
      this.noteUncaptured(batch, other, row);
    } else if (ahead === 1) {
      // The probe of a keepalive repeats the last number without its byte (RFC 9293, section 3.8.4).
      table.words[wordAt(other, state.NEXT)] = acknowledgment;
    } else if ((known & state.GAP_OPEN) !== 0) {
      if (((acknowledgment - table.words[wordAt(other, state.GAP_END)]) | 0) >= 0)
        this.noteUncaptured(batch, other, row);
      else if (acknowledgment === table.words[wordAt(other, state.GAP_START)])
        this.watch.noteMissing(batch, other, row);
    }
  }

  private noteHearing(batch: Batch<Rows>, flow: FlowId, own: number, row: number): void {
    this.table.seen[own] |= state.SEEN_ACK_ADVANCE;
    const { from, to } = this.run.flows.addresses(flow, own & 1);
    this.run.hearsPeer.note(from, to, 'it acknowledges TCP data', refOf(batch, row));
  }

  private noteUncaptured(batch: Batch<Rows>, sender: number, row: number): void {
    const { table } = this;
    const bytes =
      (table.words[wordAt(sender, state.GAP_END)] - table.words[wordAt(sender, state.GAP_START)]) >>> 0;
    table.seen[sender] = (table.seen[sender] & ~state.GAP_OPEN) | state.GAP_ACKNOWLEDGED;
    table.uncapturedAcks[sender]++;
    table.uncapturedBytes[sender] += bytes;
    this.proofs.note(sender, refOf(batch, row), table, bytes);
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
      firstFrame: table.moments[momentAt(slot, state.FIRST_FRAME)],
      firstNs: table.moments[momentAt(slot, state.FIRST_NS)],
      lastNs: table.moments[momentAt(slot, state.LAST_NS)],
    };
  }

  private side(slot: number, direction: number): TcpDirection {
    const { table } = this;
    const at = slot * 2 + direction;
    const seen = table.seen[at];
    return {
      address: formatAddress(table.addresses, at * 4),
      port: table.ports[at],
      segments: table.words[wordAt(at, state.SEGMENTS)],
      payloadBytes: table.doubles[doubleAt(at, state.PAYLOAD_BYTES)],
      sentSyn: (seen & state.SEEN_SYN) !== 0,
      openings: table.openings[at],
      sentFin: (seen & state.SEEN_FIN) !== 0,
      sentRst: (seen & state.SEEN_RST) !== 0,
      sentAck: (seen & state.HAS_ACK) !== 0,
      nextSequence: (seen & state.HAS_NEXT) === 0 ? null : table.words[wordAt(at, state.NEXT)],
      acknowledged: (seen & state.HAS_ACK) === 0 ? null : table.words[wordAt(at, state.ACKNOWLEDGED)],
      ackAdvanced: (seen & state.SEEN_ACK_ADVANCE) !== 0,
      maximumSegmentSize: table.maximumSegmentSize[at],
      uncapturedAcks: table.uncapturedAcks[at],
      uncapturedBytes: table.uncapturedBytes[at],
      quietAcks: this.proofs.quiet(at),
      uncapturedAt: this.proofs.frames(at),
      cut: this.cut.worst(at),
    };
  }
}

function uncapturedAcksOf({ a, b }: TcpConnection): number {
  return a.uncapturedAcks + b.uncapturedAcks;
}
