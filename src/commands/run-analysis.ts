import { basename } from 'node:path';
import { catalogue, dissectors, textCaptures } from '../../dissectors/index.js';
import { CaptureError } from '../capture/capture-error.js';
import { countSkipped } from '../capture/capture-facts.js';
import type { CaptureFacts, CaptureSource } from '../capture/capture-source.js';
import { type CaptureInput, openCaptureSource } from '../capture/file-source.js';
import { linkTypeName } from '../capture/link-types.js';
import { withOwnDrops } from '../capture/own-drops.js';
import type { CaptureQuality } from '../correlate/capture-quality.js';
import { protocolsOfCatalogue } from '../correlate/known-protocols.js';
import type { CorrelatorRunner } from '../correlate/run-correlators.js';
import { Traffic } from '../correlate/traffic.js';
import type { CatalogueEntry } from '../diagnose/catalogue.js';
import { runDiagnoses, type Verdicts } from '../diagnose/run-diagnoses.js';
import type { Moment } from '../moment.js';
import type { CaptureSummary, Finding, Report, Severity } from '../report/report.js';
import { toolIdentity } from '../report/tool.js';
import { formatRfc3339 } from '../rfc3339.js';
import { bareCommands } from '../side-files/bare-commands.js';
import { withTallies } from '../side-files/capture-tallies.js';
import { sideSummary } from '../side-files/in-report.js';
import type { SideFilePaths } from '../side-files/read-side-files.js';
import { NO_SIDE_KNOWLEDGE, type SideKnowledge } from '../side-files/side-knowledge.js';
import { statedPorts } from '../side-files/stated-ports.js';
import tcpdumpSummaries from '../side-files/tcpdump-summary.js';
import { textFile } from '../side-files/text-file.js';
import { captureIndexOf, frameNumberOf } from '../units.js';
import { type PipelineOptions, type PipelineResult, runPipeline } from '../workers/pipeline.js';
import { matchesIdPattern } from './id-patterns.js';
import type { LookedAt } from './part-of-input.js';
import type { PartRequest } from './part-options.js';
import { Picturing } from './picturing.js';

export type { CaptureInput } from '../capture/file-source.js';

export interface AnalyzeOptions extends PipelineOptions {
  /** Globs of diagnosis ids to report; filtered after blame. */
  readonly only?: readonly string[];
  readonly skip?: readonly string[];
  readonly minSeverity?: Severity;
  /** Addresses of the capturing host. */
  readonly local?: readonly string[];
  /** Files that the operator gives beside the captures. */
  readonly sideFiles?: SideFilePaths;
  /** Frames that are looked at; the rest is left out. */
  readonly part?: PartRequest;
  /** Called when the whole input is taken in, before it is judged. */
  readonly onRead?: () => void;
  /** Whether the report holds what pictures are drawn from. */
  readonly pictures?: boolean;
}

/**
 * Reads captures and says what is wrong.
 * @throws CaptureError where nothing of the input can be read, SideFileError for a side file that cannot be used.
 */
export async function analyze(
  inputs: readonly CaptureInput[],
  options: AnalyzeOptions = {},
): Promise<Report> {
  if (options.part !== undefined) {
    const { analyzePart } = await import('./analyze-part.js');
    return analyzePart(inputs, options.part, (source, lookedAt) =>
      analyzeSource(source, catalogue, options, lookedAt),
    );
  }
  const source = await openCaptureSource(inputs, textCaptures);
  try {
    return await analyzeSource(source, catalogue, options);
  } finally {
    await source.close();
  }
}

/** As `analyze`, over any source and catalogue. */
export async function analyzeSource(
  source: CaptureSource,
  entries: readonly CatalogueEntry[],
  options: AnalyzeOptions = {},
  lookedAt?: LookedAt,
): Promise<Report> {
  const side = await sideKnowledge(options.sideFiles, entries, source.texts);
  const correlators = entries.flatMap((entry) => entry.correlators);
  const used = entries === catalogue ? dissectors : entries.flatMap(({ dissector }) => dissector ?? []);
  const picturing = options.pictures === true ? new Picturing(entries) : null;
  const result = await runPipeline(source, used, [...correlators, ...(picturing?.correlators ?? [])], {
    ...options,
    ...picturing?.pipelineOptions,
  });
  options.onRead?.();
  const unread = unknownTexts(source, side);
  const local = [...(options.local ?? []), ...(side.configuration?.local ?? [])];
  const known = captureQuality(source, result.runner, local, entries, side, lookedAt);
  const captures = withTallies(known.captures, side.of(tcpdumpSummaries));
  const quality = { ...known, captures };
  const sessions = result.runner.sessions();
  const verdicts = runDiagnoses(entries, sessions, quality, side);
  const report = reportOf('analyze', captures, result, verdicts, options);
  return {
    ...report,
    errors: [...unread, ...report.errors],
    ...filesLeftOut([source]),
    ...(lookedAt === undefined ? {} : { part: lookedAt.summary() }),
    ...sideSummary(side, verdicts),
    ...picturing?.describe(sessions, quality, report),
  };
}

/**
 * What reads files, and the library that checks their shape, is loaded only where there is one to read.
 * @param texts inputs that are texts: beside packets they may hold what side files do
 */
export async function sideKnowledge(
  paths: SideFilePaths | undefined,
  entries: readonly CatalogueEntry[],
  texts: CaptureSource['texts'] = [],
): Promise<SideKnowledge> {
  if (paths === undefined && texts.length === 0) return NO_SIDE_KNOWLEDGE;
  const { readSideFiles } = await import('../side-files/read-side-files.js');
  return readSideFiles(
    paths ?? {},
    {
      readers: entries.flatMap(({ sideFiles = [] }) => sideFiles),
      diagnoses: entries.flatMap(({ diagnoses }) => diagnoses),
      tunnelKinds: protocolsOfCatalogue(entries).tunnelKinds(),
    },
    texts,
  );
}

const NOTHING_KNOWN = 'text in which neither packets nor the output of a known command are found';

const TEXTS_READ =
  'read are tcpdump and tshark, best with -XX or -x, hex dumps, and what capan explain names';

/**
 * Notes the texts that say nothing.
 * @returns in words what is missing, where there is nothing else but commands without their output: then nothing was judged
 * @throws CaptureError where there are not even commands
 */
function unknownTexts({ captures, texts = [] }: CaptureSource, side: SideKnowledge): Report['errors'] {
  if (texts.length === 0) return [];
  const unknown = captures.filter(
    ({ file, frames }) =>
      frames === 0 &&
      texts.some((text) => text.file === file) &&
      !side.files.some((known) => known.file === basename(file)),
  );
  for (const facts of unknown) countSkipped(facts, NOTHING_KNOWN);
  if (unknown.length < captures.length) return [];
  const said = unknown.map(({ file }) => {
    const content = texts.find((text) => text.file === file)?.content ?? '';
    const commands = bareCommands(textFile(file, content), side.recognisable);
    const begins = content.trim().split(/[\r\n]/, 1);
    const what = commands ?? `is a ${NOTHING_KNOWN} (it begins with '${begins[0].slice(0, 60)}')`;
    return { file, isCommand: commands !== null, message: `${what}; ${TEXTS_READ}` };
  });
  const [first] = said;
  if (first && !said.some(({ isCommand }) => isCommand))
    throw new CaptureError(`${first.file}: ${first.message}`, first.file, 0);
  return said.map(({ file, message }) => ({ where: file, message }));
}

/** Everything that diagnoses may know of the capture itself. */
export function captureQuality(
  source: CaptureSource,
  runner: CorrelatorRunner,
  local: readonly string[],
  entries: readonly CatalogueEntry[] = catalogue,
  side: SideKnowledge = NO_SIDE_KNOWLEDGE,
  lookedAt?: Pick<LookedAt, 'observed' | 'limits'>,
): CaptureQuality {
  const { copies } = runner;
  const quality = lookedAt?.observed ?? runner.quality;
  const window: CaptureQuality['window'] = (segment) => quality.windows[segment] ?? null;
  return {
    captures: withOwnDrops(source.captures, source.interfaces),
    interfaces: source.interfaces,
    segments: source.segments,
    frames: quality.frames,
    cut: quality.cut,
    giant: quality.giant,
    offloadMarks: quality.offloadMarks,
    withoutTime: quality.withoutTime,
    stepsBack: quality.stepsBack,
    silences: quality.silences,
    pauses: quality.pauses,
    inbound: quality.inbound,
    outbound: quality.outbound,
    copies: { count: copies.copies, framesWithIp: copies.frames, pairs: copies.pairs },
    truncatedHeaders: quality.truncatedHeaders,
    malformedHeaders: quality.malformedHeaders,
    tooDeep: quality.tooDeep,
    unknownLinkType: quality.unknownLinkType,
    undecoded: quality.undecoded,
    ...(lookedAt?.limits ? { part: lookedAt.limits } : {}),
    local,
    flows: runner.flows,
    traffic: new Traffic(runner.flows, runner.claims),
    protocols: protocolsOfCatalogue(entries).withPorts(statedPorts(side)),
    hearsPeer: runner.hearsPeer,
    linkNeighbours: runner.linkNeighbours,
    window,
    secondsToEnd({ segment, timeNs }: Moment): number {
      const end = window(segment)?.last.timeNs ?? Number.NaN;
      return end > timeNs ? (end - timeNs) / 1e9 : 0;
    },
  };
}

/** The report of a run; findings are filtered here, after blame. */
export function reportOf(
  command: Report['command'],
  captures: readonly CaptureFacts[],
  result: PipelineResult,
  verdicts: Verdicts,
  options: AnalyzeOptions,
): Report {
  return {
    schema: 'capan-report/1',
    tool: toolIdentity(),
    command,
    captures: captures.map((facts) => captureSummary(facts)),
    quality: verdicts.quality,
    tunnels: verdicts.tunnels,
    ...wantedFindings(verdicts, options),
    errors: [...verdicts.errors, ...pipelineErrors(result)],
    ...summarised([...leftOutBy(result.runner), ...leftOutOf(verdicts)]),
  };
}

/** Filtered after blame, so that a cause that is left out does not set its consequences free. */
export function wantedFindings(
  verdicts: Verdicts,
  options: Pick<AnalyzeOptions, 'only' | 'skip' | 'minSeverity'>,
): Pick<Report, 'findings' | 'checked'> {
  const isWanted = wantedIds(options);
  return {
    findings: verdicts.findings.filter(
      ({ id, severity }) => isWanted(id) && isLoud(severity, options.minSeverity),
    ),
    checked: verdicts.checked.filter(({ id }) => isWanted(id)),
  };
}

export function pipelineErrors({ runner, frameFailures, moreFailures }: PipelineResult): Report['errors'] {
  const errors = frameFailures.map(({ frame, message }) => ({
    where: `frame ${frameNumberOf(frame)} of captures[${captureIndexOf(frame)}]`,
    message: `could not be dissected and was skipped: ${message}`,
  }));
  if (moreFailures > 0)
    errors.push({ where: 'frames', message: `${moreFailures} more could not be dissected` });
  return [...runner.failures, ...errors];
}

type LeftOut = NonNullable<Report['summarised']>;

/** What was counted only, because of a bound. */
export function summarised(leftOut: LeftOut): Pick<Report, 'summarised'> {
  const entries = leftOut.filter(({ count }) => count > 0);
  return entries.length > 0 ? { summarised: entries } : {};
}

const LEFT_OUT_LISTED_MAX = 50;

/** What of the directories given was not read. */
export function filesLeftOut(sources: readonly CaptureSource[]): Pick<Report, 'filesLeftOut'> {
  const files = sources.flatMap(({ leftOut = [] }) => leftOut);
  if (files.length === 0) return {};
  const listed = files.slice(0, LEFT_OUT_LISTED_MAX).map(({ file, reason }) => ({ file, reason }));
  return { filesLeftOut: { count: files.length, files: listed } };
}

/** By the bounds on flows and sessions. */
export function leftOutBy(runner: CorrelatorRunner): LeftOut {
  return [
    { what: 'flows', count: runner.flows.evicted.flows },
    ...runner.summarised().map(({ name, count }) => ({ what: `sessions of ${name}`, count })),
  ];
}

/** By the length of the list of tunnels. */
export function leftOutOf({ unlistedTunnels }: Verdicts): LeftOut {
  return [{ what: 'tunnels', count: unlistedTunnels }];
}

export function captureSummary(facts: CaptureFacts): CaptureSummary {
  const time = (ns: bigint | null): string | null =>
    ns === null || facts.clock === 'relative' ? null : formatRfc3339(ns);
  return {
    file: facts.file,
    format: facts.format,
    linkTypes: facts.linkTypes.map(linkTypeName),
    frames: facts.frames,
    records: facts.records,
    bytes: facts.bytes,
    clock: facts.clock,
    firstTime: time(facts.firstTimeNs),
    lastTime: time(facts.lastTimeNs),
    ...(facts.damaged.length > 0
      ? { damaged: facts.damaged.map(({ offset, reason }) => ({ offset, reason })) }
      : {}),
    ...(facts.drops === null ? {} : { drops: facts.drops }),
    ...(facts.packetsInWords > 0 ? { packetsInWords: facts.packetsInWords } : {}),
    ...(facts.snaplen > 0 ? { snaplen: facts.snaplen } : {}),
    ...(facts.skipped.size > 0 ? { skipped: Object.fromEntries(facts.skipped) } : {}),
  };
}

/** What `--only`, `--skip` and `--min-severity` leave. */
export function reportedFindings(options: AnalyzeOptions): (finding: Finding) => boolean {
  const isWanted = wantedIds(options);
  return ({ id, severity }) => isWanted(id) && isLoud(severity, options.minSeverity);
}

const SEVERITY_ORDER: readonly Severity[] = ['info', 'warning', 'error'];

function isLoud(severity: Severity, least: Severity = 'info'): boolean {
  return SEVERITY_ORDER.indexOf(severity) >= SEVERITY_ORDER.indexOf(least);
}

function wantedIds({ only = [], skip = [] }: Pick<AnalyzeOptions, 'only' | 'skip'>): (id: string) => boolean {
  return (id) =>
    (only.length === 0 || only.some((pattern) => matchesIdPattern(id, pattern))) &&
    !skip.some((pattern) => matchesIdPattern(id, pattern));
}
