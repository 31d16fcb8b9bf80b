import type { CaptureQuality } from '../../../src/correlate/capture-quality.js';
import { oneSidedLimit } from '../../../src/correlate/gates.js';
import {
  defineDiagnosis,
  type Evidence,
  insufficientData,
  type Judgement,
} from '../../../src/diagnose/diagnosis.js';
import {
  asleepReason,
  type Silence,
  type SilenceWords,
  sumSilences,
} from '../../../src/diagnose/silences.js';
import { isNonEmpty, type NonEmpty, secondsBetween } from '../../../src/moment.js';
import { type Nanoseconds, NS_PER_SECOND } from '../../../src/units.js';
import { plural } from '../../../src/wording/counts.js';
import { secondsText } from '../../../src/wording/durations.js';
import { socketText } from '../../../src/wording/endpoints.js';
import { wireguardFlows } from '../correlator.js';
import { flowFilter, flowSubject, isAway, movesOf } from '../peers.js';
import type { Pause, Way, WireguardFlow } from '../session.js';

const MISSED_MIN = 3;
const GAP_WORDS: SilenceWords<Silence> = {
  before: () => 'last packet of the session before the pause',
  after: 'first packet after it',
  cited: 4,
  firstAlone: true,
};

export default defineDiagnosis({
  id: 'wireguard.keepalive-missing',
  title: 'WireGuard keepalives are missing',
  severity: 'warning',
  subject: 'tunnel',
  layer: 'tunnel-data',
  priority: 2,
  rule:
    'A peer sends a keepalive whenever the tunnel was idle for a learned time (3 equal ones or more; PersistentKeepalive), and then at least ' +
    '3 of them are missing, with no other packet of the session either way. Information where it is a client on a port of its own that ' +
    'does not come back.',
  notWhen:
    'The peer went on from another endpoint, or sent handshake initiations meanwhile. The whole capture pauses: then it, not the tunnel, ' +
    'was silent.',
  causes: [
    'The host or its interface was down, asleep, or out of reach',
    'The packets get lost on the way: a NAT forgot the mapping, a firewall its state, a link failed',
    'The tunnel was shut down (wg-quick down), or PersistentKeepalive taken out of the configuration',
  ],
  nextSteps: [
    'On the silent peer: wg show IFACE persistent-keepalive latest-handshakes, and its log for suspend, link down or a new address',
    'Capture there at the same time, udp port 51820: do the keepalives (32 bytes) leave?',
    'If it stands behind a NAT: a PersistentKeepalive of 25 s keeps most mappings; compare with the timer of the NAT',
  ],
  refutedBy: 'Keepalives in that time in a capture at the silent peer or on the way to this point.',
  source: 'WireGuard paper, section 6.5; wg(8), persistent-keepalive; RFC 4787, section 4.3',
  thresholds: {
    missed: [MISSED_MIN, 'keepalives', 'one or two may get lost'],
  },
  fault: 'silence',
  consequenceOf: [
    'path-loss',
    'addressing',
    'unreachable',
    'policy',
    'refused',
    'key-exchange',
    'tunnel-down',
  ],
  technology: 'wireguard',

  *diagnose(evidence) {
    const left = new Set(movesOf(evidence).map(({ old }) => old));
    for (const flow of evidence.sessions(wireguardFlows)) {
      if (left.has(flow)) continue;
      for (const way of [0, 1] as const) {
        if (!Number.isNaN(flow.directions[way].keepalivePeriodNs)) yield judge(evidence, flow, way);
      }
    }
  },
});

function judge({ quality }: Evidence, flow: WireguardFlow, way: Way): Judgement {
  const { from, to, keepalivePeriodNs } = flow.directions[way];
  const subject = { ...flowSubject(quality, flow), sender: socketText(from) };
  const gaps = flow.pauses
    .filter((pause) => !hasInitiation(flow, way, pause))
    .map((pause) => silenceOf(quality, pause, keepalivePeriodNs))
    .filter(({ lengthNs }) => isLong(lengthNs, keepalivePeriodNs));
  if (gaps.length === 0) return { result: 'healthy', subject };
  const limit = oneSidedLimit(quality, from.address, to.address, flow.stack);
  if (limit) return insufficientData(subject, limit);
  const awake = gaps.filter((gap) => !captureSlept(quality, gap, keepalivePeriodNs));
  if (isNonEmpty(awake)) return { ...problemOf(flow, way, awake), subject };
  const reason = asleepReason(secondsText(gaps[0].lengthNs / NS_PER_SECOND), 'end');
  return insufficientData(subject, reason);
}

/** Keepalives of one side were due in the pause. */
function silenceOf(quality: CaptureQuality, { before, after }: Pause, periodNs: Nanoseconds): Silence {
  const seconds = after ? secondsBetween(before, after) : quality.secondsToEnd(before);
  const lengthNs = seconds * NS_PER_SECOND;
  return { before, after, lengthNs, missed: Math.floor(lengthNs / periodNs) };
}

function isLong(lengthNs: Nanoseconds, periodNs: Nanoseconds): boolean {
  return lengthNs >= (MISSED_MIN + 0.5) * periodNs;
}

/** The side is there and tries: what it lacks is an answer. */
function hasInitiation({ handshakes }: WireguardFlow, way: Way, { before, after }: Pause): boolean {
  return handshakes.some(
    ({ way: sender, initiation }) =>
      sender === way &&
      initiation.segment === before.segment &&
      initiation.frame > before.frame &&
      (after === null || secondsBetween(initiation, after) > 1),
  );
}

/** Silences of all flows that leave too little of the pause to miss keepalives in. */
function captureSlept(
  quality: CaptureQuality,
  { before, lengthNs }: Silence,
  periodNs: Nanoseconds,
): boolean {
  const fromNs = before.timeNs;
  const toNs = fromNs + lengthNs;
  const asleepNs = quality.silences
    .filter(({ segment }) => segment === before.segment)
    .map((silence) => Math.min(silence.toNs, toNs) - Math.max(silence.fromNs, fromNs))
    // Shorter ones are pauses between packets of others.
    .filter((asleep) => asleep > periodNs)
    .reduce((sum, asleep) => sum + asleep, 0);
  return !isLong(lengthNs - asleepNs, periodNs);
}

function problemOf(flow: WireguardFlow, way: Way, gaps: NonEmpty<Silence>) {
  const { from, to, keepalivePeriodNs } = flow.directions[way];
  const period = keepalivePeriodNs / NS_PER_SECOND;
  const { longest, last, missed, span, evidence } = sumSilences(gaps, keepalivePeriodNs, GAP_WORDS);
  const isBack = last.after !== null;
  const isGone = !isBack && isAway(from, to);
  return {
    result: 'problem' as const,
    ...(isGone && { severity: 'info' as const }),
    confidence: isBack ? ('medium' as const) : ('low' as const),
    explanation:
      `${socketText(from)} sends a keepalive to ${socketText(to)} after ${secondsText(period)} without traffic, but for ` +
      `${secondsText(longest.lengthNs / NS_PER_SECOND)} nothing of the session passed either way (${plural(missed, 'keepalive')} missing` +
      `${gaps.length > 1 ? ` in ${gaps.length} pauses` : ''}). ${isBack ? 'Then it went on.' : 'It does not come back in this capture.'}`,
    pair: [from.address, to.address] as const,
    direction: { from: from.address, to: to.address },
    where: 'unknown' as const,
    ...span,
    ongoingAtEnd: !isBack && !isGone,
    counts: {
      pauses: gaps.length,
      missed,
      longestSeconds: Math.round(longest.lengthNs / NS_PER_SECOND),
      periodSeconds: Math.round(period),
    },
    evidence,
    displayFilter: flowFilter(flow),
    packetClass: 'wireguard',
  };
}
