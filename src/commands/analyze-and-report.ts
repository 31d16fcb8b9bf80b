import type { CaptureInput } from '../capture/input-file.js';
import type { Report, Severity } from '../report/report.js';
import { reportClock } from '../report/report-time.js';
import { leftOutTexts } from '../report/text-captures.js';
import { verdict } from '../report/verdict.js';
import { writeReport } from '../report/write-report.js';
import type { SideFilePaths } from '../side-files/read-side-files.js';
import { acceptanceOf, expiredLines } from './accept.js';
import type { AnalyzeCommandOptions } from './analyze-options.js';
import { paints } from './color-choice.js';
import { EXIT, exitCodeOf } from './exit-code.js';
import { assertPatternsMatch } from './id-patterns.js';
import { assertWritable, writeOutputFile } from './output-file.js';
import type { PartRequest } from './part-options.js';
import { type Progress, startProgress } from './progress.js';
import type { Terminal } from './terminal.js';

/** Large reports leave in batches: a write per line costs more than the report. */
const BATCH_LENGTH = 65_536;

/** What the command needs of the engine and the catalogue. */
export interface AnalyzePipeline {
  analyze(
    inputs: readonly CaptureInput[],
    options: {
      threads?: number;
      only?: string[];
      skip?: string[];
      minSeverity?: Severity;
      local?: string[];
      sideFiles?: SideFilePaths;
      pictures?: boolean;
      chunkBytes?: number;
      part?: PartRequest;
      onProgress?: (consumedBytes: number, totalBytes: number | null) => void;
      signal?: AbortSignal;
    },
  ): Promise<Report>;
  readonly diagnosisIds: readonly string[];
}

type ReportOptions = Pick<
  AnalyzeCommandOptions,
  'format' | 'output' | 'html' | 'color' | 'verbose' | 'quiet' | 'failOn'
>;

/**
 * Runs the analysis and writes its report.
 * @returns the exit code.
 * @throws UsageError, CaptureError
 */
export async function analyzeAndReport(
  options: AnalyzeCommandOptions,
  terminal: Terminal,
  pipeline: AnalyzePipeline,
  signal?: AbortSignal,
): Promise<number> {
  const { captures } = options;
  const inputs = options.evidence === undefined ? captures : await inputsToReadTwice(captures);
  return runAndReport(
    options,
    captures,
    terminal,
    pipeline.diagnosisIds,
    signal,
    (progress) => pipeline.analyze(inputs, pipelineOptions(options, progress, signal)),
    inputs,
  );
}

/** What a pipe holds is kept meanwhile. */
export async function inputsToReadTwice(captures: readonly CaptureInput[]): Promise<readonly CaptureInput[]> {
  return (await import('../capture/input-spill.js')).reopenableInputs(captures);
}

/** What every command that ends in a report does around its work. */
export async function runAndReport(
  options: Omit<AnalyzeCommandOptions, 'captures'>,
  inputs: readonly string[],
  terminal: Terminal,
  diagnosisIds: readonly string[],
  signal: AbortSignal | undefined,
  work: (progress: Progress | null) => Promise<Report>,
  evidenceInputs: readonly CaptureInput[] = inputs,
): Promise<number> {
  assertPatternsMatch('--only', options.only, diagnosisIds);
  assertPatternsMatch('--skip', options.skip, diagnosisIds);
  for (const file of [options.output, options.html])
    if (file !== undefined) assertWritable(file, [...inputs, ...pathsOf(options.sideFiles)]);
  const accepted = await acceptanceOf(options.accept);
  const { evidence } = options;
  const writer = evidence === undefined ? null : await import('./write-evidence.js');
  if (evidence !== undefined) writer?.assertEvidenceWritable(evidence, inputs);
  const shown = terminal.progress !== null && !options.quiet;
  const progress = shown && terminal.progress !== null ? startProgress(terminal.progress) : null;
  let report: Report;
  try {
    report = accepted(await work(progress));
  } finally {
    progress?.clear();
  }
  // An interrupted analysis ends early with what it has; half a capture is no ground for a verdict.
  if (signal?.aborted === true) return EXIT.interrupted;
  await writeTheReport(report, options, terminal);
  if (evidence !== undefined && writer !== null) {
    const said = await writer.writeEvidence(report, evidenceInputs, evidence);
    if (!options.quiet) terminal.message(said);
  }
  if (!options.quiet) sayWhatWasNotRead(report, terminal);
  return exitCodeOf(report, options.failOn);
}

/** Again on stderr: who pipes the report on does not see what it says of them. */
function sayWhatWasNotRead(report: Report, terminal: Terminal): void {
  for (const line of expiredLines(report)) terminal.message(line);
  const { sideFiles = [], filesLeftOut } = report;
  if (filesLeftOut !== undefined)
    terminal.message(`warning: not read of the directories given: ${leftOutTexts(report).join('; ')}`);
  for (const { file, warning } of sideFiles) {
    if (warning !== undefined) terminal.message(`warning: ${file} ${warning}`);
  }
}

/** Writes the report where it was asked for; to a file, the verdict is said as well. */
export async function writeTheReport(
  report: Report,
  options: ReportOptions,
  terminal: Terminal,
): Promise<void> {
  const batches = await reportBatches(report, options, terminal);
  if (options.html !== undefined) await writePage(report, options.html);
  if (options.output === undefined) {
    for (const batch of batches) await terminal.write(batch);
  } else {
    writeOutputFile(options.output, batches);
    if (!options.quiet) terminal.message(verdict(report, reportClock(report.captures)));
  }
}

/** @throws UsageError where it cannot be written. */
export async function writePage(report: Report, file: string): Promise<void> {
  const { writeHtml } = await import('../report/html.js');
  const pieces: string[] = [];
  writeHtml(report, (text) => pieces.push(text));
  writeOutputFile(file, pieces);
}

function pathsOf({ config, topology = [], tags = [], store = [], log = [] }: SideFilePaths = {}): string[] {
  return [...(config === undefined ? [] : [config]), ...topology, ...tags, ...store, ...log];
}

export function pipelineOptions(
  options: Omit<AnalyzeCommandOptions, 'captures'>,
  progress: Progress | null,
  signal?: AbortSignal,
) {
  const { only, skip, local, sideFiles, threads, minSeverity, chunkBytes, part, pictures } = options;
  return {
    ...(only.length === 0 ? {} : { only: [...only] }),
    ...(skip.length === 0 ? {} : { skip: [...skip] }),
    ...(local.length === 0 ? {} : { local: [...local] }),
    ...(sideFiles === undefined ? {} : { sideFiles }),
    ...(pictures ? { pictures } : {}),
    ...(threads === undefined ? {} : { threads }),
    ...(minSeverity === undefined ? {} : { minSeverity }),
    ...(chunkBytes === undefined ? {} : { chunkBytes }),
    ...(part === undefined ? {} : { part }),
    ...(progress === null ? {} : { onProgress: progress.update }),
    ...(signal === undefined ? {} : { signal }),
  };
}

async function reportBatches(
  report: Report,
  options: ReportOptions,
  terminal: Terminal,
): Promise<readonly string[]> {
  const batches: string[] = [];
  let pieces: string[] = [];
  let length = 0;
  const flush = () => {
    batches.push(pieces.join(''));
    pieces = [];
    length = 0;
  };
  const collect = (text: string) => {
    pieces.push(text);
    length += text.length;
    if (length >= BATCH_LENGTH) flush();
  };
  const onTerminal = options.output === undefined;
  await writeReport(report, options.format, collect, {
    color: paints(options.color, onTerminal && terminal.color),
    failOn: options.failOn,
    ascii: onTerminal && terminal.ascii === true,
    verbose: options.verbose,
    ...(onTerminal && terminal.columns !== null ? { width: terminal.columns } : {}),
  });
  flush();
  return batches;
}
