import { catalogue, dissectors } from '../../dissectors/index.js';
import type { CorrelatorRunner } from '../correlate/run-correlators.js';
import type { CatalogueEntry } from '../diagnose/catalogue.js';
import { type FindingEvent, FindingTracker } from '../live/finding-tracker.js';
import { judgeAt, presentTime } from '../live/live-judge.js';
import { type Present, presentOf } from '../live/live-quality.js';
import type { LiveSource } from '../live/live-source.js';
import type { Finding, Report, Tunnel } from '../report/report.js';
import { sideSummary } from '../side-files/in-report.js';
import type { SideKnowledge } from '../side-files/side-knowledge.js';
import { type PipelineResult, runPipeline } from '../workers/pipeline.js';
import { Picturing } from './picturing.js';
import {
  type AnalyzeOptions,
  captureQuality,
  reportedFindings,
  reportOf,
  sideKnowledge,
} from './run-analysis.js';

/** Rounds are no nearer to each other than this, and take no more than a tenth of the time. */
export const ROUND_EVERY_MS = 1000;
export const ROUND_SHARE = 10;
/** What judges where the capture ended is not asked before it has. */
const NOT_WHILE_RUNNING = new Set(['capture.too-short']);

/** One look at the run while it goes on. */
export interface LiveRound {
  readonly events: readonly FindingEvent[];
  readonly open: readonly Finding[];
  readonly cleared: readonly { readonly finding: Finding; readonly clearedAt: string | null }[];
  readonly tunnels: readonly Tunnel[];
  readonly frames: number;
  readonly bytes: number;
  /** Null where it is not known (yet). */
  readonly drops: number | null;
  /** The present by the clock of the capture, or null. */
  readonly now: string | null;
}

export interface LiveRunOptions extends AnalyzeOptions {
  /** Seconds by which a packet may be late between the interface and here. */
  readonly marginSeconds: number;
  readonly onRound: (round: LiveRound) => void;
  /** Called about five times a second. */
  readonly onTick?: () => void;
  /** False where the end of the input says nothing of when the capture ended: silence before it is not judged. */
  readonly endIsKnown: () => boolean;
}

/**
 * Judges a live source until it ends.
 * @returns the report of the whole run; a finding that was raised and has cleared carries `clearedAt`.
 */
export async function runLive(source: LiveSource, options: LiveRunOptions): Promise<Report> {
  const side = await sideKnowledge(options.sideFiles, catalogue);
  const picturing = options.pictures === true ? new Picturing(catalogue) : null;
  const run = new LiveRun(source, catalogue, options, side);
  const result = await runPipeline(
    source,
    dissectors,
    [...catalogue.flatMap((entry) => entry.correlators), ...(picturing?.correlators ?? [])],
    {
      ...picturing?.pipelineOptions,
      // Packets come slower than one core dissects them; a pool would only hold them back.
      threads: options.threads ?? 0,
      ...(options.chunkBytes === undefined ? {} : { chunkBytes: options.chunkBytes }),
      onConsumed: (runner) => run.consumed(runner),
    },
  );
  const report = run.report(result);
  if (picturing === null) return report;
  const quality = captureQuality(source, result.runner, options.local ?? [], catalogue, side);
  return { ...report, ...picturing.describe(result.runner.sessions(), quality, report) };
}

class LiveRun {
  private readonly tracker = new FindingTracker();
  private nextRoundMs = performance.now() + ROUND_EVERY_MS;

  constructor(
    private readonly source: LiveSource,
    private readonly entries: readonly CatalogueEntry[],
    private readonly options: LiveRunOptions,
    private readonly side: SideKnowledge,
  ) {}

  private get local(): readonly string[] {
    return [...(this.options.local ?? []), ...(this.side.configuration?.local ?? [])];
  }

  consumed(runner: CorrelatorRunner): void {
    this.options.onTick?.();
    const startMs = performance.now();
    if (startMs < this.nextRoundMs) return;
    this.round(runner, startMs);
    const tookMs = performance.now() - startMs;
    this.nextRoundMs = startMs + Math.max(ROUND_EVERY_MS, ROUND_SHARE * tookMs);
  }

  report(result: PipelineResult): Report {
    const { source, options, entries } = this;
    const { runner } = result;
    const quality = captureQuality(source, runner, this.local, entries, this.side);
    const present = options.endIsKnown() ? this.present(runner) : null;
    const verdicts = judgeAt(entries, runner.sessions(), quality, present, false, this.side);
    const report = {
      ...reportOf('live', source.captures, result, verdicts, options),
      ...sideSummary(this.side, verdicts),
    };
    return withWhatWasOver(report, this.tracker, presentTime(quality, present));
  }

  private round(runner: CorrelatorRunner, nowMs: number): void {
    const { source, options, entries, tracker } = this;
    const quality = captureQuality(source, runner, this.local, entries, this.side);
    const present = this.present(runner);
    const verdicts = judgeAt(entries, runner.sessions(), quality, present, true, this.side);
    const now = presentTime(quality, present);
    const isReported = reportedFindings(options);
    const findings = verdicts.findings.filter(
      (finding) => isReported(finding) && !NOT_WHILE_RUNNING.has(finding.id),
    );
    const events = tracker.update(findings, nowMs, now);
    const [facts] = source.captures;
    options.onRound({
      events,
      open: tracker.open(),
      cleared: tracker.cleared(),
      tunnels: verdicts.tunnels,
      frames: quality.frames,
      bytes: facts?.bytes ?? 0,
      drops: facts?.drops ?? null,
      now,
    });
  }

  private present(runner: CorrelatorRunner): Present | null {
    const quality = captureQuality(this.source, runner, []);
    const sinceMs = performance.now() - this.source.lastArrivalMs;
    return presentOf(quality, sinceMs, this.options.marginSeconds);
  }
}

/** The report with the findings that were raised while the run lasted and that its end no longer holds. */
export function withWhatWasOver(report: Report, tracker: FindingTracker, now: string | null): Report {
  const findings = tracker.final(report.findings, now);
  const checked = withRetracted(report, findings);
  if (tracker.forgotten === 0) return { ...report, findings, checked };
  const over = { what: 'findings that were over', count: tracker.forgotten };
  return { ...report, findings, checked, summarised: [...(report.summarised ?? []), over] };
}

/** An id whose findings are all over was not healthy throughout. */
function withRetracted(report: Report, findings: readonly Finding[]): Report['checked'] {
  const held = new Set(report.findings.map(({ key }) => key));
  const retracted = new Map<string, number>();
  for (const { id, key } of findings) if (!held.has(key)) retracted.set(id, (retracted.get(id) ?? 0) + 1);
  return report.checked.map((check) => {
    const more = retracted.get(check.id) ?? 0;
    if (more === 0) return check;
    return {
      ...check,
      result: 'problem',
      subjects: { ...check.subjects, problem: check.subjects.problem + more },
    };
  });
}
