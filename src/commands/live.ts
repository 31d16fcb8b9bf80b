import { networkInterfaces } from 'node:os';
import { catalogue } from '../../dissectors/index.js';
import { SIDES } from '../compare/side.js';
import { SSH_STALL_SECONDS } from '../live/capture-command.js';
import { listInterfaces } from '../live/interfaces.js';
import { ARRIVAL_MARGIN_SECONDS } from '../live/live-quality.js';
import type { MetricsAddress } from '../live/metrics.js';
import { openInput } from '../live/open-input.js';
import { interfaceLines } from '../report/live-lines.js';
import type { Report } from '../report/report.js';
import { socketText } from '../wording/endpoints.js';
import { acceptanceOf, expiredLines } from './accept.js';
import { writeTheReport } from './analyze-and-report.js';
import { EXIT, exitCodeOf } from './exit-code.js';
import { assertPatternsMatch } from './id-patterns.js';
import { captureBothEnds } from './live-both-ends.js';
import { keptFiles, LiveKeeping } from './live-keeping.js';
import { type LiveCommandOptions, ruleOptions } from './live-options.js';
import { liveView } from './live-view.js';
import { assertWritable } from './output-file.js';
import { type LiveRound, runLive } from './run-live.js';
import { stopAfter } from './stop-after.js';
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
  const diagnosisIds = catalogue.flatMap((area) => area.diagnoses.map(({ id }) => id));
  assertPatternsMatch('--only', options.only, diagnosisIds);
  assertPatternsMatch('--skip', options.skip, diagnosisIds);
  for (const file of [options.output, options.html]) if (file !== undefined) assertWritable(file, []);
  const isOfBothEnds = origin.kind === 'both-ends';
  for (const file of keptFiles(options, isOfBothEnds ? SIDES : [null])) assertWritable(file, []);
  const accepted = await acceptanceOf(options.accept);
  const { evidence, metrics } = options;
  const metered = metrics === undefined ? null : await measured(metrics, terminal);
  const watched = metered === null ? options : { ...options, watch: metered.watch };
  try {
    if (evidence === undefined) return await report(watched);
    const { LiveSpill } = await import('./live-evidence.js');
    const spill = new LiveSpill(evidence);
    try {
      return await report({ ...watched, spill });
    } finally {
      spill.remove();
    }
  } finally {
    metered?.close();
  }

  async function report(kept: LiveCommandOptions): Promise<number> {
    const judged =
      origin.kind === 'both-ends'
        ? await captureBothEnds(kept, origin, terminal, signal)
        : origin.kind === 'list'
          ? null
          : await captureAndJudge(kept, origin, terminal, signal);
    if (judged === null) return EXIT.interrupted;
    const marked = accepted(judged);
    await writeTheReport(marked, options, terminal);
    for (const line of expiredLines(marked)) terminal.message(line);
    if (kept.spill !== undefined) terminal.message(await kept.spill.write(marked));
    return exitCodeOf(marked, options.failOn);
  }
}

/** Serves the numbers of the run until it is closed. @throws UsageError where nobody can listen there */
async function measured(
  address: MetricsAddress,
  terminal: Terminal,
): Promise<{ readonly watch: (round: LiveRound) => void; close(): void }> {
  const { LiveMetrics } = await import('../live/metrics.js');
  const metrics = new LiveMetrics();
  const server = await metrics.serve(address).catch((error: NodeJS.ErrnoException) => {
    const why = error.code === 'EADDRINUSE' ? 'another program listens there' : error.message;
    throw new UsageError(`--metrics ${socketText({ address: address.host, port: address.port })}: ${why}`);
  });
  const { address: host = address.host, port = address.port } = server.address ?? {};
  terminal.message(`metrics at http://${socketText({ address: host, port })}/metrics`);
  return { watch: (round) => metrics.round(round), close: () => server.close() };
}

/** Where one capture comes from. */
type OneOrigin = Exclude<LiveCommandOptions['origin'], { kind: 'list' } | { kind: 'both-ends' }>;

/** Null where the run was interrupted before there was anything to read. */
async function captureAndJudge(
  options: LiveCommandOptions,
  origin: OneOrigin,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<Report | null> {
  const keeping = new LiveKeeping(options, null);
  const request =
    origin.kind === 'stdin' ? ({ kind: 'stream', name: '-', stream: process.stdin } as const) : origin;
  const input = await openInput(
    request,
    { packetsMax: options.packets ?? Number.POSITIVE_INFINITY, keepers: keeping.keepers },
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
      onTick: () => keeping.tick(),
      onRound: (round) => {
        view.round(round);
        options.watch?.(round);
        keeping.noteEvents(round.events);
      },
      endIsKnown: () => input.endIsKnown,
    });
    await view.end();
    for (const line of input.endLines()) terminal.message(line);
    for (const line of keeping.lines()) terminal.message(line);
    return withNotes(report, input.notes);
  } finally {
    timer?.stop();
    await view.end();
    keeping.close();
    await input.close();
  }
}

function judgingOptions(options: LiveCommandOptions, origin: OneOrigin) {
  const isHere = origin.kind === 'interface';
  const local = isHere ? [...options.local, ...ownAddresses()] : options.local;
  return {
    ...ruleOptions(options),
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

function withNotes(report: Report, notes: readonly string[]): Report {
  if (notes.length === 0) return report;
  const captures = report.captures.map((capture) => ({ ...capture, notes: [...notes] }));
  return { ...report, captures };
}
