import type { Batch } from '../../src/correlate/correlator.js';
import { type Nanoseconds, NS_PER_MILLISECOND, NS_PER_SECOND } from '../../src/units.js';
import { TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN } from '../../src/wire/transport.js';
import { type Rows, refOf } from './batch-rows.js';
import { ConnectionEvents, Turns } from './connection-events.js';
import type { ConnectionTable } from './connection-table.js';
import * as state from './connection-table.js';
import { doubleAt, momentAt, wordAt } from './connection-table.js';
import { HTTP_EVENT_STREAM, HTTP_REQUEST, HTTP_RESPONSE, HTTP_STATUS_CLASS } from './http-start.js';
import { SIZE_MIN } from './shared/size-limits.js';

/** Segments that swap places on the network do so within this time, or most of a round trip. */
const REORDER_NS: Nanoseconds = 3 * NS_PER_MILLISECOND;
const ROUND_TRIP_SHARE = 0.8;
/** Acknowledgments that stay at a hole, from which on a sender fills it without waiting: three duplicates (RFC 5681, section 3.2). */
const COMPLAINTS_MIN = 4;
/** Data that is on its way when a RST is sent arrives within this time. */
const RESET_GRACE_NS: Nanoseconds = NS_PER_SECOND;
/** TTLs of one host differ by less, whatever way its packets take. */
const TIME_TO_LIVE_SPREAD = 3;
/** More in flight than that is no window but numbers that somebody rewrote. */
const IN_FLIGHT_MAX = 1 << 26;
/** Connections with events held between epochs; beyond, the oldest half is closed at the end of an epoch. */
const EVENTFUL_MAX = 16_384;

/**
 * Looks at what is rare in a connection: handshake, resets, repeats, closed windows, HTTP turns. Holds events of
 * EVENTFUL_MAX connections between epochs.
 */
export class ConnectionWatch {
  private readonly events = new Map<number, ConnectionEvents>();

  constructor(private readonly table: ConnectionTable) {}

  eventsOf(slot: number): ConnectionEvents | undefined {
    return this.events.get(slot);
  }

  forget(slot: number): void {
    this.events.delete(slot);
  }

  /** The oldest connections with events, where there are too many of them. */
  surplus(): number[] {
    if (this.events.size <= EVENTFUL_MAX) return [];
    const { moments } = this.table;
    return [...this.events.keys()]
      .sort((a, b) => moments[momentAt(a, state.FIRST_FRAME)] - moments[momentAt(b, state.FIRST_FRAME)])
      .slice(0, this.events.size - EVENTFUL_MAX / 2);
  }

  /** A segment with SYN. */
  noteOpening(batch: Batch<Rows>, slot: number, own: number, row: number): void {
    const { table } = this;
    const { columns } = batch;
    const index = columns.rows.frame[row];
    const timeNs = batch.timeNs[index];
    const isFirst = table.openings[own] === 0;
    if (table.openings[own] < 255) table.openings[own]++;
    if (isFirst) {
      table.maximumSegmentSize[own] = columns.maximumSegmentSize[row];
      table.timeToLive[own] = columns.timeToLive[row];
    }
    const other = own ^ 1;
    if ((columns.flags[row] & TCP_ACK) !== 0) {
      if (!isFirst) return;
      table.moments[momentAt(slot, state.ACCEPTED_NS)] = timeNs;
      table.seen[other] |= state.IS_CLIENT | state.COMPLETES_HANDSHAKE;
      return;
    }
    if (isFirst) {
      table.moments[momentAt(slot, state.OPENED_FRAME)] = batch.frameIdOf(index);
      table.moments[momentAt(slot, state.OPENED_NS)] = timeNs;
      table.seen[own] |= state.IS_CLIENT | state.SENT_OPENING;
    }
    table.moments[momentAt(slot, state.REOPENED_FRAME)] = batch.frameIdOf(index);
    table.moments[momentAt(slot, state.REOPENED_NS)] = timeNs;
  }

  /** A segment of a direction that is watched, or one that begins like HTTP, or one with a window of zero. */
  look(batch: Batch<Rows>, slot: number, own: number, row: number): void {
    const { table } = this;
    const { columns } = batch;
    const flags = columns.flags[row];
    if ((flags & TCP_SYN) !== 0) return;
    const seen = table.seen[own];
    if ((seen & state.COMPLETES_HANDSHAKE) !== 0) this.completeHandshake(batch, slot, own, row);
    if ((flags & TCP_ACK) !== 0 && (columns.window[row] === 0 || (seen & state.ZERO_WINDOW) !== 0)) {
      this.noteWindow(batch, slot, own, row);
    }
    if (columns.payloadLength[row] === 0) return;
    if ((seen & state.PEER_RESET) !== 0) this.noteAfterReset(batch, slot, own, row);
    if ((seen & state.IN_TURN) !== 0 || (columns.http[row] & HTTP_REQUEST) !== 0) {
      this.followTurn(batch, slot, own, row);
    }
  }

  /** The first RST of a direction. Of those before any data and after a FIN only the fact counts. */
  noteReset(batch: Batch<Rows>, slot: number, own: number, row: number): void {
    const { table } = this;
    const other = own ^ 1;
    const flags = batch.columns.flags[row];
    // No implementation sends RST with SYN or FIN.
    if ((table.seen[own] & state.SEEN_RST) !== 0 || (flags & (TCP_SYN | TCP_FIN)) !== 0) return;
    table.seen[other] |= state.PEER_RESET;
    this.endWindows(slot, batch.timeNs[batch.columns.rows.frame[row]]);
    if (table.words[wordAt(own, state.DATA_SEGMENTS)] + table.words[wordAt(other, state.DATA_SEGMENTS)] === 0)
      return;
    if (((table.seen[own] | table.seen[other]) & state.SEEN_FIN) !== 0) return;
    const hop = batch.columns.timeToLive[row];
    const usual = table.timeToLive[own];
    const events = this.eventsFor(slot);
    const asks = events.turns?.question && events.turns.askingDirection === (other & 1);
    const heardUpTo =
      (flags & TCP_ACK) !== 0
        ? batch.columns.acknowledgment[row]
        : table.words[wordAt(own, state.ACKNOWLEDGED)];
    const isUnheard =
      (table.seen[other] & state.HAS_NEXT) !== 0 &&
      (table.seen[own] & state.HAS_ACK) !== 0 &&
      ((table.words[wordAt(other, state.NEXT)] - heardUpTo) | 0) > 0 &&
      ((table.words[wordAt(other, state.NEXT)] - table.words[wordAt(own, state.ACKNOWLEDGED)]) | 0) > 0;
    events.side(own & 1).reset = {
      ...refOf(batch, row),
      leftWaiting: asks === true || isUnheard,
      foreignTimeToLive: usual !== 0 && Math.abs(usual - hop) > TIME_TO_LIVE_SPREAD,
    };
  }

  /** A segment with data, all of which was sent before. */
  noteRepeat(batch: Batch<Rows>, slot: number, own: number, row: number): void {
    const { table } = this;
    const sequence = batch.columns.sequence[row];
    const length = batch.columns.payloadLength[row];
    const end = (sequence + length) >>> 0;
    const other = own ^ 1;
    const timeNs = batch.timeNs[batch.columns.rows.frame[row]];
    const sinceDataNs = timeNs - table.doubles[doubleAt(own, state.LAST_DATA_NS)];
    if ((table.seen[own] & (state.UNRELIABLE | state.PEER_RESET)) !== 0) return;
    if (((table.words[wordAt(own, state.NEXT)] - end) | 0) > IN_FLIGHT_MAX) return;
    if (end === table.words[wordAt(own, state.NEXT)]) {
      // A probe of a keepalive (RFC 9293, section 3.8.4), or the last segment twice.
      if (length === 1 || sinceDataNs < REORDER_NS) return;
    }
    // The sender probes a closed window (RFC 9293, section 3.8.6.1).
    if ((table.seen[other] & state.ZERO_WINDOW) !== 0) return;
    if (this.isReordered(slot, own, sequence, end, timeNs)) return;
    const events = this.eventsFor(slot);
    const side = events.side(own & 1);
    const ref = refOf(batch, row);
    side.noteRepeat(ref, sinceDataNs);
    table.doubles[doubleAt(own, state.LAST_DATA_NS)] = timeNs;
    if (events.turns?.question) events.turns.question.isUnclean = true;
    if (
      (table.seen[other] & state.HAS_ACK) !== 0 &&
      sequence === table.words[wordAt(other, state.ACKNOWLEDGED)]
    ) {
      side.noteStuck(sequence, length, table.words[wordAt(own, state.LARGEST_ACKNOWLEDGED)], ref);
    }
  }

  /** `[from, to)` was left out; NaN where it was acknowledged, so that what comes of it is late in the capture alone. */
  noteGap(slot: number, own: number, from: number, to: number, openedNs: Nanoseconds): void {
    this.eventsFor(slot)
      .side(own & 1)
      .addHole(from, to, openedNs);
  }

  /** A segment without data stands behind the gap of `own`: data was sent, and none of it is there. */
  noteSkipped(batch: Batch<Rows>, own: number, row: number): void {
    const { seen, words } = this.table;
    const start = words[wordAt(own, state.GAP_START)];
    const bytes = (words[wordAt(own, state.GAP_END)] - start) >>> 0;
    // The number of a RST may be anybody's; below that size a last segment may have been overtaken.
    if ((batch.columns.flags[row] & TCP_RST) !== 0 || bytes < SIZE_MIN) return;
    if ((seen[own ^ 1] & state.HAS_ACK) === 0) return;
    this.eventsFor(own >> 1)
      .side(own & 1)
      .noteSkipped(start, bytes, refOf(batch, row));
  }

  /** The peer of `own` acknowledges up to the gap of `own`, and no further. */
  noteMissing(batch: Batch<Rows>, own: number, row: number): void {
    const { words } = this.table;
    const start = words[wordAt(own, state.GAP_START)];
    const bytes = (words[wordAt(own, state.GAP_END)] - start) >>> 0;
    this.eventsFor(own >> 1)
      .side(own & 1)
      .noteMissing(start, bytes, refOf(batch, row));
  }

  /**
   * It fills a hole that opened so shortly before that it was overtaken: what is sent again comes a round trip later,
   * as the receiver must complain first. Where it did, however fast, only the round trip counts, as far as it is known.
   * Data that was seen before fills no hole.
   */
  private isReordered(
    slot: number,
    own: number,
    sequence: number,
    end: number,
    timeNs: Nanoseconds,
  ): boolean {
    const { table } = this;
    const side = this.events.get(slot)?.side(own & 1);
    const openedNs = side?.fillHole(sequence, end);
    if (openedNs === undefined) return false;
    const hasComplained = side?.missing?.sequence === sequence && side.missing.waits >= COMPLAINTS_MIN;
    const roundTripNs =
      table.moments[momentAt(slot, state.ACCEPTED_NS)] -
      table.moments[momentAt(slot, state.OPENED_NS)] +
      table.moments[momentAt(slot, state.CLIENT_HALF_NS)];
    const limitNs = Math.max(hasComplained ? 0 : REORDER_NS, ROUND_TRIP_SHARE * (roundTripNs || 0));
    return !(timeNs - openedNs >= limitNs);
  }

  private completeHandshake(batch: Batch<Rows>, slot: number, own: number, row: number): void {
    const { table } = this;
    table.seen[own] &= ~state.COMPLETES_HANDSHAKE;
    if ((batch.columns.flags[row] & TCP_ACK) === 0) return;
    table.moments[momentAt(slot, state.CLIENT_HALF_NS)] =
      batch.timeNs[batch.columns.rows.frame[row]] - table.moments[momentAt(slot, state.ACCEPTED_NS)];
  }

  private noteWindow(batch: Batch<Rows>, slot: number, own: number, row: number): void {
    const { table } = this;
    const isClosed = batch.columns.window[row] === 0;
    const wasClosed = (table.seen[own] & state.ZERO_WINDOW) !== 0;
    const isEnding = (batch.columns.flags[row] & TCP_FIN) !== 0;
    const hasOpened = table.openings[own] > 0 || table.words[wordAt(own ^ 1, state.DATA_SEGMENTS)] > 0;
    // What never took data did not close its window.
    if (isClosed === wasClosed || (table.seen[own] & state.PEER_RESET) !== 0) return;
    if (isClosed && (isEnding || !hasOpened)) return;
    const side = this.eventsFor(slot).side(own & 1);
    const ref = refOf(batch, row);
    if (isClosed) {
      table.seen[own] |= state.ZERO_WINDOW;
      side.zeroWindows++;
      side.zeroSince = ref;
    } else {
      table.seen[own] &= ~state.ZERO_WINDOW;
      side.endZero(ref, ref.timeNs);
    }
  }

  /** The connection is over: windows stay as they are. */
  private endWindows(slot: number, timeNs: Nanoseconds): void {
    const { table } = this;
    const low = slot * 2;
    if (((table.seen[low] | table.seen[low + 1]) & state.ZERO_WINDOW) === 0) return;
    table.seen[low] &= ~state.ZERO_WINDOW;
    table.seen[low + 1] &= ~state.ZERO_WINDOW;
    for (const side of this.eventsFor(slot).sides) side.endZero(null, timeNs);
  }

  private noteAfterReset(batch: Batch<Rows>, slot: number, own: number, row: number): void {
    const { table } = this;
    const events = this.eventsFor(slot);
    const reset = events.side((own ^ 1) & 1).reset;
    const ref = refOf(batch, row);
    // A side that goes on sending data did not mean the RST, or did not send it.
    if (!reset || table.doubles[doubleAt(own ^ 1, state.LAST_DATA_NS)] > reset.timeNs) return;
    if (!(ref.timeNs - reset.timeNs > RESET_GRACE_NS)) return;
    const side = events.side(own & 1);
    side.afterReset++;
    side.firstAfterReset ??= ref;
    side.lastAfterReset = ref;
  }

  /** Request, its body, and the first byte of the response (RFC 9112, section 9.3). */
  private followTurn(batch: Batch<Rows>, slot: number, own: number, row: number): void {
    const { table } = this;
    const http = batch.columns.http[row];
    const events = this.eventsFor(slot);
    const other = own ^ 1;
    const isInOrder =
      (table.seen[own] & state.HAS_NEXT) === 0 ||
      batch.columns.sequence[row] === table.words[wordAt(own, state.NEXT)];
    if ((http & HTTP_REQUEST) !== 0) {
      if (!isInOrder) return;
      events.turns ??= new Turns(own & 1);
      if (events.turns.askingDirection !== (own & 1)) return;
      const isEventStream = (http & HTTP_EVENT_STREAM) !== 0;
      events.turns.ask(
        refOf(batch, row),
        batch.columns.httpTarget[row],
        isEventStream,
        table.doubles[doubleAt(other, state.LAST_DATA_NS)],
      );
      table.seen[own] |= state.IN_TURN;
      table.seen[other] |= state.IN_TURN;
      return;
    }
    const question = events.turns?.question;
    if (!events.turns || !question) return;
    if (!isInOrder) question.isUnclean = true;
    if (events.turns.askingDirection === (own & 1)) {
      if (isInOrder) question.last = refOf(batch, row);
      return;
    }
    const isResponse = (http & HTTP_RESPONSE) !== 0;
    if (!isResponse || (http & HTTP_STATUS_CLASS) === 1) question.isUnclean = true;
    if (isResponse && (http & HTTP_STATUS_CLASS) === 1) return;
    events.turns.answer(refOf(batch, row), (http & HTTP_EVENT_STREAM) !== 0);
    table.seen[own] &= ~state.IN_TURN;
    table.seen[other] &= ~state.IN_TURN;
  }

  private eventsFor(slot: number): ConnectionEvents {
    let events = this.events.get(slot);
    if (!events) {
      events = new ConnectionEvents();
      this.events.set(slot, events);
    }
    return events;
  }
}
