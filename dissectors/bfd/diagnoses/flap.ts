import type { CaptureQuality } from '../../../src/correlate/capture-quality.js';
import { momentOf } from '../../../src/correlate/frame-reference.js';
import { defineDiagnosis, type Judgement } from '../../../src/diagnose/diagnosis.js';
import type { FrameRef } from '../../../src/moment.js';
import { seconds } from '../../../src/units.js';
import { inOrder } from '../../../src/wording/citations.js';
import { plural } from '../../../src/wording/counts.js';
import { durationText } from '../../../src/wording/durations.js';
import { bfdSessions } from '../correlator.js';
import { dropsOf, wasUp } from '../drops.js';
import { STATE_UP } from '../layout.js';
import type { BfdSession, BfdSide } from '../session.js';
import { sessionFacts, sessionSubject } from '../session-subject.js';

const TRANSITIONS_MIN = 3;
const WINDOW_SECONDS = 60;
const CITED_MAX = 10;

export default defineDiagnosis({
  id: 'bfd.flap',
  title: 'BFD session flaps',
  severity: 'error',
  subject: 'session',
  layer: 'tunnel-control',
  priority: 2,
  rule:
    'After its first Up a system goes into or out of Up at least 3 times within 60 s: down, up, and down again. Down and Init on ' +
    'the way up are one step.',
  notWhen: 'An operator took the session down (AdminDown).',
  causes: [
    'A marginal link: errors, a loose cable, a radio at its limit',
    'Timers too short for the CPU that sends or reads the packets',
    'A routing loop or a switchover that comes and goes',
  ],
  nextSteps: [
    'Error counters of both ports: ethtool -S IFACE, show interfaces counters errors',
    'Load of both systems at the times of the drops; lengthen the timers if they coincide',
    'Dampening keeps routes steady meanwhile: minimum time in Down, bfd dampening',
  ],
  refutedBy: 'A change window: somebody switched the session or the link on and off.',
  source: 'RFC 5880, section 6.2; RFC 5882, section 4 (effects on clients)',
  thresholds: {
    transitions: [TRANSITIONS_MIN, 'transitions', 'one drop and its recovery are two'],
    window: [WINDOW_SECONDS, 's', 'drops that are further apart have causes of their own'],
  },
  fault: 'session-down',
  consequenceOf: ['path-loss', 'unreachable'],
  consequenceOfIds: ['bfd.detect-expired', 'bfd.session-down'],
  technology: 'bfd',
  *diagnose({ sessions, quality }) {
    for (const session of sessions(bfdSessions)) {
      if (wasUp(session)) yield judge(quality, session);
    }
  },
});

function judge(quality: CaptureQuality, session: BfdSession): Judgement {
  const subject = sessionSubject(quality, session);
  const drops = dropsOf(session);
  const planned = new Set(drops.filter(({ isPlanned }) => isPlanned).map(({ first }) => first.frame));
  if (planned.size > 0 && planned.size === drops.length) return { result: 'healthy', subject };
  const all = session.sides.map(transitionsOf);
  const transitions = all.find(isDense) ?? null;
  if (!transitions) return { result: 'healthy', subject };
  const first = transitions[0];
  const last = transitions[transitions.length - 1];
  const cited = [...transitions.slice(0, CITED_MAX - 1), last];
  const isUpAtEnd = transitions[transitions.length - 1].isUp;
  return {
    result: 'problem',
    ...sessionFacts(quality, session),
    confidence: 'high',
    explanation:
      `The session changed ${plural(transitions.length, 'time')} between Up and not Up within ` +
      `${durationText(last.timeNs - first.timeNs)} after it had first been Up; at the end it is ${isUpAtEnd ? 'Up' : 'down'}.`,
    where: 'unknown',
    first: momentOf(first),
    last: momentOf(last),
    ongoingAtEnd: !isUpAtEnd,
    counts: { transitions: transitions.length, drops: transitions.filter(({ isUp }) => !isUp).length },
    evidence: inOrder(
      cited.map(({ isUp, frame, segment, timeNs }) => ({
        frame,
        segment,
        timeNs,
        summary: isUp ? 'into Up' : 'out of Up',
      })),
    ),
  };
}

interface Transition extends FrameRef {
  readonly isUp: boolean;
}

/** Changes between Up and not Up, from the first Up on. */
function transitionsOf({ phases }: BfdSide): Transition[] {
  const from = phases.findIndex(({ state }) => state === STATE_UP);
  if (from < 0) return [];
  return phases.slice(from + 1).flatMap(({ state, first }, at) => {
    const isUp = state === STATE_UP;
    return isUp === (phases[from + at].state === STATE_UP) ? [] : [{ ...first, isUp }];
  });
}

function isDense(transitions: readonly Transition[]): boolean {
  return transitions.some((one, at) => {
    const earlier = transitions[at - TRANSITIONS_MIN + 1];
    return earlier !== undefined && one.timeNs - earlier.timeNs <= seconds(WINDOW_SECONDS);
  });
}
