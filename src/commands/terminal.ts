/** Where a command writes to; src/cli.ts holds the real one. */
export interface Terminal {
  /** Whether a report there is coloured where the command line does not say. */
  readonly color: boolean;
  /** True where the locale has ASCII alone. */
  readonly ascii?: boolean;
  /** Columns of that terminal, or null where there is none. */
  readonly columns: number | null;
  /** Writes to stdout and waits until it was taken, or until the reader has gone. */
  write(text: string): Promise<void>;
  /** A line on stderr; made harmless on the way. */
  message(line: string): void;
  /** Where a progress bar may be drawn, or null where stderr is no terminal that can erase a line. */
  readonly progress: ProgressStream | null;
  /** Where a live table may be drawn; absent or null where stdout is no terminal. */
  readonly screen?: ScreenStream | null;
}

/** A terminal that a picture can be redrawn on in place. */
export interface ScreenStream {
  readonly columns: number;
  readonly rows: number;
  /** Leaves what stands on the terminal as it is, until `leave`. */
  enter(): void;
  /** @returns false while the terminal has not taken what was drawn before; then the picture is left out. */
  draw(lines: readonly string[]): boolean;
  leave(): void;
}

/** The part of a TTY stream that a progress bar needs. */
export interface ProgressStream {
  readonly columns: number;
  write(text: string): void;
}
