import { groupBy } from '../correlate/group-by.js';
import { median } from './linked-points.js';
import { type LossCause, type ObservedDirection, pairKey, pointsOf } from './observed-traffic.js';
import { totalOf } from './passage.js';

/** Of one or two peers it may as well be the path to them. */
const PEERS_MIN = 3;
const MISSING_MIN = 4;
const AGREEING_SHARE_MIN = 0.8;
/** Two peers notice it when each of them sends next. */
const CONTRADICTION_US = 500_000;

/**
 * A host that nothing reaches any more, or from which nothing arrives, while its other direction works or not: the same
 * end of three pairs or more, from one moment on.
 */
export function silentEnds(directions: readonly ObservedDirection[]): LossCause[] {
  const deaf = [...groupBy(directions, ({ to }) => to)].flatMap(
    ([host, own]) => silentEnd(host, own, 'deaf') ?? [],
  );
  const mute = [...groupBy(directions, ({ from }) => from)].flatMap(
    ([host, own]) => silentEnd(host, own, 'mute') ?? [],
  );
  return [...deaf, ...mute];
}

interface Stopped {
  readonly direction: ObservedDirection;
  readonly sinceUs: number;
  readonly missing: number;
  readonly lastArrivedUs: number | null;
}

function silentEnd(
  host: string,
  directions: readonly ObservedDirection[],
  what: 'deaf' | 'mute',
): LossCause | null {
  const stopped = directions.flatMap((direction): Stopped[] => {
    const { missingSince, missingSinceUs, lastArrivedUs } = totalOf(direction.flows);
    if (missingSinceUs === null || missingSince < MISSING_MIN) return [];
    return [{ direction, sinceUs: missingSinceUs, missing: missingSince, lastArrivedUs }];
  });
  if (stopped.length < PEERS_MIN) return null;
  const sinceUs = Math.min(...stopped.map((one) => one.sinceUs));
  const contradicting = directions.filter((direction) => {
    const own = stopped.find((one) => one.direction === direction);
    // Where nothing is lost, nothing says until when it arrived: the direction works.
    if (direction.lost === 0) return direction.sent >= MISSING_MIN;
    const last = direction.total?.lastArrivedUs ?? null;
    return own === undefined || (last !== null && last > sinceUs + CONTRADICTION_US);
  });
  const judged = directions.filter(({ sent }) => sent >= MISSING_MIN);
  if (contradicting.length > (1 - AGREEING_SHARE_MIN) * judged.length) return null;
  return causeOf(host, stopped, sinceUs, what);
}

function causeOf(
  host: string,
  stopped: readonly Stopped[],
  sinceUs: number,
  what: 'deaf' | 'mute',
): LossCause {
  const point = what === 'deaf' ? stopped[0].direction.receiver : stopped[0].direction.sender;
  const peers = stopped.length;
  const missing = stopped.reduce((sum, one) => sum + one.missing, 0);
  const good = stopped.flatMap(({ lastArrivedUs }) => (lastArrivedUs === null ? [] : [lastArrivedUs]));
  const isDeaf = what === 'deaf';
  const cause: LossCause = {
    id: isDeaf ? 'fleet.host-deaf' : 'fleet.host-unheard',
    title: isDeaf ? `nothing reaches ${host} (${point})` : `nothing from ${host} (${point}) arrives anywhere`,
    explanation: isDeaf
      ? `${peers} hosts send to ${host}, and their own captures show the packets leaving; the capture at ${host} shows none of them (${missing} missing, median ${median(stopped.map((one) => one.missing))} of each host).`
      : `the capture at ${host} shows packets leaving to ${peers} hosts; none of their captures shows one (${missing} missing).`,
    severity: 'error',
    confidence: 'high',
    place: { kind: 'host', host, point },
    hosts: [host],
    pairs: new Set(stopped.map(({ direction }) => pairKey(direction))),
    points: pointsOf(stopped.map(({ direction }) => direction)),
    sinceUs,
    lastGoodUs: good.length === 0 ? null : Math.max(...good),
    lastUs: Math.max(...stopped.map(({ direction }) => direction.total?.lastMissingUs ?? sinceUs)),
    counts: { peers, missing },
    nextSteps: [
      `on ${host}: ip -s link; ethtool -S IFACE | grep -i drop; nft list ruleset; journalctl --since`,
      `on the switch port of ${host}: counters, VLAN, ACL, whether its MAC address is still learned there`,
    ],
    refutedBy: `a capture on the switch port of ${host} that shows the packets arriving: then its own capture lost them`,
  };
  for (const { direction } of stopped)
    for (const flow of direction.flows)
      if (flow.missingSinceUs !== null && flow.missingSinceUs >= sinceUs) flow.explainedBy = cause;
  return cause;
}
