import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { contender } from './contenders.mjs';
import { scaledSpec } from './inputs.mjs';

/**
 * A row for a capture that wants to exhaust tables: the analysis has to finish, within a bound of memory, and to say
 * what it counted and did not keep one by one.
 * @returns {import('./target-rows.mjs').Row}
 */
export function hostileRow({ name, what, capture, limitBytes }) {
  const rounds = 1;
  return {
    name,
    work: `${(capture.frames / 1e6).toLocaleString('en')} million distinct ${what} (hostile)`,
    target: `finishes, ≤ ${limitBytes / 1e6} MB, says what it summarised`,
    captures: [capture],
    tools: [],
    rounds,
    async measure(session) {
      const file = await session.capture(capture);
      const reportFile = join(session.store.folder, `${name}.json`);
      const command = session.capan(file, ['--format', 'json']);
      command[command.indexOf('/dev/null')] = reportFile;
      const capan = contender('capan', command);
      let report;
      try {
        await session.measure([capan], session.roundsOf({ rounds }));
        report = JSON.parse(readFileSync(reportFile, 'utf8'));
      } catch (cause) {
        return { measured: 'did not finish', met: false, details: lastLineOf(cause.message) };
      } finally {
        rmSync(reportFile, { force: true });
      }
      const runs = [...capan.measured.values()];
      const peakBytes = Math.max(...runs.map((run) => run.peakBytes));
      const wallSeconds = Math.min(...runs.map((run) => run.wallSeconds));
      const { frames } = scaledSpec(capture, session.options.scale);
      return {
        ...judgeHostile(report, { frames, peakBytes, limitBytes, isScaled: session.isScaled }),
        details: `${session.describe(capture)}; ${microseconds(wallSeconds, frames)} a frame; ${summaryText(report)}`,
      };
    },
  };
}

/**
 * @param {object} report of capan
 * @param {{ frames: number, peakBytes: number, limitBytes: number, isScaled: boolean }} run
 * @returns {{ measured: string, met: boolean | undefined }} undefined where a scaled capture gave nothing to summarise
 */
export function judgeHostile(report, { frames, peakBytes, limitBytes, isScaled }) {
  const read = report.captures.reduce((sum, capture) => sum + capture.frames, 0);
  const summarised = (report.summarised ?? []).length > 0;
  const memory = `${(peakBytes / 1e6).toFixed(0)} MB`;
  if (read !== frames) return { measured: `read ${read} of ${frames} frames, ${memory}`, met: false };
  if (report.errors.length > 0) return { measured: `${report.errors.length} errors, ${memory}`, met: false };
  const fits = peakBytes <= limitBytes;
  return {
    measured: `finishes, ${memory}, ${summarised ? 'says what it summarised' : 'summarises nothing'}`,
    met: fits && !summarised && isScaled ? undefined : fits && summarised,
  };
}

function summaryText({ summarised = [] }) {
  if (summarised.length === 0) return 'nothing summarised';
  const parts = summarised.map(({ what, count }) => `${count.toLocaleString('en')} ${what}`);
  return `summarised: ${parts.join(', ')}`;
}

function microseconds(seconds, frames) {
  return `${((seconds / frames) * 1e6).toFixed(2)} µs`;
}

function lastLineOf(message) {
  return message.split('\n').at(-1);
}
