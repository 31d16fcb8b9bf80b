import { closeSync, openSync, renameSync, writeSync } from 'node:fs';

const BUFFER_BYTES = 4 * 1024 * 1024;
const FILE_HEADER_BYTES = 24;
const RECORD_HEADER_BYTES = 16;
const FRAME_BYTES_MAX = 1_514;
const SNAPLEN = 262_144;
const LINK_TYPE_ETHERNET = 1;
/** 2025-10-09 08:53:20 UTC. */
export const START_SECONDS = 1_760_000_000;

export interface CaptureSize {
  readonly frames: number;
  readonly bytes: number;
}

/** A little-endian microsecond pcap of Ethernet frames, one buffer ahead of the file. */
export class PcapWriter {
  /** The next frame goes to `buffer` at `frameOffset`, and takes at most FRAME_BYTES_MAX bytes. */
  readonly buffer = Buffer.alloc(BUFFER_BYTES);
  private used: number;
  private flushed = 0;
  private frameCount = 0;

  constructor(private readonly descriptor: number) {
    this.used = writeFileHeader(this.buffer);
  }

  get frames(): number {
    return this.frameCount;
  }

  get bytes(): number {
    return this.flushed + this.used;
  }

  get frameOffset(): number {
    return this.used + RECORD_HEADER_BYTES;
  }

  /** Takes over the frame of `length` bytes that lies at `frameOffset`; `elapsedUs` counts whole microseconds from START_SECONDS. */
  append(elapsedUs: number, length: number): void {
    const { buffer, used } = this;
    buffer.writeUInt32LE(START_SECONDS + Math.floor(elapsedUs / 1_000_000), used);
    buffer.writeUInt32LE(elapsedUs % 1_000_000, used + 4);
    buffer.writeUInt32LE(length, used + 8);
    buffer.writeUInt32LE(length, used + 12);
    this.used += RECORD_HEADER_BYTES + length;
    this.frameCount += 1;
    if (this.used + RECORD_HEADER_BYTES + FRAME_BYTES_MAX > BUFFER_BYTES) this.flush();
  }

  flush(): void {
    for (let written = 0; written < this.used; ) {
      written += writeSync(this.descriptor, this.buffer, written, this.used - written);
    }
    this.flushed += this.used;
    this.used = 0;
  }
}

/** Writes the capture `file`, which appears under its name only once it is complete. */
export function writePcap(file: string, write: (pcap: PcapWriter) => void): CaptureSize {
  const partial = `${file}.partial`;
  const descriptor = openSync(partial, 'w');
  try {
    const pcap = new PcapWriter(descriptor);
    write(pcap);
    pcap.flush();
    renameSync(partial, file);
    return { frames: pcap.frames, bytes: pcap.bytes };
  } finally {
    closeSync(descriptor);
  }
}

function writeFileHeader(buffer: Buffer): number {
  buffer.writeUInt32LE(0xa1b2c3d4, 0);
  buffer.writeUInt16LE(2, 4);
  buffer.writeUInt16LE(4, 6);
  buffer.writeUInt32LE(SNAPLEN, 16);
  buffer.writeUInt32LE(LINK_TYPE_ETHERNET, 20);
  return FILE_HEADER_BYTES;
}
