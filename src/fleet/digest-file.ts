import { closeSync, openSync, readFileSync, readSync, renameSync, rmSync, writeSync } from 'node:fs';
import { DIGEST_BUCKETS } from './packet-digest.js';
import { PacketRecords, RECORD_BYTES } from './packet-record.js';

/** What waits in memory before it goes to files, one a bucket. */
const WAITING_BYTES_MAX = 64 << 20;
const READ_BYTES = 1 << 20;

/**
 * Writes the records of a point in order of identity, depth and time. What occurs again at one depth with one TTL is one
 * record that says how often. The file appears under its name when it is whole. Bounded: 64 MiB wait in memory, and one
 * bucket, a 64th of all, is sorted at a time.
 */
export class DigestWriter {
  private readonly waiting: Uint8Array[][] = Array.from({ length: DIGEST_BUCKETS }, () => []);
  private waitingBytes = 0;
  private spills: number[] | null = null;

  constructor(private readonly path: string) {}

  take(bucket: number, bytes: Uint8Array): void {
    this.waiting[bucket].push(bytes.slice());
    this.waitingBytes += bytes.length;
    if (this.waitingBytes > WAITING_BYTES_MAX) this.spill();
  }

  /** Sorts and writes what came. */
  finish(): void {
    const partial = `${this.path}.partial-${process.pid}`;
    const descriptor = openSync(partial, 'w');
    try {
      for (let bucket = 0; bucket < DIGEST_BUCKETS; bucket++)
        writeAll(descriptor, sortedRecords(this.bucketBytes(bucket)));
    } finally {
      closeSync(descriptor);
      this.removeSpills();
    }
    renameSync(partial, this.path);
  }

  private bucketBytes(bucket: number): Uint8Array {
    const waiting = Buffer.concat(this.waiting[bucket]);
    this.waiting[bucket].length = 0;
    if (this.spills === null) return waiting;
    return Buffer.concat([readFileSync(this.spillPath(bucket)), waiting]);
  }

  private spill(): void {
    this.spills ??= this.waiting.map((_, bucket) => openSync(this.spillPath(bucket), 'w'));
    for (const [bucket, descriptor] of this.spills.entries()) {
      for (const bytes of this.waiting[bucket]) writeAll(descriptor, bytes);
      this.waiting[bucket].length = 0;
    }
    this.waitingBytes = 0;
  }

  private removeSpills(): void {
    for (const [bucket, descriptor] of (this.spills ?? []).entries()) {
      closeSync(descriptor);
      rmSync(this.spillPath(bucket), { force: true });
    }
  }

  private spillPath(bucket: number): string {
    return `${this.path}.spill-${process.pid}-${bucket}`;
  }
}

/** Reads the records of a digest, in its order; the records are good until `visit` returns. */
export function readDigest(path: string, visit: (records: PacketRecords) => void): void {
  const descriptor = openSync(path, 'r');
  const buffer = new Uint8Array(READ_BYTES);
  try {
    for (let held = 0; ; ) {
      const read = readSync(descriptor, buffer, held, buffer.length - held, null);
      held += read;
      const whole = held - (held % RECORD_BYTES);
      if (whole > 0) visit(new PacketRecords(buffer.subarray(0, whole)));
      buffer.copyWithin(0, whole, held);
      held -= whole;
      if (read === 0) return;
    }
  } finally {
    closeSync(descriptor);
  }
}

/** Goes through a digest record by record. */
export class DigestCursor {
  private readonly descriptor: number;
  private readonly buffer = new Uint8Array(READ_BYTES);
  records = new PacketRecords(new Uint8Array(0));
  at = -1;
  /** Infinite behind the last record. */
  identity = Number.NEGATIVE_INFINITY;

  constructor(path: string) {
    this.descriptor = openSync(path, 'r');
  }

  advance(): boolean {
    this.at++;
    if (this.at >= this.records.length) {
      const read = readSync(this.descriptor, this.buffer, 0, this.buffer.length, null);
      this.records = new PacketRecords(this.buffer.subarray(0, read));
      this.at = 0;
    }
    const has = this.at < this.records.length;
    this.identity = has ? this.records.identity(this.at) : Number.POSITIVE_INFINITY;
    return has;
  }

  close(): void {
    closeSync(this.descriptor);
  }
}

function writeAll(descriptor: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(descriptor, bytes, at);
}

function sortedRecords(bytes: Uint8Array): Uint8Array {
  const records = new PacketRecords(bytes);
  const count = records.length;
  const identities = Float64Array.from({ length: count }, (_, record) => records.identity(record));
  const order = Uint32Array.from({ length: count }, (_, record) => record).sort(
    (a, b) =>
      identities[a] - identities[b] ||
      records.depth(a) - records.depth(b) ||
      records.timeUs(a) - records.timeUs(b),
  );
  const sorted = new Uint8Array(bytes.length);
  const written = new PacketRecords(sorted);
  let length = 0;
  for (const record of order) {
    const repeated = equalBefore(written, length, records, record);
    if (repeated >= 0) {
      written.countRepeat(repeated);
      continue;
    }
    sorted.set(bytes.subarray(record * RECORD_BYTES, (record + 1) * RECORD_BYTES), length * RECORD_BYTES);
    length++;
  }
  return sorted.subarray(0, length * RECORD_BYTES);
}

/** The record before `length` with the same identity, depth and TTL, or -1: a router shows a packet with two TTLs. */
function equalBefore(written: PacketRecords, length: number, records: PacketRecords, record: number): number {
  for (let at = length - 1; at >= 0 && written.identity(at) === records.identity(record); at--) {
    const isSame =
      written.depth(at) === records.depth(record) && written.timeToLive(at) === records.timeToLive(record);
    if (isSame) return at;
  }
  return -1;
}
