import type { CaptureQuality } from '../../../src/correlate/capture-quality.js';
import { watchedSecondsBetween } from '../../../src/correlate/watched.js';
import type { Confidence, Severity } from '../../../src/report/report.js';
import { NS_PER_SECOND } from '../../../src/units.js';
import { secondsOf } from '../one-way-tracker.js';
import {
  ASKING_SECONDS_MAX,
  ASKING_SECONDS_MIN,
  type EspPair,
  type EspSa,
  ONE_WAY_SECONDS_MIN,
  type OneWayRun,
  type SizeClass,
} from '../session.js';
import { directionOf, hasParallelTunnels } from './sa-pairs.js';

/** Packets of the silent side, anywhere in the capture, that show that it used to answer. */
export const WORKED_PACKETS_MIN = 3;
/** Answers that the rest of the capture lets expect; below it a silent stretch is the tunnel's habit. */
export const EXPECTED_ANSWERS_MIN = 5;
/** Share of packets of lengths that occur in the silent stretch alone, from which the traffic is another one. */
const NEW_TRAFFIC_SHARE = 0.5;

/** Evenness of packets that ask. */
export const EQUAL_SHARE_MIN = 0.8;

/** A sender uses one SA of a tunnel at a time; packets that overtake each other are apart by less. */
const HANDOVER_SECONDS = 2;

/** A one-way stretch with what it means. */
export interface Outage {
  readonly run: OneWayRun;
  readonly severity: Severity;
  readonly confidence: Confidence;
  readonly kind: 'stopped' | 'lost' | 'not-sent' | 'never-answered' | 'new-traffic';
  /** Numbers that the silent side used meanwhile and that did not arrive. */
  readonly missing: number;
  readonly seconds: number;
  /** Where one tunnel of several is judged: its SA and the one of the silent side. */
  readonly sas?: { readonly live: EspSa; readonly silent: EspSa };
}

/** The two directions of what is judged: all ESP of a pair, or an SA and its partner. */
interface Lanes {
  readonly live: Lane;
  readonly silent: Lane;
}

interface Lane {
  readonly packets: number;
  readonly sizes: readonly SizeClass[];
  readonly sas: readonly EspSa[];
}

/**
 * The one-way stretches of a pair that are not the habit of the tunnel, each with its severity. Where several tunnels
 * run in parallel, an SA is compared with its partner; otherwise all ESP of the pair counts as one tunnel.
 */
export function outagesOf(pair: EspPair, quality: CaptureQuality): Outage[] {
  const found = hasParallelTunnels(pair)
    ? parallelOutages(pair, quality)
    : pair.runs.map((run) =>
        outageOf({ live: directionOf(pair, run.from), silent: directionOf(pair, run.to) }, run, quality),
      );
  return found.filter((outage) => outage !== null).sort((a, b) => a.run.first.frame - b.run.first.frame);
}

/** Of SAs with a partner that did not simply give way to a successor. */
function parallelOutages(pair: EspPair, quality: CaptureQuality): (Outage | null)[] {
  const outages: (Outage | null)[] = [];
  for (const { sas, to } of pair.directions) {
    const back = directionOf(pair, to);
    for (const sa of sas) {
      const partner = back.sas.find(({ spi }) => spi === sa.partnerSpi);
      if (!partner || hasSuccessor(partner, back.sas)) continue;
      const lanes = { live: laneOf(sa), silent: laneOf(partner) };
      for (const run of sa.runs) outages.push(withSas(outageOf(lanes, run, quality), sa, partner));
    }
  }
  return outages;
}

function laneOf(sa: EspSa): Lane {
  return { packets: sa.packets, sizes: [], sas: [sa] };
}

function withSas(outage: Outage | null, live: EspSa, silent: EspSa): Outage | null {
  return outage && { ...outage, sas: { live, silent } };
}

/** A rekey: the sender went over to an SA that it had not used before, to the same port. */
function hasSuccessor(sa: EspSa, sas: readonly EspSa[]): boolean {
  return sas.some(
    ({ first, destinationPort }) =>
      destinationPort === sa.destinationPort &&
      first.frame > sa.first.frame &&
      first.timeNs >= sa.last.timeNs - HANDOVER_SECONDS * NS_PER_SECOND,
  );
}

function outageOf({ live, silent }: Lanes, run: OneWayRun, quality: CaptureQuality): Outage | null {
  const seconds = watchedSecondsBetween(quality, run.first, run.last);
  const isLong = seconds >= ONE_WAY_SECONDS_MIN;
  if (!isLong && (silent.packets < WORKED_PACKETS_MIN || !looksAsked(live, run))) return null;
  const missing = missingDuring(silent, run);
  const base = { run, missing, seconds };
  if (silent.packets < WORKED_PACKETS_MIN) {
    const severity = silent.packets === 0 && looksAsked(live, run) ? 'warning' : 'info';
    return { ...base, severity, confidence: 'low', kind: 'never-answered' };
  }
  if (missing >= EXPECTED_ANSWERS_MIN) {
    return { ...base, severity: 'error', confidence: 'high', kind: 'lost' };
  }
  if (expectedAnswers(live, silent, run) < EXPECTED_ANSWERS_MIN) {
    if (newTrafficShare(live, run) < NEW_TRAFFIC_SHARE) return null;
    return { ...base, severity: 'info', confidence: 'low', kind: 'new-traffic' };
  }
  if (goesOnWithSameSa(silent, run)) {
    return { ...base, severity: 'warning', confidence: 'medium', kind: 'not-sent' };
  }
  return { ...base, severity: 'error', confidence: 'medium', kind: 'stopped' };
}

/** Equal packets at the pace at which hosts are asked: a ping, a check, a repeated first packet; no stream, no burst. */
function looksAsked(live: Lane, run: OneWayRun): boolean {
  const pace = secondsOf(run) / (run.packets - 1);
  const largest = Math.max(0, ...live.sizes.map(({ packets }) => packets));
  return (
    pace >= ASKING_SECONDS_MIN && pace <= ASKING_SECONDS_MAX && largest >= EQUAL_SHARE_MIN * live.packets
  );
}

/**
 * Packets that should have come back, had packets of these lengths been answered as in the rest of the capture. A
 * stream that wants no answer expects none, however much other traffic of the tunnel is answered.
 */
function expectedAnswers(live: Lane, silent: Lane, run: OneWayRun): number {
  const counted = run.sizes.reduce((sum, packets) => sum + packets, 0);
  if (counted === 0) return (run.packets * silent.packets) / Math.max(1, live.packets - run.packets);
  // `sizes` leaves the first packets of the run out: scaled up, it tells how many of a class lie outside.
  const scale = run.packets / counted;
  const answers = run.sizes.reduce((sum, inRun, at) => {
    const { packets, answered } = live.sizes[at];
    const outside = packets - inRun * scale;
    if (outside <= 0 || answered < WORKED_PACKETS_MIN) return sum;
    return sum + inRun * Math.min(1, answered / outside);
  }, 0);
  return scale * answers;
}

/** Sequence numbers that are missing exactly where the run was silent: they were sent. */
function missingDuring(silent: Lane, { lastBack, nextBack }: OneWayRun): number {
  if (!lastBack || !nextBack) return 0;
  let missing = 0;
  for (const { gaps } of silent.sas) {
    for (const gap of gaps) {
      if (gap.beforeFrame === lastBack.frame && gap.afterFrame === nextBack.frame) missing += gap.missing;
    }
  }
  return missing;
}

function goesOnWithSameSa(silent: Lane, { lastBack, nextBack }: OneWayRun): boolean {
  if (!lastBack || !nextBack) return false;
  return silent.sas.some(({ first, last }) => first.frame <= lastBack.frame && last.frame >= nextBack.frame);
}

/** Share of the run's packets in size classes that do not occur outside of it. */
function newTrafficShare(live: Lane, run: OneWayRun): number {
  const counted = run.sizes.reduce((sum, packets) => sum + packets, 0);
  if (counted === 0) return 0;
  const scale = run.packets / counted;
  const fresh = run.sizes.reduce(
    (sum, inRun, at) => (live.sizes[at].packets <= inRun * scale + 1 ? sum + inRun : sum),
    0,
  );
  return fresh / counted;
}
