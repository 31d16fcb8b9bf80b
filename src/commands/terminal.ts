/** Where a command writes to; src/cli.ts holds the real one. */
export interface Terminal {
  /** True where the report goes to a terminal that shows colour. */
  readonly color: boolean;
  /** Columns of that terminal, or null where there is none. */
  readonly columns: number | null;
  /** Writes to stdout and waits until it was taken, or until the reader has gone. */
  write(text: string): Promise<void>;
  /** A line on stderr; made harmless on the way. */
  message(line: string): void;
  /** Where a progress bar may be drawn, or null where stderr is no terminal. */
  readonly progress: ProgressStream | null;
}

/** The part of a TTY stream that a progress bar needs. */
export interface ProgressStream {
  readonly columns: number;
  write(text: string): void;
}
