import type { CaptureQuality } from '../../../src/correlate/capture-quality.js';
import { fragmentEdgeSeconds, secondsFromStart } from '../../../src/correlate/gates.js';
import { secondsToPause } from '../../../src/correlate/watched.js';
import type { FrameRef } from '../../../src/moment.js';
import { NS_PER_SECOND } from '../../../src/units.js';
import { ipProtocolName } from '../../../src/wire/ip-protocols.js';
import { byDirection, type Direction } from '../../../src/wording/subjects.js';
import type { Lack } from '../datagram.js';
import type { FragmentStream, LedgerEntry } from '../fragment-stream.js';

/** Fragmented datagrams from one host to another, all protocols and time segments together. */
export interface FragmentPair extends Direction {
  readonly streams: readonly FragmentStream[];
  readonly complete: number;
  readonly lastComplete: FrameRef | null;
}

export function fragmentPairs(streams: readonly FragmentStream[]): FragmentPair[] {
  return byDirection(streams).map((group) => ({
    source: group[0].source,
    destination: group[0].destination,
    stack: group[0].stack,
    streams: group,
    complete: group.reduce((sum, { complete }) => sum + complete, 0),
    lastComplete: group.reduce<FrameRef | null>(
      (last, one) =>
        one.lastComplete && (!last || one.lastComplete.frame > last.frame) ? one.lastComplete : last,
      null,
    ),
  }));
}

/** Incomplete datagrams of some kinds, without those that an edge of the capture may have cut. */
export interface Incomplete {
  /** How many there are; exact. */
  readonly count: number;
  /** How many lie too near to an edge to be judged. */
  readonly atEdges: number;
  /** The first and last ones of them. */
  readonly entries: readonly LedgerEntry[];
}

export function incompleteOf(
  quality: CaptureQuality,
  pair: FragmentPair,
  lacks: readonly Lack[],
): Incomplete {
  let count = 0;
  let atEdges = 0;
  const entries: LedgerEntry[] = [];
  for (const stream of pair.streams) {
    const edgeSeconds = fragmentEdgeSeconds(stream.usualSpreadNs / NS_PER_SECOND);
    for (const lack of lacks) if (lack !== 'nothing') count += stream.incompleteCount[lack];
    for (const entry of stream.incomplete) {
      if (!lacks.includes(entry.lack)) continue;
      if (isAtEdge(quality, stream, entry, edgeSeconds)) atEdges++;
      else entries.push(entry);
    }
  }
  return { count: count - atEdges, atEdges, entries: entries.sort((a, b) => a.first.frame - b.first.frame) };
}

/**
 * Whether pieces may lie outside the capture. After its end, those of any datagram; before its start, those that
 * are sent before the ones that are seen: the first piece, or, from a sender that emits the last one first, the others.
 */
function isAtEdge(
  quality: CaptureQuality,
  stream: FragmentStream,
  entry: LedgerEntry,
  edgeSeconds: number,
): boolean {
  if (!(secondsToPause(quality, entry.last) >= edgeSeconds)) return true;
  const mayPrecede = entry.lack === 'first' || stream.arrival.reversed > stream.arrival.ascending;
  return mayPrecede && secondsFromStart(quality, entry.first) < edgeSeconds;
}

/** Pieces of the first and last incomplete datagrams, in the order of the capture. */
export function citedPieces(
  entries: readonly LedgerEntry[],
): { readonly entry: LedgerEntry; readonly at: FrameRef; readonly start: number; readonly end: number }[] {
  const chosen = entries.length <= 4 ? entries : [...entries.slice(0, 2), ...entries.slice(-2)];
  return chosen
    .flatMap((entry) => entry.cited.slice(0, 2).map(({ at, start, end }) => ({ entry, at, start, end })))
    .sort((a, b) => a.at.frame - b.at.frame);
}

/** Display filter for fragments from one host to another, those of IPv6 by their extension header. */
export function fragmentFilter(source: string, destination: string): string {
  if (source.includes(':')) {
    return `ipv6.src == ${source} && ipv6.dst == ${destination} && ipv6.fraghdr`;
  }
  return `ip.src == ${source} && ip.dst == ${destination} && (ip.flags.mf == 1 || ip.frag_offset > 0)`;
}

export function identificationWords({ identification }: LedgerEntry): string {
  return `0x${identification.toString(16).padStart(4, '0')}`;
}

export function protocolWords({ streams }: FragmentPair): string {
  const names = new Set(streams.map(({ protocol }) => ipProtocolName(protocol)));
  return [...names].join(' and ');
}
