import { randomInt } from 'node:crypto';
import { catalogue, dissectors } from '../../dissectors/index.js';
import type { CaptureSource } from '../capture/capture-source.js';
import { type CaptureInput, openCaptureSource } from '../capture/file-source.js';
import { compareReport } from '../compare/compare-report.js';
import { type CompareInput, compareSides } from '../compare/compare-sides.js';
import type { Comparison } from '../compare/comparison.js';
import { IdentityCollector } from '../compare/identity-collector.js';
import { SIDES, type Side } from '../compare/plan.js';
import type { CaptureQuality } from '../correlate/capture-quality.js';
import type { Judgement } from '../diagnose/diagnosis.js';
import { runPairDiagnoses, type SideJudgements } from '../diagnose/pair-verdicts.js';
import { judgeAll } from '../diagnose/run-diagnoses.js';
import type { Report } from '../report/report.js';
import { toolIdentity } from '../report/tool.js';
import { type PipelineResult, runPipeline } from '../workers/pipeline.js';
import {
  type AnalyzeOptions,
  captureQuality,
  captureSummary,
  pipelineErrors,
  summarisedOf,
  wantedFindings,
} from './run-analysis.js';

export interface CompareOptions extends Omit<AnalyzeOptions, 'identities'> {
  /** Clock of B minus clock of A in seconds, where it is known better than packets tell. */
  readonly offsetSeconds?: number;
}

/** One side, read and correlated. */
interface SideRun {
  readonly source: CaptureSource;
  readonly result: PipelineResult;
  readonly quality: CaptureQuality;
  readonly collector: IdentityCollector;
  readonly judged: SideJudgements;
}

/**
 * Reads captures of both ends of a path and says what was lost, where and why.
 * @throws CaptureError where nothing of one side can be read.
 */
export async function compare(
  a: readonly CaptureInput[],
  b: readonly CaptureInput[],
  options: CompareOptions = {},
): Promise<Report> {
  const sources: CaptureSource[] = [];
  try {
    for (const inputs of [a, b]) sources.push(await openCaptureSource(inputs));
    const [sourceA, sourceB] = sources;
    return await compareSources(sourceA, sourceB, options);
  } finally {
    for (const source of sources) await source.close();
  }
}

/** As `compare`, over any sources. */
export async function compareSources(
  a: CaptureSource,
  b: CaptureSource,
  options: CompareOptions = {},
): Promise<Report> {
  const seed = randomInt(2 ** 31);
  const runs: SideRun[] = [];
  const errors: Report['errors'] = [];
  try {
    for (const source of [a, b]) runs.push(await runSide(source, seed, options, [a, b], errors));
    const [runA, runB] = runs;
    return reportOf({ a: runA, b: runB }, options, errors);
  } finally {
    for (const { collector } of runs) collector.store.close();
  }
}

async function runSide(
  source: CaptureSource,
  seed: number,
  options: CompareOptions,
  sources: readonly CaptureSource[],
  errors: Report['errors'],
): Promise<SideRun> {
  const collector = new IdentityCollector(seed, source.segments);
  const { onProgress } = options;
  const result = await runPipeline(
    source,
    dissectors,
    catalogue.flatMap((entry) => entry.correlators),
    {
      ...options,
      identities: collector,
      ...(onProgress ? { onProgress: () => onProgress(...progressOf(sources)) } : {}),
    },
  );
  const quality = captureQuality(source, result.runner, options.local ?? []);
  const judged = judgeAll(catalogue, result.runner.sessions(), quality, errors);
  return { source, result, quality, collector, judged };
}

function progressOf(sources: readonly CaptureSource[]): [number, number | null] {
  const totals = sources.map(({ totalBytes }) => totalBytes);
  const total = totals.reduce((sum, bytes) => (sum === null || bytes === null ? null : sum + bytes), 0);
  return [sources.reduce((sum, { consumedBytes }) => sum + consumedBytes, 0), total];
}

function reportOf(
  runs: Readonly<Record<Side, SideRun>>,
  options: CompareOptions,
  errors: Report['errors'],
): Report {
  const comparison = comparisonOf(runs, options);
  const verdicts = runPairDiagnoses(catalogue, { a: runs.a.judged, b: runs.b.judged }, comparison, errors);
  const summarised = SIDES.flatMap((side) =>
    (summarisedOf(runs[side].result.runner).summarised ?? []).map(({ what, count }) => ({
      what: `${what} (side ${side})`,
      count,
    })),
  );
  return {
    schema: 'capan-report/1',
    tool: toolIdentity(),
    command: 'compare',
    captures: SIDES.flatMap((side) =>
      runs[side].source.captures.map((facts) => ({ ...captureSummary(facts), side })),
    ),
    quality: verdicts.quality,
    tunnels: verdicts.tunnels,
    ...wantedFindings(verdicts, options),
    errors: [...verdicts.errors, ...SIDES.flatMap((side) => pipelineErrors(runs[side].result))],
    ...(summarised.length > 0 ? { summarised } : {}),
    compare: compareReport(comparison, verdicts.tunnels),
  };
}

function comparisonOf(runs: Readonly<Record<Side, SideRun>>, options: CompareOptions): Comparison {
  const input: CompareInput = {
    collectors: { a: runs.a.collector, b: runs.b.collector },
    qualities: { a: runs.a.quality, b: runs.b.quality },
    offsetSeconds: options.offsetSeconds ?? null,
    protocols: dissectors.map(({ protocol }) => protocol),
    watched: { a: citedFrames(runs.a.judged), b: citedFrames(runs.b.judged) },
  };
  return compareSides(input);
}

function citedFrames({ judgements }: SideJudgements): Set<number> {
  const frames = new Set<number>();
  const note = (judgement: Judgement): void => {
    if (judgement.result === 'problem') for (const { frame } of judgement.evidence) frames.add(frame);
  };
  for (const judged of judgements.values()) judged.forEach(note);
  return frames;
}
