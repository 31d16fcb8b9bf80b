import { contender } from './contenders.mjs';
import { markdownTable, ratioOf, spreadOf, spreadText } from './ratios.mjs';

const MEGABYTE = 1_000_000;

/**
 * A row of how the work grows with what has to be kept: as many frames of many tunnels or flows, and of few, by CPU time.
 * @param {object} row
 * @param {string} row.name
 * @param {string} row.what is counted, in the plural
 * @param {import('./inputs.mjs').CaptureSpec} row.capture of the many
 * @param {number} row.perTunnel how many of it a tunnel of the capture counts for
 * @param {number} row.few tunnels of the other capture
 * @param {number} row.limit
 * @param {number} row.rounds
 * @returns {import('./target-rows.mjs').Row}
 */
export function growthRow({ name, what, capture, few, perTunnel, limit, rounds }) {
  const spare = { ...capture, tunnels: few };
  const count = (tunnels) => `${(tunnels * perTunnel).toLocaleString('en')} ${what}`;
  return {
    name,
    work: `${count(capture.tunnels)}, a million frames, CPU time ÷ ${count(few)}`,
    target: `≤ ${limit.toFixed(1)}`,
    captures: [spare, capture],
    tools: [],
    rounds,
    async measure(session) {
      const [less, more] = [await session.capture(spare), await session.capture(capture)];
      const options = ['--threads', '0'];
      const lean = contender(count(few), session.capan(less, options));
      const full = contender(count(capture.tunnels), session.capan(more, options));
      await session.measure([lean, full], session.roundsOf({ rounds }));
      const ratio = ratioOf(full.measured, lean.measured, 'cpuSeconds');
      const table = markdownTable([
        ['capan --threads 0', 'CPU time ÷', 'peak memory in MB, min / median / max'],
        ...[lean, full].map((one) => [
          one.name,
          spreadText(ratioOf(one.measured, lean.measured, 'cpuSeconds')),
          spreadText(spreadOf([...one.measured.values()].map(({ peakBytes }) => peakBytes / MEGABYTE))),
        ]),
      ]);
      return {
        measured: spreadText(ratio),
        met: ratio === undefined ? undefined : ratio.median <= limit,
        details: `${session.describe(spare)}, and ${session.describe(capture)}\n\n${table}`,
      };
    },
  };
}
