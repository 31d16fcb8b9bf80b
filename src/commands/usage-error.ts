/** The command line asks for something that cannot be done. The message is one line and says what to do. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}
