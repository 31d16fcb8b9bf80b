import type { CaptureQuality } from '../../../src/correlate/capture-quality.js';
import { defineDiagnosis } from '../../../src/diagnose/diagnosis.js';
import type { NonEmpty } from '../../../src/moment.js';
import { EXCHANGE_MAIN } from '../layout.js';
import { judgeStalls, sendingText, stallCounts, watchedText } from '../pair-judgement.js';
import type { IkePair } from '../pair-sessions.js';
import { mainModeMessages, phaseOne } from '../progress.js';
import type { IkeSession } from '../session.js';
import { type Stall, TRANSMISSIONS_MIN, transmissionsOf, WAIT_SECONDS } from '../stall.js';

export default defineDiagnosis({
  id: 'ike.mm2-stalled',
  title: 'Main mode stops at the second exchange',
  severity: 'error',
  subject: 'session',
  layer: 'tunnel-control',
  priority: 2,
  rule:
    'MR1 came, and MI2 (key exchange) is sent at least twice, or once with 10 s to wait, without MR2; or MR2 came and ' +
    'MI2 is repeated as if it had not.',
  notWhen: 'The responder sent an error notify; the capture ends before an answer can be expected.',
  causes: [
    'The responder fails at the key exchange: group not supported, error or overload; its log says so',
    'MI2 is larger than MI1, and larger packets get lost on the way',
    'The answer is sent to another address or port than the one the NAT opened',
  ],
  nextSteps: [
    'Read the log of the responder at the time of MI2',
    "Capture on both ends at once: tcpdump -ni IFACE -w sgN.pcap 'host PEER and not port 22'",
    'Try the same group that a working peer uses (ike=aes128-sha2_256;modp2048)',
  ],
  ruledOut: {
    'lost-on-path': ['The responder fails at the key exchange'],
  },
  refutedBy: 'MR2 in a capture of the same time at the initiator.',
  source: 'Openswan guide, situation B; RFC 2409 section 5',
  thresholds: {
    transmissions: [TRANSMISSIONS_MIN, 'sendings', 'a repetition means that the timer ran out'],
    waitSeconds: [WAIT_SECONDS, 's', 'the first repetition comes within 10 s'],
  },
  fault: 'key-exchange',
  consequenceOf: ['path-loss', 'unreachable', 'policy', 'refused'],
  technology: 'ipsec',
  diagnose: (evidence) => judgeStalls(evidence, { kind: 'mm2-stalled', applies, describe }),
});

function applies(session: IkeSession): boolean {
  const main = phaseOne(session, EXCHANGE_MAIN);
  return main !== undefined && session.rolesKnown && mainModeMessages(main, 'initiator', 2).length > 0;
}

function describe({ initiator, responder }: IkePair, stalls: NonEmpty<Stall>, quality: CaptureQuality) {
  const answers = transmissionsOf(stalls.flatMap(({ instead }) => instead));
  const counts = { ...stallCounts(stalls), answers };
  const sent = `The first exchange worked, then ${initiator} sent ${sendingText(stalls)} to ${responder}`;
  if (answers > 0) {
    return {
      explanation: `${sent}, although MR2 is in this capture (${answers} times): it does not reach the IKE daemon of the initiator.`,
      counts,
      direction: { from: responder, to: initiator },
    };
  }
  return { explanation: `${sent} and got no MR2. ${watchedText(stalls, quality)}`, counts };
}
