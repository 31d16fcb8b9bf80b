import { dissectors, textCaptures } from '../../dissectors/index.js';
import type { CaptureSource } from '../capture/capture-source.js';
import { type CaptureInput, openCaptureSource } from '../capture/file-source.js';
import { scratchChunk } from '../capture/input-file.js';
import type { CaptureQualityObserver } from '../correlate/capture-quality.js';
import type { PartOfCapture } from '../correlate/part-of-capture.js';
import type { Report, Tunnel } from '../report/report.js';
import { formatRfc3339 } from '../rfc3339.js';
import { FilterError, type FilterExpression, parseFilter } from '../select/filter-expression.js';
import { partOfFilter } from '../select/filter-part.js';
import { ALL_TIMES, PartSource, type TimeRange } from '../select/part-source.js';
import { rangeOf } from '../select/time-words.js';
import { tunnelFilter } from '../select/tunnel-filter.js';
import type { PartRequest } from './part-options.js';
import { UsageError } from './usage-error.js';

/** What is known of a part beside its frames. */
export interface LookedAt {
  /** Of the frames that a filter leaves out too; null where there is no filter. */
  readonly observed: CaptureQualityObserver | null;
  readonly limits: PartOfCapture | null;
  summary(): NonNullable<Report['part']>;
}

/** @throws UsageError with the position of what is wrong */
export function readFilter(text: string): FilterExpression {
  try {
    return parseFilter(text, dissectors);
  } catch (error) {
    if (!(error instanceof FilterError)) throw error;
    throw new UsageError(`--filter '${text}': character ${error.position}: ${error.message}`);
  }
}

interface MeantFrames {
  readonly words: string;
  readonly expression: FilterExpression;
  readonly said: FilterExpression | null;
}

/** The filter that a request means: of its own words, and of the tunnel. */
export function filterOf({ filter, tunnel }: PartRequest, tunnels: readonly Tunnel[]): MeantFrames | null {
  const said = filter === undefined ? null : readFilter(filter);
  const ownWords = said === null ? '' : `--filter '${said.text}'`;
  if (tunnel === undefined) return said && { words: ownWords, expression: said, said };
  const meant = tunnels.find(({ id }) => id === tunnel);
  if (meant === undefined) {
    const ids = tunnels.slice(0, 20).map(({ id }) => id);
    const there = ids.length === 0 ? 'the capture shows no tunnel' : `there are ${ids.join(', ')}`;
    throw new UsageError(`--tunnel ${tunnel}: no tunnel of the report has that id; ${there}`);
  }
  const expression = tunnelFilter(meant, tunnels, said);
  if (expression === null)
    throw new UsageError(`--tunnel ${tunnel}: its ends are no addresses, so its frames cannot be told`);
  return { words: `${ownWords} --tunnel ${tunnel}`.trim(), expression, said };
}

/** @throws UsageError where a bound is relative to a time that the captures do not have */
export async function timesOf(request: PartRequest, inputs: readonly CaptureInput[]): Promise<TimeRange> {
  const from = request.from ?? null;
  const to = request.to ?? null;
  if (from === null && to === null) return ALL_TIMES;
  const isRelative = [from, to].some((word) => word !== null && word.kind !== 'absolute');
  const edges = isRelative ? await edgesOf(inputs) : { firstNs: null, lastNs: null };
  const range = rangeOf(from, to, edges);
  if (range === null) throw new UsageError('--from and --to: no frame of the input has a time');
  if (range.fromNs !== null && range.toNs !== null && range.fromNs > range.toNs) {
    const [first, last] = [formatRfc3339(range.fromNs), formatRfc3339(range.toNs)];
    throw new UsageError(`--from ${first} lies behind --to ${last}`);
  }
  return range;
}

/** When the input begins and ends, by the clock of its files. */
async function edgesOf(
  inputs: readonly CaptureInput[],
): Promise<{ firstNs: bigint | null; lastNs: bigint | null }> {
  const source = await openCaptureSource(inputs, textCaptures);
  try {
    const chunk = scratchChunk();
    while (await source.fill(chunk));
    const first = source.captures.flatMap(({ firstTimeNs }) => firstTimeNs ?? []);
    const last = source.captures.flatMap(({ lastTimeNs }) => lastTimeNs ?? []);
    return {
      firstNs: first.reduce<bigint | null>((least, ns) => (least === null || ns < least ? ns : least), null),
      lastNs: last.reduce<bigint | null>((most, ns) => (most === null || ns > most ? ns : most), null),
    };
  } finally {
    await source.close();
  }
}

/** The part of a source that is meant, and what is known of it. */
export function partOf(
  source: CaptureSource,
  range: TimeRange,
  filter: MeantFrames | null,
  request: PartRequest,
): { readonly source: CaptureSource; readonly lookedAt: LookedAt } {
  const part = new PartSource(source, filter?.expression ?? null, range, dissectors);
  const time = (ns: bigint | null): string | null =>
    ns === null || source.segments.some(({ clock }) => clock === 'relative') ? null : formatRfc3339(ns);
  const lookedAt: LookedAt = {
    observed: filter === null ? null : part.observed,
    limits: filter === null ? null : partOfFilter(filter.words, filter.expression, filter.said),
    summary: () => {
      const { frames, outOfTime, filtered } = part.counts;
      const [from, to] = [time(range.fromNs), time(range.toNs)];
      return {
        ...(request.filter === undefined ? {} : { filter: request.filter }),
        ...(request.tunnel === undefined ? {} : { tunnel: request.tunnel }),
        ...(from === null ? {} : { from }),
        ...(to === null ? {} : { to }),
        frames: frames - outOfTime - filtered,
        leftOut: { byTime: outOfTime, byFilter: filtered },
      };
    },
  };
  return { source: part, lookedAt };
}
