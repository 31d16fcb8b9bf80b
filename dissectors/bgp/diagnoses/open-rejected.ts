import { momentOf } from '../../../src/correlate/frame-reference.js';
import {
  defineDiagnosis,
  type Evidence,
  type Judgement,
  judgeEach,
  type Problem,
} from '../../../src/diagnose/diagnosis.js';
import { cite } from '../../../src/wording/citations.js';
import { plural } from '../../../src/wording/counts.js';
import { configurationWords } from '../configured-side.js';
import { CODE_OPEN } from '../layout.js';
import { codeText } from '../names.js';
import { citationsInOrder, establishedAfter, peeringFacts, peeringSubject } from '../peering-subject.js';
import { bgpPeerings, notificationsOf, type PeerConnection, type Peering } from '../peerings.js';
import type { BgpOpen } from '../session.js';

const REJECTIONS_CITED = 3;
const SUBCODE_PEER_AS = 2;
const SUBCODE_IDENTIFIER = 3;
const SUBCODE_HOLD_TIME = 6;

export default defineDiagnosis({
  id: 'bgp.open-rejected',
  title: 'BGP OPEN rejected',
  severity: 'error',
  subject: 'session',
  layer: 'overlay-control',
  priority: 1,
  explicitSignal: true,
  rule: 'A NOTIFICATION with code 2 (OPEN message error). Warning where a session of the two is established afterwards.',
  notWhen: 'Connection collision (code 6/7) and refusals by Cease, which are other ids.',
  causes: [
    'Subcode 2, bad peer AS: remote-as of one side is not the AS that the other side announces',
    'Subcode 3, bad BGP identifier: both speakers have the same router id, or one has 0.0.0.0',
    'Subcode 6, unacceptable hold time: below 3 s, or below the minimum that the peer allows',
    'Subcodes 4 and 7: an optional parameter or capability that one side demands and the other does not have',
    'Subcode 11: the roles of both sides do not fit (RFC 9234)',
  ],
  nextSteps: [
    'Compare the two OPENs below with the configuration: neighbor ADDRESS remote-as AS on both sides',
    'show ip bgp neighbors ADDRESS: last notification, capabilities',
    'With duplicate router ids set bgp router-id by hand',
  ],
  refutedBy: 'Nothing: the speaker itself says so.',
  source: 'RFC 4271, sections 4.2, 4.5 and 6.2; RFC 5492; RFC 6793; RFC 9234',
  fault: 'session-down',
  technology: 'bgp',
  diagnose: (evidence) => judgeEach(bgpPeerings(evidence), (peering) => judge(evidence, peering)),
});

function judge(evidence: Evidence, peering: Peering): Judgement | null {
  const { quality } = evidence;
  const rejections = notificationsOf(peering).filter(({ notification }) => notification.code === CODE_OPEN);
  if (rejections.length > 0) return problemOf(evidence, peering, rejections);
  const hasOpened = peering.connections.some(
    ({ conversation }) => conversation?.speakers.some(({ open }) => open !== null) ?? false,
  );
  return hasOpened ? { result: 'healthy', subject: peeringSubject(quality, peering) } : null;
}

function problemOf(
  evidence: Evidence,
  peering: Peering,
  rejections: ReturnType<typeof notificationsOf>,
): Problem {
  const [{ from, connection, notification }] = rejections;
  const last = rejections[rejections.length - 1].notification;
  const recovered = establishedAfter(peering, last);
  const refused = from.address === peering.a ? peering.b : peering.a;
  return {
    result: 'problem',
    ...peeringFacts(evidence.quality, peering),
    severity: recovered ? 'warning' : 'error',
    confidence: 'high',
    explanation:
      `${from.address} rejected the OPEN of ${refused} with NOTIFICATION ${codeText(notification.code, notification.subcode)}` +
      `${rejections.length > 1 ? `, ${plural(rejections.length, 'time')} in all` : ''}. ` +
      opensWords(connection, notification.subcode) +
      configurationWords(evidence, peering) +
      (recovered ? ' Later a session was established.' : ''),
    direction: { from: refused, to: from.address },
    where: 'receiver',
    first: momentOf(notification),
    last: momentOf(recovered?.established ?? last),
    ongoingAtEnd: recovered === null,
    counts: { rejections: rejections.length, code: notification.code, subcode: notification.subcode },
    evidence: citationsInOrder([
      ...rejections
        .slice(0, REJECTIONS_CITED)
        .flatMap((one) => [
          ...opensOf(one.connection).map(({ address, open }) =>
            cite(open, `OPEN of ${address}: ${openWords(open)}`),
          ),
          cite(
            one.notification,
            `NOTIFICATION ${codeText(one.notification.code, one.notification.subcode)} of ${one.from.address}`,
          ),
        ]),
      cite(last, `NOTIFICATION ${codeText(last.code, last.subcode)}, the last one`),
    ]),
  };
}

interface SpokenOpen {
  readonly address: string;
  readonly open: BgpOpen;
}

function opensOf({ conversation }: PeerConnection): SpokenOpen[] {
  return (conversation?.speakers ?? []).flatMap(({ address, open }) => (open ? [{ address, open }] : []));
}

function opensWords(connection: PeerConnection, subcode: number): string {
  const opens = opensOf(connection);
  if (opens.length === 0) return 'The OPENs are not in the capture.';
  const words = opens.map(({ address, open }) => `${address} announces ${openWords(open)}`).join('; ');
  const [one, other] = opens.map(({ open }) => open);
  if (subcode === SUBCODE_PEER_AS) return `${words}. One side expects another AS (remote-as).`;
  if (subcode === SUBCODE_IDENTIFIER && other && one.identifier === other.identifier) {
    return `${words}. Both have the same router id.`;
  }
  if (subcode === SUBCODE_HOLD_TIME) return `${words}. The hold time of one is not accepted.`;
  return `${words}.`;
}

function openWords({ as, holdTime, identifier, version }: BgpOpen): string {
  const id = [24, 16, 8, 0].map((shift) => (identifier >>> shift) & 0xff).join('.');
  return `version ${version}, AS ${as}, hold time ${holdTime} s, router id ${id}`;
}
