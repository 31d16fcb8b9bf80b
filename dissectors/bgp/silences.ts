import type { CaptureQuality } from '../../src/correlate/capture-quality.js';
import { longestSilenceNs, watchedNsBetween } from '../../src/correlate/watched.js';
import type { FrameRef } from '../../src/moment.js';
import { type Nanoseconds, NS_PER_SECOND } from '../../src/units.js';
import { holdSeconds, keepaliveNs, type PeerConnection, speakerOf } from './peerings.js';
import type { TransportSide } from './session.js';

/** A time in which one side of an established session sent nothing new, whatever the message. */
export interface SpeakerSilence {
  readonly connection: PeerConnection;
  readonly speaker: TransportSide;
  readonly listener: TransportSide;
  readonly from: FrameRef;
  /** First new data after it; null: none before the connection or the capture ends. */
  readonly to: FrameRef | null;
  readonly lastedNs: Nanoseconds;
  /** Data of the time is missing in the capture. */
  readonly isTorn: boolean;
}

/** The timers of a session, as far as the capture shows them. */
export interface Timers {
  /** In nanoseconds; NaN: no OPEN in the capture. 0: neither side sends keepalives. */
  readonly holdNs: Nanoseconds;
  /** Usual time between KEEPALIVEs of the silent side; NaN from fewer than 3 of them. */
  readonly keepaliveNs: Nanoseconds;
}

export function timersOf(connection: PeerConnection, speaker: TransportSide): Timers {
  const hold = holdSeconds(connection);
  const spoken = speakerOf(connection, speaker.address);
  return {
    holdNs: hold === null ? Number.NaN : hold * NS_PER_SECOND,
    keepaliveNs: spoken ? keepaliveNs(spoken) : Number.NaN,
  };
}

/** Silences of a second and more between the establishment and the end of a session, in order. */
export function silencesOf(quality: CaptureQuality, connection: PeerConnection): SpeakerSilence[] {
  const { established, isFromMiddle, transport } = connection;
  if (!established) return [];
  const since = isFromMiddle ? transport.first : established;
  return [connection.client, connection.server].flatMap((speaker) =>
    silencesOfSide(quality, connection, speaker).filter(({ from }) => from.frame >= since.frame),
  );
}

function silencesOfSide(
  quality: CaptureQuality,
  connection: PeerConnection,
  speaker: TransportSide,
): SpeakerSilence[] {
  const { client, server, end } = connection;
  const listener = speaker === client ? server : client;
  const silences: SpeakerSilence[] = [];
  for (const { from, to, isTorn } of speaker.pauses) {
    if (end && from.frame >= end.frame) continue;
    const isCutShort = end !== null && to.frame >= end.frame;
    const lastedNs = (isCutShort ? end : to).timeNs - from.timeNs;
    silences.push({ connection, speaker, listener, from, to: isCutShort ? null : to, lastedNs, isTorn });
  }
  const last = speaker.lastData;
  if (last && (!end || last.frame < end.frame)) {
    const lastedNs = end ? end.timeNs - last.timeNs : quality.secondsToEnd(last) * NS_PER_SECOND;
    silences.push({ connection, speaker, listener, from: last, to: null, lastedNs, isTorn: false });
  }
  return silences;
}

/** More than half of it passed without any frame in the capture: the capture slept, not the speaker. */
export function isAsleep(quality: CaptureQuality, { from, lastedNs }: SpeakerSilence): boolean {
  const to = { ...from, timeNs: from.timeNs + lastedNs };
  return (
    longestSilenceNs(quality, from, to) > lastedNs / 2 || watchedNsBetween(quality, from, to) < lastedNs / 2
  );
}
