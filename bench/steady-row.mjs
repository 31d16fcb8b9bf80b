import { contender, REFERENCE_COMMANDS, versionOf } from './contenders.mjs';
import { markdownTable, spreadOf, spreadText } from './ratios.mjs';

/**
 * The row of what a frame costs once everything is warm: CPU time of a large capture less that of a small one, divided by
 * the same difference of the tool. Neither start-up, nor V8's first compiling, nor most of the end of an analysis counts.
 * @param {object} row
 * @param {import('./inputs.mjs').CaptureSpec} row.small
 * @param {import('./inputs.mjs').CaptureSpec} row.large of the same kind
 * @param {number} row.limit
 * @param {number} row.rounds
 * @returns {import('./target-rows.mjs').Row}
 */
export function steadyRow({ small, large, limit, rounds }) {
  return {
    name: 'steady',
    work: 'CPU time of 2 million frames less that of 300,000, ÷ that of `tcpdump -r F -w /dev/null` (`--threads 0`)',
    target: `≤ ${limit.toFixed(1)}`,
    captures: [small, large],
    tools: ['tcpdump'],
    rounds,
    async measure(session) {
      const [few, many] = [await session.capture(small), await session.capture(large)];
      const capan = [few, many].map((file) => contender('capan', session.capan(file, ['--threads', '0'])));
      const tcpdump = [few, many].map((file) => contender('tcpdump', REFERENCE_COMMANDS.tcpdump(file)));
      await session.measure([...capan, ...tcpdump], session.roundsOf({ rounds }));
      const own = differencesOf(capan);
      const theirs = differencesOf(tcpdump);
      const ratios = own.flatMap((seconds, round) => (theirs[round] > 0 ? [seconds / theirs[round]] : []));
      const ratio = ratios.length === 0 ? undefined : spreadOf(ratios);
      const table = markdownTable([
        ['CPU time that the further frames take', 'seconds, min / median / max'],
        ['capan --threads 0', spreadText(spreadOf(own))],
        [`tcpdump ${versionOf('tcpdump')}`, spreadText(spreadOf(theirs))],
      ]);
      return {
        measured: spreadText(ratio),
        met: ratio === undefined ? undefined : ratio.median <= limit,
        details: `${session.describe(small)}, and ${session.describe(large)}\n\n${table}`,
      };
    },
  };
}

/** By round: what the large capture takes more than the small one, in seconds of CPU time. */
export function differencesOf([small, large]) {
  return [...large.measured].map(
    ([round, { cpuSeconds }]) => cpuSeconds - (small.measured.get(round)?.cpuSeconds ?? 0),
  );
}
