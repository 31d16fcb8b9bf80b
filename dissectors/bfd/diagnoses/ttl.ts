import type { CaptureQuality } from '../../../src/correlate/capture-quality.js';
import { defineDiagnosis, type Judgement } from '../../../src/diagnose/diagnosis.js';
import { inOrder } from '../../../src/wording/citations.js';
import { plural } from '../../../src/wording/counts.js';
import { bfdSessions } from '../correlator.js';
import { wasUp } from '../drops.js';
import { CARRIER_MICRO, CARRIER_SINGLE_HOP, TTL_SINGLE_HOP } from '../layout.js';
import type { BfdSession } from '../session.js';
import { sessionFacts, sessionSubject } from '../session-subject.js';

const CARRIERS: readonly number[] = [CARRIER_SINGLE_HOP, CARRIER_MICRO];

export default defineDiagnosis({
  id: 'bfd.ttl',
  title: 'BFD TTL is not 255',
  severity: 'warning',
  subject: 'session',
  layer: 'tunnel-control',
  priority: 3,
  rule:
    'Packets of a single-hop session (UDP port 3784 or 6784) without authentication have another TTL or hop limit than 255. ' +
    'Information where the session is Up nevertheless.',
  notWhen:
    'Multihop (port 4784); the session uses authentication, which lifts the rule. Behind a router the TTL is lower by its hop: a ' +
    'capture there cannot be judged by it, and the session of two directly connected systems does not pass there.',
  causes: [
    'The packets pass a router: the two systems are not directly connected, so that multihop (port 4784) is due',
    'The sender does not set 255',
    'Somebody else forges BFD packets from further away',
  ],
  nextSteps: [
    'traceroute PEER: one hop, or several?',
    'Configure the session as multihop on both sides, with the number of hops that are allowed',
  ],
  refutedBy: 'A capture on the wire between the two systems in which the TTL is 255.',
  source: 'RFC 5881, section 5; RFC 5082 (GTSM)',
  thresholds: {
    timeToLive: [TTL_SINGLE_HOP, 'hops', 'no router can raise it again (RFC 5082)'],
  },
  fault: 'session-down',
  technology: 'bfd',
  *diagnose({ sessions, quality }) {
    for (const session of sessions(bfdSessions)) {
      if (CARRIERS.includes(session.carrier)) yield judge(quality, session);
    }
  },
});

function judge(quality: CaptureQuality, session: BfdSession): Judgement {
  const ends = session.sides
    .flatMap((side) => side.ends)
    .filter(({ otherTtl, hasAuthentication }) => otherTtl !== null && !hasAuthentication);
  const found = ends.flatMap((end) => (end.otherTtl ? [{ end, ttl: end.otherTtl }] : []));
  if (found.length === 0) return { result: 'healthy', subject: sessionSubject(quality, session) };
  const ordered = [...found].sort((a, b) => a.ttl.first.frame - b.ttl.first.frame);
  const [{ end, ttl }] = ordered;
  const last = ordered.reduce(
    (latest, one) => (one.ttl.last.frame > latest.frame ? one.ttl.last : latest),
    ttl.last,
  );
  const isUp = wasUp(session);
  const values = ttl.min === ttl.max ? `${ttl.min}` : `${ttl.min} to ${ttl.max}`;
  const isOneWay = ordered.every((one) => one.end.from === end.from);
  return {
    result: 'problem',
    ...sessionFacts(quality, session),
    severity: isUp ? 'info' : 'warning',
    confidence: 'medium',
    explanation:
      `${plural(ttl.count, 'packet')} from ${end.from} to ${end.to} came with TTL ${values} where 255 is due; ` +
      (isUp
        ? 'the session is Up, so the receiver does not mind.'
        : 'a receiver that keeps to the standard throws them away, and the session is not Up.'),
    ...(isOneWay ? { direction: { from: end.from, to: end.to } } : {}),
    where: 'unknown',
    first: ttl.first,
    last,
    ongoingAtEnd: true,
    counts: { packets: ordered.reduce((sum, one) => sum + one.ttl.count, 0), timeToLive: ttl.min },
    evidence: inOrder(
      ordered.slice(0, 4).flatMap((one) => [
        { ...one.ttl.first, summary: `BFD of ${one.end.from} with TTL ${one.ttl.min}` },
        { ...one.ttl.last, summary: `the last such packet of ${one.end.from}` },
      ]),
    ),
  };
}
