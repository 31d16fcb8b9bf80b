import { catalogue, dissectors, textCaptures } from '../../dissectors/index.js';
import type { CaptureSource } from '../capture/capture-source.js';
import { type CaptureInput, openCaptureSource } from '../capture/file-source.js';
import { compareReport } from '../compare/compare-report.js';
import { type CompareInput, compareSides } from '../compare/compare-sides.js';
import type { ComparedSegment, Comparison, Numbering } from '../compare/comparison.js';
import { IdentityCollector } from '../compare/identity-collector.js';
import type { CaptureQuality } from '../correlate/capture-quality.js';
import type { Judgement } from '../diagnose/diagnosis.js';
import { type PathView, runPairDiagnoses, type SideJudgements } from '../diagnose/pair-verdicts.js';
import { judgeAll, type Verdicts } from '../diagnose/run-diagnoses.js';
import type { Report } from '../report/report.js';
import { toolIdentity } from '../report/tool.js';
import { sideSummary } from '../side-files/in-report.js';
import type { SideKnowledge } from '../side-files/side-knowledge.js';
import { type PipelineResult, runPipeline } from '../workers/pipeline.js';
import { describeChanges, type Reopen } from './read-changed-packets.js';
import {
  type AnalyzeOptions,
  captureQuality,
  captureSummary,
  filesLeftOut,
  leftOutBy,
  leftOutOf,
  pipelineErrors,
  sideKnowledge,
  summarised,
  wantedFindings,
} from './run-analysis.js';

export interface CompareOptions extends Omit<AnalyzeOptions, 'identities'> {
  /** Clock of B minus clock of A in seconds, where it is known better than packets tell. */
  readonly offsetSeconds?: number;
  /** Packets kept in memory for the other side to show them, of both sides; about a million where nothing is said. */
  readonly waitingMax?: number;
}

/** Fixed, so that the same captures give the same sample of packets and the same report. */
const IDENTITY_SEED = 0x6361_7061;

const HOP_PROTOCOLS = dissectors.reduce(
  (bits, { isForwardedByHops }, bit) => (isForwardedByHops && bit < 32 ? bits | (1 << bit) : bits),
  0,
);

/** One capture point, and what it shows by itself. */
export interface JudgedPoint {
  readonly name: string;
  readonly source: CaptureSource;
  readonly quality: CaptureQuality;
  readonly collector: IdentityCollector;
  readonly judged: SideJudgements;
}

/** One capture point that was read to its end. */
export interface PointRun extends JudgedPoint {
  readonly result: PipelineResult;
  readonly reopen: Reopen;
}

/** What is known of captures that go on while they are compared. */
export type LiveFacts = Pick<CompareInput, 'isLive' | 'running' | 'silentNs'>;

/** A capture point of a path: its name, and its files or streams. */
export interface ComparePoint {
  readonly name: string;
  readonly captures: readonly CaptureInput[];
}

/**
 * Reads captures of both ends of a path and says what was lost, where and why.
 * @throws CaptureError where nothing of one side can be read.
 */
export function compare(
  a: readonly CaptureInput[],
  b: readonly CaptureInput[],
  options: CompareOptions = {},
): Promise<Report> {
  return comparePoints(
    [
      { name: 'a', captures: a },
      { name: 'b', captures: b },
    ],
    options,
  );
}

/** As `compare`, for two or more points of one path in the order in which packets pass them. */
export async function comparePoints(
  points: readonly ComparePoint[],
  options: CompareOptions = {},
): Promise<Report> {
  const sources: { name: string; source: CaptureSource; reopen: Reopen }[] = [];
  try {
    for (const { name, captures } of points) {
      const source = await openCaptureSource(captures, textCaptures);
      const isFile = (input: CaptureInput): boolean => typeof input === 'string' && input !== '-';
      const reopens = source.totalBytes !== null && captures.every(isFile);
      sources.push({
        name,
        source,
        reopen: reopens ? () => openCaptureSource(captures, textCaptures) : null,
      });
    }
    return await compareSources(sources, options);
  } finally {
    for (const { source } of sources) await source.close();
  }
}

/** A capture point whose source is open; `reopen` gives the same frames once more. */
interface OpenPoint {
  readonly name: string;
  readonly source: CaptureSource;
  readonly reopen?: Reopen;
}

/** As `comparePoints`, over any sources. */
export async function compareSources(
  points: readonly OpenPoint[],
  options: CompareOptions = {},
): Promise<Report> {
  const texts = points.flatMap(({ source }) => source.texts ?? []);
  const side = await sideKnowledge(options.sideFiles, catalogue, texts);
  const runs: PointRun[] = [];
  const errors: Report['errors'] = [];
  const sources = points.map(({ source }) => source);
  try {
    for (const { name, source, reopen = null } of points) {
      runs.push({ name, reopen, ...(await runPoint(source, options, sources, errors, side)) });
    }
    return await pathReport('compare', runs, options, errors, side);
  } finally {
    for (const { collector } of runs) collector.store.close();
  }
}

async function runPoint(
  source: CaptureSource,
  options: CompareOptions,
  sources: readonly CaptureSource[],
  errors: Report['errors'],
  side: SideKnowledge,
): Promise<Omit<PointRun, 'name' | 'reopen'>> {
  const collector = new IdentityCollector(IDENTITY_SEED, source.segments);
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
  collector.end();
  const local = [...(options.local ?? []), ...(side.configuration?.local ?? [])];
  const quality = captureQuality(source, result.runner, local, catalogue, side);
  const judged = judgeAll(catalogue, result.runner.sessions(), quality, errors, side);
  return { source, result, quality, collector, judged };
}

function progressOf(sources: readonly CaptureSource[]): [number, number | null] {
  const totals = sources.map(({ totalBytes }) => totalBytes);
  const total = totals.reduce((sum, bytes) => (sum === null || bytes === null ? null : sum + bytes), 0);
  return [sources.reduce((sum, { consumedBytes }) => sum + consumedBytes, 0), total];
}

/** What all points together show. The errors of a rule are added to `errors`. */
export function pathVerdicts(
  points: readonly JudgedPoint[],
  comparison: Comparison,
  errors: Report['errors'],
  path: Pick<PathView, 'segments' | 'side' | 'isComparable'>,
): Verdicts {
  const [first, last] = [points[0], points[points.length - 1]];
  return runPairDiagnoses(catalogue, { a: first.judged, b: last.judged }, comparison, errors, {
    captures: points.flatMap(({ source }) => source.captures),
    timeSegments: points.flatMap(({ source }) => source.segments),
    ...path,
  });
}

/** The report of captures of one path that have ended. */
export async function pathReport(
  command: Report['command'],
  points: readonly PointRun[],
  options: CompareOptions,
  errors: Report['errors'],
  side: SideKnowledge,
  live: LiveFacts = {},
): Promise<Report> {
  const first = points[0];
  const last = points[points.length - 1];
  const comparison = comparisonOf(points, 0, points.length - 1, options, live);
  const segments = points.length > 2 ? segmentsOf(points) : [];
  await describeChanges(
    [
      { comparison, points: { a: 0, b: points.length - 1 } },
      ...segments.map((segment, at) => ({ comparison: segment.comparison, points: { a: at, b: at + 1 } })),
    ],
    points.map(({ reopen }) => reopen),
  );
  const verdicts = pathVerdicts(points, comparison, errors, { segments, side });
  return {
    schema: 'capan-report/1',
    tool: toolIdentity(),
    command,
    captures: points.flatMap((point) =>
      point.source.captures.map((facts) => ({
        ...captureSummary(facts),
        ...(point === first ? { side: 'a' as const } : point === last ? { side: 'b' as const } : {}),
        ...(points.length > 2 ? { point: point.name } : {}),
      })),
    ),
    quality: verdicts.quality,
    tunnels: verdicts.tunnels,
    ...wantedFindings(verdicts, options),
    errors: [...verdicts.errors, ...points.flatMap(({ result }) => pipelineErrors(result))],
    ...filesLeftOut(points.map(({ source }) => source)),
    ...summarised([...points.flatMap(leftOutAt), ...leftOutOf(verdicts)]),
    ...sideSummary(side, verdicts),
    compare: {
      ...compareReport(comparison, verdicts.tunnels),
      ...(segments.length > 0
        ? {
            segments: segments.map(({ from, to, comparison: stretch }) => {
              const { clock, directions } = compareReport(stretch, verdicts.tunnels);
              return { from, to, clock, directions };
            }),
          }
        : {}),
    },
  };
}

function leftOutAt({ name, result, collector }: PointRun): NonNullable<Report['summarised']> {
  const bounded = leftOutBy(result.runner).map(({ what, count }) => ({ what: `${what} (${name})`, count }));
  const { forgotten } = collector.store;
  return [
    ...bounded,
    { what: `packets that were too old to be compared at the end (${name})`, count: forgotten },
  ];
}

function segmentsOf(points: readonly PointRun[]): ComparedSegment[] {
  return points.slice(1).map((point, index) => ({
    from: points[index].name,
    to: point.name,
    comparison: comparisonOf(points, index, index + 1, {}),
  }));
}

/** Two of the points, packet by packet. */
export function comparisonOf(
  points: readonly JudgedPoint[],
  indexA: number,
  indexB: number,
  options: Pick<CompareOptions, 'offsetSeconds' | 'waitingMax'>,
  live: LiveFacts = {},
): Comparison {
  const [a, b] = [points[indexA], points[indexB]];
  return compareSides({
    collectors: { a: a.collector, b: b.collector },
    qualities: { a: a.quality, b: b.quality },
    offsetSeconds: options.offsetSeconds ?? null,
    protocols: dissectors.map(({ protocol }) => protocol),
    hopProtocols: HOP_PROTOCOLS,
    numbering: { a: numberingOf(points, indexA), b: numberingOf(points, indexB) },
    watched: { a: citedFrames(a.judged), b: citedFrames(b.judged) },
    ...(options.waitingMax === undefined ? {} : { waitingMax: options.waitingMax }),
    ...live,
  });
}

function numberingOf(points: readonly JudgedPoint[], index: number): Numbering {
  const before = points.slice(0, index);
  return {
    captures: before.reduce((sum, { source }) => sum + source.captures.length, 0),
    segments: before.reduce((sum, { source }) => sum + source.segments.length, 0),
  };
}

function citedFrames({ judgements }: SideJudgements): Set<number> {
  const frames = new Set<number>();
  const note = (judgement: Judgement): void => {
    if (judgement.result === 'problem') for (const { frame } of judgement.evidence) frames.add(frame);
  };
  for (const judged of judgements.values()) judged.forEach(note);
  return frames;
}
