import { closeSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { CaptureInterface, TimeSegment } from '../capture/capture-source.js';
import type { FrameChunk } from '../capture/chunk.js';
import type { FrameKeeper } from './live-source.js';
import { fileHead, interfaceBlock, packetBlocks } from './pcapng-blocks.js';

/** What is kept from before a finding: so many bytes, and no older than so many seconds. */
const BEFORE_BYTES_MAX = 64 << 20;
const BEFORE_SECONDS = 60;
/** How long it is written on after the last finding, and how large a file may grow. */
const AFTER_MS = 10_000;
const FILE_BYTES_MAX = 512 << 20;
/** Files of one run. A finding that comes and goes must not fill a disk. */
const FILES_MAX = 100;
/** Files of one id that earlier runs may have left. */
const NUMBERS_TRIED = 10_000;

interface Batch {
  readonly bytes: Buffer;
  readonly atMs: number;
}

/**
 * Keeps the last packets in memory, and writes them to a file when a finding is raised, with those of the next seconds.
 * Findings that are raised meanwhile go into the same file. Bounded by the constants above.
 */
export class FindingDump implements FrameKeeper {
  readonly written: string[] = [];
  failure: string | null = null;
  /** Findings for which no file was begun any more. */
  refused = 0;
  private batches: Batch[] = [];
  private heldBytes = 0;
  private interfaces: readonly CaptureInterface[] = [];
  private interfaceCount = 0;
  private descriptor = -1;
  private fileBytes = 0;
  private untilMs = 0;

  constructor(
    private readonly folder: string,
    private readonly application: string,
    private readonly nowMs: () => number = performance.now.bind(performance),
    /** What the names of its files begin with. */
    private readonly prefix = '',
  ) {}

  keep(chunk: FrameChunk, interfaces: readonly CaptureInterface[], segments: readonly TimeSegment[]): void {
    if (this.failure !== null) return;
    this.interfaces = interfaces;
    const { bytes } = packetBlocks(chunk, segments);
    if (this.descriptor >= 0) {
      this.guard(() => this.append(bytes));
      return;
    }
    this.hold(bytes);
  }

  /** @param id of the finding; nothing else of it goes into the file's name. */
  raise(id: string): void {
    if (this.failure !== null) return;
    this.untilMs = this.nowMs() + AFTER_MS;
    if (this.descriptor >= 0) return;
    if (this.written.length >= FILES_MAX) {
      this.refused++;
      return;
    }
    this.guard(() => this.begin(id));
  }

  /** Closes a file whose time is up; to be called now and then. */
  tick(): void {
    if (this.descriptor >= 0 && (this.nowMs() >= this.untilMs || this.fileBytes >= FILE_BYTES_MAX))
      this.close();
  }

  close(): void {
    if (this.descriptor >= 0) closeSync(this.descriptor);
    this.descriptor = -1;
  }

  private hold(bytes: Buffer): void {
    const atMs = this.nowMs();
    this.batches.push({ bytes, atMs });
    this.heldBytes += bytes.length;
    let drop = 0;
    while (
      drop < this.batches.length - 1 &&
      (this.heldBytes > BEFORE_BYTES_MAX || atMs - this.batches[drop].atMs > BEFORE_SECONDS * 1000)
    ) {
      this.heldBytes -= this.batches[drop].bytes.length;
      drop++;
    }
    if (drop > 0) this.batches.splice(0, drop);
  }

  private begin(id: string): void {
    this.descriptor = this.openFree(id);
    this.fileBytes = 0;
    this.interfaceCount = this.interfaces.length;
    this.write(fileHead(this.interfaces, this.application));
    for (const { bytes } of this.batches) this.write(bytes);
    this.batches = [];
    this.heldBytes = 0;
  }

  /** Never over a file that is there. */
  private openFree(id: string): number {
    for (let number = 1; number <= NUMBERS_TRIED; number++) {
      const file = join(this.folder, `${this.prefix}${id}-${number}.pcapng`);
      try {
        const descriptor = openSync(file, 'wx', 0o600);
        this.written.push(file);
        return descriptor;
      } catch (error) {
        if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
      }
    }
    throw new Error(`${this.folder} holds ${NUMBERS_TRIED} files of ${id} already`);
  }

  private append(bytes: Buffer): void {
    for (; this.interfaceCount < this.interfaces.length; this.interfaceCount++)
      this.write(interfaceBlock(this.interfaces[this.interfaceCount]));
    this.write(bytes);
  }

  private write(bytes: Uint8Array): void {
    let at = 0;
    while (at < bytes.length) at += writeSync(this.descriptor, bytes, at);
    this.fileBytes += bytes.length;
  }

  private guard(action: () => void): void {
    try {
      action();
    } catch (error) {
      this.failure = error instanceof Error ? error.message : String(error);
      this.close();
    }
  }
}
