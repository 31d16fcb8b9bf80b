import { defineDiagnosis, type Judgement } from '../../../src/diagnose/diagnosis.js';
import type { FrameRef } from '../../../src/moment.js';
import { NS_PER_SECOND } from '../../../src/units.js';
import { PORT_IKE, PORT_NAT_TRAVERSAL } from '../../../src/wire/transport.js';
import { sessionFilter } from '../pair-judgement.js';
import { type IkePair, ikePairs } from '../pair-sessions.js';
import type { IkeMessage, IkeRole, IkeSession } from '../session.js';

const SENDINGS_MIN = 2;
const CITED = 3;
/** A repetition may be on its way when the answer comes. */
const CROSSING_NS = NS_PER_SECOND;

export default defineDiagnosis({
  id: 'ike.port-moved-back',
  title: 'IKE goes back to port 500 after it moved to 4500',
  severity: 'error',
  subject: 'session',
  layer: 'tunnel-control',
  priority: 1,
  rule:
    `Both sides of an IKE SA have sent on port 4500, and then one of them sends new messages of the same SA (the same pair of SPIs) on port 500, at least ${SENDINGS_MIN} times. ` +
    'Information where they are answered, and not sent again after the answer.',
  notWhen:
    'A new IKE_SA_INIT or main mode of the same hosts: another SA. A repetition of what was sent on port 500 before the SA moved.',
  causes: [
    'The daemon forgot that the SA had moved: a bug, or a reload of its configuration',
    'A translator on the way changes port 4500 to 500',
    'Two daemons or two hosts share the address, and only one of them knows of the NAT',
  ],
  nextSteps: [
    'Look at the state of the SA on the side that moved back: swanctl --list-sas, ipsec auto --status: which ports does it name?',
    'Restart the connection there: swanctl --terminate, then --initiate; update the daemon if it comes again',
    'Capture on that side: do the packets leave it on port 500 already?',
  ],
  refutedBy: 'The message is a repetition of one of the time before the move.',
  source: 'RFC 7296, section 2.23 (once on port 4500, all messages go there); RFC 3947, section 4',
  thresholds: {
    sendings: [SENDINGS_MIN, 'sendings', 'one may have been on its way'],
  },
  fault: 'key-exchange',
  technology: 'ipsec',
  *diagnose(evidence) {
    for (const pair of ikePairs(evidence)) {
      const judged = judge(pair);
      if (judged) yield judged;
    }
  },
});

interface MovedBack {
  readonly session: IkeSession;
  readonly from: IkeRole;
  readonly moved: FrameRef;
  readonly sendings: readonly FrameRef[];
  readonly isAnswered: boolean;
}

function judge(pair: IkePair): Judgement | null {
  const moved = pair.sessions.filter((session) => movedAt(session) !== null);
  if (moved.length === 0) return null;
  const found = moved
    .flatMap((session) =>
      (['initiator', 'responder'] as const).flatMap((from) => movedBack(session, from) ?? []),
    )
    .filter(({ sendings }) => sendings.length >= SENDINGS_MIN);
  if (found.length === 0) return { result: 'healthy', subject: pair.subject };
  const [{ from, moved: at, sendings }] = found;
  const isAnswered = found.every((one) => one.isAnswered);
  const [sender, receiver] =
    from === 'initiator' ? [pair.initiator, pair.responder] : [pair.responder, pair.initiator];
  const last = sendings[sendings.length - 1];
  return {
    result: 'problem',
    subject: pair.subject,
    ...(isAnswered && { severity: 'info' as const }),
    confidence: 'high',
    explanation:
      `The IKE SA had moved to port ${PORT_NAT_TRAVERSAL}; then ${sender} sent ${sendings.length} messages of it on port ${PORT_IKE} again. ` +
      (isAnswered
        ? `${receiver} answers them all the same.`
        : `They are sent again, so no answer reaches ${sender}: a NAT on the way has no mapping for port ${PORT_IKE} any more, or ${receiver} does not look for the SA there.`),
    pair: [pair.initiator, pair.responder],
    direction: { from: sender, to: receiver },
    where: 'sender',
    first: sendings[0],
    last,
    lastGood: at,
    ongoingAtEnd: !isAnswered,
    counts: { sendings: sendings.length, sessions: found.length },
    evidence: [
      { ...at, summary: `both sides have sent on port ${PORT_NAT_TRAVERSAL}` },
      ...sendings.slice(0, CITED).map((one) => ({ ...one, summary: `${sender} sends on port ${PORT_IKE}` })),
      { ...last, summary: 'the last of them' },
    ],
    displayFilter: sessionFilter(
      pair,
      found.map((one) => one.session),
    ),
    packetClass: 'ike',
  };
}

/** When both sides had sent on port 4500. */
function movedAt(session: IkeSession): FrameRef | null {
  const firsts = (['initiator', 'responder'] as const).map((role) =>
    sendingsOf(session, role)
      .filter(({ path }) => portOf(session, path) === PORT_NAT_TRAVERSAL)
      .reduce<FrameRef | null>((first, one) => (!first || one.frame < first.frame ? one : first), null),
  );
  const [a, b] = firsts;
  if (!a || !b) return null;
  return a.frame > b.frame ? a : b;
}

function movedBack(session: IkeSession, from: IkeRole): MovedBack | null {
  const moved = movedAt(session);
  if (!moved) return null;
  const exchanges = session.exchanges.filter(({ messages }) =>
    messages.some((message) => message.from === from && isBack(session, message, moved)),
  );
  const sendings = exchanges
    .flatMap(({ messages }) => messages)
    .filter((message) => message.from === from && isBack(session, message, moved))
    .flatMap(({ transmissions }) => transmissions)
    .filter(({ path }) => portOf(session, path) === PORT_IKE)
    .map(({ frame, timeNs, segment }) => ({ frame, timeNs, segment }))
    .sort((a, b) => a.frame - b.frame);
  const isAnswered = exchanges.every(({ messages }) => isSettled(messages, from));
  return { session, from, moved, sendings, isAnswered };
}

/** The peer answers, and what it answers is not sent again after that: then the answer arrives. */
function isSettled(messages: readonly IkeMessage[], from: IkeRole): boolean {
  const timesOf = (isOwn: boolean): number[] =>
    messages
      .filter((message) => (message.from === from) === isOwn)
      .flatMap(({ transmissions }) => transmissions.map(({ timeNs }) => timeNs));
  const answers = timesOf(false);
  if (answers.length === 0) return false;
  const answeredNs = Math.min(...answers);
  return timesOf(true).every((sentNs) => sentNs - answeredNs < CROSSING_NS);
}

/** It was sent for the first time after the move, and on port 500. */
function isBack(session: IkeSession, { transmissions, isEncrypted }: IkeMessage, moved: FrameRef): boolean {
  const [first] = transmissions;
  return isEncrypted && first.frame > moved.frame && portOf(session, first.path) === PORT_IKE;
}

function sendingsOf({ exchanges }: IkeSession, role: IkeRole) {
  return exchanges
    .flatMap(({ messages }) => messages)
    .filter(({ from }) => from === role)
    .flatMap(({ transmissions }) => transmissions);
}

/** The port by which the path is known: a NAT changes one of the two. */
function portOf({ paths }: IkeSession, path: number): number {
  const { initiatorPort, responderPort } = paths[path];
  if (initiatorPort === PORT_NAT_TRAVERSAL || responderPort === PORT_NAT_TRAVERSAL) return PORT_NAT_TRAVERSAL;
  return initiatorPort === PORT_IKE || responderPort === PORT_IKE ? PORT_IKE : 0;
}
