import { networkInterfaces } from 'node:os';
import { catalogue } from '../../dissectors/index.js';
import { SSH_STALL_SECONDS } from '../live/capture-command.js';
import { CaptureKeeper } from '../live/capture-keeper.js';
import { FindingDump } from '../live/finding-dump.js';
import { listInterfaces } from '../live/interfaces.js';
import { ARRIVAL_MARGIN_SECONDS } from '../live/live-quality.js';
import { openInput } from '../live/open-input.js';
import { severityRank } from '../report/finding-order.js';
import { interfaceLines } from '../report/live-lines.js';
import type { Report } from '../report/report.js';
import { toolIdentity } from '../report/tool.js';
import { writeTheReport } from './analyze-and-report.js';
import { EXIT, exitCodeOf } from './exit-code.js';
import { assertPatternsMatch } from './id-patterns.js';
import type { LiveCommandOptions } from './live-options.js';
import { liveView } from './live-view.js';
import { assertWritable } from './output-file.js';
import { type LiveRound, runLive } from './run-live.js';
import type { Terminal } from './terminal.js';
import { UsageError } from './usage-error.js';

/**
 * `capan live`: captures until it is interrupted, its time or count is up, or the input ends.
 * @param signal asks to end; the report still comes.
 * @returns the exit code.
 * @throws UsageError, CaptureError
 */
export async function runLiveCommand(
  options: LiveCommandOptions,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<number> {
  const { origin } = options;
  if (origin.kind === 'list') {
    await terminal.write(interfaceLines(await listInterfaces()));
    return EXIT.clean;
  }
  if (origin.kind === 'both-ends') {
    throw new UsageError(
      '--a-command and --b-command need capan compare, which this version does not have; capture each end on its own: capan live -i IFACE --write FILE',
    );
  }
  const diagnosisIds = catalogue.flatMap((area) => area.diagnoses.map(({ id }) => id));
  assertPatternsMatch('--only', options.only, diagnosisIds);
  assertPatternsMatch('--skip', options.skip, diagnosisIds);
  if (options.output !== undefined) assertWritable(options.output, []);
  if (options.write !== undefined) assertWritable(options.write, []);
  const report = await captureAndJudge(options, origin, terminal, signal);
  if (report === null) return EXIT.interrupted;
  await writeTheReport(report, options, terminal);
  return exitCodeOf(report, options.failOn);
}

type LiveOrigin = Exclude<LiveCommandOptions['origin'], { kind: 'list' } | { kind: 'both-ends' }>;

/** Null where the run was interrupted before there was anything to read. */
async function captureAndJudge(
  options: LiveCommandOptions,
  origin: LiveOrigin,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<Report | null> {
  const { name, version } = toolIdentity();
  const application = `${name} ${version}`;
  const keeper =
    options.write === undefined ? null : new CaptureKeeper(options.write, options.ring ?? null, application);
  const dump = options.dumpOn === undefined ? null : new FindingDump(options.dumpOn.folder, application);
  const keepers = [...(keeper === null ? [] : [keeper]), ...(dump === null ? [] : [dump])];
  const request =
    origin.kind === 'stdin' ? ({ kind: 'stream', name: '-', stream: process.stdin } as const) : origin;
  const input = await openInput(
    request,
    { packetsMax: options.packets ?? Number.POSITIVE_INFINITY, keepers },
    signal,
  );
  if (input === null) return null;
  const view = liveView(options, terminal, input);
  const timer =
    options.durationSeconds === undefined ? null : stopAfter(options.durationSeconds, () => input.stop());
  try {
    view.begin();
    const report = await runLive(input.source, {
      ...judgingOptions(options, origin),
      onTick: () => dump?.tick(),
      onRound: (round) => {
        view.round(round);
        if (dump !== null) dumpRaised(dump, round, options);
      },
      endIsKnown: () => input.endIsKnown,
    });
    await view.end();
    for (const line of input.endLines()) terminal.message(line);
    tellKept(keeper, dump, options, terminal);
    return withNotes(report, input.notes);
  } finally {
    timer?.stop();
    await view.end();
    keeper?.close();
    dump?.close();
    await input.close();
  }
}

/** A timer that holds for longer than the 24.8 days of setTimeout. */
function stopAfter(seconds: number, stop: () => void): { stop(): void } {
  const endMs = performance.now() + seconds * 1000;
  const STEP_MS = 86_400_000;
  let timer: NodeJS.Timeout;
  const wait = () => {
    const leftMs = endMs - performance.now();
    if (leftMs <= 0) stop();
    else timer = setTimeout(wait, Math.min(leftMs, STEP_MS));
  };
  wait();
  return { stop: () => clearTimeout(timer) };
}

function judgingOptions(options: LiveCommandOptions, origin: LiveOrigin) {
  const { only, skip, threads, minSeverity, chunkBytes } = options;
  const isHere = origin.kind === 'interface';
  const local = isHere ? [...options.local, ...ownAddresses()] : options.local;
  return {
    ...(only.length === 0 ? {} : { only }),
    ...(skip.length === 0 ? {} : { skip }),
    ...(threads === undefined ? {} : { threads }),
    ...(minSeverity === undefined ? {} : { minSeverity }),
    ...(chunkBytes === undefined ? {} : { chunkBytes }),
    local: [...new Set(local)],
    // Silence of a pipe may be that of the connection behind it.
    marginSeconds: ARRIVAL_MARGIN_SECONDS + (isHere ? 0 : SSH_STALL_SECONDS),
  };
}

/** Addresses of this host, which captures; loopback ones tell nothing. */
function ownAddresses(): string[] {
  return Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .filter(({ internal }) => !internal)
    .map(({ address }) => address);
}

function dumpRaised(dump: FindingDump, { events }: LiveRound, { dumpOn }: LiveCommandOptions): void {
  if (dumpOn === undefined) return;
  for (const { event, finding } of events) {
    if (event === 'raised' && severityRank(finding.severity) >= severityRank(dumpOn.severity))
      dump.raise(finding.id);
  }
}

/** What was written, and what could not be. */
function tellKept(
  keeper: CaptureKeeper | null,
  dump: FindingDump | null,
  { write, dumpOn, quiet }: LiveCommandOptions,
  terminal: Terminal,
): void {
  if (keeper !== null && keeper.failure !== null)
    terminal.message(`writing ${write} stopped: ${keeper.failure}; ${keeper.lost} packets are not in it`);
  else if (keeper !== null && keeper.lost > 0)
    terminal.message(`${keeper.lost} packets of an unknown interface could not be written to ${write}`);
  if (dump === null) return;
  if (dump.failure !== null) terminal.message(`writing to ${dumpOn?.folder} stopped: ${dump.failure}`);
  if (dump.refused > 0)
    terminal.message(
      `for ${dump.refused} more findings no packets were kept: ${dump.written.length} files were written`,
    );
  if (!quiet && dump.written.length > 0)
    terminal.message(`packets around findings: ${dump.written.join(', ')}`);
}

function withNotes(report: Report, notes: readonly string[]): Report {
  if (notes.length === 0) return report;
  const captures = report.captures.map((capture) => ({ ...capture, notes: [...notes] }));
  return { ...report, captures };
}
