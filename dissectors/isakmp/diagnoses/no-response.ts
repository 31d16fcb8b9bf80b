import type { CaptureQuality } from '../../../src/correlate/capture-quality.js';
import { defineDiagnosis } from '../../../src/diagnose/diagnosis.js';
import type { NonEmpty } from '../../../src/moment.js';
import { judgeStalls, sendingText, stallCounts, watchedText } from '../pair-judgement.js';
import { establishedAfter, type IkePair } from '../pair-sessions.js';
import type { IkeSession } from '../session.js';
import { firstOf, type Stall, TRANSMISSIONS_MIN, transmissionsOf, WAIT_SECONDS } from '../stall.js';

export default defineDiagnosis({
  id: 'ike.no-response',
  title: 'IKE peer does not answer',
  severity: 'error',
  subject: 'session',
  layer: 'tunnel-control',
  priority: 1,
  lists: 'suffice',
  rule:
    'The first message (MI1, AI1 or IKE_SA_INIT request) is sent at least twice, or once with 10 s to wait, and no ' +
    'message with its initiator cookie comes from the peer, on whatever port; or the peer answers, and the initiator ' +
    'repeats its first message as if it had not.',
  notWhen:
    'A single message that was not repeated, where an IKE SA between the two stands later; the responder cookie in a ' +
    'later message of the initiator proves that an answer came; the capture holds one ' +
    'direction only; it ends before an answer can be expected.',
  causes: [
    'A firewall on the way, or on the responder, drops UDP 500',
    'The responder does not run, or does not listen on that address',
    'The configured peer address is wrong, or an unknown NAT stands before it',
    'The responder ignores the request: no connection of its configuration fits the initiator',
  ],
  nextSteps: [
    "Capture on both ends at once: tcpdump -ni IFACE -w sgN.pcap 'host PEER and not port 22'",
    'If the request arrives at the responder: iptables -L -v -n there, is the daemon running (ipsec status), and what does its log say',
    'If it does not arrive: ask whoever runs the firewalls on the way for UDP 500 and 4500, and check the peer address',
  ],
  ruledOut: {
    'lost-on-path': ['The responder does not run', 'The responder ignores the request'],
    'worked-before': ['The configured peer address is wrong'],
  },
  refutedBy: 'A capture at the initiator that shows the answer of the responder.',
  source: 'Openswan guide, situation A; RFC 2408 section 5.1, RFC 7296 sections 2.1 and 2.4',
  thresholds: {
    transmissions: [TRANSMISSIONS_MIN, 'sendings', 'a daemon that repeats its message has waited in vain'],
    waitSeconds: [
      WAIT_SECONDS,
      's',
      'the first repetition comes after 0.5 s (libreswan), 4 s (strongSwan) or 10 s (openswan)',
    ],
  },
  fault: 'key-exchange',
  consequenceOf: ['path-loss', 'unreachable', 'policy', 'refused'],
  consequenceOfIds: ['ike.version-mismatch'],
  technology: 'ipsec',
  diagnose: (evidence) =>
    judgeStalls(evidence, {
      kind: 'no-response',
      applies: ({ startSeen }: IkeSession) => startSeen,
      accepts: (pair, { waiting }) =>
        transmissionsOf(waiting) >= TRANSMISSIONS_MIN ||
        establishedAfter(evidence, pair, firstOf(waiting).frame) === null,
      describe,
    }),
});

function describe(pair: IkePair, stalls: NonEmpty<Stall>, quality: CaptureQuality) {
  const { initiator, responder } = pair;
  const sent = `${initiator} sent its ${sendingText(stalls)} to ${responder}`;
  const answers = transmissionsOf(stalls.flatMap(({ instead }) => instead));
  const counts = { ...stallCounts(stalls), answers };
  if (answers > 0) {
    return {
      title: 'IKE answers do not reach the initiator',
      explanation:
        `${sent}, although ${responder} answered (${answers} answers in this capture). The answers get lost between ` +
        'this capture point and the IKE daemon of the initiator.',
      counts,
      direction: { from: responder, to: initiator },
      where: capturePlace(stalls, 'initiator', 'receiver'),
    };
  }
  return {
    explanation:
      `${sent}, and ${hearsOthers(pair) ? 'no answer to it' : 'no IKE message'} came back. ${watchedText(stalls, quality)} ${pathText(pair, quality)}`.trim(),
    counts,
    where: capturePlace(stalls, 'responder', 'receiver'),
  };
}

/** At the host where the message arrives, what is missing is missing there. */
function capturePlace(stalls: NonEmpty<Stall>, at: IkeSession['capturedAt'], place: 'receiver') {
  return stalls.every(({ session }) => session.capturedAt === at) ? place : ('unknown' as const);
}

function hearsOthers({ sessions }: IkePair): boolean {
  return sessions.some(({ messageCount: { responder } }) => responder > 0);
}

function pathText(pair: IkePair, quality: CaptureQuality): string {
  const { initiator, responder, stack } = pair;
  const packets = quality.traffic.between(initiator, responder, stack)?.fromB.packets ?? 0;
  if (packets === 0) return `No other packet from ${responder} is in the capture either.`;
  if (hearsOthers(pair))
    return `IKE messages of other attempts do come from ${responder}: its daemon runs, and this request alone is not answered.`;
  return `Other packets from ${responder} do come (${packets}), so that the host is reachable and IKE alone is not answered.`;
}
