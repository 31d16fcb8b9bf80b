import { catalogue } from '../../dissectors/index.js';
import type { Report } from '../report/report.js';
import { analyzeAndReport } from './analyze-and-report.js';
import type { AnalyzeCommandOptions } from './analyze-options.js';
import { beginPatience, endPatience } from './patient-compiler.js';
import { type AnalyzeOptions, analyze, type CaptureInput } from './run-analysis.js';
import type { Terminal } from './terminal.js';

/** `capan analyze`. @returns the exit code. */
export function runAnalyze(
  options: AnalyzeCommandOptions,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<number> {
  const diagnosisIds = catalogue.flatMap((area) => area.diagnoses.map((diagnosis) => diagnosis.id));
  return analyzeAndReport(options, terminal, { analyze: analyzePatiently, diagnosisIds }, signal);
}

async function analyzePatiently(inputs: readonly CaptureInput[], options: AnalyzeOptions): Promise<Report> {
  try {
    return await analyze(inputs, { ...options, onRead: beginPatience });
  } finally {
    endPatience();
  }
}
