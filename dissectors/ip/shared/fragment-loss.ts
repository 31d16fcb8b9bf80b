import type { CaptureQuality } from '../../../src/correlate/capture-quality.js';
import {
  captureMayHide,
  DROP_SHARE_SEVERE,
  dropLimit,
  type Limit,
  mayBeOwnDrops,
  oneWayCaptureLimit,
} from '../../../src/correlate/gates.js';
import { isOnLink } from '../../../src/correlate/mirrors.js';
import type { Evidence, Judgement } from '../../../src/diagnose/diagnosis.js';
import type { StatedMetadata } from '../../../src/diagnose/diagnosis-metadata.js';
import { isTunnelPair, relevanceOfPair, severityFor } from '../../../src/diagnose/severity-policy.js';
import type { Citation } from '../../../src/moment.js';
import type { Confidence, Severity, Subject } from '../../../src/report/report.js';
import { NS_PER_SECOND } from '../../../src/units.js';
import { echoStreams, type IcmpError, icmpErrors } from '../../icmp/correlator.js';
import { type EchoPair, echoPairs } from '../../icmp/shared/echo-pairs.js';
import type { LedgerEntry } from '../fragment-stream.js';
import { type FragmentPair, type Incomplete, identificationWords, incompleteOf } from './fragment-pairs.js';

/*
 * What frag.missing-first and frag.missing-rest share: how bad a loss of fragments is, and what else than the path
 * may explain it.
 */

/** From this many incomplete datagrams on it is a pattern. */
const PATTERN_MIN = 3;
/** From this share of incomplete datagrams on it is not the occasional loss of a packet. */
const SYSTEMATIC_SHARE = 0.1;
/** Between the ends of a tunnel and inside one a smaller loss counts, where it lasts. */
const LASTING_COUNT = 5;
const LASTING_SHARE = 0.02;
const LASTING_SECONDS = 5;

/** What both diagnoses state of themselves. */
export const FRAGMENTS_MISSING = {
  thresholds: {
    datagrams: [PATTERN_MIN, 'datagrams', 'fewer may be the occasional loss of a packet'],
    share: [SYSTEMATIC_SHARE, 'share', 'below it, it is ordinary packet loss'],
    lastingDatagrams: [LASTING_COUNT, 'datagrams', 'fewer are one burst'],
    lastingShare: [LASTING_SHARE, 'share', 'a tunnel that loses as much is slow for TCP'],
    lastingSeconds: [LASTING_SECONDS, 's', 'shorter is one burst'],
  },
  // The receiver waits for the rest: 30 s on Linux, 60 s by RFC 8200, section 4.5.
  noticedAfterSeconds: 60,
  fault: 'fragments',
  consequenceOf: ['path-loss'],
  consequenceOfIds: ['frag.filtered-in-path'],
} as const satisfies Partial<StatedMetadata>;

/** Too near to an edge of the capture to be judged. */
export function atEdges(subject: Subject, { source, destination }: FragmentPair, what: string): Judgement {
  return {
    result: 'insufficient-data',
    subject,
    reason: `${what} from ${source} to ${destination} lie at the edge of the capture; capture for some seconds more.`,
    neededSeconds: 1,
  };
}

/** Grades by how regular the loss is, then by what the pair is. */
export function severityOfLoss(quality: CaptureQuality, pair: FragmentPair, count: number): Severity {
  const { source, destination, stack, complete } = pair;
  const isSystematic = count >= SYSTEMATIC_SHARE * (count + complete);
  const drops = dropLimit(quality);
  if ((drops && drops.share > DROP_SHARE_SEVERE) || mayBeOwnDrops(quality, count)) return 'info';
  if (!isSystematic) return isLasting(quality, pair) ? 'warning' : 'info';
  const relevance = relevanceOfPair(quality, source, destination, stack);
  if (count >= PATTERN_MIN) return severityFor(relevance, 'error');
  return relevance === 'tunnel' ? 'warning' : 'info';
}

/** Some per cent of many datagrams, whichever of their pieces is missing, all the time. */
function isLasting(quality: CaptureQuality, pair: FragmentPair): boolean {
  const { source, destination, stack, complete } = pair;
  const { count, entries } = incompleteOf(quality, pair, ['first', 'middle', 'tail']);
  if (count < LASTING_COUNT || count < LASTING_SHARE * (count + complete)) return false;
  const times = entries.map(({ first }) => first.timeNs);
  if (!(Math.max(...times) - Math.min(...times) >= LASTING_SECONDS * NS_PER_SECOND)) return false;
  return !isOnLink(quality, stack) || isTunnelPair(quality, source, destination, stack);
}

export function confidenceOfLoss(quality: CaptureQuality, count: number, isReported: boolean): Confidence {
  if (isReported) return 'high';
  return count >= PATTERN_MIN && !dropLimit(quality) ? 'medium' : 'low';
}

/** Ids of capture.* facts that lower the confidence. */
export function limitsOfLoss(quality: CaptureQuality): string[] {
  const drops = dropLimit(quality);
  return drops ? [drops.id] : [];
}

/** Why the missing fragments may be missing from the capture only, or null. */
export function hiddenFragments(
  evidence: Evidence,
  pair: FragmentPair,
  missing: 'first' | 'rest',
): Limit | null {
  const { quality } = evidence;
  for (const { protocol } of pair.streams) {
    const limit = captureMayHide(
      quality,
      missing === 'rest' ? { protocol, fragment: true } : { protocol },
      pair.source,
      pair.stack,
    );
    if (limit) return limit;
  }
  return oneWayCaptureLimit(quality) ?? answeredPings(evidence, pair);
}

/** Fragmented pings that are answered did arrive whole, whatever the capture shows. */
function answeredPings(evidence: Evidence, pair: FragmentPair): Limit | null {
  if (!pair.streams.every(({ protocol }) => protocol === 1 || protocol === 58)) return null;
  const pings = echoPairs(
    evidence.quality,
    evidence.sessions(echoStreams),
    evidence.sessions(icmpErrors),
  ).find((one) => isSameDirection(one, pair));
  const fragmented = pings?.sizes.filter(({ isFragmented }) => isFragmented) ?? [];
  const answered = fragmented.reduce((sum, size) => sum + size.answered, 0);
  if (answered <= pair.complete || fragmented.some(({ unanswered }) => unanswered > 0)) return null;
  return {
    id: 'capture.one-sided',
    reason: `${pair.destination} answered every fragmented ping of ${pair.source}, so the missing fragments did arrive, past the capture point; capture on one of the two hosts.`,
  };
}

function isSameDirection(ping: EchoPair, { source, destination, stack }: FragmentPair): boolean {
  return ping.source === source && ping.destination === destination && ping.stack === stack;
}

/** ICMP errors "fragment reassembly time exceeded" about datagrams of one direction. */
export function reassemblyErrors(errors: readonly IcmpError[]): IcmpError[] {
  return errors.filter(({ meaning, isPlausible }) => meaning === 'reassembly-timeout' && isPlausible);
}

/** Pieces of incomplete datagrams as citations, after the last datagram that was complete before them. */
export function lossCitations(
  pair: FragmentPair,
  { entries }: Incomplete,
  cited: readonly {
    readonly entry: LedgerEntry;
    readonly at: Citation | LedgerEntry['first'];
    readonly start: number;
    readonly end: number;
  }[],
): Citation[] {
  const [first] = entries;
  const good = pair.lastComplete;
  const before: Citation[] =
    good && first && good.frame < first.first.frame
      ? [{ ...good, summary: 'last fragment of the last complete datagram before' }]
      : [];
  return [
    ...before,
    ...cited.map(({ entry, at, start, end }) => ({
      frame: at.frame,
      timeNs: at.timeNs,
      segment: at.segment,
      summary: `fragment of datagram ${identificationWords(entry)}, bytes ${start} to ${end - 1}`,
    })),
  ];
}
