import fc from 'fast-check';
import type { CaptureFrame } from '../build/capture-file.js';

/*
 * Small changes to an input that is well formed. Places are fractions of whatever they are applied to, so that one list
 * of changes fits every input, and a list that breaks something can be shortened.
 */

export interface Mutation {
  readonly kind: (typeof KINDS)[number];
  /** Where, as a fraction of 2^32. */
  readonly at: number;
  /** Where within the frame, or how far: another fraction of 2^32. */
  readonly within: number;
  readonly value: number;
}

const KINDS = ['set', 'flip', 'number', 'remove', 'repeat', 'insert', 'swap', 'cut', 'later'] as const;
/** What length fields, counters and offsets are wrong at. */
const EDGES = [
  0, 1, 2, 3, 4, 7, 8, 15, 16, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fff_ffff, 0x8000_0000,
  0xffff_ffff,
];
const FRACTION = { min: 0, max: 0xffff_ffff };
const SPAN_MAX = 64;

const mutation: fc.Arbitrary<Mutation> = fc.record({
  kind: fc.constantFrom(...KINDS),
  at: fc.integer(FRACTION),
  within: fc.integer(FRACTION),
  value: fc.oneof(fc.constantFrom(...EDGES), fc.integer(FRACTION)),
});

export const mutations: fc.Arbitrary<readonly Mutation[]> = fc.array(mutation, {
  minLength: 1,
  maxLength: 12,
});

const place = (fraction: number, length: number): number => Math.floor((fraction / 2 ** 32) * length);

export function mutateBytes(bytes: Uint8Array, changes: readonly Mutation[]): Uint8Array {
  return changes.reduce(
    (changed, one) => (changed.length === 0 ? changed : mutatedBytes(changed, one)),
    bytes,
  );
}

function mutatedBytes(before: Uint8Array, { kind, at, within, value }: Mutation): Uint8Array {
  const offset = place(at, before.length);
  const end = Math.min(before.length, offset + 1 + place(within, SPAN_MAX));
  const piece = before.subarray(offset, end);
  const joined = (...parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));
  switch (kind) {
    case 'remove':
      return joined(before.subarray(0, offset), before.subarray(end));
    case 'repeat':
      return joined(before.subarray(0, end), piece, before.subarray(end));
    case 'insert':
      return joined(
        before.subarray(0, offset),
        new Uint8Array(end - offset).fill(value),
        before.subarray(offset),
      );
    case 'cut':
      return before.slice(0, offset);
    case 'swap':
      return joined(before.subarray(0, offset), before.subarray(end), piece);
    default:
      return overwritten(before.slice(), offset, kind, value);
  }
}

function overwritten(bytes: Uint8Array, offset: number, kind: Mutation['kind'], value: number): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (kind === 'flip') bytes[offset] ^= 1 << (value & 7);
  else if (kind === 'number' && offset + 4 <= bytes.length) view.setUint32(offset, value, (value & 1) === 1);
  else if (kind === 'later' && offset + 2 <= bytes.length) view.setUint16(offset, value & 0xffff);
  else bytes[offset] = value & 0xff;
  return bytes;
}

/** Packets changed, lost, repeated, out of order, late; each a whole record still. */
export function mutateFrames(
  frames: readonly CaptureFrame[],
  changes: readonly Mutation[],
): readonly CaptureFrame[] {
  const changed = [...frames];
  for (const one of changes) {
    if (changed.length > 0) mutateOneFrame(changed, one);
  }
  return changed;
}

function mutateOneFrame(frames: CaptureFrame[], { kind, at, within, value }: Mutation): void {
  const index = place(at, frames.length);
  const frame = frames[index];
  if (frame === undefined) return;
  if (kind === 'remove') frames.splice(index, 1 + (value % 4));
  else if (kind === 'repeat') frames.splice(index, 0, frame);
  else if (kind === 'swap') frames.splice(place(within, frames.length), 0, ...frames.splice(index, 1));
  else if (kind === 'later') frames.splice(index, frames.length, ...delayed(frames.slice(index), value));
  else {
    const inside = { kind, at: within, within: at, value };
    frames[index] = { ...frame, bytes: mutatedBytes(frame.bytes, inside) };
  }
}

function delayed(frames: readonly CaptureFrame[], value: number): readonly CaptureFrame[] {
  const delayNs = BigInt(value % 100_000) * 1_000_000n;
  return frames.map((frame) => ({ ...frame, timeNs: frame.timeNs + delayNs }));
}
