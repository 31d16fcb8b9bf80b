import { defineDiagnosis } from '../../../src/diagnose/diagnosis.js';
import type { NonEmpty } from '../../../src/moment.js';
import { EXCHANGE_MAIN } from '../layout.js';
import { judgeStalls, sendingText, stallCounts } from '../pair-judgement.js';
import type { IkePair } from '../pair-sessions.js';
import { mainModeMessages, phaseOne } from '../progress.js';
import type { IkeSession } from '../session.js';
import { type Stall, TRANSMISSIONS_MIN, WAIT_SECONDS } from '../stall.js';

export default defineDiagnosis({
  id: 'ike.mi3-never-sent',
  title: 'Third main mode message never leaves',
  severity: 'error',
  subject: 'session',
  layer: 'tunnel-control',
  priority: 2,
  rule: 'MR2 is in the capture at least twice, and no MI3 within 10 s of the first one.',
  notWhen: 'The initiator repeats MI2 (then it never got MR2); the capture ends sooner.',
  causes: [
    'The firewall of the initiator drops the fragments of its own large MI3',
    'MI3 is larger than the MTU and has the do-not-fragment bit set, so that the kernel refuses it (EMSGSIZE)',
    'The initiator has no key or certificate for this peer and gives up; its log says so',
  ],
  nextSteps: [
    "Read the log of the initiator: with debugging pluto logs the size of what it sends ('emitting')",
    'Clear path MTU discovery for UDP, or keep certificates out of MI3 (leftsendcert=never)',
    'iptables -L -v -n on the initiator, with an eye on rules about fragments',
  ],
  refutedBy: 'MI3, or any fragment of it, in a capture on the external interface of the initiator.',
  source: 'Openswan guide, situation B, fragmentation problem',
  thresholds: {
    transmissions: [TRANSMISSIONS_MIN, 'sendings of MR2', 'the responder waits for MI3 in vain'],
    waitSeconds: [WAIT_SECONDS, 's', 'a slow host signs and encrypts within seconds'],
  },
  fault: 'key-exchange',
  consequenceOf: ['path-loss'],
  technology: 'ipsec',
  diagnose: (evidence) => judgeStalls(evidence, { kind: 'mi3-never-sent', applies, describe }),
});

function applies(session: IkeSession): boolean {
  const main = phaseOne(session, EXCHANGE_MAIN);
  return main !== undefined && session.rolesKnown && mainModeMessages(main, 'responder', 2).length > 0;
}

function describe({ initiator, responder }: IkePair, stalls: NonEmpty<Stall>) {
  const isAtResponder = stalls.every(({ session }) => session.capturedAt === 'responder');
  const sent = `${responder} sent ${sendingText(stalls)}, and no MI3 from ${initiator} followed`;
  return {
    ...(isAtResponder && { title: 'Third main mode message does not arrive' }),
    explanation: isAtResponder
      ? `${sent}: it never left, or got lost before this host.`
      : `${sent}: where ${initiator} is the capturing host, it never left.`,
    counts: stallCounts(stalls),
    direction: { from: initiator, to: responder },
    where: isAtResponder ? ('unknown' as const) : ('sender' as const),
  };
}
