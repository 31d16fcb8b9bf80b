import { defineDiagnosis } from '../../../src/diagnose/diagnosis.js';
import type { NonEmpty } from '../../../src/moment.js';
import { judgeStalls, sendingText, stallCounts } from '../pair-judgement.js';
import type { IkePair } from '../pair-sessions.js';
import type { IkeMessage, IkeSession } from '../session.js';
import { SLOW_ANSWER_SECONDS, type Stall } from '../stall.js';

export default defineDiagnosis({
  id: 'ike.fragments-incomplete',
  title: 'IKE message fragments missing',
  severity: 'warning',
  subject: 'session',
  layer: 'tunnel-control',
  priority: 2,
  rule:
    'A message that the daemon itself cut into fragments (RFC 7383, or the fragment payload of IKEv1) lacks a number in ' +
    'each of its sendings, and the exchange does not go on.',
  notWhen: 'The exchange goes on: then the capture lost the fragment, not the network.',
  causes: [
    'Packets above a certain size get lost: the fragments are cut too large for the path',
    'Plain packet loss, where different numbers are missing each time',
  ],
  nextSteps: [
    'Compare which numbers are missing, and their length: always the large ones means MTU',
    'Lower the size of fragments (strongSwan: fragment_size in charon.conf; libreswan: fragmentation and mtu)',
    'ping -M do -s 1400 PEER with falling sizes, to find the path MTU',
  ],
  refutedBy: 'The missing fragment in a capture at the receiver.',
  source: 'RFC 7383 sections 2.5 and 2.6',
  thresholds: {
    waitSeconds: [
      SLOW_ANSWER_SECONDS,
      's',
      'fragments of one sending leave together; a slow peer answers within that time',
    ],
  },
  fault: 'key-exchange',
  consequenceOf: ['path-loss', 'fragments'],
  technology: 'ipsec',
  diagnose: (evidence) => judgeStalls(evidence, { kind: 'fragments-incomplete', applies, describe }),
});

function applies({ exchanges }: IkeSession): boolean {
  return exchanges.some(({ messages }) =>
    messages.some(({ transmissions }) => transmissions.some(({ fragments }) => fragments.size > 0)),
  );
}

function describe({ initiator, responder }: IkePair, stalls: NonEmpty<Stall>) {
  const message = stalls[0].waiting[0];
  const [from, to] = message.from === 'initiator' ? [initiator, responder] : [responder, initiator];
  const missing = missingFragments(message);
  const total = message.fragmentTotal;
  const which =
    total === 0
      ? 'the last fragment is missing'
      : `of ${total} fragments number ${missing.join(', ')} ${missing.length === 1 ? 'is' : 'are'} missing in every sending`;
  return {
    explanation: `${from} sent its ${sendingText(stalls)} to ${to} in IKE fragments, and ${which}. The exchange does not go on.`,
    counts: { ...stallCounts(stalls), fragments: total, missing: missing.length },
  };
}

/** Numbers that no sending showed; where each sending lacks another one, those of the first sending. */
function missingFragments({ fragmentTotal, transmissions }: IkeMessage): number[] {
  const seen = new Set(transmissions.flatMap(({ fragments }) => [...fragments]));
  const lacking = (numbers: ReadonlySet<number>): number[] =>
    Array.from({ length: fragmentTotal }, (_, index) => index + 1).filter((number) => !numbers.has(number));
  const never = lacking(seen);
  return never.length > 0 ? never : lacking(transmissions[0].fragments);
}
