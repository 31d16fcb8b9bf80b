import type { CaptureQuality } from '../../src/correlate/capture-quality.js';
import { secondsToPause, watchedSecondsAfter } from '../../src/correlate/watched.js';
import { type FrameRef, secondsBetween } from '../../src/moment.js';
import { SOFT_RESET, TLS_FATAL } from './layout.js';
import type { ControlMessage, Handshake, OpenvpnConversation, TlsAlert, Way } from './session.js';

/** Sendings of one control packet, and the time they take, before it counts as repeated in vain. */
export const SENDS_MIN = 3;
export const SPAN_SECONDS_MIN = 5;
/** Time in which a TLS message of the peer must have come; it takes a round trip and some computing. */
export const STARVED_SECONDS = 10;
/** Repetitions of the reliability layer come after 2, 4 and 8 s; requests of the client for its configuration every 5 s. */
const BACKOFF_MIN = 1.5;
/** A client that waits for its configuration asks every 5 s; of a server that goes on, the third sending comes after 6 s. */
export const LEFT_SECONDS = 7;
/** Messages that a sender may have under way. */
const WINDOW = 4;

/** A handshake that does not get to its end. */
export interface Stall {
  readonly conversation: OpenvpnConversation;
  readonly handshake: Handshake;
  /** Packets that are sent again and again. */
  readonly stuck: readonly ControlMessage[];
  /** The side whose TLS messages are missing, wholly or in part, where nothing is repeated here. */
  readonly starvedOf: { readonly way: Way; readonly missingIds: readonly number[] } | null;
  readonly alert: TlsAlert | null;
  /** The last message of the server, with which the client left: sent again, never acknowledged, and no word of the client since. */
  readonly farewell: ControlMessage | null;
}

/** Handshakes that stall: a packet is repeated in vain, the peer's part is missing, or an alert ends it. */
export function stallsOf(conversation: OpenvpnConversation, quality: CaptureQuality): Stall[] {
  return conversation.handshakes.flatMap((handshake) => {
    const alert = handshake.alerts.find(({ level }) => level === TLS_FATAL) ?? null;
    const stuck = handshake.messages.filter((message) => isStuck(message, handshake));
    const starvedOf = stuck.length === 0 && !alert ? starved(conversation, handshake, quality) : null;
    const isHeld = stuck.length > 0 || alert !== null || starvedOf !== null;
    const farewell = isHeld ? null : farewellOf(conversation, handshake, quality);
    return isHeld || farewell ? [{ conversation, handshake, stuck, starvedOf, alert, farewell }] : [];
  });
}

function isStuck(message: ControlMessage, handshake: Handshake): boolean {
  const { sends, sendings, acknowledged, id } = message;
  if (sends < SENDS_MIN) return false;
  const first = sendings[0];
  const last = sendings[sendings.length - 1];
  if (!(secondsBetween(first, last) >= SPAN_SECONDS_MIN)) return false;
  if (hasDataAfter(handshake, first)) return false;
  // Acknowledged and done, however late.
  if (acknowledged && repeatsAfter(message, acknowledged) < SENDS_MIN - 1) return false;
  return id === null ? backsOff(sendings) : !hasMovedOn(message, handshake, last);
}

function hasDataAfter({ firstData }: Handshake, { frame }: FrameRef): boolean {
  return firstData.some((data) => data !== null && data.frame > frame);
}

function repeatsAfter({ sendings }: ControlMessage, { frame }: FrameRef): number {
  return sendings.filter((ref) => ref.frame > frame).length;
}

/** With tls-crypt a repetition shows by its timing only: each pause is longer than the one before. */
function backsOff(sendings: readonly FrameRef[]): boolean {
  let previous = 0;
  for (let at = 1; at < Math.min(sendings.length, SENDS_MIN + 1); at++) {
    const pause = secondsBetween(sendings[at - 1], sendings[at]);
    if (!(pause > 0.5 && pause >= BACKOFF_MIN * previous)) return false;
    previous = pause;
  }
  return true;
}

/** The sender went on to messages beyond its window: then the repeated one has arrived, whatever the capture shows. */
function hasMovedOn(message: ControlMessage, { messages }: Handshake, last: FrameRef): boolean {
  return messages.some(
    ({ way, id, sendings }) =>
      way === message.way &&
      id !== null &&
      message.id !== null &&
      id > message.id + WINDOW &&
      sendings[0].frame > last.frame,
  );
}

/** The client's TLS messages are there, and the server is heard, but its TLS messages are not, or not all of them. */
function starved(
  { clientWay }: OpenvpnConversation,
  handshake: Handshake,
  quality: CaptureQuality,
): Stall['starvedOf'] {
  const { kind, messages, messagesDropped, firstData, clientResets, serverResets, last } = handshake;
  if (kind !== 'hard' || clientWay === null || !clientResets || !serverResets || messagesDropped > 0)
    return null;
  if (firstData.some((data) => data !== null)) return null;
  const hello = messages.find(({ way, opcode }) => way === clientWay && opcode !== SOFT_RESET);
  const way: Way = clientWay === 0 ? 1 : 0;
  if (!hello || !(secondsToPause(quality, hello.sendings[0]) >= STARVED_SECONDS)) return null;
  const ids = messages.filter((one) => one.way === way).map(({ id }) => id);
  // What the client acknowledged did arrive, whatever the capture shows: all but the hard reset counts.
  const acknowledged = handshake.acknowledgedIds[clientWay];
  if (ids.length === 0) return (acknowledged & ~1) === 0 ? { way, missingIds: [] } : null;
  // What is missing may still come while the handshake goes on.
  if (!(secondsToPause(quality, last) >= STARVED_SECONDS)) return null;
  const missingIds = missingOf(ids).filter((id) => id < 32 && (acknowledged & (1 << id)) === 0);
  return missingIds.length > 0 ? { way, missingIds } : null;
}

/**
 * TLS is complete, as both sides went beyond its messages, and the client leaves at a message of the server. One that is content
 * acknowledges it, asks again every 5 s, or sends data. Where acknowledgments are encrypted (tls-crypt) nothing is told.
 */
function farewellOf(
  { clientWay, directions }: OpenvpnConversation,
  { kind, messages, messagesDropped, firstData }: Handshake,
  quality: CaptureQuality,
): ControlMessage | null {
  if (kind !== 'hard' || clientWay === null || messagesDropped > 0) return null;
  if (firstData.some((data) => data !== null)) return null;
  const said = messages.filter(({ way, opcode }) => way !== clientWay && opcode !== SOFT_RESET);
  const message = said[said.length - 1];
  if (said.length < 2 || message.id === null || message.acknowledged || message.sends < 2) return null;
  if (!said.slice(0, -1).some(({ acknowledged }) => acknowledged !== null)) return null;
  const heard = directions[clientWay].last;
  if (heard === null || heard.frame > message.sendings[0].frame) return null;
  return watchedSecondsAfter(quality, message.sendings[0]) >= LEFT_SECONDS ? message : null;
}

/** Message ids below the highest one that never came; the hard reset has 0. */
function missingOf(ids: readonly (number | null)[]): number[] {
  const known = ids.filter((id) => id !== null);
  const highest = Math.max(0, ...known);
  const missing: number[] = [];
  for (let id = 1; id < highest && missing.length < WINDOW * 4; id++)
    if (!known.includes(id)) missing.push(id);
  return missing;
}
