import type { CaptureQuality } from '../../../src/correlate/capture-quality.js';
import { captureMayHideWayBack, oneSidedLimit, tooLittleAfter } from '../../../src/correlate/gates.js';
import { defineDiagnosis, insufficientData, type Judgement } from '../../../src/diagnose/diagnosis.js';
import { confidenceUnderDrops } from '../../../src/diagnose/silences.js';
import { udpFlowFilter } from '../../../src/wording/display-filters.js';
import { endpointText } from '../../../src/wording/endpoints.js';
import { subjectInside } from '../../../src/wording/subjects.js';
import { bfdReflections, type Reflection } from '../correlator.js';
import { PORT_REFLECTOR } from '../layout.js';
import { discriminatorText } from '../names.js';

const UNANSWERED_MIN = 3;
const ANSWER_SECONDS = 2;

export default defineDiagnosis({
  id: 'bfd.reflector-silent',
  title: 'S-BFD reflector does not answer',
  severity: 'error',
  subject: 'session',
  layer: 'tunnel-control',
  priority: 1,
  rule:
    'The last 3 or more packets of an initiator of seamless BFD to UDP port 7784 have no answer from there, and the capture goes on for 2 s after ' +
    'the first of them. Low confidence where the reflector never answered.',
  notWhen:
    'The initiator says Up, so that it hears answers which the capture lacks; the capture shows one direction only.',
  causes: [
    'UDP port 7784 is filtered on the path or on the reflector, or the way back is',
    'No reflector runs there, or it has another discriminator than the initiator asks for: it then drops the packet in silence',
    'The path to the reflector is down',
  ],
  nextSteps: [
    'At the reflector: tcpdump -n udp port 7784; packets that arrive there and are not answered meet its filter or its configuration',
    'Compare the discriminator that the initiator asks for with that of the reflector (show bfd, show sbfd)',
    'iptables -L -v -n and nft list ruleset on both sides; ping the reflector from the address of the initiator',
  ],
  refutedBy: 'An answer from port 7784 in a capture at the reflector: then it is lost on the way back.',
  source: 'RFC 7880, sections 7.2 and 7.3; RFC 7881, section 4',
  thresholds: {
    unanswered: [UNANSWERED_MIN, 'packets', 'the usual detection multiplier'],
    answerSeconds: [ANSWER_SECONDS, 's', 'a reflector answers at once; no path takes as long'],
  },
  fault: 'session-down',
  consequenceOf: ['path-loss', 'unreachable', 'policy'],
  technology: 'bfd',
  *diagnose({ sessions, quality }) {
    for (const one of sessions(bfdReflections)) if (one.asked > 0) yield judge(quality, one);
  },
});

function judge(quality: CaptureQuality, one: Reflection): Judgement {
  const { initiator, initiatorPort, reflector, stack, asked, answered, unanswered, firstUnanswered } = one;
  const subject = subjectInside(quality, stack, {
    kind: 'session',
    endpoints: [endpointText(initiator, initiatorPort), endpointText(reflector, PORT_REFLECTOR)],
    protocol: 'bfd',
    carrier: 'seamless',
  });
  if (unanswered < UNANSWERED_MIN || firstUnanswered === null) {
    if (answered > 0) return { result: 'healthy', subject };
    return insufficientData(subject, 'Too few packets to the reflector; capture for at least 10 s.');
  }
  const shortage = tooLittleAfter(quality, firstUnanswered, ANSWER_SECONDS);
  if (shortage)
    return {
      result: 'insufficient-data',
      subject,
      reason: shortage.reason,
      neededSeconds: shortage.neededSeconds,
    };
  const limit =
    oneSidedLimit(quality, initiator, reflector, stack) ??
    captureMayHideWayBack(quality, [initiatorPort, PORT_REFLECTOR], stack);
  if (limit) return insufficientData(subject, limit.reason);
  const words = answered === 0 ? 'none was ever answered' : `the last of ${answered} answers came before`;
  return {
    result: 'problem',
    subject,
    severity: 'error',
    ...confidenceUnderDrops(quality, answered === 0 ? 'low' : 'medium'),
    explanation:
      `${initiator} asks the S-BFD reflector ${reflector} (UDP port ${PORT_REFLECTOR}) for ${discriminatorText(one.asksFor)}, and the last ` +
      `${unanswered} of ${asked} packets have no answer: ${words}.`,
    pair: [initiator, reflector],
    direction: { from: reflector, to: initiator },
    where: 'unknown',
    packetClass: 'bfd',
    first: firstUnanswered,
    last: one.last,
    lastGood: one.lastAnswer,
    ongoingAtEnd: true,
    counts: { asked, answered, unanswered },
    evidence: [
      ...(one.lastAnswer ? [{ ...one.lastAnswer, summary: `last answer of ${reflector}` }] : []),
      { ...firstUnanswered, summary: 'first packet without an answer' },
      { ...one.last, summary: 'last one' },
    ],
    displayFilter: udpFlowFilter({
      from: initiator,
      fromPort: initiatorPort,
      to: reflector,
      toPort: PORT_REFLECTOR,
    }),
  };
}
