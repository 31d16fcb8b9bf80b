import type { CaptureInterface, TimeSegment } from '../capture/capture-source.js';
import type { FrameChunk } from '../capture/chunk.js';
import { MARK_INBOUND, MARK_NO_TIME, MARK_OUTBOUND } from '../capture/frame-marks.js';
import { absoluteNs } from '../units.js';

const SHB_TYPE = 0x0a0d0d0a;
const IDB_TYPE = 1;
const SPB_TYPE = 3;
const EPB_TYPE = 6;
const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
/** draft-ietf-opsawg-pcapng, section 4.2 and 4.3. */
const OPTION_COMMENT = 1;
const OPTION_DESCRIPTION = 3;
const OPTION_APPLICATION = 4;
/** An option's length has 16 bits; a comment is read by people. */
const TEXT_BYTES_MAX = 4096;
const OPTION_NAME = 2;
const OPTION_FILTER = 11;
const OPTION_RESOLUTION = 9;
const RESOLUTION_NANOSECONDS = 9;
const EPB_OPTION_FLAGS = 2;
const FLAG_INBOUND = 1;
const FLAG_OUTBOUND = 2;
const UNKNOWN_LINK_TYPE = 0xffff;
const TWO_32 = 2 ** 32;

/** Room that a frame needs in a batch beyond its bytes: header, padding, the flags option, the length at the end. */
const EPB_ROOM = 28 + 3 + 12 + 4;

/** The head of a pcapng file: one section with these interfaces, times in nanoseconds. */
export function fileHead(
  interfaces: readonly CaptureInterface[],
  application: string,
  comment: string | null = null,
): Buffer {
  const body = Buffer.alloc(16);
  body.writeUInt32LE(BYTE_ORDER_MAGIC, 0);
  body.writeUInt16LE(1, 4);
  body.fill(0xff, 8);
  const stated: [number, Buffer][] = [[OPTION_APPLICATION, Buffer.from(application)]];
  if (comment !== null) stated.unshift([OPTION_COMMENT, textOf(comment)]);
  const section = block(SHB_TYPE, body, options(stated));
  return Buffer.concat([section, ...interfaces.map((one) => interfaceBlock(one))]);
}

/** @param description what people read of the interface beside its name */
export function interfaceBlock(
  { linkType, snaplen, name, filter }: CaptureInterface,
  description: string | null = null,
): Buffer {
  const body = Buffer.alloc(8);
  body.writeUInt16LE(linkType, 0);
  body.writeUInt32LE(snaplen, 4);
  const stated: [number, Buffer][] = [[OPTION_RESOLUTION, Buffer.from([RESOLUTION_NANOSECONDS])]];
  if (name !== null) stated.unshift([OPTION_NAME, Buffer.from(name)]);
  if (description !== null) stated.push([OPTION_DESCRIPTION, textOf(description)]);
  // A first byte of 0 says that text for libpcap follows.
  if (filter !== null && filter !== '')
    stated.push([OPTION_FILTER, Buffer.concat([Buffer.from([0]), Buffer.from(filter)])]);
  return block(IDB_TYPE, body, options(stated));
}

/**
 * The frames of a chunk as Enhanced Packet Blocks. A frame without a time becomes a Simple Packet Block, which has
 * none, where it is of interface 0, and otherwise has the time 0.
 * @returns the blocks, and how many frames were left out because their interface is not known
 */
export function packetBlocks(
  chunk: FrameChunk,
  segments: readonly TimeSegment[],
): { readonly bytes: Buffer; readonly left: number } {
  const { frames, frameCount } = chunk;
  let room = 0;
  for (let index = 0; index < frameCount; index++) room += frames.capturedLength[index] + EPB_ROOM;
  const bytes = Buffer.allocUnsafe(room);
  const baseNs = segments[chunk.segment]?.baseNs ?? 0n;
  const baseHigh = Number(baseNs >> 32n);
  const baseLow = Number(baseNs & 0xffffffffn);
  let at = 0;
  let left = 0;
  for (let index = 0; index < frameCount; index++) {
    if (frames.linkType[index] === UNKNOWN_LINK_TYPE) {
      left++;
      continue;
    }
    const isTimed = (frames.marks[index] & MARK_NO_TIME) === 0 && !Number.isNaN(frames.timeNs[index]);
    if (!isTimed && frames.interfaceIndex[index] === 0) {
      at = putSimple(bytes, at, chunk, index);
      continue;
    }
    const timeNs = isTimed ? baseLow + frames.timeNs[index] : 0;
    const carry = Math.floor(timeNs / TWO_32);
    const high = isTimed ? baseHigh + carry : 0;
    at = putEnhanced(bytes, at, chunk, index, high, timeNs - carry * TWO_32);
  }
  return { bytes: bytes.subarray(0, at), left };
}

/** One frame of a chunk as an Enhanced Packet Block with comments; without a time it has the time 0. */
export function commentedPacket(
  { bytes, frames, segment }: FrameChunk,
  index: number,
  segments: readonly TimeSegment[],
  comments: readonly string[],
): Buffer {
  const length = frames.capturedLength[index];
  const marks = frames.marks[index];
  const ofFrame = (marks & MARK_NO_TIME) === 0 ? frames.timeNs[index] : Number.NaN;
  const timeNs = absoluteNs(segments[segment]?.baseNs ?? 0n, ofFrame) ?? 0n;
  const padded = Buffer.alloc(20 + ((length + 3) & ~3));
  padded.writeUInt32LE(frames.interfaceIndex[index], 0);
  padded.writeUInt32LE(Number((timeNs >> 32n) & 0xffff_ffffn), 4);
  padded.writeUInt32LE(Number(timeNs & 0xffff_ffffn), 8);
  padded.writeUInt32LE(length, 12);
  padded.writeUInt32LE(frames.originalLength[index], 16);
  padded.set(bytes.subarray(frames.offset[index], frames.offset[index] + length), 20);
  const stated: [number, Buffer][] = comments.map((comment) => [OPTION_COMMENT, textOf(comment)]);
  const flags =
    (marks & MARK_INBOUND) !== 0 ? FLAG_INBOUND : (marks & MARK_OUTBOUND) !== 0 ? FLAG_OUTBOUND : 0;
  if (flags !== 0) stated.push([EPB_OPTION_FLAGS, Buffer.from([flags, 0, 0, 0])]);
  return block(EPB_TYPE, padded, options(stated));
}

/** Cut so that no character is halved. */
function textOf(text: string): Buffer {
  const bytes = Buffer.from(text);
  if (bytes.length <= TEXT_BYTES_MAX) return bytes;
  return Buffer.from(bytes.toString('utf8', 0, TEXT_BYTES_MAX - 4).replace(/\ufffd+$/, '…'));
}

function putEnhanced(
  bytes: Buffer,
  start: number,
  { bytes: source, frames }: FrameChunk,
  index: number,
  timeHigh: number,
  timeLow: number,
): number {
  const length = frames.capturedLength[index];
  const marks = frames.marks[index];
  const flags =
    (marks & MARK_INBOUND) !== 0 ? FLAG_INBOUND : (marks & MARK_OUTBOUND) !== 0 ? FLAG_OUTBOUND : 0;
  const padded = (length + 3) & ~3;
  const total = 28 + padded + (flags === 0 ? 0 : 12) + 4;
  bytes.writeUInt32LE(EPB_TYPE, start);
  bytes.writeUInt32LE(total, start + 4);
  bytes.writeUInt32LE(frames.interfaceIndex[index], start + 8);
  bytes.writeUInt32LE(timeHigh, start + 12);
  bytes.writeUInt32LE(timeLow, start + 16);
  bytes.writeUInt32LE(length, start + 20);
  bytes.writeUInt32LE(frames.originalLength[index], start + 24);
  let at = putBytes(bytes, start + 28, source, frames.offset[index], length);
  if (flags !== 0) {
    bytes.writeUInt16LE(EPB_OPTION_FLAGS, at);
    bytes.writeUInt16LE(4, at + 2);
    bytes.writeUInt32LE(flags, at + 4);
    bytes.writeUInt32LE(0, at + 8);
    at += 12;
  }
  bytes.writeUInt32LE(total, at);
  return at + 4;
}

function putSimple(
  bytes: Buffer,
  start: number,
  { bytes: source, frames }: FrameChunk,
  index: number,
): number {
  const length = frames.capturedLength[index];
  const total = 16 + ((length + 3) & ~3);
  bytes.writeUInt32LE(SPB_TYPE, start);
  bytes.writeUInt32LE(total, start + 4);
  bytes.writeUInt32LE(frames.originalLength[index], start + 8);
  const at = putBytes(bytes, start + 12, source, frames.offset[index], length);
  bytes.writeUInt32LE(total, at);
  return at + 4;
}

/** Copies and pads to a multiple of four. */
function putBytes(bytes: Buffer, at: number, source: Uint8Array, offset: number, length: number): number {
  bytes.set(source.subarray(offset, offset + length), at);
  const padded = (length + 3) & ~3;
  bytes.fill(0, at + length, at + padded);
  return at + padded;
}

function options(list: readonly (readonly [number, Buffer])[]): Buffer {
  const parts = list.flatMap(([code, value]) => {
    const head = Buffer.alloc(4);
    head.writeUInt16LE(code, 0);
    head.writeUInt16LE(value.length, 2);
    return [head, value, Buffer.alloc((4 - (value.length % 4)) % 4)];
  });
  return Buffer.concat([...parts, Buffer.alloc(4)]);
}

function block(type: number, ...parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat([...parts]);
  const total = 12 + body.length;
  const head = Buffer.alloc(8);
  head.writeUInt32LE(type, 0);
  head.writeUInt32LE(total, 4);
  const tail = Buffer.alloc(4);
  tail.writeUInt32LE(total, 0);
  return Buffer.concat([head, body, tail]);
}
