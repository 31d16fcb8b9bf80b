/** An input that cannot be read at all. The message is one line: what, which file, which byte, what to do. */
export class CaptureError extends Error {
  override readonly name = 'CaptureError';
  constructor(
    message: string,
    readonly file: string,
    /** Byte offset in the file, where there is one. */
    readonly offset: number | null = null,
  ) {
    super(message);
  }
}
