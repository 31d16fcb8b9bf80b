const RANGES_MAX = 256;

/** Bytes of a TCP stream by their numbers, which wrap at 2^32. Bounded: 256 ranges, of which the lowest are forgotten. */
export class SequenceRanges {
  /** Ends of the ranges in ascending order, from and to in turn, in numbers that run on where those of TCP wrap. */
  private readonly edges: number[] = [];
  private last = Number.NaN;

  clear(): void {
    this.edges.length = 0;
    this.last = Number.NaN;
  }

  add(offset: number, length: number): void {
    const { edges } = this;
    const from = this.runningOn(offset);
    const to = from + length;
    this.last = to;
    const end = edges.length - 1;
    // Nearly always the next bytes of the stream.
    if (end > 0 && from === edges[end]) {
      edges[end] = to;
      return;
    }
    const first = this.indexFrom(from);
    let after = first;
    while (after < edges.length && edges[after] <= to) after += 2;
    if (after === first) edges.splice(first, 0, from, to);
    else {
      edges[first] = Math.min(from, edges[first]);
      edges[first + 1] = Math.max(to, edges[after - 1]);
      if (after > first + 2) edges.splice(first + 2, after - first - 2);
    }
    if (edges.length > RANGES_MAX * 2) edges.splice(0, 2);
  }

  /** True where all of these bytes are in it. */
  holds(offset: number, length: number): boolean {
    const from = this.runningOn(offset);
    const at = this.indexFrom(from);
    return at < this.edges.length && this.edges[at] <= from && from + length <= this.edges[at + 1];
  }

  /** Of the first range that ends at that position or after it. */
  private indexFrom(position: number): number {
    let low = 0;
    let high = this.edges.length / 2;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.edges[middle * 2 + 1] < position) low = middle + 1;
      else high = middle;
    }
    return low * 2;
  }

  private runningOn(offset: number): number {
    return Number.isNaN(this.last) ? offset : this.last + ((offset - this.last) | 0);
  }
}
