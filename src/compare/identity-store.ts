import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RecordBlock } from './identity-record.js';

const RECORDS_PER_BLOCK = 4096;
/** Blocks kept in memory (17 MiB); what is beyond goes to a temporary file without a name. */
const BLOCKS_IN_MEMORY = 64;

/** The records of one side in capture order: appended once, read from the start as often as needed. */
export class IdentityStore {
  private readonly blocks: RecordBlock[] = [];
  private current = new RecordBlock(RECORDS_PER_BLOCK);
  private file: number | null = null;
  private spilledLengths: number[] = [];

  constructor(private readonly blocksInMemory = BLOCKS_IN_MEMORY) {}

  get isSpilled(): boolean {
    return this.file !== null;
  }

  /** The block that the next record goes to; count it there with `length++`. */
  blockToFill(): RecordBlock {
    if (this.current.isFull) this.putAway();
    return this.current;
  }

  /** Every block in order. A block that was spilled is valid until the next one is asked for. */
  *read(): IterableIterator<RecordBlock> {
    yield* this.blocks;
    if (this.file !== null) {
      const block = new RecordBlock(RECORDS_PER_BLOCK);
      for (const [index, length] of this.spilledLengths.entries()) {
        readWhole(this.file, block.bytes, index * block.bytes.length);
        block.length = length;
        yield block;
      }
    }
    yield this.current;
  }

  close(): void {
    if (this.file !== null) closeSync(this.file);
    this.file = null;
    this.blocks.length = 0;
    this.spilledLengths = [];
  }

  private putAway(): void {
    if (this.blocks.length < this.blocksInMemory) {
      this.blocks.push(this.current);
      this.current = new RecordBlock(RECORDS_PER_BLOCK);
      return;
    }
    this.file ??= openNamelessFile();
    const { bytes, length } = this.current;
    writeWhole(this.file, bytes, this.spilledLengths.length * bytes.length);
    this.spilledLengths.push(length);
    this.current.length = 0;
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
