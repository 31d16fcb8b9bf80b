import { catalogue } from '../../dissectors/index.js';
import { pipelineOptions, runAndReport } from './analyze-and-report.js';
import type { CompareCommandOptions } from './compare-options.js';
import { compare } from './run-compare.js';
import type { Terminal } from './terminal.js';

/** `capan compare`. @returns the exit code. */
export function runCompare(
  options: CompareCommandOptions,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<number> {
  const diagnosisIds = catalogue.flatMap((area) => area.diagnoses.map((diagnosis) => diagnosis.id));
  const inputs = options.points.flatMap(({ captures }) => captures);
  const [a, b] = options.points;
  return runAndReport(options, inputs, terminal, diagnosisIds, signal, (progress) =>
    compare(a.captures, b.captures, {
      ...pipelineOptions(options, progress, signal),
      ...(options.offsetSeconds === undefined ? {} : { offsetSeconds: options.offsetSeconds }),
    }),
  );
}
