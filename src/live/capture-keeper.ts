import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import { extname } from 'node:path';
import type { CaptureInterface, TimeSegment } from '../capture/capture-source.js';
import type { FrameChunk } from '../capture/chunk.js';
import type { FrameKeeper } from './live-source.js';
import { fileHead, interfaceBlock, packetBlocks } from './pcapng-blocks.js';

/** Several files in turn, of which the last ones stay. */
export interface Ring {
  readonly files: number;
  /** A file is closed when it has reached so many bytes. */
  readonly bytes: number;
}

const RING_DIGITS = 5;

/** The file of a ring with that number, counted from 1: NAME.pcapng becomes NAME_00001.pcapng. */
export function ringFileName(file: string, number: number): string {
  const extension = extname(file);
  const stem = extension === '' ? file : file.slice(0, -extension.length);
  return `${stem}_${String(number).padStart(RING_DIGITS, '0')}${extension}`;
}

/** Writes all frames into a pcapng file, or into a ring of them. Stops, and says so, where writing fails. */
export class CaptureKeeper implements FrameKeeper {
  /** Why nothing is written any more, or null. */
  failure: string | null = null;
  /** Frames that could not be written. */
  lost = 0;
  private descriptor = -1;
  private written = 0;
  private fileNumber = 0;
  private interfaceCount = 0;

  constructor(
    private readonly file: string,
    private readonly ring: Ring | null,
    private readonly application: string,
  ) {}

  keep(chunk: FrameChunk, interfaces: readonly CaptureInterface[], segments: readonly TimeSegment[]): void {
    if (this.failure !== null) {
      this.lost += chunk.frameCount;
      return;
    }
    try {
      if (this.descriptor < 0) this.openNext(interfaces);
      for (; this.interfaceCount < interfaces.length; this.interfaceCount++)
        this.write(interfaceBlock(interfaces[this.interfaceCount]));
      const { bytes, left } = packetBlocks(chunk, segments);
      this.write(bytes);
      this.lost += left;
      if (this.ring !== null && this.written >= this.ring.bytes) this.close();
    } catch (error) {
      this.lost += chunk.frameCount;
      this.failure = error instanceof Error ? error.message : String(error);
      this.close();
    }
  }

  close(): void {
    if (this.descriptor >= 0) closeSync(this.descriptor);
    this.descriptor = -1;
  }

  private openNext(interfaces: readonly CaptureInterface[]): void {
    this.fileNumber++;
    const { ring, file, fileNumber } = this;
    if (ring !== null && fileNumber > ring.files)
      rmSync(ringFileName(file, fileNumber - ring.files), { force: true });
    this.descriptor = openSync(ring === null ? file : ringFileName(file, fileNumber), 'w', 0o600);
    this.written = 0;
    this.interfaceCount = interfaces.length;
    this.write(fileHead(interfaces, this.application));
  }

  private write(bytes: Uint8Array): void {
    let at = 0;
    while (at < bytes.length) at += writeSync(this.descriptor, bytes, at);
    this.written += bytes.length;
  }
}
