import { closeSync, openSync, readSync } from 'node:fs';
import { type CaptureSize, type PcapWriter, START_SECONDS, writePcap } from './pcap-writer.js';
import { Random } from './random.js';

const FILE_HEADER_BYTES = 24;
const RECORD_HEADER_BYTES = 16;
const BUFFER_BYTES = 4 * 1024 * 1024;
const ETHERNET_BYTES = 14;
const DELAY_US = 20_000;
/** Packets towards this end that are lost. */
const LOST_SHARE = 0.01;
/** The clock of this end: ahead, and faster than that of the other one. */
const CLOCK_AHEAD_US = 3_601_500_000;
const CLOCK_FAST = 20e-6;

/** A frame on its way, at the time of the path. */
interface Travelling {
  readonly timeUs: number;
  readonly bytes: Buffer;
}

/**
 * Writes what the other end of the path shows of a capture: of two hosts the one with the lower address lives on the
 * captured end. Its packets arrive 20 ms later and one in a hundred never; those of the other host left 20 ms before.
 */
export function makeOtherEnd(file: string, captured: string, seed: number): CaptureSize {
  const random = new Random(seed);
  return writePcap(file, (pcap) => {
    const arriving: Travelling[] = [];
    const leaving: Travelling[] = [];
    for (const { timeUs, bytes } of framesOf(captured)) {
      if (isFromCapturedEnd(bytes)) {
        if (random.next() >= LOST_SHARE * 2 ** 32) arriving.push({ timeUs: timeUs + DELAY_US, bytes });
      } else leaving.push({ timeUs: timeUs - DELAY_US, bytes });
      writeUntil(pcap, arriving, leaving, timeUs - DELAY_US);
    }
    writeUntil(pcap, arriving, leaving, Number.POSITIVE_INFINITY);
  });
}

/** Both queues are in order of time. */
function writeUntil(pcap: PcapWriter, arriving: Travelling[], leaving: Travelling[], timeUs: number): void {
  for (;;) {
    const [first, second] = [arriving[0]?.timeUs, leaving[0]?.timeUs];
    const queue = second === undefined || (first !== undefined && first <= second) ? arriving : leaving;
    const next = queue[0];
    if (next === undefined || next.timeUs > timeUs) return;
    queue.shift();
    next.bytes.copy(pcap.buffer, pcap.frameOffset);
    pcap.append(Math.floor(next.timeUs * (1 + CLOCK_FAST) + CLOCK_AHEAD_US), next.bytes.length);
  }
}

function isFromCapturedEnd(frame: Buffer): boolean {
  const isIpv6 = frame.readUInt16BE(12) === 0x86dd;
  const [at, length] = isIpv6 ? [ETHERNET_BYTES + 8, 16] : [ETHERNET_BYTES + 12, 4];
  return frame.compare(frame, at + length, at + 2 * length, at, at + length) <= 0;
}

/** The frames of a capture that this bench made, in its order. */
function* framesOf(captured: string): Generator<Travelling> {
  const descriptor = openSync(captured, 'r');
  try {
    const buffer = Buffer.alloc(BUFFER_BYTES);
    let held = 0;
    let position = FILE_HEADER_BYTES;
    for (;;) {
      const read = readSync(descriptor, buffer, held, buffer.length - held, position);
      if (read === 0) return;
      position += read;
      held += read;
      let at = 0;
      while (held - at >= RECORD_HEADER_BYTES) {
        const end = at + RECORD_HEADER_BYTES + buffer.readUInt32LE(at + 8);
        if (end > held) break;
        const timeUs = (buffer.readUInt32LE(at) - START_SECONDS) * 1_000_000 + buffer.readUInt32LE(at + 4);
        yield { timeUs, bytes: Buffer.from(buffer.subarray(at + RECORD_HEADER_BYTES, end)) };
        at = end;
      }
      buffer.copyWithin(0, at, held);
      held -= at;
    }
  } finally {
    closeSync(descriptor);
  }
}
