import { momentOf } from '../../src/correlate/frame-reference.js';
import type { Evidence } from '../../src/diagnose/diagnosis.js';
import { earliestOf, type FrameRef, isNonEmpty, latestOf, type NonEmpty } from '../../src/moment.js';
import type { SegmentIndex } from '../../src/units.js';
import { bfdSessions } from '../bfd/correlator.js';
import { calledElsewhere } from '../bfd/shared/called-elsewhere.js';
import { dnsServers, strayAnswers } from '../dns/correlator.js';
import { type IkeMessage, type IkeSession, ike } from '../isakmp/correlator.js';
import { type OpenvpnConversation, openvpnConversations } from '../openvpn/correlator.js';
import { type TcpDirection, tcpConnections } from '../tcp/correlator.js';

/** A host asked one address, and the answer that fits its question came from another address or port. */
export interface WrongSource {
  /** `OpenVPN`, `TCP`. */
  readonly protocol: string;
  /** What shows that it is the answer to that question. */
  readonly proof: string;
  /** True for sessions that control a tunnel. */
  readonly isControl: boolean;
  readonly asker: string;
  readonly asked: string;
  /** Undefined where ports tell nothing. */
  readonly askedPort?: number;
  readonly answeredBy: string;
  readonly answeredPort?: number;
  readonly stack: number;
  readonly segment: SegmentIndex;
  readonly requests: number;
  readonly answers: number;
  readonly firstRequest: FrameRef;
  readonly lastRequest: FrameRef;
  readonly firstAnswer: FrameRef;
  readonly lastAnswer: FrameRef;
}

/**
 * By protocol; never where something of the asked address itself came back. Pings are left out: they take an answer from
 * anywhere.
 */
export function* wrongSources(evidence: Evidence): Generator<WrongSource> {
  yield* ofOpenvpn(evidence);
  yield* ofIke(evidence);
  yield* ofTcp(evidence);
  yield* ofDns(evidence);
  yield* ofBfd(evidence);
}

function* ofOpenvpn({ sessions }: Evidence): Generator<WrongSource> {
  const conversations = sessions(openvpnConversations);
  for (const asked of conversations) {
    const question = openvpnQuestion(asked);
    if (!question) continue;
    const { from, to } = asked.directions[question.way];
    for (const other of conversations) {
      if (other === asked || other.stack !== asked.stack || other.segment !== asked.segment) continue;
      const way = other.directions.findIndex(
        (sent) => sent.to.address === from.address && sent.to.port === from.port && sent.packets > 0,
      );
      if (way < 0 || other.directions[1 - way].packets > 0) continue;
      const answers = other.handshakes.filter(
        ({ clientSession, serverResets }) =>
          clientSession !== null && question.sessions.has(clientSession) && serverResets,
      );
      const { first, last, packets, from: source } = other.directions[way];
      if (answers.length === 0 || !first || !last) continue;
      yield {
        protocol: 'OpenVPN',
        proof: `acknowledges the session ${answers[0].clientSession} of the client`,
        isControl: true,
        asker: from.address,
        asked: to.address,
        askedPort: to.port,
        answeredBy: source.address,
        answeredPort: source.port,
        stack: asked.stack,
        segment: asked.segment,
        requests: question.requests,
        answers: packets,
        firstRequest: question.first,
        lastRequest: question.last,
        firstAnswer: first,
        lastAnswer: last,
      };
    }
  }
}

function openvpnQuestion({ directions, handshakes, clientWay }: OpenvpnConversation): {
  readonly way: number;
  readonly sessions: ReadonlySet<string>;
  readonly requests: number;
  readonly first: FrameRef;
  readonly last: FrameRef;
} | null {
  if (clientWay === null || directions[1 - clientWay].packets > 0) return null;
  const { first, last, packets } = directions[clientWay];
  const sessions = new Set(handshakes.flatMap(({ clientSession }) => clientSession ?? []));
  if (!first || !last || sessions.size === 0) return null;
  return { way: clientWay, sessions, requests: packets, first, last };
}

/** The session knows all messages with the cookie of the initiator, whatever their addresses. */
function* ofIke({ sessions }: Evidence): Generator<WrongSource> {
  for (const session of sessions(ike)) {
    if (session.established || session.paths.length < 2 || session.showsTranslation) continue;
    const [opening] = session.exchanges;
    const request = opening?.messages.find(({ from, isResponse }) => from === 'initiator' && !isResponse);
    const response = opening?.messages.find(({ from, isResponse }) => from === 'responder' && isResponse);
    const found = request && response && ikeAnswer(session, request, response);
    if (found) yield found;
  }
}

function ikeAnswer(session: IkeSession, request: IkeMessage, response: IkeMessage): WrongSource | null {
  const { paths, exchanges, segment, initiatorSpi } = session;
  if (exchanges.length > 1) return null;
  const asked = paths[request.transmissions[0].path];
  const isOther = response.transmissions.every(({ path }) => {
    const { initiator, initiatorPort, responder, responderPort } = paths[path];
    const isToAsker = initiator === asked.initiator && initiatorPort === asked.initiatorPort;
    return isToAsker && (responder !== asked.responder || responderPort !== asked.responderPort);
  });
  const isAskedAlone = request.transmissions.every(({ path }) => paths[path].responder === asked.responder);
  if (!isOther || !isAskedAlone) return null;
  const { transmissions: requests } = request;
  const { transmissions: responses } = response;
  if (!isNonEmpty(requests) || !isNonEmpty(responses)) return null;
  const answer = paths[responses[0].path];
  return {
    protocol: 'IKE',
    proof: `carries the cookie ${initiatorSpi} of the initiator`,
    isControl: true,
    asker: asked.initiator,
    asked: asked.responder,
    askedPort: asked.responderPort,
    answeredBy: answer.responder,
    answeredPort: answer.responderPort,
    stack: asked.stack,
    segment,
    requests: request.transmissionCount,
    answers: response.transmissionCount,
    ...edges(requests, responses),
  };
}

function* ofTcp({ sessions }: Evidence): Generator<WrongSource> {
  const connections = sessions(tcpConnections);
  const answers = new Map<string, (typeof connections)[number][]>();
  for (const connection of connections) {
    const ends = oneWayEnds(connection.a, connection.b);
    if (!ends?.sender.sentSyn || !ends.sender.sentAck) continue;
    const key = `${connection.stack} ${connection.segment} ${ends.silent.address} ${ends.silent.port}`;
    const known = answers.get(key);
    if (known) known.push(connection);
    else answers.set(key, [connection]);
  }
  if (answers.size === 0) return;
  for (const connection of connections) {
    const ends = oneWayEnds(connection.a, connection.b);
    if (!ends?.sender.sentSyn || ends.sender.sentAck || ends.sender.segments < 2) continue;
    const { sender, silent } = ends;
    const { stack, segment } = connection;
    const answer = answers
      .get(`${stack} ${segment} ${sender.address} ${sender.port}`)
      ?.find(({ a, b }) => (oneWayEnds(a, b)?.sender.acknowledged ?? -1) === sender.nextSequence);
    const by = answer && oneWayEnds(answer.a, answer.b)?.sender;
    if (!answer || !by) continue;
    const firstRequest = { frame: connection.firstFrame, timeNs: connection.firstNs, segment };
    const firstAnswer = { frame: answer.firstFrame, timeNs: answer.firstNs, segment };
    yield {
      protocol: 'TCP',
      proof: 'acknowledges the sequence number of the SYN',
      isControl: false,
      asker: sender.address,
      asked: silent.address,
      askedPort: silent.port,
      answeredBy: by.address,
      answeredPort: by.port,
      stack,
      segment,
      requests: sender.segments,
      answers: by.segments,
      firstRequest,
      lastRequest: { ...firstRequest, timeNs: connection.lastNs },
      firstAnswer,
      lastAnswer: { ...firstAnswer, timeNs: answer.lastNs },
    };
  }
}

/** Null where both sides were seen. */
function oneWayEnds(
  a: TcpDirection,
  b: TcpDirection,
): { readonly sender: TcpDirection; readonly silent: TcpDirection } | null {
  if (a.segments > 0 === b.segments > 0) return null;
  return a.segments > 0 ? { sender: a, silent: b } : { sender: b, silent: a };
}

function* ofDns({ sessions }: Evidence): Generator<WrongSource> {
  const strays = sessions(strayAnswers);
  if (strays.length === 0) return;
  for (const server of sessions(dnsServers)) {
    if (server.answered > 0) continue;
    const byStray = new Map<
      (typeof strays)[number],
      { asked: [FrameRef, ...FrameRef[]]; tries: number; answers: [FrameRef, ...FrameRef[]] }
    >();
    for (const { client, clientPort, id, first, last, tries } of [...server.givenUp, ...server.waiting]) {
      for (const stray of strays) {
        const isFor =
          stray.client === client && stray.clientPort === clientPort && stray.stack === server.stack;
        const answer = isFor && stray.answers.find((one) => one.id === id && one.at.frame > first.frame);
        if (!answer) continue;
        const found = byStray.get(stray);
        if (found) {
          found.asked.push(first, last);
          found.tries += tries;
          found.answers.push(answer.at);
        } else byStray.set(stray, { asked: [first, last], tries, answers: [answer.at] });
      }
    }
    for (const [stray, { asked, tries, answers }] of byStray) {
      yield {
        protocol: 'DNS',
        proof: 'carries the id of the question, to the port that asked',
        isControl: false,
        asker: stray.client,
        asked: server.address,
        askedPort: 53,
        answeredBy: stray.server,
        answeredPort: stray.serverPort,
        stack: server.stack,
        segment: server.segment,
        requests: tries,
        answers: answers.length,
        ...edges(asked, answers),
      };
    }
  }
}

/** A system looks up the session by its own discriminator (RFC 5880, section 6.3). */
function* ofBfd({ sessions }: Evidence): Generator<WrongSource> {
  for (const { asked, answer, discriminator } of calledElsewhere(sessions(bfdSessions))) {
    const { from, to, stack, segment, packets, first, last } = asked;
    yield {
      protocol: 'BFD',
      proof: `carries the discriminator ${discriminator} of ${from}`,
      isControl: false,
      asker: from,
      asked: to,
      answeredBy: answer.from,
      stack,
      segment,
      requests: packets,
      answers: answer.packets,
      firstRequest: first,
      lastRequest: last,
      firstAnswer: answer.first,
      lastAnswer: answer.last,
    };
  }
}

function edges(
  requests: NonEmpty<FrameRef>,
  answers: NonEmpty<FrameRef>,
): Pick<WrongSource, 'firstRequest' | 'lastRequest' | 'firstAnswer' | 'lastAnswer'> {
  const plain = ({ frame, ...at }: FrameRef): FrameRef => ({ frame, ...momentOf(at) });
  return {
    firstRequest: plain(earliestOf(requests)),
    lastRequest: plain(latestOf(requests)),
    firstAnswer: plain(earliestOf(answers)),
    lastAnswer: plain(latestOf(answers)),
  };
}
