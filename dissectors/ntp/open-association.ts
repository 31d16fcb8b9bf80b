import type { FrameRef } from '../../src/moment.js';
import type { SegmentIndex } from '../../src/units.js';
import { LEAP_UNSYNCHRONISED, STRATUM_KISS, STRATUM_UNSYNCHRONISED } from './layout.js';
import type {
  Kiss,
  NtpAssociation,
  NtpExchange,
  NtpTimestamp,
  Transmissions,
  Unsynchronised,
} from './session.js';

/** Bounds of one association. */
const WAITING_MAX = 8;
const FIRST_EXCHANGES_KEPT = 8;
const LAST_EXCHANGES_KEPT = 24;
const KISSES_KEPT = 8;

/** Kiss codes by which a server refuses; the others say that its own clock is not set (RFC 5905, section 7.4). */
const REFUSALS: ReadonlySet<string> = new Set([
  'RATE',
  'DENY',
  'RSTR',
  'DROP',
  'AUTH',
  'AUTO',
  'CRYP',
  'NKEY',
]);

/** A request that waits for its answer. */
export interface Asked {
  readonly request: FrameRef;
  readonly transmit: NtpTimestamp;
  readonly leap: number;
  readonly stratum: number;
  readonly isAtClient: boolean;
  readonly isOutbound: boolean;
}

/** The fields of an answer. */
export interface Answered {
  readonly reply: FrameRef;
  readonly leap: number;
  readonly stratum: number;
  readonly referenceId: number;
  readonly originate: NtpTimestamp;
  readonly receive: NtpTimestamp;
  readonly transmit: NtpTimestamp;
}

/** An association while its messages come in. */
export class OpenAssociation {
  /** Its session is handed over: what follows belongs to a new one. */
  isClosed = false;
  last: FrameRef;
  private requests = 0;
  private replies = 0;
  private lastReply: FrameRef | null = null;
  private openCount = 0;
  private openFirst: FrameRef | null = null;
  private synchronised: Transmissions | null = null;
  private unsynchronised: Unsynchronised | null = null;
  private readonly kisses = new Map<string, Kiss>();
  private lastOrigin: NtpTimestamp | null = null;
  private readonly waiting: Asked[] = [];
  private readonly firstExchanges: NtpExchange[] = [];
  private readonly lastExchanges: NtpExchange[] = [];

  constructor(
    readonly client: string,
    readonly server: string,
    readonly stack: number,
    readonly segment: SegmentIndex,
    readonly first: FrameRef,
  ) {
    this.last = first;
  }

  ask(asked: Asked): void {
    this.last = asked.request;
    this.requests++;
    this.openCount++;
    this.openFirst ??= asked.request;
    if (this.waiting.length >= WAITING_MAX) this.waiting.shift();
    this.waiting.push(asked);
  }

  /**
   * Takes the origin of a request in: the time of the last answer that the client got. True where it is not that of the
   * request before, so that an answer reached the client meanwhile.
   */
  noteOrigin(origin: NtpTimestamp): boolean {
    const before = this.lastOrigin;
    this.lastOrigin = origin;
    return before !== null && !isZero(origin) && !isSame(before, origin);
  }

  /** True where a waiting request has that transmit time, so that a packet with it as origin answers it. */
  awaits(originate: NtpTimestamp): boolean {
    return this.waiting.some(({ transmit }) => isSame(transmit, originate));
  }

  answer(answered: Answered): void {
    const { reply, originate, receive, transmit } = answered;
    this.last = reply;
    this.replies++;
    this.lastReply = reply;
    this.openCount = 0;
    this.openFirst = null;
    const vouches = this.noteState(answered);
    // Of requests without a time of their own the newest is answered.
    const at = this.waiting.findLastIndex((asked) => isSame(asked.transmit, originate));
    if (at < 0) return;
    const [asked] = this.waiting.splice(at, 1);
    if (!vouches || isZero(receive) || isZero(transmit)) return;
    this.keep({
      server: this.server,
      request: asked.request,
      reply,
      clientTransmit: asked.transmit,
      serverReceive: receive,
      serverTransmit: transmit,
      clientLeap: asked.leap,
      clientStratum: asked.stratum,
      isAtClient: asked.isAtClient,
      isOutbound: asked.isOutbound,
    });
  }

  describe(): NtpAssociation {
    return {
      client: this.client,
      server: this.server,
      stack: this.stack,
      segment: this.segment,
      first: this.first,
      last: this.last,
      requests: this.requests,
      replies: this.replies,
      lastReply: this.lastReply,
      open: { count: this.openCount, first: this.openFirst, newest: this.newestOpen() },
      synchronised: this.synchronised,
      unsynchronised: this.unsynchronised,
      kisses: [...this.kisses.values()],
      exchanges: [...this.firstExchanges, ...this.lastExchanges],
    };
  }

  private newestOpen(): FrameRef[] {
    const since = this.openFirst?.frame ?? Number.POSITIVE_INFINITY;
    return this.waiting.map(({ request }) => request).filter(({ frame }) => frame >= since);
  }

  /** Counts what the server says of its own clock; true where it vouches for its time. */
  private noteState({ reply, leap, stratum, referenceId }: Answered): boolean {
    const code = stratum === STRATUM_KISS ? codeOf(referenceId) : '';
    if (REFUSALS.has(code)) {
      const known = this.kisses.get(code);
      if (known || this.kisses.size < KISSES_KEPT) {
        this.kisses.set(code, { ...seen(known ?? null, reply), code });
      }
      return false;
    }
    if (leap === LEAP_UNSYNCHRONISED || stratum === STRATUM_KISS || stratum === STRATUM_UNSYNCHRONISED) {
      this.unsynchronised = { ...seen(this.unsynchronised, reply), leap, stratum, code };
      return false;
    }
    this.synchronised = seen(this.synchronised, reply);
    return true;
  }

  private keep(exchange: NtpExchange): void {
    if (this.firstExchanges.length < FIRST_EXCHANGES_KEPT) {
      this.firstExchanges.push(exchange);
      return;
    }
    if (this.lastExchanges.length >= LAST_EXCHANGES_KEPT) this.lastExchanges.shift();
    this.lastExchanges.push(exchange);
  }
}

function seen(known: Transmissions | null, at: FrameRef): Transmissions {
  return { count: (known?.count ?? 0) + 1, first: known?.first ?? at, last: at };
}

function isSame(a: NtpTimestamp, b: NtpTimestamp): boolean {
  return a.seconds === b.seconds && a.fraction === b.fraction;
}

function isZero({ seconds, fraction }: NtpTimestamp): boolean {
  return seconds === 0 && fraction === 0;
}

/** The four characters of a reference id; empty where they are none. */
function codeOf(referenceId: number): string {
  let text = '';
  for (let shift = 24; shift >= 0; shift -= 8) {
    const byte = (referenceId >>> shift) & 0xff;
    if (byte === 0) break;
    if (byte < 0x20 || byte > 0x7e) return '';
    text += String.fromCharCode(byte);
  }
  return text;
}
