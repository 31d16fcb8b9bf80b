import { FINDINGS_PER_DIAGNOSIS_MAX } from '../diagnose/run-diagnoses.js';
import type { Finding } from '../report/report.js';

/** What became of a finding since the last round. */
export interface FindingEvent {
  readonly event: 'raised' | 'updated' | 'cleared';
  readonly finding: Finding;
  /**
   * Only for 'cleared': when it was over, by the clock of the capture (`finding.last`; of what the rules hold no longer, the
   * present of the round that noticed); null where that has no date.
   */
  readonly clearedAt: string | null;
}

interface Tracked {
  /** As it was judged last. */
  finding: Finding;
  state: 'seen' | 'raised' | 'cleared';
  /** Rounds in a row that found it over, or not at all. */
  quietRounds: number;
  clearedAt: string | null;
  /** The present of the round that held it last. */
  heldAt: string | null;
  /** What was told last: the words that matter, and the counts. */
  toldWords: string;
  toldCounts: string;
  toldAtMs: number;
}

/** Rounds in a row in which a finding must stand before it is raised, and be over before it is cleared. */
const ROUNDS_TO_BELIEVE = 2;
/** Counts that grow are told no more often than this. */
const COUNTS_TOLD_EVERY_MS = 10_000;
/** Findings that are over and that the rules no longer hold; the oldest give way and are counted. */
const RETRACTED_KEPT = 500;

/**
 * Turns the verdicts of one round after the other into events. One round alone raises and clears nothing: a request
 * whose answer is still on its way must not blink. What was raised is remembered when the rules hold it no longer.
 */
export class FindingTracker {
  /** Findings that were raised and forgotten again because of the bound. */
  forgotten = 0;
  private readonly tracked = new Map<string, Tracked>();

  /**
   * @param nowMs monotonic
   * @param now the present by the clock of the capture, RFC 3339, or null
   */
  update(findings: readonly Finding[], nowMs: number, now: string | null): FindingEvent[] {
    const events: FindingEvent[] = [];
    const present = new Set<string>();
    for (const finding of findings) {
      present.add(finding.key);
      this.seen(finding, nowMs, now, events);
    }
    const full = idsThatFold(findings);
    for (const [key, tracked] of this.tracked) {
      if (present.has(key) || full.has(tracked.finding.id)) continue;
      const end = successorOf(tracked.finding, findings)?.last ?? now;
      this.missed(key, tracked, end, events);
    }
    this.forgetOldest(present);
    return events;
  }

  /** Findings that were raised and not cleared, in the order in which they were raised. */
  open(): Finding[] {
    return [...this.tracked.values()].filter(({ state }) => state === 'raised').map(({ finding }) => finding);
  }

  /** Findings that are over, the latest last. */
  cleared(): { readonly finding: Finding; readonly clearedAt: string | null }[] {
    return [...this.tracked.values()]
      .filter(({ state }) => state === 'cleared')
      .sort((a, b) => ((a.clearedAt ?? '') < (b.clearedAt ?? '') ? -1 : 1));
  }

  /**
   * The findings of the final report: those of the last verdict, and those that were raised and that it no longer
   * holds, unless the verdict tells the same trouble under another id by now. A cleared finding says since when.
   */
  final(verdict: readonly Finding[], now: string | null): Finding[] {
    const keys = new Set(verdict.map(({ key }) => key));
    const kept = verdict.map((finding) => {
      const tracked = this.tracked.get(finding.key);
      if (finding.ongoingAtEnd || !tracked || tracked.state === 'seen') return finding;
      // The trouble ended when it did, not when a round noticed: as analyze of the same packets says.
      return { ...finding, clearedAt: finding.last ?? tracked.clearedAt ?? now };
    });
    const retracted = [...this.tracked.entries()]
      .filter(
        ([key, { state, finding }]) =>
          !keys.has(key) && state !== 'seen' && successorOf(finding, verdict) === null,
      )
      .map(([, tracked]) => retractedFinding(tracked, now));
    return [...kept, ...retracted].sort((a, b) => rank(a) - rank(b));
  }

  private seen(finding: Finding, nowMs: number, now: string | null, events: FindingEvent[]): void {
    const known = this.tracked.get(finding.key);
    if (!known) {
      this.tracked.set(finding.key, {
        finding,
        state: 'seen',
        quietRounds: 0,
        clearedAt: null,
        heldAt: now,
        toldWords: '',
        toldCounts: '',
        toldAtMs: nowMs,
      });
      return;
    }
    known.finding = finding;
    known.heldAt = now;
    if (known.state === 'seen') {
      this.raise(known, nowMs, events);
      if (!finding.ongoingAtEnd) this.clear(known, finding.last ?? now, events);
    } else if (known.state === 'cleared' && finding.ongoingAtEnd) {
      this.raise(known, nowMs, events);
    } else if (known.state === 'raised' && !finding.ongoingAtEnd) {
      known.quietRounds++;
      if (known.quietRounds >= ROUNDS_TO_BELIEVE) this.clear(known, finding.last ?? now, events);
    } else {
      known.quietRounds = 0;
      this.tellChanges(known, nowMs, events);
    }
  }

  private missed(key: string, tracked: Tracked, now: string | null, events: FindingEvent[]): void {
    if (tracked.state === 'cleared') return;
    if (tracked.state === 'seen') {
      this.tracked.delete(key);
      return;
    }
    tracked.quietRounds++;
    if (tracked.quietRounds < ROUNDS_TO_BELIEVE) return;
    // A remark on the capture as it was then; the capture went on and became another.
    if (tracked.finding.subject.kind === 'capture') this.tracked.delete(key);
    this.clear(tracked, now, events);
  }

  private raise(tracked: Tracked, nowMs: number, events: FindingEvent[]): void {
    tracked.state = 'raised';
    tracked.quietRounds = 0;
    tracked.clearedAt = null;
    this.tell(tracked, nowMs);
    events.push({ event: 'raised', finding: tracked.finding, clearedAt: null });
  }

  private clear(tracked: Tracked, clearedAt: string | null, events: FindingEvent[]): void {
    tracked.state = 'cleared';
    tracked.clearedAt = clearedAt;
    tracked.finding = { ...tracked.finding, ongoingAtEnd: false };
    events.push({ event: 'cleared', finding: tracked.finding, clearedAt });
  }

  private tellChanges(tracked: Tracked, nowMs: number, events: FindingEvent[]): void {
    const words = wordsOf(tracked.finding);
    const isDue = nowMs - tracked.toldAtMs >= COUNTS_TOLD_EVERY_MS;
    if (words === tracked.toldWords && !(isDue && countsOf(tracked.finding) !== tracked.toldCounts)) return;
    this.tell(tracked, nowMs);
    events.push({ event: 'updated', finding: tracked.finding, clearedAt: null });
  }

  private tell(tracked: Tracked, nowMs: number): void {
    tracked.toldWords = wordsOf(tracked.finding);
    tracked.toldCounts = countsOf(tracked.finding);
    tracked.toldAtMs = nowMs;
  }

  private forgetOldest(present: ReadonlySet<string>): void {
    if (this.tracked.size <= RETRACTED_KEPT) return;
    const retracted = [...this.tracked]
      .filter(([key, { state }]) => state === 'cleared' && !present.has(key))
      .sort(([, a], [, b]) => ((a.clearedAt ?? '') < (b.clearedAt ?? '') ? -1 : 1));
    for (const [key] of retracted.slice(0, Math.max(0, retracted.length - RETRACTED_KEPT))) {
      this.tracked.delete(key);
      this.forgotten++;
    }
  }
}

/**
 * The finding that tells the same trouble of the same subject now that more is known of it, such as a stream that was
 * silent and goes on; or null.
 */
function successorOf({ subject, first }: Finding, findings: readonly Finding[]): Finding | null {
  if (first === null) return null;
  const name = JSON.stringify(subject);
  return findings.find((one) => one.first === first && JSON.stringify(one.subject) === name) ?? null;
}

/** Its words are those of the moment: what they call the end of the capture was the present then. */
function retractedFinding({ finding, clearedAt, heldAt }: Tracked, now: string | null): Finding {
  const when = heldAt === null ? 'while the capture went on' : `at ${heldAt}, while the capture went on`;
  const explanation = `${finding.explanation} So it stood ${when}; what came later ended it.`;
  return { ...finding, explanation, ongoingAtEnd: false, clearedAt: clearedAt ?? now };
}

const SEVERITIES = ['error', 'warning', 'info'];

function rank({ severity, causedBy }: Finding): number {
  return SEVERITIES.indexOf(severity) * 2 + (causedBy ? 1 : 0);
}

/** Ids of which more were found than are listed one by one. */
function idsThatFold(findings: readonly Finding[]): Set<string> {
  const counts = new Map<string, number>();
  for (const { id } of findings) counts.set(id, (counts.get(id) ?? 0) + 1);
  return new Set([...counts].filter(([, count]) => count >= FINDINGS_PER_DIAGNOSIS_MAX).map(([id]) => id));
}

function wordsOf({ title, severity, confidence, where, causedBy }: Finding): string {
  return JSON.stringify([title, severity, confidence, where, causedBy ?? []]);
}

function countsOf({ counts, folded }: Finding): string {
  return JSON.stringify([counts, folded ?? 0]);
}
