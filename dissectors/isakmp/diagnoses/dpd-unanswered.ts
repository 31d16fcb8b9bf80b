import type { CaptureQuality } from '../../../src/correlate/capture-quality.js';
import { defineDiagnosis, type Evidence } from '../../../src/diagnose/diagnosis.js';
import type { NonEmpty } from '../../../src/moment.js';
import { seconds } from '../../../src/units.js';
import { judgeStalls, sendingText, stallCounts, watchedText } from '../pair-judgement.js';
import { establishedAfter, type IkePair } from '../pair-sessions.js';
import type { IkeSession } from '../session.js';
import {
  firstOf,
  INFORMATIONAL_GAP_SECONDS,
  type Stall,
  TRANSMISSIONS_MIN,
  V1_INFORMATIONALS_MIN,
} from '../stall.js';

/** A delete that is followed by a new SA within that time belongs to a restart, not to a dead peer. */
const RESTART_SECONDS = 10;

export default defineDiagnosis({
  id: 'ike.dpd-unanswered',
  title: 'Dead peer detection gets no answer',
  severity: 'warning',
  subject: 'session',
  layer: 'tunnel-control',
  priority: 2,
  rule:
    'IKEv2: the same INFORMATIONAL at least twice, at least 2 s apart. IKEv1: at least three encrypted informationals of ' +
    'equal length, at least 2 s apart each. No message of the peer in the IKE SA since the first of them.',
  notWhen:
    'The peer sends anything in this IKE SA meanwhile; a new IKE SA between the two stands within 10 s.',
  causes: [
    'The peer is down, or restarted and forgot the SA',
    'The path broke while the SA was idle, or a NAT dropped its mapping',
    'A firewall lost the state of the flow',
  ],
  nextSteps: [
    'ping PEER, and look whether ESP from the peer still arrives',
    'Log and uptime of the IKE daemon on the peer; ipsec status on both sides',
    'Behind a NAT: shorten the NAT keepalive (keep_alive = 20s)',
  ],
  ruledOut: {
    'lost-on-path': ['The peer is down, or restarted'],
  },
  refutedBy: 'An answer of the peer in a capture of the same time at the side that asks.',
  source: 'RFC 3706, RFC 7296 section 2.4; Openswan guide (DPD)',
  thresholds: {
    requestsV2: [TRANSMISSIONS_MIN, 'sendings', 'one packet may be lost'],
    requestsV1: [
      V1_INFORMATIONALS_MIN,
      'messages',
      'IKEv1 does not acknowledge deletes and notifies, so that one or two unanswered ones are normal',
    ],
    gapSeconds: [INFORMATIONAL_GAP_SECONDS, 's', 'deletes of several SAs leave in one burst'],
    restartSeconds: [RESTART_SECONDS, 's', 'the time a daemon needs to come up again'],
  },
  fault: 'key-exchange',
  consequenceOf: ['path-loss', 'unreachable', 'policy', 'refused'],
  consequenceOfIds: ['ike.port-moved-back', 'natt.keepalive-missing'],
  technology: 'ipsec',
  diagnose: (evidence) =>
    judgeStalls(evidence, {
      kind: 'dpd-unanswered',
      applies: ({ established }: IkeSession) => established !== null,
      accepts: isNoRestart,
      describe,
    }),
});

function isNoRestart(pair: IkePair, { waiting }: Stall, evidence: Evidence): boolean {
  const first = firstOf(waiting);
  const next = establishedAfter(evidence, pair, first.frame);
  return (
    next === null || next.segment !== first.segment || next.timeNs - first.timeNs > seconds(RESTART_SECONDS)
  );
}

function describe({ initiator, responder }: IkePair, stalls: NonEmpty<Stall>, quality: CaptureQuality) {
  const { waiting } = stalls[0];
  const [from, to] = waiting[0].from === 'initiator' ? [initiator, responder] : [responder, initiator];
  return {
    explanation: `${from} asked whether ${to} is alive: ${sendingText(stalls)}, and nothing came back in this IKE SA. ${watchedText(stalls, quality)}`,
    counts: stallCounts(stalls),
  };
}
