import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Nanoseconds } from '../units.js';
import { RecordBlock } from './identity-record.js';

const RECORDS_PER_BLOCK = 4096;
/** Blocks kept in memory (19 MiB); what is beyond goes to a temporary file without a name. */
const BLOCKS_IN_MEMORY = 64;

/** The bounds of a store, in blocks of 4,096 records (311 KB). */
export interface StoreBounds {
  readonly inMemory?: number;
  /** Blocks in the temporary file; the oldest give way. Without it the file grows with the input. */
  readonly inFile?: number;
}

/**
 * The records of one side in capture order, read from the oldest as often as needed. The latest are in memory, those
 * before them in a temporary file.
 */
export class IdentityStore {
  /** Records that gave way because of the bound. */
  forgotten = 0;
  private readonly blocks: RecordBlock[] = [];
  private current = new RecordBlock(RECORDS_PER_BLOCK);
  private file: number | null = null;
  private spilled = 0;
  private putAwayCount = 0;
  private readonly inMemory: number;
  private readonly inFile: number;

  constructor({ inMemory = BLOCKS_IN_MEMORY, inFile = Number.POSITIVE_INFINITY }: StoreBounds = {}) {
    this.inMemory = inMemory;
    this.inFile = inFile;
  }

  /** The block that the next record goes to; count it there with `length++`. */
  blockToFill(): RecordBlock {
    if (this.current.isFull) this.putAway();
    return this.current;
  }

  /**
   * The last blocks, or all that are kept, in order. A block that was spilled is valid until the next one is asked for.
   */
  *read(lastBlocks = Number.POSITIVE_INFINITY): IterableIterator<RecordBlock> {
    const before = lastBlocks - 1;
    const fromFile = Math.min(Math.min(this.spilled, this.inFile), Math.max(0, before - this.blocks.length));
    if (this.file !== null && fromFile > 0) {
      const block = new RecordBlock(RECORDS_PER_BLOCK);
      for (let index = this.spilled - fromFile; index < this.spilled; index++) {
        readWhole(this.file, block.bytes, this.positionOf(index) * block.bytes.length);
        block.length = RECORDS_PER_BLOCK;
        yield block;
      }
    }
    yield* this.blocks.slice(Math.max(0, this.blocks.length - before));
    yield this.current;
  }

  /** How many records stand before the first one that `read` gives out. */
  firstOrdinal(lastBlocks = Number.POSITIVE_INFINITY): number {
    const before = lastBlocks - 1;
    const fromFile = Math.min(Math.min(this.spilled, this.inFile), Math.max(0, before - this.blocks.length));
    const read = fromFile + Math.min(this.blocks.length, Math.max(0, before));
    return (this.putAwayCount - read) * RECORDS_PER_BLOCK;
  }

  /** Time of the first record that `read` gives out; NaN where that is the first of all, or there is none. */
  cutNs(lastBlocks = Number.POSITIVE_INFINITY): Nanoseconds {
    const kept = Math.min(this.spilled, this.inFile) + this.blocks.length + 1;
    if (this.forgotten === 0 && lastBlocks >= kept) return Number.NaN;
    const [first] = this.read(lastBlocks);
    return first !== undefined && first.length > 0 ? first.timeNs(0) : Number.NaN;
  }

  close(): void {
    if (this.file !== null) closeSync(this.file);
    this.file = null;
    this.blocks.length = 0;
    this.spilled = 0;
  }

  private putAway(): void {
    this.putAwayCount++;
    this.blocks.push(this.current);
    const oldest = this.blocks.length > this.inMemory ? this.blocks.shift() : undefined;
    if (oldest === undefined) {
      this.current = new RecordBlock(RECORDS_PER_BLOCK);
      return;
    }
    this.spill(oldest);
    oldest.length = 0;
    this.current = oldest;
  }

  private spill({ bytes }: RecordBlock): void {
    if (this.spilled >= this.inFile) this.forgotten += RECORDS_PER_BLOCK;
    if (this.inFile === 0) return;
    this.file ??= openNamelessFile();
    writeWhole(this.file, bytes, this.positionOf(this.spilled) * bytes.length);
    this.spilled++;
  }

  private positionOf(block: number): number {
    return this.inFile === Number.POSITIVE_INFINITY ? block : block % this.inFile;
  }
}

/** A file that only this process can reach, and that goes with it. */
function openNamelessFile(): number {
  const folder = mkdtempSync(join(tmpdir(), 'capan-compare-'));
  try {
    return openSync(join(folder, 'identities'), 'wx+', 0o600);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function writeWhole(file: number, bytes: Uint8Array, position: number): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at, bytes.length - at, position + at);
}

function readWhole(file: number, bytes: Uint8Array, position: number): void {
  for (let at = 0; at < bytes.length; ) {
    const count = readSync(file, bytes, at, bytes.length - at, position + at);
    if (count === 0) throw new Error('the temporary file of packet identities ended early');
    at += count;
  }
}
