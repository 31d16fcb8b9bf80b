import { defineDiagnosis, type Judgement } from '../../../src/diagnose/diagnosis.js';
import { type Citation, type FrameRef, secondsBetween } from '../../../src/moment.js';
import { secondsText } from '../../../src/wording/durations.js';
import {
  type Attempt,
  attemptsOf,
  conversationFilter,
  isAnswered,
  type OpenvpnPeers,
  openvpnPeers,
} from '../peers.js';
import { isWithoutOpcodes } from '../static-key.js';

const HANDSHAKES_MIN = 3;
const WINDOW_SECONDS = 600;
/** A session that carried data both ways for longer was a working one, even if it was renewed. */
const WORKED_SECONDS = 60;
/** The old session may still get a packet or two while the new one begins. */
const OVERLAP_SECONDS = 2;

export default defineDiagnosis({
  id: 'openvpn.reset-loop',
  title: 'OpenVPN reconnects in a loop',
  severity: 'error',
  subject: 'session',
  layer: 'tunnel-control',
  priority: 2,
  rule:
    'At least 3 sessions of one client with one server, each answered by the server, begin one after the other within 10 minutes. Warning where ' +
    'half of them carried data both ways, or one of them for a minute.',
  notWhen:
    'The sessions overlap in time: several clients behind one address. Renewal of keys inside a session (soft reset).',
  causes: [
    'The login is refused (AUTH_FAILED is encrypted): user name, password, or a limit of the server',
    'Two clients use the same certificate, and the server drops the older one each time (duplicate-cn not set)',
    'Nothing arrives inside the tunnel, so that ping-restart starts over: data packets get lost on the way',
    'The server or the client restarts, or a script tears the tunnel down',
  ],
  nextSteps: [
    'Log of the client: AUTH_FAILED, Inactivity timeout (--ping-restart), SIGUSR1; it says why it starts over',
    'Log of the server: who else is connected with that common name (status file)',
    'If data follows the handshake: see openvpn.one-way-data and openvpn.loss about this pair',
  ],
  refutedBy: 'Logs that show different clients (common names) behind that address.',
  source: 'OpenVPN manual: ping-restart, connect-retry, duplicate-cn',
  thresholds: {
    handshakes: [
      HANDSHAKES_MIN,
      'sessions',
      'one new session may be a restart on purpose, two a coincidence',
    ],
    windowSeconds: [WINDOW_SECONDS, 's', 'a client waits up to 300 s between attempts'],
    workedSeconds: [WORKED_SECONDS, 's', 'shorter than any ping-restart in use'],
  },
  fault: 'tunnel-down',
  consequenceOf: ['path-loss', 'unreachable', 'refused', 'key-exchange'],
  technology: 'openvpn',
  *diagnose(evidence) {
    for (const peers of openvpnPeers(evidence)) {
      const attempts = attemptsOf(peers).filter(
        (one) => isAnswered(one) && !isWithoutOpcodes(evidence.quality, one.conversation),
      );
      if (attempts.length === 0) continue;
      const loop = longestLoop(attempts);
      yield loop.length < HANDSHAKES_MIN
        ? { result: 'healthy', subject: peers.subject }
        : problemOf(peers, loop);
    }
  },
});

/** The most sessions in a row of which each begins when the one before has ended, within the window. */
function longestLoop(attempts: readonly Attempt[]): readonly Attempt[] {
  let longest: readonly Attempt[] = [];
  let start = 0;
  for (let end = 0; end < attempts.length; end++) {
    if (end > 0 && !succeeds(attempts[end - 1], attempts[end])) start = end;
    while (!isWithin(attempts[start].handshake.first, attempts[end].handshake.first)) start++;
    if (end + 1 - start > longest.length) longest = attempts.slice(start, end + 1);
  }
  return longest;
}

function succeeds(before: Attempt, after: Attempt): boolean {
  if (before.conversation.segment !== after.conversation.segment) return false;
  if (before.handshake.clientSession === after.handshake.clientSession) return false;
  if (before.conversation === after.conversation) return true;
  return secondsBetween(after.handshake.first, before.conversation.last) <= OVERLAP_SECONDS;
}

function isWithin(a: FrameRef, b: FrameRef): boolean {
  return a === b || secondsBetween(a, b) <= WINDOW_SECONDS;
}

/** Seconds from the first data both ways to the session's end, or to the next one in the same conversation. */
function workedSeconds({ handshake, conversation }: Attempt, next: Attempt | undefined): number {
  const [a, b] = handshake.firstData;
  if (!a || !b) return 0;
  const end = next && next.conversation === conversation ? next.handshake.first : conversation.last;
  return secondsBetween(a.frame > b.frame ? a : b, end);
}

function problemOf(peers: OpenvpnPeers, loop: readonly Attempt[]): Judgement {
  const { client, server, subject } = peers;
  const first = loop[0].handshake.first;
  const last = loop[loop.length - 1].handshake.first;
  const worked = loop.filter((attempt, index) => workedSeconds(attempt, loop[index + 1]) >= WORKED_SECONDS);
  const withData = loop.filter(({ handshake }) => handshake.firstData.every((data) => data !== null));
  const lasting = workedSeconds(loop[loop.length - 1], undefined) >= WORKED_SECONDS;
  return {
    result: 'problem',
    subject,
    // Short sessions that carried data may have been ended on purpose.
    severity: worked.length === 0 && withData.length * 2 < loop.length ? 'error' : 'warning',
    confidence: 'medium',
    explanation:
      `${client} began ${loop.length} sessions with ${server} within ${secondsText(secondsBetween(first, last))}, each answered by the server. ` +
      (withData.length === 0
        ? 'None of them carried data both ways.'
        : `${withData.length} of them carried data both ways before the next one began.`),
    pair: [client, server],
    where: 'unknown',
    first: loop[1].handshake.first,
    last,
    ongoingAtEnd: !lasting,
    counts: { sessions: loop.length, withDataBothWays: withData.length },
    evidence: loop.map(cite),
    displayFilter: conversationFilter(loop.map(({ conversation }) => conversation)),
    packetClass: 'openvpn',
  };
}

function cite({ handshake }: Attempt): Citation {
  const { frame, timeNs, segment } = handshake.first;
  return { frame, timeNs, segment, summary: `hard reset, session ${handshake.clientSession ?? 'unknown'}` };
}
