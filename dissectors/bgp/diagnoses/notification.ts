import type { CaptureQuality } from '../../../src/correlate/capture-quality.js';
import { momentOf } from '../../../src/correlate/frame-reference.js';
import { defineDiagnosis, type Judgement, judgeEach, type Problem } from '../../../src/diagnose/diagnosis.js';
import { cite } from '../../../src/wording/citations.js';
import { plural } from '../../../src/wording/counts.js';
import { CEASE_COLLISION, CODE_CEASE, CODE_HOLD_TIMER, CODE_OPEN } from '../layout.js';
import { codeText, isPlannedCease } from '../names.js';
import { citationsInOrder, establishedAfter, peeringFacts, peeringSubject } from '../peering-subject.js';
import { bgpPeerings, notificationsOf, type Peering } from '../peerings.js';
import type { BgpNotification } from '../session.js';

const CITED = 8;

export default defineDiagnosis({
  id: 'bgp.notification',
  title: 'BGP notification',
  severity: 'warning',
  subject: 'session',
  layer: 'overlay-control',
  priority: 1,
  explicitSignal: true,
  rule:
    'A NOTIFICATION ends a connection with another code than 2 and 4, which have ids of their own. Information where somebody ordered it ' +
    '(6/2 administrative shutdown, 6/3 de-configured, 6/4 administrative reset, 6/6 configuration change, or one of these inside a hard reset 6/9).',
  notWhen:
    'Connection collision (6/7): two connections were open at once and one is given up, as it should be.',
  causes: [
    '6/1: the peer sends more prefixes than it may',
    '6/2, 6/3, 6/4, 6/6: an operator or an orchestrator took the session down',
    '6/5: the peer refuses the connection (not configured, too many)',
    '6/10: BFD found the path down',
    '1, 3, 5, 7: one side sends what the other cannot read: a defect, or a broken path that changes bytes',
  ],
  nextSteps: [
    'show ip bgp neighbors ADDRESS: last reset, and why; the log of both daemons at that time',
    'With 6/1: show ip bgp summary, maximum-prefix of the neighbor',
    'With 6/10 look at bfd findings of the same pair first',
    'With 3/x: dump the UPDATE before it (bgp.type == 2) and ask the vendor of its sender',
  ],
  refutedBy: 'Nothing: the speaker itself says so. Whether it was meant, a change log says.',
  source: 'RFC 4271, sections 4.5 and 6; RFC 4486; RFC 8538; RFC 9003; RFC 9384',
  fault: 'session-down',
  technology: 'bgp',
  diagnose: (evidence) => judgeEach(bgpPeerings(evidence), (peering) => judge(evidence.quality, peering)),
});

function judge(quality: CaptureQuality, peering: Peering): Judgement | null {
  const all = notificationsOf(peering).filter(({ notification }) => isJudgedHere(notification));
  if (all.length > 0) return problemOf(quality, peering, all);
  const hasMessages = peering.connections.some(({ conversation }) => conversation !== null);
  return hasMessages ? { result: 'healthy', subject: peeringSubject(quality, peering) } : null;
}

function isJudgedHere({ code, subcode }: BgpNotification): boolean {
  if (code === CODE_OPEN || code === CODE_HOLD_TIMER) return false;
  return code !== CODE_CEASE || subcode !== CEASE_COLLISION;
}

function isOrdered({ reasonCode, reasonSubcode }: BgpNotification): boolean {
  return isPlannedCease(reasonCode, reasonSubcode);
}

function problemOf(
  quality: CaptureQuality,
  peering: Peering,
  all: ReturnType<typeof notificationsOf>,
): Problem {
  const unplanned = all.filter(({ notification }) => !isOrdered(notification));
  const shown = unplanned.length > 0 ? unplanned : all;
  const [{ from, notification, connection }] = shown;
  const last = shown[shown.length - 1].notification;
  const recovered = establishedAfter(peering, last);
  const to = from.address === peering.a ? peering.b : peering.a;
  return {
    result: 'problem',
    ...peeringFacts(quality, peering),
    severity: unplanned.length > 0 ? 'warning' : 'info',
    confidence: 'high',
    explanation:
      `${from.address} ended the session with ${notificationWords(notification)}` +
      `${shown.length > 1 ? `, the first of ${plural(shown.length, 'notification')} of this kind` : ''}.` +
      (recovered
        ? ' A session was established again.'
        : ' No session was established after that in the capture.'),
    direction: { from: from.address, to },
    where: 'unknown',
    first: momentOf(notification),
    last: momentOf(recovered?.established ?? last),
    lastGood: connection.established,
    ongoingAtEnd: recovered === null,
    counts: {
      notifications: all.length,
      planned: all.length - unplanned.length,
      code: notification.code,
      subcode: notification.subcode,
    },
    evidence: citationsInOrder(
      [...shown.slice(0, CITED), shown[shown.length - 1]].map((one) =>
        cite(one.notification, `${one.from.address}: ${notificationWords(one.notification)}`),
      ),
    ),
  };
}

function notificationWords({ code, subcode, reasonCode, reasonSubcode, text }: BgpNotification): string {
  const isWrapped = reasonCode !== code || reasonSubcode !== subcode;
  return (
    `NOTIFICATION ${codeText(code, subcode)}` +
    (isWrapped ? ` because of ${codeText(reasonCode, reasonSubcode)}` : '') +
    (text === '' ? '' : `: "${text}"`)
  );
}
