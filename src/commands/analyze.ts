import { catalogue } from '../../dissectors/index.js';
import { analyzeAndReport } from './analyze-and-report.js';
import type { AnalyzeCommandOptions } from './analyze-options.js';
import { analyze } from './run-analysis.js';
import type { Terminal } from './terminal.js';

/** `capan analyze`. @returns the exit code. */
export function runAnalyze(
  options: AnalyzeCommandOptions,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<number> {
  const diagnosisIds = catalogue.flatMap((area) => area.diagnoses.map((diagnosis) => diagnosis.id));
  return analyzeAndReport(options, terminal, { analyze, diagnosisIds }, signal);
}
