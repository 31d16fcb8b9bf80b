import type { FrameRef } from '../moment.js';
import { NS_PER_SECOND } from '../units.js';

/** A message and its repetitions, as far as they are kept. */
export interface RepeatedMessage {
  readonly transmissions: readonly FrameRef[];
  readonly transmissionCount: number;
}

/** Which daemon repeats messages in such a rhythm. */
export interface RetransmissionTimer {
  /** Seconds between sendings. */
  readonly gaps: readonly number[];
  /** Null where the rhythm is nobody's that is known. */
  readonly implementation: 'libreswan' | 'strongSwan' | 'openswan' | null;
  /** high: at least three gaps fit; medium: two. */
  readonly confidence: 'high' | 'medium' | null;
}

/** Gaps scatter by the timer's jitter and by scheduling. */
const TOLERANCE = 0.15;
const TOLERANCE_SECONDS = 0.12;
const GAPS_MIN = 2;
const GAPS_SURE = 3;

/** libreswan 3.x and 4.x: repeats at 0.5, 1, 2, 4 … s after the first sending. */
const LIBRESWAN = [0.5, 0.5, 1, 2, 4, 8, 16, 32];
/** openswan's pluto: 10, 20, then every 40 s. */
const OPENSWAN = [10, 20, 40, 40, 40, 40, 40, 40];
/** strongSwan: 4 s and 1.8 times the last gap each time; the first gap can be configured, the base rarely is. */
const STRONGSWAN_BASE = 1.8;

/** The rhythm of a message that was repeated; null where it was not, or where times are missing. */
export function timerOf({ transmissions, transmissionCount }: RepeatedMessage): RetransmissionTimer | null {
  if (transmissionCount < 2 || transmissions.length !== transmissionCount) return null;
  const gaps = transmissions
    .slice(1)
    .map((one, index) => (one.timeNs - transmissions[index].timeNs) / NS_PER_SECOND);
  if (gaps.some((gap) => !(gap > 0))) return null;
  const unknown = { gaps, implementation: null, confidence: null };
  if (gaps.length < GAPS_MIN) return unknown;
  const confidence = gaps.length >= GAPS_SURE ? 'high' : 'medium';
  if (fits(gaps, LIBRESWAN)) return { gaps, implementation: 'libreswan', confidence };
  if (fits(gaps, OPENSWAN)) return { gaps, implementation: 'openswan', confidence };
  if (fits(gaps, powers(gaps[0], STRONGSWAN_BASE, gaps.length))) {
    return { gaps, implementation: 'strongSwan', confidence };
  }
  return unknown;
}

function fits(gaps: readonly number[], expected: readonly number[]): boolean {
  return gaps.every(
    (gap, index) => Math.abs(gap - expected[index]) <= expected[index] * TOLERANCE && index < expected.length,
  );
}

function powers(first: number, base: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => first * base ** index);
}

/** "repeated after 0.5, 1 and 2 s, as libreswan does". */
export function timerText(timer: RetransmissionTimer | null): string {
  if (!timer) return '';
  const gaps = timer.gaps.map((gap) => Number(gap.toPrecision(gap < TOLERANCE_SECONDS ? 1 : 2)).toString());
  const list = gaps.length > 1 ? `${gaps.slice(0, -1).join(', ')} and ${gaps.at(-1)}` : gaps.join('');
  const who = timer.implementation ? `, the timer of ${timer.implementation}` : '';
  return ` (repeated after ${list} s${who})`;
}
