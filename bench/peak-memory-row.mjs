import { contender } from './contenders.mjs';
import { markdownTable, spreadOf } from './ratios.mjs';

/**
 * The row of peak memory, which is not to grow with the capture. Its largest value decides, and the medians of both
 * sizes may differ by the factor `spread`.
 * @returns {import('./target-rows.mjs').Row}
 */
export function peakMemoryRow({ small, large, limitBytes, spread, rounds }) {
  return {
    name: 'peak-memory',
    work: 'peak memory at 1 GB and 10 GB mixed',
    target: `≤ ${limitBytes / 1e6} MB, equal within ${Math.round((spread - 1) * 100)} %`,
    captures: [small, large],
    tools: [],
    rounds,
    async measure(session) {
      // Both would choose workers at full size; scaled, one of them would not.
      const options = session.defaultThreads;
      const contenders = [];
      for (const spec of [small, large]) {
        const command = session.capan(await session.capture(spec), options);
        contenders.push(contender(session.describe(spec), command));
      }
      await session.measure(contenders, session.roundsOf({ rounds }));
      const peaks = contenders.map(({ measured }) =>
        spreadOf([...measured.values()].map(({ peakBytes }) => peakBytes)),
      );
      const factor = peaks[1].median / peaks[0].median;
      const table = markdownTable([
        [['capan', ...options].join(' '), 'peak memory in MB, min / median / max'],
        ...contenders.map(({ name }, index) => [name, megabytesOf(peaks[index])]),
      ]);
      return {
        measured: `${megabytes(peaks[0].median)} and ${megabytes(peaks[1].median)} MB, factor ${factor.toFixed(2)}`,
        met: isFlat(peaks, limitBytes, spread),
        details: `largest resident set of the process, a MB is 1,000,000 bytes\n\n${table}`,
      };
    },
  };
}

/** @param {readonly import('./ratios.mjs').Spread[]} peaks of the small and the large capture, in bytes */
export function isFlat([small, large], limitBytes, spread) {
  const factor = large.median / small.median;
  return Math.max(small.max, large.max) <= limitBytes && factor <= spread && factor >= 1 / spread;
}

function megabytesOf({ min, median, max }) {
  return [min, median, max].map(megabytes).join(' / ');
}

function megabytes(bytes) {
  return (bytes / 1e6).toFixed(0);
}
