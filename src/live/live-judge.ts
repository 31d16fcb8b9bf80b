import type { CaptureQuality } from '../correlate/capture-quality.js';
import type { CatalogueEntry } from '../diagnose/catalogue.js';
import { CaptureClock } from '../diagnose/clock.js';
import { runDiagnoses, type Verdicts } from '../diagnose/run-diagnoses.js';
import type { Finding } from '../report/report.js';
import { formatRfc3339 } from '../rfc3339.js';
import { NO_SIDE_KNOWLEDGE, type SideKnowledge } from '../side-files/side-knowledge.js';
import { absoluteNs, captureIndexOf, frameNumberOf } from '../units.js';
import { type Present, qualityAt } from './live-quality.js';

/** Judges the run as it stands at the present, while it goes on or when it has ended. */
export function judgeAt(
  catalogue: readonly CatalogueEntry[],
  sessions: ReadonlyMap<string, readonly unknown[]>,
  quality: CaptureQuality,
  present: Present | null,
  isRunning: boolean,
  side: SideKnowledge = NO_SIDE_KNOWLEDGE,
): Verdicts {
  const verdicts = runDiagnoses(catalogue, sessions, qualityAt(quality, present, isRunning), side);
  if (present !== null) restoreFrameTimes(verdicts.findings, quality, present);
  return verdicts;
}

/** The present as the report writes times, or null where the capture has no date. */
export function presentTime(quality: CaptureQuality, present: Present | null): string | null {
  if (present === null) return null;
  const segment = quality.segments[present.segment];
  if (!segment || segment.clock === 'relative') return null;
  const ns = absoluteNs(segment.baseNs, present.nowNs);
  return ns === null ? null : formatRfc3339(ns);
}

/**
 * The capture goes on after its last frame; where that frame is cited, it keeps its own time.
 * @param capturesBefore how many captures of the report stand before those of `quality`.
 */
export function restoreFrameTimes(
  findings: readonly Finding[],
  quality: CaptureQuality,
  present: Present,
  capturesBefore = 0,
): void {
  const last = quality.window(present.segment)?.last;
  if (!last) return;
  const clock = new CaptureClock(quality.captures, quality.segments);
  const capture = captureIndexOf(last.frame) + capturesBefore;
  const frame = frameNumberOf(last.frame);
  for (const finding of findings) {
    for (const cited of finding.evidence) {
      if (cited.capture !== capture || cited.frame !== frame) continue;
      cited.time = clock.rfc3339(last);
      cited.relativeSeconds = clock.relativeSeconds(last);
    }
  }
}
