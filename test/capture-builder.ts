// Writes pcap and pcapng bytes for tests, field by field, damaged ones included.
import type { CaptureSource } from '../src/capture/capture-source.js';
import { type FrameChunk, frameIndexByteLength, frameIndexOver } from '../src/capture/chunk.js';
import { type CaptureInput, openCaptureSource } from '../src/capture/file-source.js';
import { NO_TEXTS, type TextCatalogue } from '../src/capture/text-capture.js';

export type ByteOrder = 'little' | 'big';

export function u16(value: number, order: ByteOrder): Buffer {
  const bytes = Buffer.alloc(2);
  if (order === 'little') bytes.writeUInt16LE(value);
  else bytes.writeUInt16BE(value);
  return bytes;
}

export function u32(value: number, order: ByteOrder): Buffer {
  const bytes = Buffer.alloc(4);
  if (order === 'little') bytes.writeUInt32LE(value >>> 0);
  else bytes.writeUInt32BE(value >>> 0);
  return bytes;
}

export function u64(value: bigint, order: ByteOrder): Buffer {
  const bytes = Buffer.alloc(8);
  if (order === 'little') bytes.writeBigInt64LE(value);
  else bytes.writeBigInt64BE(value);
  return bytes;
}

/** `length` bytes that differ from frame to frame. */
export function payload(length: number, seed: number): Buffer {
  return Buffer.from(Array.from({ length }, (_, index) => (index * 7 + seed * 31 + 1) & 0xff));
}

export interface PcapOptions {
  readonly order?: ByteOrder;
  readonly magic?: number;
  readonly version?: readonly [number, number];
  readonly snaplen?: number;
  readonly linkField?: number;
}

export function pcapHeader(options: PcapOptions = {}): Buffer {
  const { order = 'little', magic = 0xa1b2c3d4, version = [2, 4], snaplen = 65_535, linkField = 1 } = options;
  return Buffer.concat([
    u32(magic, order),
    u16(version[0], order),
    u16(version[1], order),
    u32(0, order),
    u32(0, order),
    u32(snaplen, order),
    u32(linkField, order),
  ]);
}

export function pcapRecord(
  seconds: number,
  fraction: number,
  data: Uint8Array,
  order: ByteOrder = 'little',
  originalLength = data.length,
  extraHeader: Uint8Array = Buffer.alloc(0),
): Buffer {
  const words = [seconds, fraction, data.length, originalLength].map((word) => u32(word, order));
  return Buffer.concat([...words, extraHeader, data]);
}

export function option(code: number, value: Uint8Array, order: ByteOrder = 'little'): Buffer {
  const padding = Buffer.alloc((4 - (value.length & 3)) & 3);
  return Buffer.concat([u16(code, order), u16(value.length, order), value, padding]);
}

export function block(type: number, body: Uint8Array, order: ByteOrder = 'little'): Buffer {
  const padding = Buffer.alloc((4 - (body.length & 3)) & 3);
  const length = u32(12 + body.length + padding.length, order);
  return Buffer.concat([u32(type, order), length, body, padding, length]);
}

export function shb(
  order: ByteOrder = 'little',
  options: Uint8Array = Buffer.alloc(0),
  major = 1,
  minor = 0,
): Buffer {
  const body = [u32(0x1a2b3c4d, order), u16(major, order), u16(minor, order), u64(-1n, order), options];
  return block(0x0a0d0d0a, Buffer.concat(body), order);
}

export function idb(
  order: ByteOrder = 'little',
  options: Uint8Array = Buffer.alloc(0),
  linkType = 1,
  snaplen = 0,
): Buffer {
  const body = [u16(linkType, order), u16(0, order), u32(snaplen, order), options];
  return block(1, Buffer.concat(body), order);
}

function padded(data: Uint8Array): Buffer {
  return Buffer.concat([data, Buffer.alloc((4 - (data.length & 3)) & 3)]);
}

export function epb(
  ticks: bigint,
  data: Uint8Array,
  order: ByteOrder = 'little',
  interfaceId = 0,
  options: Uint8Array = Buffer.alloc(0),
  originalLength = data.length,
): Buffer {
  const words = [interfaceId, Number(ticks >> 32n), Number(ticks & 0xffffffffn), data.length, originalLength];
  return block(6, Buffer.concat([...words.map((word) => u32(word, order)), padded(data), options]), order);
}

export function spb(data: Uint8Array, order: ByteOrder = 'little', originalLength = data.length): Buffer {
  return block(3, Buffer.concat([u32(originalLength, order), padded(data)]), order);
}

export function opb(ticks: bigint, data: Uint8Array, drops: number, order: ByteOrder = 'little'): Buffer {
  const words = [Number(ticks >> 32n), Number(ticks & 0xffffffffn), data.length, data.length];
  const head = [u16(0, order), u16(drops, order), ...words.map((word) => u32(word, order))];
  return block(2, Buffer.concat([...head, padded(data)]), order);
}

/** What a frame is, apart from the chunk that it came in. */
export interface ReadFrame {
  readonly number: number;
  /** Nanoseconds since 1970, or null without a time. */
  readonly timeNs: bigint | null;
  readonly segment: number;
  readonly capture: number;
  readonly linkType: number;
  readonly interfaceIndex: number;
  readonly marks: number;
  readonly originalLength: number;
  readonly bytes: string;
}

export function chunkOf(byteCapacity: number, frameCapacity: number): FrameChunk {
  const columns = new ArrayBuffer(frameIndexByteLength(frameCapacity));
  return {
    bytes: new Uint8Array(byteCapacity),
    frames: frameIndexOver(columns, 0, frameCapacity),
    frameCount: 0,
    segment: 0,
    endsEpoch: false,
  };
}

export interface ReadResult {
  readonly source: CaptureSource;
  readonly frames: ReadFrame[];
  /** Frames after which `endsEpoch` was true. */
  readonly epochEnds: number[];
}

/** Reads everything through chunks of that size. */
export async function readAll(
  inputs: readonly CaptureInput[],
  byteCapacity = 1 << 20,
  frameCapacity = 8192,
  texts: TextCatalogue = NO_TEXTS,
): Promise<ReadResult> {
  const source = await openCaptureSource(inputs, texts);
  const chunk = chunkOf(byteCapacity, frameCapacity);
  const frames: ReadFrame[] = [];
  const epochEnds: number[] = [];
  while (await source.fill(chunk)) {
    for (let row = 0; row < chunk.frameCount; row += 1) frames.push(frameAt(source, chunk, row));
    if (chunk.endsEpoch) epochEnds.push(frames.length);
    // What is left in the chunk's memory must not matter to the next fill.
    chunk.bytes.fill(0xee);
  }
  await source.close();
  return { source, frames, epochEnds };
}

function frameAt(source: CaptureSource, chunk: FrameChunk, row: number): ReadFrame {
  const { frames } = chunk;
  const time = frames.timeNs[row];
  const start = frames.offset[row];
  const data = chunk.bytes.subarray(start, start + frames.capturedLength[row]);
  return {
    number: frames.number[row],
    timeNs: Number.isNaN(time) ? null : source.segments[chunk.segment].baseNs + BigInt(time),
    segment: chunk.segment,
    capture: frames.capture[row],
    linkType: frames.linkType[row],
    interfaceIndex: frames.interfaceIndex[row],
    marks: frames.marks[row],
    originalLength: frames.originalLength[row],
    bytes: Buffer.from(data).toString('hex'),
  };
}

/** An input of bytes in memory, handed over in pieces. */
export function inputOf(bytes: Uint8Array, name = 'memory', pieceLength = 65_536): CaptureInput {
  const stream = async function* (): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < bytes.length; at += pieceLength) yield bytes.subarray(at, at + pieceLength);
  };
  return { name, stream: stream() };
}
