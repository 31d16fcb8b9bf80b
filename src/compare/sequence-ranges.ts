const RANGES_MAX = 256;

/** Bytes of a TCP stream by their numbers, which wrap at 2^32. Bounded: 256 ranges, of which the lowest are forgotten. */
export class SequenceRanges {
  /** Ends of the ranges in ascending order, from and to in turn, in numbers that run on where those of TCP wrap. */
  private edges: number[] = [];
  private last = Number.NaN;

  clear(): void {
    this.edges = [];
    this.last = Number.NaN;
  }

  add(offset: number, length: number): void {
    const from = this.runningOn(offset);
    const to = from + length;
    this.last = to;
    const { edges } = this;
    // Nearly always the next bytes of the stream.
    const end = edges[edges.length - 1];
    if (end !== undefined && from === end) {
      edges[edges.length - 1] = to;
      return;
    }
    this.edges = merged(edges, from, to);
    if (this.edges.length > RANGES_MAX * 2) this.edges.splice(0, 2);
  }

  /** True where all of these bytes are in it. */
  holds(offset: number, length: number): boolean {
    const from = this.runningOn(offset);
    for (let at = 0; at < this.edges.length; at += 2)
      if (this.edges[at] <= from && from + length <= this.edges[at + 1]) return true;
    return false;
  }

  private runningOn(offset: number): number {
    return Number.isNaN(this.last) ? offset : this.last + ((offset - this.last) | 0);
  }
}

function merged(edges: readonly number[], from: number, to: number): number[] {
  const before: number[] = [];
  const after: number[] = [];
  let [low, high] = [from, to];
  for (let at = 0; at < edges.length; at += 2) {
    const [start, end] = [edges[at], edges[at + 1]];
    if (end < from) before.push(start, end);
    else if (start > to) after.push(start, end);
    else {
      low = Math.min(low, start);
      high = Math.max(high, end);
    }
  }
  return [...before, low, high, ...after];
}
