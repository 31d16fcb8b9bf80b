import type { Configuration } from './configuration.js';
import type { SideFileReader } from './side-file-reader.js';

/** A file as the report lists it. */
export interface SideFile {
  readonly file: string;
  /** What was found in it; a pasted terminal may hold several kinds. */
  readonly kinds: readonly string[];
  /** Statements that were taken from it. */
  readonly facts: number;
  /** Why nothing, or not all, of it was read; a predicate: `holds nothing that is known …`. */
  readonly warning?: string;
}

/**
 * What the operator says beside the captures. It makes expectations and names; it is never evidence that a packet
 * was or was not there. Everything is empty where no side file was given.
 */
export interface SideKnowledge {
  readonly files: readonly SideFile[];
  readonly configuration: Configuration | null;
  /** Readers that took anything from the files, the first to do so first. */
  readonly readers: readonly SideFileReader[];
  /** All readers that were asked. */
  readonly recognisable: readonly SideFileReader[];
  /** What a reader took from all files, in their order. */
  of<Fact>(reader: SideFileReader<Fact>): readonly Fact[];
}

/** Filled file by file, before anything is judged. */
export class CollectedKnowledge implements SideKnowledge {
  readonly files: SideFile[] = [];
  readonly recognisable: SideFileReader[] = [];
  configuration: Configuration | null = null;
  private readonly facts = new Map<SideFileReader, readonly unknown[]>();

  get readers(): readonly SideFileReader[] {
    return [...this.facts.keys()];
  }

  of<Fact>(reader: SideFileReader<Fact>): readonly Fact[] {
    // Only `add` writes, and it takes facts of the reader's own type.
    return (this.facts.get(reader) ?? []) as readonly Fact[];
  }

  add<Fact>(reader: SideFileReader<Fact>, facts: readonly Fact[]): this {
    if (facts.length > 0) this.facts.set(reader, [...this.of(reader), ...facts]);
    return this;
  }
}

export const NO_SIDE_KNOWLEDGE: SideKnowledge = {
  files: [],
  configuration: null,
  readers: [],
  recognisable: [],
  of: () => [],
};
