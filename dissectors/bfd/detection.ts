import type { CaptureQuality } from '../../src/correlate/capture-quality.js';
import { longestSilenceNs } from '../../src/correlate/watched.js';
import type { FrameRef } from '../../src/moment.js';
import type { Nanoseconds } from '../../src/units.js';
import type { Leaving } from './drops.js';
import { STATE_UP } from './layout.js';
import type { BfdPause, BfdPhase, BfdSession, BfdSide } from './session.js';
import { otherSide, phaseBefore } from './session-subject.js';

const NS_PER_MICROSECOND = 1000;

/** The timers by which one side watches the packets of the other (RFC 5880, section 6.8.4). */
export interface Detection {
  /** Longest time between two packets of the sender. */
  readonly intervalNs: Nanoseconds;
  /** Time without a packet after which the receiver takes the session down. */
  readonly timeNs: Nanoseconds;
}

export function detectionOf(
  sender: Pick<BfdPhase, 'multiplier' | 'desiredMinTx'>,
  receiver: Pick<BfdPhase, 'requiredMinRx'>,
): Detection {
  const intervalNs = Math.max(sender.desiredMinTx, receiver.requiredMinRx) * NS_PER_MICROSECOND;
  return { intervalNs, timeNs: sender.multiplier * intervalNs };
}

/** A silence of one side and what the other one had to make of it. */
export interface DetectionSilence {
  readonly sender: BfdSide;
  readonly receiver: BfdSide;
  /** Last packet before it, and the first after it; null: none comes any more. */
  readonly from: FrameRef;
  readonly to: FrameRef | null;
  readonly detection: Detection;
  /** Packets that are missing in the capture, at least. */
  readonly missed: number;
}

/** The silence of the peer that a side noticed when it left Up; null: the peer's packets are in the capture. */
export function silenceBefore(session: BfdSession, { side, up, down }: Leaving): DetectionSilence | null {
  const sender = otherSide(session, side);
  const { frame } = down.first;
  const pause = sender.pauses.find(({ from, to }) => from.frame < frame && to.frame > frame);
  const spoken = phaseBefore(sender, down.first);
  if (!spoken) return null;
  const isLast = spoken.last.frame < frame && !sender.phases.some(({ first }) => first.frame > frame);
  const from = pause?.from ?? (isLast ? spoken.last : null);
  if (!from) return null;
  const detection = detectionOf(pause ?? spoken, up);
  const missed = missedIn(down.first.timeNs - from.timeNs, detection);
  return { sender, receiver: side, from, to: pause?.to ?? null, detection, missed };
}

/**
 * Pauses longer than the detection time through which both sides stayed Up: the packets were lost to the capture, or
 * the receiver does not keep to what was announced.
 */
export function toleratedSilences(quality: CaptureQuality, session: BfdSession): DetectionSilence[] {
  return session.sides.flatMap((sender) => {
    const receiver = otherSide(session, sender);
    return sender.pauses.flatMap((pause) => toleratedSilence(quality, sender, receiver, pause) ?? []);
  });
}

function toleratedSilence(
  quality: CaptureQuality,
  sender: BfdSide,
  receiver: BfdSide,
  { from, to, multiplier, desiredMinTx }: BfdPause,
): DetectionSilence | null {
  const heard = phaseBefore(receiver, from);
  if (!heard || heard.isDemand) return null;
  const detection = detectionOf({ multiplier, desiredMinTx }, heard);
  const lasted = to.timeNs - from.timeNs;
  if (!(lasted > detection.timeNs)) return null;
  const staysUp = (side: BfdSide): boolean =>
    side.phases.every(
      ({ state, first, last }) =>
        state === STATE_UP ||
        last.frame < from.frame ||
        first.timeNs > to.timeNs + 2 * detection.timeNs ||
        first.segment !== to.segment,
    );
  const goesOn = receiver.phases.some(({ state, last }) => state === STATE_UP && last.frame > to.frame);
  if (!staysUp(sender) || !staysUp(receiver) || !goesOn) return null;
  // Where nothing at all was captured, nothing is missing.
  if (longestSilenceNs(quality, from, to) > lasted / 2) return null;
  return { sender, receiver, from, to, detection, missed: missedIn(lasted, detection) };
}

function missedIn(lastedNs: Nanoseconds, { intervalNs }: Detection): number {
  const intervals = lastedNs / intervalNs;
  return Number.isFinite(intervals) ? Math.max(0, Math.ceil(intervals) - 1) : 0;
}

/** A side that falls silent in Up before the capture ends, and how long its receiver goes on in Up after that. */
export function fadedSide(
  session: BfdSession,
): { readonly sender: BfdSide; readonly last: FrameRef; readonly detection: Detection } | null {
  for (const sender of session.sides) {
    const receiver = otherSide(session, sender);
    const spoken = sender.phases.at(-1);
    const heard = receiver.phases.at(-1);
    if (!spoken || spoken.state !== STATE_UP || !heard || heard.isDemand) continue;
    const detection = detectionOf(spoken, heard);
    const silentNs = heard.last.timeNs - spoken.last.timeNs;
    if (heard.state === STATE_UP && silentNs > 2 * detection.timeNs) {
      return { sender, last: spoken.last, detection };
    }
  }
  return null;
}
