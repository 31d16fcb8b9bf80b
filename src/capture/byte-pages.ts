const FIRST_PAGE = 4096;
const PAGE_MAX = 1 << 20;

/** Many short stretches of bytes, kept one behind the other: what is there is never moved, so nothing is held twice. */
export class BytePages {
  private readonly pages: Uint8Array[] = [];
  /** Where each page begins. */
  private readonly starts: number[] = [];
  private used = 0;

  /** @returns where `count` bytes, which the caller writes, begin; `bytesAt` gives them */
  reserve(count: number): number {
    const last = this.pages.at(-1);
    if (last === undefined || this.used + count > last.length) {
      const start = last === undefined ? 0 : (this.starts.at(-1) ?? 0) + last.length;
      const usual = last === undefined ? FIRST_PAGE : Math.min(2 * last.length, PAGE_MAX);
      this.pages.push(new Uint8Array(Math.max(usual, count)));
      this.starts.push(start);
      this.used = 0;
    }
    const at = (this.starts.at(-1) ?? 0) + this.used;
    this.used += count;
    return at;
  }

  /** The bytes at a place that `reserve` gave. */
  bytesAt(at: number, count: number): Uint8Array {
    const page = this.pageOf(at);
    const from = at - this.starts[page];
    return this.pages[page].subarray(from, from + count);
  }

  private pageOf(at: number): number {
    let low = 0;
    let high = this.starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (this.starts[middle] <= at) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}
