import type { CaptureQuality } from '../../../src/correlate/capture-quality.js';
import { captureMayHide, oneSidedLimit } from '../../../src/correlate/gates.js';
import { secondsToPause } from '../../../src/correlate/watched.js';
import {
  defineDiagnosis,
  type Evidence,
  insufficientData,
  type Judgement,
} from '../../../src/diagnose/diagnosis.js';
import { type Citation, type FrameRef, secondsBetween } from '../../../src/moment.js';
import { NS_PER_SECOND } from '../../../src/units.js';
import { secondsText } from '../../../src/wording/durations.js';
import { openvpnConversations } from '../correlator.js';
import {
  type Attempt,
  attemptsOf,
  conversationFilter,
  dataAfter,
  fromClient,
  fromServer,
  isAnswered,
  isCapturedAtReceiver,
  type OpenvpnPeers,
  openvpnPeers,
} from '../peers.js';
import type { OpenvpnConversation } from '../session.js';
import { isWithoutOpcodes } from '../static-key.js';

const RESETS_MIN = 3;
const SPAN_SECONDS_MIN = 5;

export default defineDiagnosis({
  id: 'openvpn.no-response',
  lists: 'suffice',
  title: 'OpenVPN server does not answer',
  severity: 'error',
  subject: 'session',
  layer: 'tunnel-control',
  priority: 1,
  rule:
    'A client sends at least 3 hard resets (with one session id or several) over at least 5 s, and no packet comes from the server in ' +
    'between; or the server answers, and the client repeats its reset 3 times more as if it had not. Warning where the tunnel works later.',
  notWhen:
    'The server answered before the third reset, or from another of its addresses. The capture holds one direction only. Resets go to several servers: each is judged by itself.',
  causes: [
    'A firewall on the way does not let the port of OpenVPN pass (UDP 1194 as a rule)',
    'The server is down, or listens on another port, address or transport (UDP, TCP)',
    'The keys of tls-auth or tls-crypt differ, or the key direction does: the server then stays silent on purpose',
    'The configured address of the server is wrong',
  ],
  nextSteps: [
    'Ask who runs the firewalls on the way for an exception: UDP 1194 to the server, and the answers back',
    'On the server: ss -lunp | grep 1194, and its log at the time of the resets (tls-crypt unwrap error, cannot locate HMAC)',
    'On the client: journalctl -u "openvpn*" or syslog, ovpn-client; try from another network',
    'Capture on the server at the same time: tcpdump -ni IFACE -w server.pcap "host CLIENT and not port 22"',
  ],
  ruledOut: {
    'lost-on-path': ['The server is down', 'The keys of tls-auth', 'The configured address of the server'],
    arrives: ['A firewall on the way does not let', 'The configured address of the server'],
    'worked-before': ['The configured address of the server', 'The keys of tls-auth'],
  },
  refutedBy:
    'A capture at the client that shows a hard reset of the server (opcode 8) for one of these session ids.',
  source: 'OpenVPN protocol documentation (hard reset, reliability layer); SCIONLab guide, "no tun0"',
  thresholds: {
    resets: [RESETS_MIN, 'resets', 'the client repeats after 2, 4, 8 and 16 s; one may get lost'],
    spanSeconds: [SPAN_SECONDS_MIN, 's', 'two repetitions take 6 s; no healthy path takes 5 s'],
  },
  fault: 'key-exchange',
  consequenceOf: ['path-loss', 'unreachable', 'policy', 'refused'],
  technology: 'openvpn',
  *diagnose(evidence) {
    for (const peers of openvpnPeers(evidence)) {
      const attempts = attemptsOf(peers).filter(
        ({ handshake, conversation }) =>
          handshake.clientResets !== null && !isWithoutOpcodes(evidence.quality, conversation),
      );
      if (attempts.length > 0) yield judge(evidence, peers, attempts);
    }
  },
});

function judge(evidence: Evidence, peers: OpenvpnPeers, attempts: readonly Attempt[]): Judgement {
  const { subject, client, server, stack } = peers;
  const ignored = attempts.find(isIgnored);
  if (ignored) return answersLost(evidence, peers, ignored);
  const unanswered = longestUnanswered(attempts);
  const refs = resetsOf(unanswered);
  if (countOf(unanswered) < RESETS_MIN || !isLong(refs)) return { result: 'healthy', subject };
  const limit =
    oneSidedLimit(evidence.quality, client, server, stack) ??
    captureMayHide(
      evidence.quality,
      { protocol: unanswered[0].conversation.transport === 'udp' ? 17 : 6, port: peers.serverPort },
      server,
      stack,
    );
  if (limit) return insufficientData(subject, limit);
  const isUnread = unanswered.some(({ conversation, handshake }) => {
    return handshake.clientSession === null && comesBack(evidence.quality, conversation, refs[0]);
  });
  if (isUnread) {
    return insufficientData(
      subject,
      `something comes back to ${client}, of which no opcode is shown; capture with -s 0 -w FILE, or print with -XX.`,
    );
  }
  const elsewhere = answeredElsewhere(evidence, unanswered);
  if (elsewhere) {
    return insufficientData(
      subject,
      `${elsewhere} answers in place of ${server} (its resets name the session of the client), which the client takes only with float; see what the client does with them in a capture taken there, and set multihome or local on the server.`,
    );
  }
  return noAnswer(evidence, peers, unanswered, refs);
}

/** Whether anything came back to the socket of the client after that frame, be it of OpenVPN or not, and from whichever address. */
function comesBack({ traffic }: CaptureQuality, conversation: OpenvpnConversation, since: FrameRef): boolean {
  const { from: server, to: client } = fromServer(conversation);
  for (const { a, b, stack, conversations } of traffic.all()) {
    if (stack !== conversation.stack || (a !== client.address && b !== client.address)) continue;
    const isClientA = a === client.address;
    const isBack = conversations.some(({ portOfA, portOfB, fromA, fromB }) => {
      const [own, other] = isClientA ? [portOfA, portOfB] : [portOfB, portOfA];
      const { last } = isClientA ? fromB : fromA;
      return own === client.port && other === server.port && last !== null && last.frame > since.frame;
    });
    if (isBack) return true;
  }
  return false;
}

/** Another address from which a server answered one of these sessions, or null: a server with several addresses. */
function answeredElsewhere({ sessions }: Evidence, unanswered: readonly Attempt[]): string | null {
  const asked = new Set(unanswered.map(({ handshake }) => handshake.clientSession));
  for (const conversation of sessions(openvpnConversations)) {
    const answered = conversation.handshakes.some(
      ({ clientSession, serverResets }) =>
        serverResets !== null && clientSession !== null && asked.has(clientSession),
    );
    if (answered) return fromServer(conversation).from.address;
  }
  return null;
}

/** Resets in the order of the capture; of those that are kept one by one. */
function resetsOf(attempts: readonly Attempt[]): FrameRef[] {
  return attempts
    .flatMap(({ handshake }) => handshake.clientResets?.sendings ?? [])
    .sort((a, b) => a.frame - b.frame);
}

function countOf(attempts: readonly Attempt[]): number {
  return attempts.reduce((sum, { handshake }) => sum + (handshake.clientResets?.sends ?? 0), 0);
}

function isLong(refs: readonly FrameRef[]): boolean {
  return refs.length > 1 && secondsBetween(refs[0], refs[refs.length - 1]) >= SPAN_SECONDS_MIN;
}

/** The stretch of attempts without an answer that has the most resets. */
function longestUnanswered(attempts: readonly Attempt[]): readonly Attempt[] {
  let longest: Attempt[] = [];
  let stretch: Attempt[] = [];
  for (const attempt of attempts) {
    const isOfStretch = stretch.every(
      ({ conversation }) => conversation.segment === attempt.conversation.segment,
    );
    if (isAnswered(attempt)) stretch = [];
    else stretch = isOfStretch ? [...stretch, attempt] : [attempt];
    if (countOf(stretch) > countOf(longest)) longest = stretch;
  }
  return longest;
}

/** The server answered, and the client went on with resets, not with the handshake. */
function isIgnored(attempt: Attempt): boolean {
  const { handshake, clientWay } = attempt;
  const answer = handshake.serverResets?.sendings[0];
  // Without session ids a repetition and the next session look alike.
  if (!answer || handshake.clientSession === null || handshake.messages.some(({ way }) => way === clientWay))
    return false;
  if (handshake.firstData.some((data) => data !== null)) return false;
  const repeated = repeatedAfter(attempt, answer);
  return repeated.length >= RESETS_MIN && isLong([answer, ...repeated]);
}

function repeatedAfter({ handshake }: Attempt, answer: FrameRef): FrameRef[] {
  // An answer and a repetition may cross on the way.
  return (handshake.clientResets?.sendings ?? []).filter(
    ({ timeNs }) => timeNs - answer.timeNs > NS_PER_SECOND,
  );
}

function answersLost(evidence: Evidence, peers: OpenvpnPeers, attempt: Attempt): Judgement {
  const { client, server, subject } = peers;
  const { handshake, conversation } = attempt;
  const answers = handshake.serverResets?.sendings ?? [];
  const repeated = repeatedAfter(attempt, answers[0]);
  const recovered = dataAfter(peers, repeated[repeated.length - 1].frame);
  return {
    result: 'problem',
    subject,
    title: 'OpenVPN answers do not reach the client',
    ...(recovered && { severity: 'warning' as const }),
    confidence: 'medium',
    explanation:
      `${server} answered the hard reset of ${client} (${handshake.serverResets?.sends ?? 0} answers in this capture), but the client ` +
      `repeated it ${repeated.length} times afterwards and never went on: the answers get lost between this capture point and ` +
      'the client, or the client refuses them (keys of tls-auth or tls-crypt).',
    pair: [client, server],
    direction: { from: server, to: client },
    where: isCapturedAtReceiver(fromClient(conversation), evidence.quality) ? 'path' : 'unknown',
    first: repeated[0],
    last: repeated[repeated.length - 1],
    ongoingAtEnd: recovered === null,
    counts: {
      resets: handshake.clientResets?.sends ?? 0,
      resetsAfterAnswer: repeated.length,
      answers: handshake.serverResets?.sends ?? 0,
    },
    evidence: [
      ...cite(answers.slice(0, 3), `hard reset of the server to ${client}`),
      ...cite(repeated, `hard reset of ${client}, repeated after the answer`),
    ].sort((a, b) => a.frame - b.frame),
    displayFilter: conversationFilter([conversation]),
    packetClass: 'openvpn',
  };
}

function noAnswer(
  evidence: Evidence,
  peers: OpenvpnPeers,
  unanswered: readonly Attempt[],
  refs: readonly FrameRef[],
): Judgement {
  const { client, server, serverPort, subject, stack } = peers;
  const { quality } = evidence;
  const resets = countOf(unanswered);
  const first = refs[0];
  const last = refs[refs.length - 1];
  const recovered = dataAfter(peers, last.frame);
  const lastGood = lastFromServer(peers, first.frame);
  const others = quality.traffic.between(client, server, stack)?.fromB.packets ?? 0;
  const isAtServer = unanswered.every(({ conversation }) =>
    isCapturedAtReceiver(fromClient(conversation), quality),
  );
  const attempts = unanswered.length > 1 ? ` in ${unanswered.length} attempts` : '';
  return {
    result: 'problem',
    subject,
    ...(recovered && { severity: 'warning' as const }),
    confidence: 'medium',
    explanation:
      `${client} sent ${resets} hard resets${attempts} to ${server}, ${unanswered[0].conversation.transport.toUpperCase()} port ${serverPort}, within ` +
      `${secondsText(secondsBetween(first, last))}, and nothing came back on these ports. ` +
      (others > 0
        ? `Other packets from ${server} do come (${others}), so that the host is reachable and OpenVPN alone is not answered.`
        : `No other packet from ${server} is in the capture either.`) +
      ` The capture goes on for ${secondsText(Math.max(0, secondsToPause(quality, last)))} after the last reset.`,
    pair: [client, server],
    direction: { from: client, to: server },
    where: isAtServer ? 'receiver' : 'unknown',
    first,
    last,
    lastGood,
    ongoingAtEnd: recovered === null,
    counts: { resets, attempts: unanswered.length, answers: 0 },
    evidence: cite(refs, `hard reset of ${client}, no answer`),
    displayFilter: conversationFilter(unanswered.map(({ conversation }) => conversation)),
    packetClass: 'openvpn',
  };
}

/** The last packet of the server before a frame, in conversations that ended before it. */
function lastFromServer({ conversations }: OpenvpnPeers, frame: number): FrameRef | null {
  let good: FrameRef | null = null;
  for (const conversation of conversations) {
    const { last } = conversation.directions[conversation.clientWay === 1 ? 0 : 1];
    if (last && last.frame < frame && (!good || last.frame > good.frame)) good = last;
  }
  return good;
}

function cite(refs: readonly FrameRef[], summary: string): Citation[] {
  return refs.map(({ frame, timeNs, segment }) => ({ frame, timeNs, segment, summary }));
}
