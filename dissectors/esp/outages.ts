import type { Confidence, Severity } from '../../src/report/report.js';
import { NS_PER_SECOND } from '../../src/units.js';
import { secondsOf } from './one-way-tracker.js';
import { directionOf, hasParallelTunnels } from './sa-pairs.js';
import type { EspDirection, EspPair, EspSa, OneWayRun } from './session.js';

/** Packets of the silent side, anywhere in the capture, that show that it used to answer. */
export const WORKED_PACKETS_MIN = 3;
/** Answers that the rest of the capture lets expect; below it a silent stretch is the tunnel's habit. */
export const EXPECTED_ANSWERS_MIN = 5;
/** Share of packets of lengths that occur in the silent stretch alone, from which the traffic is another one. */
const NEW_TRAFFIC_SHARE = 0.5;

/** A one-way stretch with what it means. */
export interface Outage {
  readonly run: OneWayRun;
  readonly severity: Severity;
  readonly confidence: Confidence;
  readonly kind: 'stopped' | 'lost' | 'not-sent' | 'never-answered' | 'new-traffic';
  /** Numbers that the silent side used meanwhile and that did not arrive. */
  readonly missing: number;
  readonly seconds: number;
}

/**
 * The one-way stretches of a pair that are not the habit of the tunnel, each with its severity. Where several tunnels
 * run in parallel, an SA is compared with its partner; otherwise all ESP of the pair counts as one tunnel.
 */
export function outagesOf(pair: EspPair): Outage[] {
  const runs = hasParallelTunnels(pair) ? parallelRuns(pair) : pair.runs;
  return runs
    .map((run) => outageOf(pair, run))
    .filter((outage) => outage !== null)
    .sort((a, b) => a.run.first.frame - b.run.first.frame);
}

/** Runs of SAs with a partner that did not simply give way to a successor. */
function parallelRuns(pair: EspPair): OneWayRun[] {
  const runs: OneWayRun[] = [];
  for (const { sas, to } of pair.directions) {
    const back = directionOf(pair, to);
    for (const sa of sas) {
      const partner = back.sas.find(({ spi }) => spi === sa.partnerSpi);
      if (partner && !hasSuccessor(partner, back.sas)) runs.push(...sa.runs);
    }
  }
  return runs;
}

function hasSuccessor(sa: EspSa, sas: readonly EspSa[]): boolean {
  return sas.some(
    ({ first }) => first.frame > sa.first.frame && first.timeNs >= sa.last.timeNs - 60 * NS_PER_SECOND,
  );
}

function outageOf(pair: EspPair, run: OneWayRun): Outage | null {
  const live = directionOf(pair, run.from);
  const silent = directionOf(pair, run.to);
  const seconds = secondsOf(run);
  const missing = missingDuring(silent, run);
  const base = { run, missing, seconds };
  if (silent.packets < WORKED_PACKETS_MIN) {
    return { ...base, severity: 'info', confidence: 'low', kind: 'never-answered' };
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

/**
 * Packets that should have come back, had packets of these lengths been answered as in the rest of the capture. A
 * stream that wants no answer expects none, however much other traffic of the tunnel is answered.
 */
function expectedAnswers(live: EspDirection, silent: EspDirection, run: OneWayRun): number {
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
function missingDuring(silent: EspDirection, { lastBack, nextBack }: OneWayRun): number {
  if (!lastBack || !nextBack) return 0;
  let missing = 0;
  for (const { gaps } of silent.sas) {
    for (const gap of gaps) {
      if (gap.beforeFrame === lastBack.frame && gap.afterFrame === nextBack.frame) missing += gap.missing;
    }
  }
  return missing;
}

function goesOnWithSameSa(silent: EspDirection, { lastBack, nextBack }: OneWayRun): boolean {
  if (!lastBack || !nextBack) return false;
  return silent.sas.some(({ first, last }) => first.frame <= lastBack.frame && last.frame >= nextBack.frame);
}

/** Share of the run's packets in size classes that do not occur outside of it. */
function newTrafficShare(live: EspDirection, run: OneWayRun): number {
  const counted = run.sizes.reduce((sum, packets) => sum + packets, 0);
  if (counted === 0) return 0;
  const scale = run.packets / counted;
  const fresh = run.sizes.reduce(
    (sum, inRun, at) => (live.sizes[at].packets <= inRun * scale + 1 ? sum + inRun : sum),
    0,
  );
  return fresh / counted;
}
