import type { StreamFraming as Framing } from '../dissect/dissector.js';
import { type AssembledStream, HELD_OVERHEAD_BYTES, type Held, type Segment } from './stream-state.js';

/*
 * Segments of a stream that wait behind a gap. Nothing may come after them, so that what is whole in them is read when it
 * comes; only pieces of messages wait. Segments that wait never overlap.
 */

/** Bytes behind a gap in which the start of a message is searched: several segments, where one alone holds none. */
const SEARCHED_BYTES_MAX = 16_384;
const NOTHING_KEPT = new Uint8Array(0);

/** What is new in a segment: those of its bytes that do not wait already. */
export function partsNotHeld(stream: AssembledStream, { sequence, wireLength, bytes }: Segment): Segment[] {
  const parts: Segment[] = [];
  let at = 0;
  const take = (to: number): void => {
    if (to > at)
      parts.push({ sequence: (sequence + at) >>> 0, wireLength: to - at, bytes: bytes.subarray(at, to) });
  };
  for (const held of stream.held) {
    const start = (held.sequence - sequence) | 0;
    if (start >= wireLength) break;
    take(start);
    at = Math.max(at, start + held.wireLength);
  }
  take(wireLength);
  return parts;
}

/** Reads the messages that the segment at index `at` of those that wait completes, with what waits right beside it. */
export function readBehindGap(stream: AssembledStream, at: number): void {
  const { held, framing } = stream;
  const alone = messagesBehindGap(framing, held[at].bytes, isBehindRead(held, at));
  if (alone?.from === 0) {
    takeFound(stream, at, at, held[at].bytes, alone);
    return;
  }
  let first = at;
  let last = at;
  let length = held[at].wireLength;
  const hasRoomFor = (one: Held): boolean => length + one.wireLength <= SEARCHED_BYTES_MAX;
  while (
    first > 0 &&
    isWholeUnread(held[first - 1]) &&
    follows(held[first - 1], held[first]) &&
    hasRoomFor(held[first - 1])
  ) {
    length += held[--first].wireLength;
  }
  while (
    last + 1 < held.length &&
    isWholeUnread(held[last + 1]) &&
    follows(held[last], held[last + 1]) &&
    hasRoomFor(held[last + 1])
  ) {
    length += held[++last].wireLength;
  }
  if (first === last) {
    if (alone) takeFound(stream, at, at, held[at].bytes, alone);
    return;
  }
  const bytes = new Uint8Array(length);
  let to = 0;
  for (const one of held.slice(first, last + 1)) {
    bytes.set(one.bytes, to);
    to += one.wireLength;
  }
  const found = messagesBehindGap(framing, bytes, isBehindRead(held, first));
  if (found) takeFound(stream, first, last, bytes, found);
}

function isWholeUnread({ isRead, bytes, wireLength }: Held): boolean {
  return !isRead && bytes.length === wireLength;
}

function isBehindRead(held: readonly Held[], at: number): boolean {
  const before = held[at - 1];
  return before?.isRead === true && follows(before, held[at]);
}

function follows(before: Segment, next: Segment): boolean {
  return (before.sequence + before.wireLength) >>> 0 === next.sequence;
}

/** Puts what is before, in and behind the messages that were found in the place of the segments that held them. */
function takeFound(
  stream: AssembledStream,
  first: number,
  last: number,
  bytes: Uint8Array,
  { from, to, messages }: FoundMessages,
): void {
  const { held } = stream;
  const start = held[first].sequence;
  const part = (at: number, end: number, isRead: boolean): Held[] =>
    end > at
      ? [
          {
            sequence: (start + at) >>> 0,
            wireLength: end - at,
            bytes: isRead ? NOTHING_KEPT : bytes.subarray(at, end),
            isRead,
          },
        ]
      : [];
  const parts = [...part(0, from, false), ...part(from, to, true), ...part(to, bytes.length, false)];
  const sizeOf = (sum: number, one: Held): number => sum + one.bytes.length + HELD_OVERHEAD_BYTES;
  const taken = held.splice(first, last - first + 1, ...parts);
  stream.heldBytes += parts.reduce(sizeOf, 0) - taken.reduce(sizeOf, 0);
  stream.early.push(...messages);
}

/** Whole messages in bytes of a stream, `[from, to)`, one behind the other. */
interface FoundMessages {
  readonly from: number;
  readonly to: number;
  readonly messages: readonly DataView[];
}

/**
 * The messages in bytes behind a gap; null where there are none that are certain. Where a message starts is told by the
 * first place from which whole messages reach exactly to the end, or is known: `isAligned`, at the first byte.
 */
function messagesBehindGap(framing: Framing, bytes: Uint8Array, isAligned: boolean): FoundMessages | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (isAligned) {
    const to = chainEnd(framing, view, 0);
    if (to > 0) return { from: 0, to, messages: messagesOf(framing, view, 0, to) };
  }
  for (let from = 0; from < bytes.length; from++) {
    if (from > 0 && framing.hasOwnLength?.(view, from, bytes.length) === false) continue;
    if (chainEnd(framing, view, from) !== bytes.length) continue;
    return { from, to: bytes.length, messages: messagesOf(framing, view, from, bytes.length) };
  }
  return null;
}

/** Where the last whole message ends of those that follow each other from `from` on; `from` where there is none. */
function chainEnd(framing: Framing, view: DataView, from: number): number {
  const end = view.byteLength;
  let at = from;
  while (at < end) {
    const length = framing.messageLength(view, at, end);
    if (length <= 0 || length > end - at) break;
    at += length;
  }
  return at;
}

function messagesOf(framing: Framing, view: DataView, from: number, to: number): DataView[] {
  const messages: DataView[] = [];
  for (let at = from; at < to; ) {
    const length = framing.messageLength(view, at, view.byteLength);
    messages.push(new DataView(view.buffer, view.byteOffset + at, length));
    at += length;
  }
  return messages;
}
