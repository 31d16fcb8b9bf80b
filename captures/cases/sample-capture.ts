export type SideFileOption = 'config' | 'topology' | 'tags' | 'store' | 'log';

export interface SampleSideFile {
  readonly file: string;
  readonly content: string;
}

/** A capture that ships: how it is made and what an analysis of it must say. */
export interface SampleCapture {
  readonly file: string;
  readonly shows: string;
  /** Finding ids that must be there. */
  readonly must: readonly string[];
  /** True where no finding of severity warning or error may be there. */
  readonly healthy: boolean;
  /** Further ids that may be there: consequences, and second views of the same fault. */
  readonly allow?: readonly string[];
  /** Files to be given beside it, by option; they stand in side-files/. */
  readonly sideFiles?: Readonly<Partial<Record<SideFileOption, readonly SampleSideFile[]>>>;
  readonly write: () => Uint8Array;
}
