import type { CaptureQuality } from '../../../src/correlate/capture-quality.js';
import { defineDiagnosis, type Judgement, type Problem } from '../../../src/diagnose/diagnosis.js';
import { inOrder } from '../../../src/wording/citations.js';
import { plural } from '../../../src/wording/counts.js';
import { durationText } from '../../../src/wording/durations.js';
import { bfdSessions } from '../correlator.js';
import { type Drop, dropsOf, type Leaving, wasUp } from '../drops.js';
import { DIAGNOSTIC_NEIGHBOR_DOWN } from '../layout.js';
import { diagnosticText, stateName } from '../names.js';
import type { BfdSession } from '../session.js';
import { otherSide, phaseCitation, sessionFacts, sessionSubject } from '../session-subject.js';

const DROPS_CITED = 3;

export default defineDiagnosis({
  id: 'bfd.session-down',
  title: 'BFD session went down',
  severity: 'error',
  subject: 'session',
  layer: 'tunnel-control',
  priority: 1,
  rule:
    'A system that said Up says Down, Init or AdminDown. The diagnostic tells why: 1, it missed its peer’s packets; 3, the peer ' +
    'said Down; 4 and 5, its own forwarding plane or path. Information where an operator took it down (AdminDown, diagnostic 7); ' +
    'warning where only the side that was told so is in the capture.',
  notWhen: 'The capture shows no packet in Up before.',
  causes: [
    'The path between the two systems fails (diagnostic 1 on one side)',
    'A link, an interface or a forwarding plane of one of them went down (diagnostics 4, 5)',
    'A BFD process was restarted or its session removed from the configuration',
  ],
  nextSteps: [
    'Read the diagnostic of the side that went down first: the other one only follows with 3 (neighbor signaled)',
    'Log of that side at that time: vtysh -c "show bfd peers counters", journalctl -u frr, show bfd sessions',
    'With diagnostic 1, capture at both sides at once and compare',
  ],
  refutedBy: 'A change window: the session was taken down on purpose.',
  source: 'RFC 5880, sections 4.1, 6.2 and 6.8.6',
  // A detection time: some seconds at most, with common timers.
  noticedAfterSeconds: 10,
  fault: 'session-down',
  consequenceOf: ['path-loss', 'unreachable'],
  consequenceOfIds: ['bfd.detect-expired'],
  technology: 'bfd',
  *diagnose({ sessions, quality }) {
    for (const session of sessions(bfdSessions)) {
      if (wasUp(session)) yield judge(quality, session);
    }
  },
});

function judge(quality: CaptureQuality, session: BfdSession): Judgement {
  const drops = dropsOf(session);
  if (drops.length === 0) return { result: 'healthy', subject: sessionSubject(quality, session) };
  const unplanned = drops.filter(({ isPlanned }) => !isPlanned);
  return problemOf(quality, session, unplanned.length > 0 ? unplanned : drops, unplanned.length > 0);
}

function problemOf(
  quality: CaptureQuality,
  session: BfdSession,
  drops: readonly Drop[],
  isUnplanned: boolean,
): Problem {
  const [drop] = drops;
  const last = drops[drops.length - 1];
  const [leaving] = drop.leavings;
  const peer = otherSide(session, leaving.side);
  // The side that is out of sight may have been shut down on purpose.
  const isHearsay = drops.every((one) => isToldOnly(session, one));
  return {
    result: 'problem',
    ...sessionFacts(quality, session),
    severity: !isUnplanned ? 'info' : isHearsay ? 'warning' : 'error',
    confidence: isHearsay ? 'medium' : 'high',
    explanation:
      `${leavingWords(leaving)}` +
      drop.leavings
        .slice(1)
        .map((one) => `; ${leavingWords(one)}`)
        .join('') +
      `. The session went down ${drops.length === 1 ? 'once' : plural(drops.length, 'time')}` +
      (last.returned
        ? `; it was up again after ${durationText(last.returned.timeNs - last.first.timeNs)}.`
        : ' and did not come up again in the capture.'),
    ...(drop.leavings.length === 1 ? {} : { direction: { from: peer.address, to: leaving.side.address } }),
    where: 'unknown',
    first: drop.first,
    last: last.returned ?? session.last,
    lastGood: leaving.up.last,
    ongoingAtEnd: last.returned === null,
    counts: { drops: drops.length, planned: drops.filter(({ isPlanned }) => isPlanned).length },
    evidence: inOrder(
      [...drops.slice(0, DROPS_CITED), ...drops.slice(-1)].flatMap(({ leavings, returned }) => [
        ...leavings
          .slice(0, 1)
          .map(({ side, up }) => ({ ...up.last, summary: `${side.address} last says Up` })),
        ...leavings.map(({ side, down }) => phaseCitation(side, down)),
        ...(returned ? [{ ...returned, summary: 'Up again' }] : []),
      ]),
    ).slice(0, 10),
  };
}

function leavingWords({ side, down, isRestart }: Leaving): string {
  const restart = isRestart ? ' with a new discriminator (its BFD process started anew)' : '';
  return `${side.address} went from Up to ${stateName(down.state)}, diagnostic ${diagnosticText(down.diagnostic)}${restart}`;
}

/** Only the side that was told of it left Up, and the other one has no packet in the capture that says why. */
function isToldOnly(session: BfdSession, { leavings }: Drop): boolean {
  return (
    leavings.length === 1 &&
    leavings[0].down.diagnostic === DIAGNOSTIC_NEIGHBOR_DOWN &&
    otherSide(session, leavings[0].side).ends.length === 0
  );
}
