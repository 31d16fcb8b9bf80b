import type { CaptureFrame } from '../build/capture-file.js';

/** A frame of a capture that was dressed otherwise, with where it comes from. */
export interface Frame extends CaptureFrame {
  /** Number of the frame in the capture as it was, from 1; 0 for a frame that is not of it. */
  readonly origin: number;
  /** Which copy of the incident the frame belongs to, where there are two. */
  readonly copy?: number;
}

/** All frames of a capture, of one link type. */
export interface Trace {
  readonly frames: readonly Frame[];
  readonly linkType: number;
}

/** One file of a dressed capture. */
export interface DressedFile {
  readonly frames: readonly Frame[];
  readonly linkType: number;
  /** Written as pcapng with that many interfaces; plain pcap where absent. */
  readonly interfaces?: number;
  /** What the capture says that it lost itself; only pcapng can say so. */
  readonly drops?: number;
}

/** A capture in another dress. */
export interface Dressed {
  readonly files: readonly DressedFile[];
  /** The addresses of a text as they were before; those that were not renamed stay. */
  readonly nameBefore: (text: string) => string;
}

/** What a transformation may use beside the capture. */
export interface Wardrobe {
  readonly random: () => number;
  /** Healthy captures of others, to stand beside the incident; all Ethernet. */
  readonly healthy: readonly Trace[];
}

export interface Transformation {
  readonly name: string;
  readonly promise: 'same' | 'twice' | 'not-stronger';
  /** The capture in another dress; a reason where this capture cannot wear it. */
  readonly apply: (trace: Trace, wardrobe: Wardrobe) => Dressed | string;
  /** Counts and confidence stay as well. */
  readonly isExact?: boolean;
  /** The silence of one end is that of the capture: a new finding about a broken tunnel must be unsure of itself. */
  readonly isOneSided?: boolean;
  /** Ids whose rules read what this dress takes away. */
  readonly silences?: readonly string[];
}

export function unrenamed(text: string): string {
  return text;
}

export function dressedAs(
  frames: readonly Frame[],
  linkType: number,
  nameBefore: (text: string) => string = unrenamed,
): Dressed {
  return { files: [{ frames, linkType }], nameBefore };
}

/** The frame with other bytes; what the snaplen had cut stays cut. */
export function withBytes(frame: Frame, bytes: Uint8Array): Frame {
  const cut = (frame.originalLength ?? frame.bytes.length) - frame.bytes.length;
  return { ...frame, bytes, originalLength: bytes.length + cut };
}

/** Numbers in [0, 1) that a seed and a name decide (mulberry32 over an FNV-1a hash). */
export function randomOf(seed: number, name: string): () => number {
  let state = (seed ^ 0x811c9dc5) >>> 0;
  for (let at = 0; at < name.length; at++) state = Math.imul(state ^ name.charCodeAt(at), 0x01000193) >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}
