import type { Readable } from 'node:stream';
import { type ByteSource, NOTHING_YET } from '../capture/byte-source.js';

/**
 * Bytes that come when they come. A reader never waits for longer than the flush time: then it is told NOTHING_YET
 * and gives out what it has. What is not read stays in the pipe, so a slow reader slows the writer down.
 */
export class LiveByteSource implements ByteSource {
  consumedBytes = 0;
  fault: string | null = null;
  private piece: Uint8Array = new Uint8Array(0);
  private pieceAt = 0;
  private ended = false;
  private stopped = false;
  private dueMs: number;
  private wake: (() => void) | null = null;

  /** @param flushMs how long a chunk may wait for more. */
  constructor(
    private readonly stream: Readable,
    private readonly flushMs: number,
    private readonly nowMs: () => number = performance.now.bind(performance),
  ) {
    this.dueMs = nowMs() + flushMs;
    stream.on('readable', this.onChange);
    stream.on('end', () => this.end(null));
    stream.on('close', () => this.end(null));
    stream.on('error', (error) => this.end(error.message));
  }

  /** A new chunk is begun: from now on its flush time counts. */
  beginChunk(): void {
    this.dueMs = this.nowMs() + this.flushMs;
  }

  readInto(bytes: Uint8Array, from: number, to: number): number | Promise<number> {
    if (from >= to) return 0;
    if (this.nowMs() >= this.dueMs) return this.nothingYet();
    if (this.refill()) return this.take(bytes, from, to);
    if (this.ended) return 0;
    return this.wait().then(() => {
      if (this.refill()) return this.take(bytes, from, to);
      return this.ended ? 0 : this.nothingYet();
    });
  }

  /** Takes no more than what has been read already; the input counts as ended after it. */
  stop(): void {
    this.stopped = true;
    this.end(null);
  }

  /** Throws away what still comes, so that the writer can end in good order. */
  drain(): void {
    this.stop();
    this.stream.removeListener('readable', this.onChange);
    this.stream.resume();
  }

  close(): void {
    this.piece = new Uint8Array(0);
    this.pieceAt = 0;
    this.end(null);
    this.stream.destroy();
  }

  private readonly onChange = (): void => {
    this.wake?.();
  };

  private end(fault: string | null): void {
    if (!this.ended) this.fault = fault;
    this.ended = true;
    this.wake?.();
  }

  /** Reading on after the pause may take until the next one. */
  private nothingYet(): number {
    this.dueMs = this.nowMs() + this.flushMs;
    return NOTHING_YET;
  }

  private refill(): boolean {
    if (this.pieceAt < this.piece.length) return true;
    if (this.stopped || this.stream.destroyed) return false;
    const piece: unknown = this.stream.read();
    if (!(piece instanceof Uint8Array)) return false;
    this.piece = piece;
    this.pieceAt = 0;
    return piece.length > 0;
  }

  private wait(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.wake?.(), Math.max(0, this.dueMs - this.nowMs()));
      this.wake = () => {
        clearTimeout(timer);
        this.wake = null;
        resolve();
      };
    });
  }

  private take(bytes: Uint8Array, from: number, to: number): number {
    const count = Math.min(to - from, this.piece.length - this.pieceAt);
    bytes.set(this.piece.subarray(this.pieceAt, this.pieceAt + count), from);
    this.pieceAt += count;
    this.consumedBytes += count;
    return count;
  }
}
