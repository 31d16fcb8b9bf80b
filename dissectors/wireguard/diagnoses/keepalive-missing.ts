import type { CaptureQuality } from '../../../src/correlate/capture-quality.js';
import { oneSidedLimit } from '../../../src/correlate/gates.js';
import {
  defineDiagnosis,
  type Evidence,
  insufficientData,
  type Judgement,
} from '../../../src/diagnose/diagnosis.js';
import { NS_PER_SECOND } from '../../../src/units.js';
import { plural } from '../../../src/wording/counts.js';
import { secondsText } from '../../../src/wording/durations.js';
import { wireguardFlows } from '../correlator.js';
import { cite, flowFilter, flowSubject, isAway, movesOf, secondsBetween, socketText } from '../peers.js';
import type { Pause, Way, WireguardFlow } from '../session.js';

const MISSED_MIN = 3;
const GAPS_CITED = 4;

/** A pause in which keepalives of one side were due. */
interface Gap {
  readonly pause: Pause;
  readonly seconds: number;
}

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
  const period = keepalivePeriodNs / NS_PER_SECOND;
  const gaps = flow.pauses
    .map((pause) => ({ pause, seconds: secondsOf(quality, pause) }))
    .filter(({ seconds }) => seconds >= (MISSED_MIN + 0.5) * period)
    .filter(({ pause }) => !hasInitiation(flow, way, pause));
  if (gaps.length === 0) return { result: 'healthy', subject };
  const limit = oneSidedLimit(quality, from.address, to.address, flow.stack);
  if (limit) return insufficientData(subject, limit);
  const awake = gaps.filter((gap) => !captureSlept(quality, gap, period));
  if (awake.length === 0) {
    const [{ seconds }] = gaps;
    const reason =
      `In a pause of ${secondsText(seconds)} the capture holds no frame at all: whether the keepalives or the capture paused, only a ` +
      'capture at the other end shows.';
    return insufficientData(subject, reason);
  }
  return { ...problemOf(flow, way, awake), subject };
}

function secondsOf(quality: CaptureQuality, { before, after }: Pause): number {
  return after ? secondsBetween(before, after) : quality.secondsToEnd(before);
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
function captureSlept(quality: CaptureQuality, { pause, seconds }: Gap, period: number): boolean {
  const fromNs = pause.before.timeNs;
  const toNs = fromNs + seconds * NS_PER_SECOND;
  const asleepNs = quality.silences
    .filter(({ segment }) => segment === pause.before.segment)
    .map((silence) => Math.min(silence.toNs, toNs) - Math.max(silence.fromNs, fromNs))
    // Shorter ones are pauses between packets of others.
    .filter((lengthNs) => lengthNs > period * NS_PER_SECOND)
    .reduce((sum, lengthNs) => sum + lengthNs, 0);
  return seconds - asleepNs / NS_PER_SECOND < (MISSED_MIN + 0.5) * period;
}

function problemOf(flow: WireguardFlow, way: Way, gaps: readonly Gap[]) {
  const { from, to, keepalivePeriodNs } = flow.directions[way];
  const period = keepalivePeriodNs / NS_PER_SECOND;
  const longest = gaps.reduce((a, b) => (b.seconds > a.seconds ? b : a));
  const missed = gaps.reduce((sum, { seconds }) => sum + Math.floor(seconds / period), 0);
  const last = gaps[gaps.length - 1];
  const { before } = gaps[0].pause;
  const { after } = last.pause;
  const isGone = after === null && isAway(from, to);
  return {
    result: 'problem' as const,
    ...(isGone && { severity: 'info' as const }),
    confidence: after === null ? ('low' as const) : ('medium' as const),
    explanation:
      `${socketText(from)} sends a keepalive to ${socketText(to)} after ${secondsText(period)} without traffic, but for ` +
      `${secondsText(longest.seconds)} nothing of the session passed either way (${plural(missed, 'keepalive')} missing` +
      `${gaps.length > 1 ? ` in ${gaps.length} pauses` : ''}). ${after ? 'Then it went on.' : 'It does not come back in this capture.'}`,
    pair: [from.address, to.address] as const,
    direction: { from: from.address, to: to.address },
    where: 'unknown' as const,
    // The keepalive that is missing was due a period after the last packet.
    first: { segment: before.segment, timeNs: before.timeNs + keepalivePeriodNs },
    last: after ?? {
      segment: last.pause.before.segment,
      timeNs: last.pause.before.timeNs + last.seconds * NS_PER_SECOND,
    },
    lastGood: before,
    ongoingAtEnd: after === null && !isGone,
    counts: {
      pauses: gaps.length,
      missed,
      longestSeconds: Math.round(longest.seconds),
      periodSeconds: Math.round(period),
    },
    evidence: gaps
      .slice(0, GAPS_CITED)
      .flatMap(({ pause }) => [
        cite(pause.before, 'last packet of the session before the pause'),
        ...(pause.after ? [cite(pause.after, 'first packet after it')] : []),
      ]),
    displayFilter: flowFilter(flow),
    packetClass: 'wireguard',
  };
}
