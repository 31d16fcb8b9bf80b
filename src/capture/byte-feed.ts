import type { ByteSource } from './byte-source.js';

/** A byte source that takes bytes back and can look ahead. */
export class ByteFeed {
  /** True when the source has given its last byte; bytes may still be held. */
  sourceEnded = false;
  private held = new Uint8Array(0);
  private heldStart = 0;
  private heldEnd = 0;

  constructor(readonly source: ByteSource) {}

  get ended(): boolean {
    return this.sourceEnded && this.heldStart === this.heldEnd;
  }

  get heldLength(): number {
    return this.heldEnd - this.heldStart;
  }

  /** The bytes looked at but not given out yet; valid until the next call. */
  heldBytes(): Uint8Array {
    return this.held.subarray(this.heldStart, this.heldEnd);
  }

  /** Reads into `bytes[from, to)`; 0 only at the end. NOTHING_YET is handed on. */
  readInto(bytes: Uint8Array, from: number, to: number): number | Promise<number> {
    if (this.heldStart < this.heldEnd) {
      const count = Math.min(to - from, this.heldEnd - this.heldStart);
      bytes.set(this.held.subarray(this.heldStart, this.heldStart + count), from);
      this.heldStart += count;
      return count;
    }
    if (this.sourceEnded) return 0;
    const count = this.source.readInto(bytes, from, to);
    if (typeof count !== 'number') return count.then((value) => this.noteCount(value));
    return this.noteCount(count);
  }

  /** Puts bytes back in front of those held. */
  unread(bytes: Uint8Array, from: number, to: number): void {
    const count = to - from;
    if (count === 0) return;
    if (this.heldStart === this.heldEnd) {
      this.reserve(count);
      this.heldStart = 0;
      this.heldEnd = count;
    } else if (this.heldStart >= count) {
      this.heldStart -= count;
    } else {
      const grown = new Uint8Array(count + this.heldLength);
      grown.set(this.heldBytes(), count);
      this.heldEnd = grown.length;
      this.heldStart = 0;
      this.held = grown;
    }
    this.held.set(bytes.subarray(from, to), this.heldStart);
  }

  /** Holds at least `count` bytes, or all there are. */
  ensure(count: number): void | Promise<void> {
    while (!this.sourceEnded && this.heldLength < count) {
      this.reserve(count);
      const got = this.source.readInto(this.held, this.heldEnd, this.held.length);
      if (typeof got !== 'number') {
        return got.then((value) => {
          this.heldEnd += Math.max(0, this.noteCount(value));
          return this.ensure(count);
        });
      }
      this.heldEnd += Math.max(0, this.noteCount(got));
    }
  }

  /** Drops up to `count` of the bytes held. */
  discardHeld(count: number): number {
    const dropped = Math.min(count, this.heldLength);
    this.heldStart += dropped;
    return dropped;
  }

  close(): void {
    this.source.close();
    this.sourceEnded = true;
    this.heldStart = this.heldEnd = 0;
  }

  private noteCount(count: number): number {
    if (count === 0) this.sourceEnded = true;
    return count;
  }

  /** Makes room for `count` bytes in all, counted from the first held. */
  private reserve(count: number): void {
    if (this.held.length - this.heldStart >= count) return;
    if (this.held.length >= count) {
      this.held.copyWithin(0, this.heldStart, this.heldEnd);
    } else {
      const grown = new Uint8Array(Math.max(count, 65_536));
      grown.set(this.heldBytes());
      this.held = grown;
    }
    this.heldEnd -= this.heldStart;
    this.heldStart = 0;
  }
}
