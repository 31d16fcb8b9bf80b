import {
  type Batch,
  type Correlation,
  type CorrelationRun,
  defineCorrelator,
} from '../../src/correlate/correlator.js';
import { SessionStore } from '../../src/correlate/session-store.js';
import type { ISAKMP } from './columns.js';
import dissector from './dissector.js';
import { HAS_SA, V2_RESPONSE } from './layout.js';
import { type MessageFacts, readFacts } from './message-facts.js';
import { isPhaseOne, OpenSession } from './open-session.js';
import type { IkeSession } from './session.js';

export type * from './session.js';

/** Sessions held open when an epoch ends; above that the least recently seen are closed, down to half of it. */
const SESSIONS_MAX = 2048;
/** Sessions held open within an epoch: a flood of cookies need not wait for its end. */
const SESSIONS_OPEN_MAX = 8192;

/**
 * IKE SAs by initiator cookie. Holds at most SESSIONS_MAX open ones between epochs and SESSIONS_OPEN_MAX within one (messages
 * come in the order of the capture, so chunks do not decide which), each with at most 128 exchanges of 16 messages of 32 kept
 * transmissions; closed ones go through a SessionStore.
 */
class IkeCorrelation implements Correlation<IkeSession, typeof ISAKMP> {
  private open = new Map<string, OpenSession[]>();
  private openCount = 0;
  private readonly closed = new SessionStore<IkeSession>(scoreOf);

  constructor(private readonly run: CorrelationRun) {}

  get summarised(): number {
    return this.closed.summarised;
  }

  consume(batch: Batch<typeof ISAKMP>, _flow: number, from: number, to: number): void {
    for (let at = from; at < to; at++) {
      const facts = readFacts(batch, batch.order[at], this.run.flows);
      if (!facts) continue;
      const session = this.sessionOf(facts);
      session.add(facts);
      this.noteHearing(session, facts);
    }
  }

  endSegment(): void {
    for (const sessions of this.open.values()) for (const one of sessions) this.closed.add(one.session());
    this.open = new Map();
    this.openCount = 0;
  }

  endEpoch(): void {
    for (const sessions of this.open.values()) for (const one of sessions) one.aggregate();
    if (this.openCount > SESSIONS_MAX) this.closeOldest();
  }

  private closeOldest(): void {
    const sessions = [...this.open.values()].flat();
    const victims = sessions
      .sort((a, b) => a.last.frame - b.last.frame)
      .slice(0, sessions.length - SESSIONS_MAX / 2);
    const closing = new Set(victims);
    for (const one of victims.map((victim) => victim.session()).sort(byFirstFrame)) this.closed.add(one);
    for (const [spi, kept] of this.open) {
      const rest = kept.filter((one) => !closing.has(one));
      if (rest.length > 0) this.open.set(spi, rest);
      else this.open.delete(spi);
    }
    this.openCount -= victims.length;
  }

  sessions(): readonly IkeSession[] {
    const open = [...this.open.values()].flatMap((sessions) => sessions.map((one) => one.session()));
    return [...this.closed.sessions(), ...open].sort(byFirstFrame);
  }

  private sessionOf(facts: MessageFacts): OpenSession {
    const candidates = this.open.get(facts.initiatorSpi);
    const known = candidates?.find((one) => one.matches(facts));
    if (known) return known;
    if (this.openCount >= SESSIONS_OPEN_MAX) this.closeOldest();
    const opened = new OpenSession(facts);
    this.openCount++;
    const others = this.open.get(facts.initiatorSpi);
    if (others) others.push(opened);
    else this.open.set(facts.initiatorSpi, [opened]);
    return opened;
  }

  /**
   * A responder cookie proves that an answer reached the initiator, if the capture shows the opening message without
   * it; the response flag proves that a request reached the responder, and so does the SA that answers in phase 1 of IKEv1.
   */
  private noteHearing(session: OpenSession, facts: MessageFacts): void {
    if (facts.stack !== 0 || facts.responderSpi === null) return;
    const isFromInitiator = session.isFromInitiator(facts);
    const isResponse =
      facts.version === 2 ? (facts.flags & V2_RESPONSE) !== 0 : !isFromInitiator && acceptsInPhaseOne(facts);
    const via = isResponse ? 'an IKE response' : 'the responder cookie of IKE';
    if (isResponse || (isFromInitiator && session.knowsStart)) {
      this.run.hearsPeer.note(facts.from, facts.to, via, facts.ref);
    }
  }
}

function acceptsInPhaseOne({ exchangeType, payloads }: MessageFacts): boolean {
  return isPhaseOne(exchangeType) && (payloads & HAS_SA) !== 0;
}

/** Worse the more was sent in vain. */
function scoreOf(session: IkeSession): number {
  const repeated = session.exchanges
    .flatMap(({ messages }) => messages)
    .map((one) => one.transmissionCount - 1);
  return (
    repeated.reduce((sum, count) => sum + count, session.notifies.length) + (session.established ? 0 : 1)
  );
}

function byFirstFrame(a: IkeSession, b: IkeSession): number {
  return a.first.frame - b.first.frame;
}

export const ike = defineCorrelator<IkeSession, typeof ISAKMP>({
  name: 'ike',
  reads: dissector,
  order: 'capture',
  create: (run) => new IkeCorrelation(run),
});

export default [ike];
