// Writes a healthy capture of mixed tunnel traffic, always the same for the same size and seed:
//   node --import tsx bench/make-capture.ts FILE [--bytes N] [--seed N] [--small]
import { closeSync, openSync, renameSync, writeSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import type { Conversation } from './traffic/exchange.js';
import { TrafficMix } from './traffic/mix.js';
import { Random } from './traffic/random.js';

const GIGABYTE = 1_000_000_000;
const SMALL = 32_000_000;
const BUFFER_BYTES = 4 * 1024 * 1024;
const FILE_HEADER_BYTES = 24;
const RECORD_HEADER_BYTES = 16;
const FRAME_BYTES_MAX = 1_514;
const FRAME_BYTES_MEAN = 430;
const SNAPLEN = 262_144;
const LINK_TYPE_ETHERNET = 1;
/** 2025-10-09 08:53:20 UTC. */
const START_SECONDS = 1_760_000_000;
const DURATION_US = 20 * 60 * 1_000_000;
/** Exchanges whose frames alternate on the wire. */
const EXCHANGES_AT_ONCE = 8;
/** Frames of one burst follow each other this closely, unless the capture is too dense for it. */
const FRAME_GAP_US_MAX = 200;

export interface CaptureSize {
  readonly frames: number;
  readonly bytes: number;
}

/**
 * Writes a little-endian microsecond pcap of at least `bytes` bytes to `file`, with timestamps over 20 minutes.
 * The file appears under its name only once it is complete.
 */
export function makeCapture(file: string, bytes: number, seed: number): CaptureSize {
  const partial = `${file}.partial`;
  const descriptor = openSync(partial, 'w');
  try {
    const size = writeCapture(descriptor, bytes, new Random(seed));
    renameSync(partial, file);
    return size;
  } finally {
    closeSync(descriptor);
  }
}

function writeCapture(descriptor: number, bytesWanted: number, random: Random): CaptureSize {
  const mix = new TrafficMix(random, START_SECONDS);
  const buffer = Buffer.alloc(BUFFER_BYTES);
  const frameGapUs = Math.min(FRAME_GAP_US_MAX, (DURATION_US * FRAME_BYTES_MEAN) / bytesWanted / 2);
  let used = writeFileHeader(buffer);
  let flushed = 0;
  let frames = 0;
  let timeUs = 0;

  while (flushed + used < bytesWanted) {
    timeUs = Math.max(timeUs, DURATION_US * ((flushed + used) / bytesWanted));
    const burst = startBurst(mix, random);
    for (let turn = 0; burst.length > 0; turn += 1) {
      const conversation = burst[turn % burst.length];
      if (conversation.idle) {
        burst.splice(turn % burst.length, 1);
        continue;
      }
      if (used + RECORD_HEADER_BYTES + FRAME_BYTES_MAX > BUFFER_BYTES) {
        writeFully(descriptor, buffer, used);
        flushed += used;
        used = 0;
      }
      timeUs += frameGapUs * (0.5 + random.next() / 2 ** 32);
      const elapsedMs = Math.floor(timeUs / 1_000);
      const length = conversation.writeFrame(buffer, used + RECORD_HEADER_BYTES, elapsedMs);
      writeRecordHeader(buffer, used, Math.floor(timeUs), length);
      used += RECORD_HEADER_BYTES + length;
      frames += 1;
    }
  }
  writeFully(descriptor, buffer, used);
  return { frames, bytes: flushed + used };
}

function startBurst(mix: TrafficMix, random: Random): Conversation[] {
  const burst: Conversation[] = [];
  while (burst.length < EXCHANGES_AT_ONCE) {
    const conversation = mix.pickIdle(random);
    conversation.startExchange(random);
    burst.push(conversation);
  }
  return burst;
}

function writeFileHeader(buffer: Buffer): number {
  buffer.writeUInt32LE(0xa1b2c3d4, 0);
  buffer.writeUInt16LE(2, 4);
  buffer.writeUInt16LE(4, 6);
  buffer.writeUInt32LE(SNAPLEN, 16);
  buffer.writeUInt32LE(LINK_TYPE_ETHERNET, 20);
  return FILE_HEADER_BYTES;
}

function writeRecordHeader(buffer: Buffer, offset: number, elapsedUs: number, length: number): void {
  buffer.writeUInt32LE(START_SECONDS + Math.floor(elapsedUs / 1_000_000), offset);
  buffer.writeUInt32LE(elapsedUs % 1_000_000, offset + 4);
  buffer.writeUInt32LE(length, offset + 8);
  buffer.writeUInt32LE(length, offset + 12);
}

function writeFully(descriptor: number, buffer: Buffer, length: number): void {
  for (let written = 0; written < length; ) {
    written += writeSync(descriptor, buffer, written, length - written);
  }
}

function runFromCommandLine(): void {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      bytes: { type: 'string' },
      seed: { type: 'string', default: '1' },
      small: { type: 'boolean', default: false },
    },
  });
  const bytes = Number(values.bytes ?? (values.small ? SMALL : GIGABYTE));
  const seed = Number(values.seed);
  if (positionals.length !== 1 || !Number.isSafeInteger(bytes) || bytes < 1 || !Number.isSafeInteger(seed)) {
    process.stderr.write('usage: make-capture FILE [--bytes N] [--seed N] [--small]; N is a whole number\n');
    process.exitCode = 2;
    return;
  }
  const size = makeCapture(positionals[0], bytes, seed);
  process.stdout.write(`${positionals[0]}: ${size.frames} frames, ${size.bytes} bytes\n`);
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) runFromCommandLine();
