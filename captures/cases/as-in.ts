import type { SampleCapture } from './sample-capture.js';

/** The writer of a capture that ships under another name too: here it stands beside an output. */
export function asIn(captures: readonly SampleCapture[], file: string): () => Uint8Array {
  const found = captures.find((one) => one.file === file);
  if (!found) throw new Error(`no capture is called ${file}`);
  return found.write;
}
