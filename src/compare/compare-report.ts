import type { CompareDirection, CompareSection, Tunnel } from '../report/report.js';
import { NS_PER_SECOND } from '../units.js';
import type { ComparedDirection, Comparison } from './comparison.js';
import type { DirectionTally } from './direction-tally.js';
import type { PacketChanges } from './packet-changes.js';

/** What the report says of the comparison itself. */
export function compareReport(comparison: Comparison, tunnels: readonly Tunnel[]): CompareSection {
  const { clock, offsetSeconds, halfWidthSeconds, skewPpm, steps, isOffsetGiven, nat, rewritten, plan } =
    comparison;
  return {
    clock: {
      offsetSeconds,
      halfWidthSeconds: isOffsetGiven ? null : halfWidthSeconds,
      skewPpm,
      steps: steps.map(({ time, seconds }) => ({ time, seconds })),
      ...(clock && !isOffsetGiven && !clock.isTwoWay ? { oneWay: true } : {}),
      ...(isOffsetGiven ? { given: true } : {}),
    },
    nat: nat.map((entry) => ({ ...entry })),
    ...(rewritten.length > 0 ? { rewritten: rewritten.map((entry) => ({ ...entry })) } : {}),
    directions: comparison.directions
      .filter(({ tally }) => tally.sent + tally.receivedOnly > 0)
      .map((direction) => directionReport(direction, comparison, tunnels)),
    unpaired: plan.unpaired.map((entry) => ({ ...entry })),
  };
}

function directionReport(
  { plan, tally, delay }: ComparedDirection,
  { halfWidthSeconds }: Comparison,
  tunnels: readonly Tunnel[],
): CompareDirection {
  const tunnel = tunnels.find(
    ({ endpoints }) => endpoints.includes(plan.from) && endpoints.includes(plan.to),
  );
  const seconds = (ns: number): number => ns / NS_PER_SECOND;
  return {
    from: plan.from,
    to: plan.to,
    sender: plan.sender,
    scope: plan.scope,
    ...(tunnel ? { tunnel: tunnel.id } : {}),
    sent: tally.sent,
    matched: tally.matched,
    lost: tally.lost,
    lostFrames: [...tally.lostFrames],
    duplicated: tally.duplicated,
    reordered: tally.reordered,
    modified: tally.modified,
    ...changesReport(tally.changes),
    recut: tally.recut,
    receivedOnly: tally.receivedOnly,
    notComparable: notComparableReport(tally.notComparable),
    delaySeconds: delay
      ? {
          min: seconds(delay.minNs),
          median: seconds(delay.medianNs),
          p99: seconds(delay.p99Ns),
          max: seconds(delay.maxNs),
          halfWidth: halfWidthSeconds,
        }
      : null,
  };
}

/** What is rare is left out where it is 0. */
function notComparableReport({
  renumbered,
  crowded,
  ...counts
}: DirectionTally['notComparable']): CompareDirection['notComparable'] {
  return {
    ...counts,
    ...(renumbered > 0 ? { renumbered } : {}),
    ...(crowded > 0 ? { crowded } : {}),
  };
}

function changesReport(changes: PacketChanges): Pick<CompareDirection, 'changes' | 'changesUnread'> {
  const { unread, otherFields } = changes;
  const rows = changes.rows();
  const counts = { ...unread, otherFields };
  return {
    ...(rows.length > 0 ? { changes: rows.map((row) => ({ ...row, frames: [...row.frames] })) } : {}),
    ...(Object.values(counts).some((count) => count > 0) ? { changesUnread: counts } : {}),
  };
}
