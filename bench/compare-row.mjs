import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { contender, QUANTITIES } from './contenders.mjs';
import { markdownTable, ratioOf, spreadOf, spreadText } from './ratios.mjs';

/**
 * The row of comparing both ends of a path: wall time divided by that of analysing one after the other, a bound of
 * memory, and every packet that the second capture lacks found to be lost.
 * @returns {import('./target-rows.mjs').Row}
 */
export function compareRow({ capture, limit, limitBytes, rounds }) {
  const otherEnd = { ...capture, isOtherEnd: true };
  return {
    name: 'compare',
    work: 'comparing two ends of 1 GB each ÷ analysing both in turn',
    target: `≤ ${limit.toFixed(1)}, ≤ ${limitBytes / 1e6} MB, losses exact`,
    captures: [capture, otherEnd],
    tools: [],
    rounds,
    async measure(session) {
      const files = [await session.capture(capture), await session.capture(otherEnd)];
      const options = session.defaultThreads;
      const reportFile = join(session.store.folder, 'compare.json');
      const program = session.options.capanProgram;
      const command = [...program, 'compare', ...files, '--fail-on', 'never', '--format', 'json', '-o'];
      const compared = contender('capan compare', [...command, reportFile, ...options]);
      const analysed = contender(
        'capan analyze, twice',
        inTurn(files.map((file) => session.capan(file, options))),
      );
      let report;
      try {
        await session.measure([analysed, compared], session.roundsOf({ rounds }));
        report = JSON.parse(readFileSync(reportFile, 'utf8'));
      } finally {
        rmSync(reportFile, { force: true });
      }
      const ratios = QUANTITIES.map(({ key }) => ratioOf(compared.measured, analysed.measured, key));
      const peaks = spreadOf([...compared.measured.values()].map(({ peakBytes }) => peakBytes));
      const table = markdownTable([
        ['capan compare ÷ capan analyze, twice', 'min / median / max'],
        ...QUANTITIES.map(({ title }, index) => [title, spreadText(ratios[index])]),
      ]);
      const ends = `${session.describe(capture)}, and its other end, ${session.describe(otherEnd)}`;
      return {
        ...judgeComparison(report, { ratio: ratios[0], peaks, limit, limitBytes }),
        details: `${ends}; peak memory of capan compare ${spreadText(megabytes(peaks))} MB\n\n${table}`,
      };
    },
  };
}

/**
 * @param {object} report of capan
 * @param {{ ratio: import('./ratios.mjs').Spread, peaks: import('./ratios.mjs').Spread, limit: number, limitBytes: number }} run
 * @returns {{ measured: string, met: boolean }}
 */
export function judgeComparison(report, { ratio, peaks, limit, limitBytes }) {
  const [a, b] = report.captures.map(({ frames }) => frames);
  const missing = a - b;
  // The traffic of the bench acknowledges what its other end lacks: then the capture is to blame, not the path. What would have
  // arrived after the other capture ended is neither.
  const lost = report.compare.directions.reduce(
    (sum, { lost, notComparable }) => sum + lost + notComparable.captureLoss + notComparable.outsideWindow,
    0,
  );
  const memory = `${(peaks.max / 1e6).toFixed(0)} MB`;
  const found = lost === missing ? 'losses exact' : `${lost} lost packets told of ${missing}`;
  return {
    measured: `${spreadText(ratio)}, ${memory}, ${found}`,
    met: ratio.median <= limit && peaks.max <= limitBytes && lost === missing && report.errors.length === 0,
  };
}

/** One command that runs those one after the other. */
function inTurn(commands) {
  const quoted = commands.map((words) => words.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' '));
  return ['sh', '-c', quoted.join(' && ')];
}

function megabytes({ min, median, max, rounds }) {
  return { min: min / 1e6, median: median / 1e6, max: max / 1e6, rounds };
}
