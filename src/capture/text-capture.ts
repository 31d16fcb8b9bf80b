// What a text must offer to be read as a capture, and the way from its frames to the reader of pcap files.
import type { ByteFeed } from './byte-feed.js';
import { addDamage, countSkipped } from './capture-facts.js';
import type { CaptureFacts } from './capture-source.js';

/** As the report names the format: `vpp-text`. */
export type TextFormat = `${string}-text`;

export interface TextFrame {
  /** Since 1970, or since an unknown start. */
  readonly timeNs: bigint;
  readonly bytes: Uint8Array;
  /** Where the text shows less than was on the wire. */
  readonly originalLength?: number;
}

/** The frames of a text, all of one link type. */
export interface TextFrames {
  /** LINKTYPE_ value. */
  readonly linkType: number;
  /** In order of time. */
  readonly frames: readonly TextFrame[];
  /** What was left out, in words, with how often. */
  readonly leftOut: ReadonlyMap<string, number>;
}

/**
 * A text that stands for a capture: who recognises it, and the frames that it yields. A folder of the catalogue has one in
 * `text-captures/`; dissectors of the link type that it names read the frames.
 */
export interface TextCapture {
  readonly format: TextFormat;
  /**
   * Whether the head of an input (4 KiB or more where it has so much, one character a byte) is of this kind: by whole lines,
   * so that no other text is taken.
   */
  recognises(head: string): boolean;
  /** Reads a whole text, one character a byte, of at most 64 MiB. Never throws: lines that are not its own are passed over. */
  read(text: string): TextFrames;
}

/** A text is held whole, since parts of it may have to be put in order of time. */
export const TEXT_LENGTH_MAX = 64 << 20;

const PCAP_NANOSECONDS = 0xa1b23c4d;
const PCAP_HEADER_LENGTH = 24;
const RECORD_HEADER_LENGTH = 16;
const NS_PER_SECOND = 1_000_000_000n;

/** The kind of text that an input begins with, or null. */
export function textCaptureOf(head: Uint8Array, kinds: readonly TextCapture[]): TextCapture | null {
  if (kinds.length === 0) return null;
  const text = new TextDecoder('latin1').decode(head);
  return kinds.find((kind) => kind.recognises(text)) ?? null;
}

/**
 * Reads the text of the feed to its end.
 * @returns the same as a pcap file; what had to be left out is noted in the facts
 */
export async function pcapOfText(
  feed: ByteFeed,
  kind: TextCapture,
  facts: CaptureFacts,
): Promise<Uint8Array> {
  await feed.ensure(TEXT_LENGTH_MAX + 1);
  const held = feed.heldBytes();
  const text = new TextDecoder('latin1').decode(held.subarray(0, TEXT_LENGTH_MAX));
  if (held.length > TEXT_LENGTH_MAX) {
    addDamage(facts, TEXT_LENGTH_MAX, 'the text is longer than 64 MiB; nothing after that was read');
  }
  if (feed.source.fault !== null) addDamage(facts, held.length, feed.source.fault);
  const { linkType, frames, leftOut } = kind.read(text);
  for (const [what, count] of leftOut) if (count > 0) countSkipped(facts, what, count);
  facts.bytes = Math.min(held.length, TEXT_LENGTH_MAX);
  return pcapOf(frames, linkType);
}

function pcapOf(frames: readonly TextFrame[], linkType: number): Uint8Array {
  const size = frames.reduce(
    (sum, { bytes }) => sum + RECORD_HEADER_LENGTH + bytes.length,
    PCAP_HEADER_LENGTH,
  );
  const file = new Uint8Array(size);
  const view = new DataView(file.buffer);
  view.setUint32(0, PCAP_NANOSECONDS, true);
  view.setUint16(4, 2, true);
  view.setUint16(6, 4, true);
  view.setUint32(20, linkType, true);
  let at = PCAP_HEADER_LENGTH;
  for (const { timeNs, bytes, originalLength = bytes.length } of frames) {
    view.setUint32(at, Number((timeNs / NS_PER_SECOND) & 0xffff_ffffn), true);
    view.setUint32(at + 4, Number(timeNs % NS_PER_SECOND), true);
    view.setUint32(at + 8, bytes.length, true);
    view.setUint32(at + 12, originalLength, true);
    file.set(bytes, at + RECORD_HEADER_LENGTH);
    at += RECORD_HEADER_LENGTH + bytes.length;
  }
  return file;
}
