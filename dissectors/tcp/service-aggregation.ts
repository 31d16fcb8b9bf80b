import type { FrameRef } from '../../src/moment.js';
import { type Nanoseconds, seconds } from '../../src/units.js';
import { formatAddress } from '../../src/wire/address.js';
import type { ConnectionEvents, SideEvents } from './connection-events.js';
import type { ConnectionTable } from './connection-table.js';
import * as state from './connection-table.js';
import { doubleAt, momentAt, wordAt } from './connection-table.js';
import { plus } from './occurrences.js';
import { HttpTally, type ServiceSide, SideTrouble, TcpService } from './session.js';

/** Services kept between epochs: the worst ones, of equally good ones the earliest. */
const SERVICES_MAX = 16_384;

/** Services held while many connections are aggregated at once: what is beyond the bound then takes part in the choice. */
const SERVICES_FOLDING_MAX = 4 * SERVICES_MAX;

const ADDRESS_WORDS = 4;

/** The first timer of a SYN is 1 s (RFC 6298, section 2.1), in some stacks 3 s. */
const LATE_START_NS: Nanoseconds = seconds(0.9);

interface Entry {
  readonly service: TcpService;
  /** Address words of the client, then of the server. */
  readonly endpoints: Int32Array;
  readonly hash: number;
  readonly next: Entry | undefined;
}

/** Aggregates connections into services: one a client host, server endpoint and tunnel stack; at most SERVICES_MAX after `trim`. */
export class ServiceAggregation {
  /** Services without trouble that were dropped because of the bound. */
  merged = 0;
  private size = 0;
  private byHash = new Map<number, Entry>();

  /** In order of first frame. */
  services(): TcpService[] {
    return this.entries()
      .map(({ service }) => service)
      .sort((a, b) => a.first.frame - b.first.frame);
  }

  add(table: ConnectionTable, slot: number, events: ConnectionEvents | undefined): void {
    if (this.size >= SERVICES_FOLDING_MAX) this.trim();
    const client = clientDirection(table, slot);
    const from = slot * 2 + client;
    const to = from ^ 1;
    if (table.words[wordAt(from, state.SEGMENTS)] + table.words[wordAt(to, state.SEGMENTS)] === 0) return;
    const segment = table.segment[slot];
    const first = {
      frame: table.moments[momentAt(slot, state.FIRST_FRAME)],
      segment,
      timeNs: table.moments[momentAt(slot, state.FIRST_NS)],
    };
    const service = this.serviceOf(table, slot, client, first);
    if (first.frame < service.first.frame) service.first = first;
    service.connections++;
    if ((table.seen[from] & state.SENT_OPENING) !== 0) addAttempt(service, table, slot, from);
    addSide(service.fromClient, table, from);
    addSide(service.fromServer, table, to);
    if (events) addEvents(service, table, slot, client, events);
  }

  /** Adds copies of what the other holds. */
  merge(other: ServiceAggregation): void {
    this.merged += other.merged;
    for (const { service, endpoints, hash } of other.entries()) {
      const { client, server, port, stack, first } = service;
      let known = this.byHash.get(hash);
      while (known && !isSame(known, service, endpoints)) known = known.next;
      if (!known) {
        const copy = new TcpService(client, server, port, stack, first);
        known = { service: copy, endpoints, hash, next: this.byHash.get(hash) };
        this.byHash.set(hash, known);
        this.size++;
      }
      known.service.merge(service);
    }
  }

  /** Drops what is beyond the bound; falls due at the end of an epoch. */
  trim(): void {
    if (this.size <= SERVICES_MAX) return;
    const ranked = this.entries().sort(
      (a, b) =>
        b.service.troubleScore - a.service.troubleScore || a.service.first.frame - b.service.first.frame,
    );
    this.merged += ranked.length - SERVICES_MAX;
    this.byHash = new Map();
    this.size = SERVICES_MAX;
    for (const { service, endpoints, hash } of ranked.slice(0, SERVICES_MAX)) {
      this.byHash.set(hash, { service, endpoints, hash, next: this.byHash.get(hash) });
    }
  }

  private serviceOf(table: ConnectionTable, slot: number, client: number, first: FrameRef): TcpService {
    const from = (slot * 2 + client) * ADDRESS_WORDS;
    const to = (slot * 2 + (client ^ 1)) * ADDRESS_WORDS;
    const port = table.ports[slot * 2 + (client ^ 1)];
    const stack = table.stack[slot];
    const words = table.addresses;
    let hash = Math.imul(port ^ (stack << 16), 0x9e3779b1);
    for (let word = 0; word < ADDRESS_WORDS; word++) {
      hash = Math.imul(hash ^ words[from + word], 0x85ebca6b) ^ (hash >>> 15);
      hash = Math.imul(hash ^ words[to + word], 0xc2b2ae35) ^ (hash >>> 13);
    }
    let entry = this.byHash.get(hash);
    while (entry) {
      if (entry.service.port === port && entry.service.stack === stack && isBetween(entry, words, from, to)) {
        return entry.service;
      }
      entry = entry.next;
    }
    const service = new TcpService(formatAddress(words, from), formatAddress(words, to), port, stack, first);
    const endpoints = new Int32Array(ADDRESS_WORDS * 2);
    for (let word = 0; word < ADDRESS_WORDS; word++) {
      endpoints[word] = words[from + word];
      endpoints[ADDRESS_WORDS + word] = words[to + word];
    }
    this.byHash.set(hash, { service, endpoints, hash, next: this.byHash.get(hash) });
    this.size++;
    return service;
  }

  private entries(): Entry[] {
    const entries: Entry[] = [];
    for (let entry of this.byHash.values()) {
      entries.push(entry);
      while (entry.next) {
        entry = entry.next;
        entries.push(entry);
      }
    }
    return entries;
  }
}

function isSame(entry: Entry, { port, stack }: TcpService, endpoints: Int32Array): boolean {
  return (
    entry.service.port === port &&
    entry.service.stack === stack &&
    isBetween(entry, endpoints, 0, ADDRESS_WORDS)
  );
}

function isBetween({ endpoints }: Entry, words: Int32Array, from: number, to: number): boolean {
  for (let word = 0; word < ADDRESS_WORDS; word++) {
    if (endpoints[word] !== words[from + word] || endpoints[ADDRESS_WORDS + word] !== words[to + word])
      return false;
  }
  return true;
}

/** From here an FTP server opens the connections for data (RFC 959, section 3.3): it is never the end that listens. */
const PORT_FTP_DATA = 20;

/** 0: the low endpoint is the client, 1: the high one. Without SYN the one with the higher port is. */
function clientDirection(table: ConnectionTable, slot: number): number {
  const low = slot * 2;
  if ((table.seen[low] & state.IS_CLIENT) !== 0) return 0;
  if ((table.seen[low + 1] & state.IS_CLIENT) !== 0) return 1;
  if (table.ports[low] === PORT_FTP_DATA) return 0;
  if (table.ports[low + 1] === PORT_FTP_DATA) return 1;
  return table.ports[low] >= table.ports[low + 1] ? 0 : 1;
}

function addAttempt(service: TcpService, table: ConnectionTable, slot: number, from: number): void {
  const to = from ^ 1;
  const segment = table.segment[slot];
  const opened = {
    frame: table.moments[momentAt(slot, state.OPENED_FRAME)],
    segment,
    timeNs: table.moments[momentAt(slot, state.OPENED_NS)],
  };
  const syns = table.openings[from];
  const accepts = table.openings[to];
  const acknowledges = (table.seen[from] & state.HAS_ACK) !== 0;
  service.attempts++;
  if (syns > 1 && accepts > 1 && !acknowledges && (table.seen[from] & state.SEEN_RST) === 0) {
    service.answerLost = plus(service.answerLost, opened);
  } else if (accepts > 0 || acknowledges) {
    service.established = plus(service.established, opened);
    if (syns > 1) addLateStart(service, table, slot, from, opened);
    if (syns === 1 && accepts === 1) {
      const serverHalfNs =
        table.moments[momentAt(slot, state.ACCEPTED_NS)] - table.moments[momentAt(slot, state.OPENED_NS)];
      service.addHandshake(opened, serverHalfNs, table.moments[momentAt(slot, state.CLIENT_HALF_NS)]);
    }
  } else if ((table.seen[to] & state.SEEN_RST) !== 0) {
    service.refused = plus(service.refused, opened);
  } else {
    const last = {
      frame: table.moments[momentAt(slot, state.REOPENED_FRAME)],
      segment,
      timeNs: table.moments[momentAt(slot, state.REOPENED_NS)],
    };
    service.addSilence({ first: opened, last, syns });
  }
}

/** The timer of the SYN ran out: repeats that come sooner are not the client's. */
function addLateStart(
  service: TcpService,
  table: ConnectionTable,
  slot: number,
  from: number,
  opened: FrameRef,
): void {
  const { moments } = table;
  const accepted = moments[momentAt(slot, state.ACCEPTED_NS)];
  const reopened = moments[momentAt(slot, state.REOPENED_NS)];
  // Where the SYN-ACK is lost behind the capture point, the last SYN shows how late it became.
  const delayNs = Math.max(reopened, accepted || reopened) - opened.timeNs;
  if (!(delayNs >= LATE_START_NS)) return;
  service.addLateStart({ ...opened, delayNs, syns: table.openings[from], clientPort: table.ports[from] });
}

function isMissing({ seen, words }: ConnectionTable, at: number, { missing }: SideEvents): boolean {
  return (
    missing !== null &&
    (seen[at] & (state.GAP_OPEN | state.UNRELIABLE)) === state.GAP_OPEN &&
    words[wordAt(at, state.GAP_START)] === missing.sequence
  );
}

/** The frames say which way they passed the host that captured, or it left the checksums of the other side to its network card. */
function isAtReceiver({ marks }: ConnectionTable, at: number): boolean {
  const [own, other] = [marks[at], marks[at ^ 1]];
  const ways = state.PASSED_INBOUND | state.PASSED_OUTBOUND;
  if ((own & ways) !== 0 || (other & ways) !== 0)
    return (own & ways) === state.PASSED_INBOUND && (other & ways) === state.PASSED_OUTBOUND;
  return (other & state.PASSED_UNFINISHED) !== 0 && (own & state.PASSED_UNFINISHED) === 0;
}

function addSide(side: ServiceSide, table: ConnectionTable, at: number): void {
  side.dataSegments += table.words[wordAt(at, state.DATA_SEGMENTS)];
  side.addMaximumSegment(table.maximumSegmentSize[at]);
}

function addEvents(
  service: TcpService,
  table: ConnectionTable,
  slot: number,
  client: number,
  events: ConnectionEvents,
): void {
  const clientPort = table.ports[slot * 2 + client];
  const closeNs = table.moments[momentAt(slot, state.LAST_NS)];
  for (const direction of [client, client ^ 1]) {
    const side = events.side(direction);
    if (!side.isEventful) continue;
    const at = slot * 2 + direction;
    const serviceSide = direction === client ? service.fromClient : service.fromServer;
    serviceSide.trouble ??= new SideTrouble();
    const { repeated } = side;
    const isRecovered =
      repeated !== null && ((table.words[wordAt(at ^ 1, state.ACKNOWLEDGED)] - repeated.sequence) | 0) > 0;
    serviceSide.trouble.add(side, {
      clientPort,
      closeNs,
      isRecovered,
      isAtReceiver: isAtReceiver(table, at),
      isPeerHeard: (table.seen[at] & state.SEEN_ACK_ADVANCE) !== 0,
      largestAcknowledged: table.words[wordAt(at, state.LARGEST_ACKNOWLEDGED)],
      isGapOpen: isMissing(table, at, side),
      largestSeen: table.words[wordAt(at, state.LARGEST_SENT)],
    });
  }
  if (!events.turns) return;
  service.http ??= new HttpTally();
  service.http.add(
    events.turns,
    table.doubles[doubleAt(slot * 2 + (events.turns.askingDirection ^ 1), state.LAST_DATA_NS)],
  );
}
