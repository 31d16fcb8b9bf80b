/**
 * Hands out stretches of one buffer in a fixed order, so that the worker and the main thread lay
 * the same tables over the same shared memory without telling each other where they are.
 */
export class Arena {
  private at = 0;

  constructor(readonly buffer: ArrayBufferLike) {}

  /** Offset of the next `byteLength` bytes, aligned to 8. */
  take(byteLength: number): number {
    const start = this.at;
    this.at = start + Math.ceil(byteLength / 8) * 8;
    if (this.at > this.buffer.byteLength) {
      throw new RangeError(`arena of ${this.buffer.byteLength} bytes is too small for its tables`);
    }
    return start;
  }
}
