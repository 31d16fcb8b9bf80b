import { randomInt } from 'node:crypto';
import { catalogue, dissectors } from '../../dissectors/index.js';
import type { Comparison } from '../compare/comparison.js';
import { IdentityCollector } from '../compare/identity-collector.js';
import { otherSide, SIDES, type Side } from '../compare/side.js';
import type { CaptureQuality } from '../correlate/capture-quality.js';
import type { CorrelatorRunner } from '../correlate/run-correlators.js';
import type { Verdicts } from '../diagnose/run-diagnoses.js';
import { judgeAll } from '../diagnose/run-diagnoses.js';
import { FindingTracker } from '../live/finding-tracker.js';
import { presentTime, restoreFrameTimes } from '../live/live-judge.js';
import { type Present, presentOf, qualityAt } from '../live/live-quality.js';
import type { LiveSource } from '../live/live-source.js';
import type { Report } from '../report/report.js';
import type { SideKnowledge } from '../side-files/side-knowledge.js';
import { type Nanoseconds, NS_PER_SECOND } from '../units.js';
import { type PipelineResult, runPipeline } from '../workers/pipeline.js';
import { captureQuality, reportedFindings, sideKnowledge } from './run-analysis.js';
import { comparisonOf, type JudgedPoint, pathReport, pathVerdicts } from './run-compare.js';
import { type LiveRunOptions, ROUND_EVERY_MS, ROUND_SHARE, withWhatWasOver } from './run-live.js';

/** While the run lasts, no more than this much of each side is compared: a minute or two of what happens now, */
const STRETCH_SECONDS = 120;
/** and at most 131,072 packets of each side. */
const STRETCH_BLOCKS = 32;
/** For the end up to 4.7 million packets of each side are kept: 40 MiB in memory, 290 MiB in a temporary file. */
const KEPT_IN_FILE_BLOCKS = 1024;
/** Flows and clocks are learned anew each round, from a smaller sample than that of files: a quarter of the time. */
const SKETCHED = 1 << 14;
/** What two captures have in common is not judged before both have lasted this long. */
const COMPARABLE_SECONDS = 10;
const MATCHES_MIN = 3;
/** When one capture has ended, the other one goes on for so long: it may still show what the first one sent last. */
const OTHER_ENDS_AFTER_MS = 5000;
/** What judges where a capture ended, or all of both, is not asked before they have ended. */
const NOT_WHILE_RUNNING = new Set(['capture.too-short', 'capture.pair-mismatch']);

/** A capture that is being taken at one end. */
export interface LiveEnd {
  readonly source: LiveSource;
  /** Whether the capture went on until its input ended. */
  readonly endIsKnown: () => boolean;
  /** Asks for the end; what was captured by then still comes. */
  readonly stop: () => void;
}

export type BothEndsOptions = Omit<LiveRunOptions, 'endIsKnown'>;

/**
 * Judges live captures of both ends of a path, and compares them while they go on. When one ends, the other one is
 * ended a few seconds later.
 * @returns the report of the whole run, with `compare`; a finding that was raised and has cleared carries `clearedAt`.
 */
export async function runBothEnds(
  ends: Readonly<Record<Side, LiveEnd>>,
  options: BothEndsOptions,
): Promise<Report> {
  const side = await sideKnowledge(options.sideFiles, catalogue);
  const run = new BothEndsRun(ends, options, side);
  try {
    return await run.judgeToTheEnd();
  } finally {
    run.close();
  }
}

/** One side at one moment. */
interface SideNow {
  readonly point: JudgedPoint;
  /** Without what the present adds to it. */
  readonly known: CaptureQuality;
  readonly present: Present | null;
}

class BothEndsRun {
  private readonly tracker = new FindingTracker();
  private readonly collectors: Readonly<Record<Side, IdentityCollector>>;
  private readonly runners: Record<Side, CorrelatorRunner | null> = { a: null, b: null };
  private nextRoundMs = performance.now() + ROUND_EVERY_MS;
  private otherEnds: NodeJS.Timeout | null = null;

  constructor(
    private readonly ends: Readonly<Record<Side, LiveEnd>>,
    private readonly options: BothEndsOptions,
    private readonly side: SideKnowledge,
  ) {
    const seed = randomInt(2 ** 31);
    const bounds = { inFile: KEPT_IN_FILE_BLOCKS, sketched: SKETCHED };
    const collector = (name: Side) => new IdentityCollector(seed, ends[name].source.segments, bounds);
    this.collectors = { a: collector('a'), b: collector('b') };
  }

  async judgeToTheEnd(): Promise<Report> {
    const [a, b] = await Promise.allSettled([this.read('a'), this.read('b')]);
    if (a.status === 'rejected') throw a.reason;
    if (b.status === 'rejected') throw b.reason;
    return this.report({ a: a.value, b: b.value });
  }

  close(): void {
    if (this.otherEnds !== null) clearTimeout(this.otherEnds);
    for (const side of SIDES) this.collectors[side].store.close();
  }

  private async read(name: Side): Promise<PipelineResult> {
    const { options, collectors, ends } = this;
    try {
      const result = await runPipeline(
        ends[name].source,
        dissectors,
        catalogue.flatMap((entry) => entry.correlators),
        {
          threads: options.threads ?? 0,
          ...(options.chunkBytes === undefined ? {} : { chunkBytes: options.chunkBytes }),
          identities: collectors[name],
          onConsumed: (runner) => this.consumed(name, runner),
        },
      );
      this.otherEnds ??= setTimeout(() => ends[otherSide(name)].stop(), OTHER_ENDS_AFTER_MS);
      return result;
    } catch (error) {
      ends[otherSide(name)].stop();
      throw error;
    }
  }

  private consumed(name: Side, runner: CorrelatorRunner): void {
    this.runners[name] = runner;
    this.options.onTick?.();
    const startMs = performance.now();
    const { a, b } = this.runners;
    if (startMs < this.nextRoundMs || a === null || b === null) return;
    this.round({ a, b }, startMs);
    const tookMs = performance.now() - startMs;
    this.nextRoundMs = startMs + Math.max(ROUND_EVERY_MS, ROUND_SHARE * tookMs);
  }

  private round(runners: Readonly<Record<Side, CorrelatorRunner>>, nowMs: number): void {
    const errors: Report['errors'] = [];
    const a = this.sideNow('a', runners.a, true, errors);
    const b = this.sideNow('b', runners.b, true, errors);
    const points = [a.point, b.point];
    const running = {
      lastBlocks: STRETCH_BLOCKS,
      sinceNs: { a: this.sinceNs('a'), b: this.sinceNs('b') },
    };
    const comparison = comparisonOf(points, 0, 1, {}, { isLive: true, running });
    const isComparable = this.isComparable(comparison);
    const verdicts = pathVerdicts(points, comparison, errors, {
      segments: [],
      side: this.side,
      isComparable,
    });
    this.tell(verdicts, a, b, nowMs);
  }

  private tell(verdicts: Verdicts, a: SideNow, b: SideNow, nowMs: number): void {
    const { tracker, options } = this;
    restoreTimes(verdicts.findings, a, b);
    const now = presentTime(a.point.quality, a.present);
    const isReported = reportedFindings(options);
    const findings = verdicts.findings.filter(
      (finding) => isReported(finding) && !NOT_WHILE_RUNNING.has(finding.id),
    );
    const events = tracker.update(findings, nowMs, now);
    const facts = SIDES.flatMap((name) => this.ends[name].source.captures);
    const drops = facts.flatMap((capture) => capture.drops ?? []);
    options.onRound({
      events,
      open: tracker.open(),
      cleared: tracker.cleared(),
      tunnels: verdicts.tunnels,
      frames: a.point.quality.frames + b.point.quality.frames,
      bytes: facts.reduce((sum, { bytes }) => sum + bytes, 0),
      drops: drops.length === 0 ? null : drops.reduce((sum, count) => sum + count, 0),
      now,
    });
  }

  private async report(results: Readonly<Record<Side, PipelineResult>>): Promise<Report> {
    const errors: Report['errors'] = [];
    const a = this.sideNow('a', results.a.runner, false, errors);
    const b = this.sideNow('b', results.b.runner, false, errors);
    const points = [
      { ...a.point, result: results.a, reopen: null },
      { ...b.point, result: results.b, reopen: null },
    ];
    const silentNs = { a: silenceOf(a.present), b: silenceOf(b.present) };
    const report = await pathReport('live', points, this.options, errors, this.side, {
      isLive: true,
      silentNs,
    });
    restoreTimes(report.findings, a, b);
    return withWhatWasOver(report, this.tracker, presentTime(a.point.quality, a.present));
  }

  private sideNow(
    name: Side,
    runner: CorrelatorRunner,
    isRunning: boolean,
    errors: Report['errors'],
  ): SideNow {
    const { options, side, collectors } = this;
    const { source, endIsKnown } = this.ends[name];
    const local = [...(options.local ?? []), ...(side.configuration?.local ?? [])];
    const known = captureQuality(source, runner, local, catalogue, side);
    const sinceMs = performance.now() - source.lastArrivalMs;
    const present = isRunning || endIsKnown() ? presentOf(known, sinceMs, options.marginSeconds) : null;
    const quality = qualityAt(known, present, isRunning);
    const judged = judgeAll(catalogue, runner.sessions(), quality, errors, side);
    return { point: { name, source, quality, collector: collectors[name], judged }, known, present };
  }

  private sinceNs(name: Side): Nanoseconds {
    return this.collectors[name].lastNs - STRETCH_SECONDS * NS_PER_SECOND;
  }

  /** Before the clocks are set against each other by packets, what is missing at one end may only be late there. */
  private isComparable({ plan }: Comparison): boolean {
    const haveLasted = SIDES.every((name) => {
      const { firstNs, lastNs } = this.collectors[name];
      return lastNs - firstNs >= COMPARABLE_SECONDS * NS_PER_SECOND;
    });
    return haveLasted && plan.clock !== null && plan.sampleMatches >= MATCHES_MIN;
  }
}

/**
 * For how long a capture went on after its last packet. Only at its end and where that was in good order: while it
 * runs, a pipe that is silent may be one whose packets are on their way.
 */
function silenceOf(present: Present | null): Nanoseconds {
  return present === null ? 0 : present.nowNs - present.lastPacketNs;
}

function restoreTimes(findings: Report['findings'], a: SideNow, b: SideNow): void {
  if (a.present !== null) restoreFrameTimes(findings, a.known, a.present);
  if (b.present !== null) restoreFrameTimes(findings, b.known, b.present, a.point.source.captures.length);
}
