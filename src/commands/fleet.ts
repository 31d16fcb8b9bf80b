import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { catalogue } from '../../dissectors/index.js';
import { JobProcesses, type JobRunner, JobsHere } from '../fleet/job-pool.js';
import { makeFleetReport } from '../fleet/make-fleet-report.js';
import { type CapturePoint, findPoints, PointError } from '../fleet/points.js';
import { readPoints } from '../fleet/read-points.js';
import { runFleet } from '../fleet/run-fleet.js';
import { WorkFolder } from '../fleet/work-folder.js';
import { stringifyJson } from '../report/escape.js';
import { severityRank } from '../report/finding-order.js';
import type { FleetReport } from '../report/fleet-report.js';
import { fleetText } from '../report/fleet-text.js';
import { toolIdentity, versionText } from '../report/tool.js';
import { paints } from './color-choice.js';
import { FLEET_WORKER } from './command-line.js';
import { EXIT } from './exit-code.js';
import { performJob } from './fleet-jobs.js';
import type { FleetCommandOptions } from './fleet-options.js';
import { assertWritable, writeFailure, writeOutputFile } from './output-file.js';
import { startProgress } from './progress.js';
import type { Terminal } from './terminal.js';
import { UsageError } from './usage-error.js';

const JOBS_DEFAULT_MAX = 16;

/** `capan fleet`. @returns the exit code. @throws UsageError */
export async function runFleetCommand(options: FleetCommandOptions, terminal: Terminal): Promise<number> {
  const points = await pointsOf(options);
  const inputs = points.flatMap(({ files }) => files);
  if (options.output !== undefined) assertWritable(options.output, inputs);
  const folder = options.work ?? mkdtempSync(join(tmpdir(), 'capan-fleet-'));
  const shown = terminal.progress !== null && !options.quiet;
  const progress = shown && terminal.progress !== null ? startProgress(terminal.progress) : null;
  try {
    const config = options.sideFiles?.config;
    const report = await fleetReport(points, {
      folder,
      keepsReports: options.work !== undefined,
      runner: runnerOf(options.jobs),
      ...(config === undefined ? {} : { config }),
      ...(progress === null ? {} : { onProgress: progress.update }),
    });
    progress?.clear();
    await write(report, options, terminal);
    return exitCodeOfFleet(report, options);
  } finally {
    progress?.clear();
    if (options.work === undefined) rmSync(folder, { recursive: true, force: true });
  }
}

interface FleetFolderOptions {
  readonly folder: string;
  readonly keepsReports: boolean;
  readonly runner: JobRunner;
  readonly config?: string;
  readonly onProgress?: (done: number, total: number) => void;
}

/** The report of a fleet, with all that it rests on in a folder. @throws UsageError where nothing can be read */
export async function fleetReport(
  points: readonly CapturePoint[],
  { folder, keepsReports, runner, config, onProgress }: FleetFolderOptions,
): Promise<FleetReport> {
  const faults = new Map<string, string>(
    catalogue.flatMap(({ diagnoses }) => diagnoses.map(({ id, fault }) => [id, fault])),
  );
  try {
    const run = await runFleet(points, {
      work: workFolder(folder, config),
      runner,
      ...(config === undefined ? {} : { config }),
      ...(onProgress === undefined ? {} : { onProgress }),
    });
    if (run.points.length === 0) throw new UsageError(run.errors.map(({ message }) => message).join('; '));
    return makeFleetReport({ ...run, tool: toolIdentity(), faultOf: (id) => faults.get(id), keepsReports });
  } finally {
    runner.close();
  }
}

function workFolder(folder: string, config: string | undefined): WorkFolder {
  try {
    mkdirSync(folder, { recursive: true });
    return new WorkFolder(folder, versionText(), config === undefined ? [] : [config]);
  } catch (error) {
    throw writeFailure(folder, error);
  }
}

function runnerOf(jobs: number | undefined): JobRunner {
  const width = jobs ?? Math.min(JOBS_DEFAULT_MAX, availableParallelism());
  return width === 0 ? new JobsHere(performJob) : new JobProcesses(process.argv[1], [FLEET_WORKER], width);
}

async function pointsOf({ captures, points }: FleetCommandOptions): Promise<CapturePoint[]> {
  try {
    return points === undefined ? findPoints(captures) : await readPoints(points);
  } catch (error) {
    if (error instanceof PointError) throw new UsageError(error.message);
    throw error;
  }
}

async function write(report: FleetReport, options: FleetCommandOptions, terminal: Terminal): Promise<void> {
  const onTerminal = options.output === undefined;
  const text =
    options.format === 'json'
      ? `${stringifyJson(report, 2)}\n`
      : fleetText(report, {
          color: paints(options.color, onTerminal && terminal.color),
          verbose: options.verbose,
          ...(onTerminal && terminal.columns !== null ? { width: terminal.columns } : {}),
        });
  if (options.output === undefined) await terminal.write(text);
  else writeOutputFile(options.output, [text]);
}

function exitCodeOfFleet(report: FleetReport, { failOn }: FleetCommandOptions): number {
  const isFailing =
    failOn !== 'never' &&
    report.findings.some(({ severity }) => severityRank(severity) >= severityRank(failOn));
  if (isFailing) return EXIT.findings;
  return report.errors.length > 0 ? EXIT.damagedInput : EXIT.clean;
}
