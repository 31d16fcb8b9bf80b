import type { CaptureQuality } from '../../../src/correlate/capture-quality.js';
import { defineDiagnosis } from '../../../src/diagnose/diagnosis.js';
import type { NonEmpty } from '../../../src/moment.js';
import { EXCHANGE_MAIN } from '../layout.js';
import { judgeStalls, sendingText, stallCounts, watchedText } from '../pair-judgement.js';
import type { IkePair } from '../pair-sessions.js';
import { mainModeMessages, phaseOne } from '../progress.js';
import type { IkeSession } from '../session.js';
import { type Stall, TRANSMISSIONS_MIN, transmissionsOf, WAIT_SECONDS } from '../stall.js';

const FRAGMENT_CAUSES = [
  'A router or firewall on the way drops IP fragments; MI3 with a certificate is larger than one packet',
  'A firewall on the responder drops fragments before they are put together',
];

export default defineDiagnosis({
  id: 'ike.mi3-unanswered',
  title: 'Main mode stops at the third exchange',
  severity: 'error',
  subject: 'session',
  layer: 'tunnel-control',
  priority: 1,
  rule:
    'MI3 (the first encrypted message) is sent at least twice, or once with 10 s to wait, without MR3, and none of the ' +
    'more specific findings holds: the informational of a failed authentication, a blocked port 4500.',
  notWhen:
    'The peer answered MI3 by an informational within 2 s (ike.auth-failure); the capture ends too soon.',
  causes: [
    'The responder cannot authenticate the initiator and says nothing: different pre-shared keys, unknown certificate or identity',
    'MI3 gets lost on the way, or the answer does; MI3 with a certificate is large',
    'A firewall on the responder drops it',
  ],
  nextSteps: [
    "Read the log of the responder first: 'unable to find keys', a PSK that differs looks like a failed decryption",
    "If its log is silent, capture on both ends: tcpdump -ni IFACE -v 'host PEER and not port 22', and compare MI3",
    'With certificates: ping -s 5000 PEER, or send them out of band (leftsendcert=never)',
  ],
  ruledOut: {
    'lost-on-path': ['The responder cannot authenticate', 'A firewall on the responder'],
    arrives: ['MI3 gets lost on the way'],
  },
  refutedBy: 'MR3 in a capture of the same time at the initiator.',
  source: 'Openswan guide, situation B; RFC 2409 section 5',
  thresholds: {
    transmissions: [TRANSMISSIONS_MIN, 'sendings', 'a repetition means that the timer ran out'],
    waitSeconds: [WAIT_SECONDS, 's', 'the first repetition comes within 10 s'],
  },
  fault: 'key-exchange',
  consequenceOf: ['path-loss', 'unreachable', 'policy', 'fragments', 'mtu', 'large-packets-lost'],
  consequenceOfIds: [
    'ike.auth-failure',
    'ike.fragments-incomplete',
    'ike.natt-4500-blocked',
    'ike.natt-4500-local',
  ],
  technology: 'ipsec',
  diagnose: (evidence) => judgeStalls(evidence, { kind: 'mi3-unanswered', applies, describe }),
});

function applies(session: IkeSession): boolean {
  const main = phaseOne(session, EXCHANGE_MAIN);
  return main !== undefined && session.rolesKnown && mainModeMessages(main, 'initiator', 3).length > 0;
}

function describe({ initiator, responder }: IkePair, stalls: NonEmpty<Stall>, quality: CaptureQuality) {
  const { variant } = stalls[0];
  const repeats = transmissionsOf(stalls.flatMap(({ instead }) => instead));
  const text = {
    counts: { ...stallCounts(stalls), repeatedAnswers: repeats },
    explanation:
      `Both hosts agreed on keys, then ${initiator} sent ${sendingText(stalls)} to ${responder} and got no MR3. ` +
      watchedText(stalls, quality),
  };
  if (variant === 'ip-fragments') {
    return {
      ...text,
      explanation: `${text.explanation} MI3 travels in IP fragments, which are the first thing to suspect.`,
      causes: FRAGMENT_CAUSES,
    };
  }
  if (variant !== 'not-arriving') return text;
  return {
    ...text,
    explanation: `${text.explanation} ${responder} repeats MR2 meanwhile: it never got MI3, so the network loses it.`,
    where: 'path' as const,
    causes: [
      'A firewall or router on the way drops MI3, by its size or by its content',
      'A firewall on the responder drops it',
    ],
  };
}
