import type { CaptureQuality } from '../../../src/correlate/capture-quality.js';
import { momentOf } from '../../../src/correlate/frame-reference.js';
import { defineDiagnosis, type Judgement, judgeEach } from '../../../src/diagnose/diagnosis.js';
import type { FrameRef } from '../../../src/moment.js';
import { seconds } from '../../../src/units.js';
import { cite } from '../../../src/wording/citations.js';
import { plural } from '../../../src/wording/counts.js';
import { durationText } from '../../../src/wording/durations.js';
import { isPlannedCease } from '../names.js';
import { citationsInOrder, peeringFacts, peeringSubject } from '../peering-subject.js';
import { bgpPeerings, type PeerConnection, type Peering } from '../peerings.js';

const SESSIONS_MIN = 2;
const WINDOW_SECONDS = 600;
const CITED = 4;

export default defineDiagnosis({
  id: 'bgp.flap',
  title: 'BGP session flaps',
  severity: 'error',
  subject: 'session',
  layer: 'overlay-control',
  priority: 2,
  rule:
    'A session of two speakers is established at least twice within 10 min: it was up, ended, and came up again. Information where ' +
    'every end was ordered by an operator (Cease 6/2, 6/3, 6/4, 6/6).',
  notWhen: 'Two connections at the start, one of which is given up (collision): only one is established.',
  causes: [
    'What ended the sessions: see their NOTIFICATIONs, hold timer, BFD or RST',
    'A path that loses packets for seconds, again and again',
    'A daemon that crashes and is started again',
  ],
  nextSteps: [
    'show ip bgp neighbors ADDRESS: last reset and its reason; journalctl of the daemon at that time',
    'Look at the end of each session in the evidence: who closed it, and with what',
  ],
  refutedBy: 'A change window: somebody reset the session on purpose.',
  source: 'RFC 4271, section 8; RFC 2439',
  thresholds: {
    sessions: [SESSIONS_MIN, 'sessions', 'one that stays is no flap'],
    window: [WINDOW_SECONDS, 's', 'further apart they have causes of their own'],
  },
  fault: 'session-down',
  consequenceOf: ['path-loss', 'session-down'],
  consequenceOfIds: ['bgp.hold-expiry', 'bgp.mtu', 'bgp.notification', 'bgp.open-rejected'],
  technology: 'bgp',
  diagnose: (evidence) => judgeEach(bgpPeerings(evidence), (peering) => judge(evidence.quality, peering)),
});

function judge(quality: CaptureQuality, peering: Peering): Judgement | null {
  const established = peering.connections.filter((one) => one.established !== null);
  if (established.length === 0) return null;
  const subject = peeringSubject(quality, peering);
  const flapping = established.filter(
    (one, at) => returnsWithin(established[at - 1], one) || returnsWithin(one, established[at + 1]),
  );
  if (flapping.length < SESSIONS_MIN) return { result: 'healthy', subject };
  const ended = flapping.slice(0, -1);
  const isOrdered = ended.every(({ end }) => {
    const notification = end?.notification;
    return notification ? isPlannedCease(notification.reasonCode, notification.reasonSubcode) : false;
  });
  const first = endedAt(ended[0], flapping[1]);
  const newest = flapping[flapping.length - 1];
  const last = newest.established ?? newest.transport.first;
  return {
    result: 'problem',
    ...peeringFacts(quality, peering),
    severity: isOrdered ? 'info' : 'error',
    confidence: 'high',
    explanation:
      `${plural(flapping.length, 'session')} were established one after another. ` +
      ended
        .slice(0, CITED)
        .map((one, at) => endWords(one, flapping[at + 1]))
        .join(' '),
    where: 'unknown',
    first: momentOf(first),
    last: momentOf(last),
    lastGood: ended[0].transport.first,
    ongoingAtEnd: newest.end !== null,
    counts: { sessions: flapping.length, ends: ended.length },
    evidence: citationsInOrder(
      [...flapping.slice(0, CITED), newest].flatMap(({ established: from, end }) => [
        ...(from ? [cite(from, 'session established, or first seen so')] : []),
        ...(end ? [cite(end, `${end.words} of ${end.by}`)] : []),
      ]),
    ),
  };
}

function returnsWithin(one: PeerConnection | undefined, next: PeerConnection | undefined): boolean {
  if (!one?.established || !next?.established) return false;
  const gone = goneBefore(one, next.established);
  return gone !== null && next.established.timeNs - gone.timeNs <= seconds(WINDOW_SECONDS);
}

function endedAt(one: PeerConnection, next: PeerConnection): FrameRef {
  const gone = next.established && goneBefore(one, next.established);
  return gone ?? next.transport.first;
}

/**
 * When a session was over, or last alive, before another one of the same speakers stood; null where it went on beside that.
 * It lives by what both sides say: what one repeats and the RST that meets it may come long after it was given up.
 */
function goneBefore({ end, client, server, established }: PeerConnection, next: FrameRef): FrameRef | null {
  if (end && end.frame < next.frame) return end;
  const said = [client.lastData, server.lastData].flatMap((one) => (one ? [one] : []));
  if (said.length === 2 && said.every((one) => one.frame > next.frame)) return null;
  const first = said.sort((a, b) => a.frame - b.frame).at(0);
  const last = first && first.frame < next.frame ? first : established;
  return last && last.frame < next.frame ? last : null;
}

function endWords({ end: latest }: PeerConnection, next: PeerConnection): string {
  const back = next.established;
  const end = latest && back && latest.frame < back.frame ? latest : null;
  const after = end && back ? ` after ${durationText(back.timeNs - end.timeNs)}` : '';
  return end
    ? `One ended by ${end.words} of ${end.by}; the next stood${after}.`
    : 'One ended without a word, and the next stood.';
}
