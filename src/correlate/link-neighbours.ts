/** Who asked on the link for whom. */
export interface LinkNeighbours {
  /** In order of first appearance. */
  pairs(): Iterable<{ readonly asker: string; readonly target: string }>;
}

const PAIRS_MAX = 4096;

/** Hosts that resolve each other's addresses on a link. Holds the first PAIRS_MAX pairs. */
export class LinkNeighbourList implements LinkNeighbours {
  private readonly known = new Map<string, { readonly asker: string; readonly target: string }>();

  note(asker: string, target: string): void {
    const key = `${asker} ${target}`;
    if (this.known.size < PAIRS_MAX && !this.known.has(key)) this.known.set(key, { asker, target });
  }

  pairs(): Iterable<{ readonly asker: string; readonly target: string }> {
    return this.known.values();
  }
}
