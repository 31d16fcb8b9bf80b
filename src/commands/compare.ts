import { setFlagsFromString } from 'node:v8';
import { catalogue } from '../../dissectors/index.js';
import { clockText } from '../report/compare-text.js';
import { inputsToReadTwice, pipelineOptions, runAndReport } from './analyze-and-report.js';
import type { CompareCommandOptions } from './compare-options.js';
import { EXIT } from './exit-code.js';
import { writeOutputFile } from './output-file.js';
import { type ComparePoint, comparePoints } from './run-compare.js';
import type { Terminal } from './terminal.js';

/**
 * The join lets go of records all the time, of which V8 would let hundreds of megabytes pile up before it collects them.
 * At 60 % of growth between collections two captures of 1 GB need little more than half the memory, in about the same time.
 */
const COLLECT_SOONER = '--heap-growing-percent=60';

/** `capan compare`. @returns the exit code. */
export async function runCompare(
  options: CompareCommandOptions,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<number> {
  setFlagsFromString(COLLECT_SOONER);
  const diagnosisIds = catalogue.flatMap((area) => area.diagnoses.map((diagnosis) => diagnosis.id));
  const inputs = options.points.flatMap(({ captures }) => captures);
  if (options.clockOnly) return printClock(options, terminal, signal);
  const points: ComparePoint[] = [];
  for (const { name, captures } of options.points)
    points.push({
      name,
      captures: options.evidence === undefined ? captures : await inputsToReadTwice(captures),
    });
  return runAndReport(
    options,
    inputs,
    terminal,
    diagnosisIds,
    signal,
    (progress) =>
      comparePoints(points, {
        ...pipelineOptions(options, progress, signal),
        ...(options.offsetSeconds === undefined ? {} : { offsetSeconds: options.offsetSeconds }),
      }),
    points.flatMap(({ captures }) => captures),
  );
}

/** How the clocks differ, in one line or as the `clock` object of the report. */
async function printClock(
  options: CompareCommandOptions,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<number> {
  const report = await comparePoints(options.points, pipelineOptions(options, null, signal));
  if (signal.aborted) return EXIT.interrupted;
  if (!report.compare) return EXIT.clean;
  const text =
    options.format === 'json' || options.format === 'ndjson'
      ? JSON.stringify(report.compare.clock)
      : clockText(report.compare);
  if (options.output === undefined) await terminal.write(`${text}\n`);
  else writeOutputFile(options.output, [`${text}\n`]);
  return EXIT.clean;
}
