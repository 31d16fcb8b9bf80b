/** A side file that cannot be used. The message is one line: which file, which line or field, what to do. */
export class SideFileError extends Error {
  override readonly name = 'SideFileError';
  constructor(
    readonly file: string,
    /** The message without the file. */
    readonly detail: string,
  ) {
    super(`${file}: ${detail}`);
  }
}
