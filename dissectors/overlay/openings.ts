import type { Evidence } from '../../src/diagnose/diagnosis.js';
import type { FrameRef } from '../../src/moment.js';
import { type Nanoseconds, NS_PER_SECOND } from '../../src/units.js';
import { echoStreams } from '../icmp/correlator.js';
import { settleEcho } from '../icmp/shared/echo-pairs.js';
import { type TcpConnection, type TcpDirection, tcpConnections } from '../tcp/correlator.js';
import type { SeenTunnel } from './tunnels-seen.js';

/*
 * Who has to send first for a tunnel to carry anything: what was asked in vain from one end, and what was answered when.
 */

/** Requests of one end in a row that nobody answered. */
export interface VainAsks {
  readonly first: FrameRef;
  readonly last: FrameRef;
  readonly tries: number;
  readonly words: string;
}

/** What was asked through a tunnel from one end. Moments in order of time. */
export interface AskedFromEnd {
  readonly vain: readonly VainAsks[];
  /** Answered requests whose moments are known: first and last of a ping, connections as they come about. */
  readonly answered: readonly FrameRef[];
  /** Of those, the ones that began something: the first of a ping, or after a rest; a new connection. */
  readonly begun: readonly FrameRef[];
}

/** In vain from one end until the other end began something. */
export interface Opening {
  readonly vain: VainAsks;
  readonly opener: FrameRef;
  /** What the first end asked after that and was answered; null where it asked nothing more. */
  readonly worked: FrameRef | null;
  /** Seconds in which nothing was answered either way before; null where nothing was answered at all before. */
  readonly idleSeconds: number | null;
}

/** What begins while the last request of the other end waits for its answer. */
const UNDER_WAY_NS: Nanoseconds = NS_PER_SECOND;

/** What was asked from both ends of a tunnel, by direction of its packets. */
export function askedFromEnds(evidence: Evidence, tunnel: SeenTunnel): readonly [AskedFromEnd, AskedFromEnd] {
  const asked = [new Asked(), new Asked()] as const;
  const directions = directionsByHosts(tunnel);
  const { sessions, quality } = evidence;
  for (const stream of sessions(echoStreams)) {
    const direction = directions.get(`${stream.stack} ${stream.source} ${stream.destination}`);
    if (direction === undefined || stream.segment !== tunnel.segment || stream.requests === 0) continue;
    if (stream.timeToLiveMin !== stream.timeToLiveMax) continue;
    const { tally } = settleEcho(quality, stream);
    const words = `ping from ${stream.source} to ${stream.destination}`;
    const runs = [...tally.ended, ...(tally.current ? [tally.current] : [])];
    asked[direction].addRuns(runs, words);
    const { lastReply, starts } = stream;
    if (stream.replies === 0 || !lastReply) continue;
    const isInVain = (at: FrameRef): boolean => runs.some((run) => isWithin(at, run));
    const begun = starts.filter((at) => !isInVain(at));
    asked[direction].answered.push(
      ...begun,
      ...tally.ended.flatMap(({ endedBy, lastGood }) => [endedBy, ...(lastGood ? [lastGood] : [])]),
      lastReply,
    );
    asked[direction].begun.push(...begun);
  }
  for (const connection of sessions(tcpConnections)) {
    if (connection.segment !== tunnel.segment) continue;
    const [client, server] = rolesOf(connection);
    const direction = directions.get(`${connection.stack} ${client.address} ${server.address}`);
    if (direction === undefined || !client.sentSyn) continue;
    asked[direction].addConnection(connection, client, server);
  }
  return [asked[0].inOrder(), asked[1].inOrder()];
}

/** Seconds in which nothing was answered either way before something was asked; null where nothing was answered before. */
function idleBefore({ frame, timeNs }: FrameRef, answered: readonly FrameRef[]): number | null {
  const before = answered.findLast((at) => at.frame < frame);
  return before ? (timeNs - before.timeNs) / NS_PER_SECOND : null;
}

/** The times at which `outer` asked in vain until `inner` began something. */
export function openings(outer: AskedFromEnd, inner: AskedFromEnd): Opening[] {
  const answered = [...outer.answered, ...inner.answered].sort(byFrame);
  const found: Opening[] = [];
  for (const vain of stretches(outer, inner)) {
    const opener = inner.begun.find((at) => at.timeNs >= vain.last.timeNs - UNDER_WAY_NS);
    if (!opener || opener.frame < vain.first.frame) continue;
    const isOpenMeanwhile = inner.begun.some(
      (at) => at !== opener && isWithin(at, { first: vain.first, last: opener }),
    );
    if (isOpenMeanwhile) continue;
    if (outer.answered.some(({ frame }) => frame > vain.first.frame && frame < opener.frame)) continue;
    found.push({
      vain,
      opener,
      worked: outer.answered.find(({ frame }) => frame > opener.frame) ?? null,
      idleSeconds: idleBefore(vain.first, answered),
    });
  }
  return found;
}

/** Whether something was asked in vain from the outer end while the way was open. */
export function failedWhileOpen(
  outer: AskedFromEnd,
  inner: AskedFromEnd,
  { restSeconds, triesMin }: { readonly restSeconds: number; readonly triesMin: number },
): boolean {
  const answered = [...outer.answered, ...inner.answered].sort(byFrame);
  return stretches(outer, inner).some(({ first, tries }) => {
    const idle = idleBefore(first, answered);
    return tries >= triesMin && idle !== null && idle < restSeconds;
  });
}

/** What was asked in vain one after the other, with nothing between that passed. */
function stretches(outer: AskedFromEnd, inner: AskedFromEnd): VainAsks[] {
  const passed = [...outer.answered, ...inner.begun];
  const merged: VainAsks[] = [];
  for (const vain of outer.vain) {
    const known = merged.at(-1);
    const isCut = !known || passed.some(({ frame }) => frame > known.last.frame && frame < vain.first.frame);
    if (isCut) merged.push(vain);
    else {
      const last = vain.last.frame > known.last.frame ? vain.last : known.last;
      merged[merged.length - 1] = { ...known, last, tries: known.tries + vain.tries };
    }
  }
  return merged;
}

class Asked implements AskedFromEnd {
  readonly vain: VainAsks[] = [];
  readonly answered: FrameRef[] = [];
  readonly begun: FrameRef[] = [];

  addRuns(
    runs: readonly { readonly first: FrameRef; readonly last: FrameRef; readonly count: number }[],
    words: string,
  ): void {
    for (const { first, last, count } of runs) this.vain.push({ first, last, tries: count, words });
  }

  addConnection(connection: TcpConnection, client: TcpDirection, server: TcpDirection): void {
    const { firstFrame, firstNs, lastNs, segment } = connection;
    const first = { frame: firstFrame, timeNs: firstNs, segment };
    // When a repeated SYN was answered is not known.
    if (server.segments > 0) {
      if (client.openings > 1) return;
      this.answered.push(first);
      this.begun.push(first);
    } else if (client.payloadBytes === 0 && !client.sentAck) {
      const words = `TCP connection of ${client.address} to ${server.address} port ${server.port}`;
      const last = { ...first, timeNs: lastNs };
      this.vain.push({ first, last, tries: client.segments, words });
    }
  }

  inOrder(): AskedFromEnd {
    return {
      vain: this.vain.sort((a, b) => a.first.frame - b.first.frame),
      answered: this.answered.sort(byFrame),
      begun: this.begun.sort(byFrame),
    };
  }
}

/** Who opened the connection, or would have: the one whose packets alone are there, else the one with the higher port. */
function rolesOf({ a, b }: TcpConnection): [TcpDirection, TcpDirection] {
  const isA = a.segments > 0 && b.segments > 0 ? a.port > b.port : a.segments > 0;
  return isA ? [a, b] : [b, a];
}

function directionsByHosts({ tunnels }: SeenTunnel): ReadonlyMap<string, number> {
  const directions = new Map<string, number>();
  for (const { stack, ways } of tunnels) {
    for (const { from, to, outerDirection } of ways) directions.set(`${stack} ${from} ${to}`, outerDirection);
  }
  return directions;
}

function isWithin(
  { frame }: FrameRef,
  { first, last }: { readonly first: FrameRef; readonly last: FrameRef },
): boolean {
  return frame >= first.frame && frame <= last.frame;
}

function byFrame(a: FrameRef, b: FrameRef): number {
  return a.frame - b.frame;
}
