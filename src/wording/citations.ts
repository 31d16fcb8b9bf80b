import type { Citation, FrameRef } from '../moment.js';

/** A frame with what it shows; nothing else of the session that knows it. */
export function cite({ frame, segment, timeNs }: FrameRef, summary: string): Citation {
  return { frame, segment, timeNs, summary };
}

/** In order of frames, each once, with the first of its summaries. */
export function inOrder(citations: readonly Citation[]): Citation[] {
  const seen = new Set<number>();
  return citations
    .filter(({ frame }) => !seen.has(frame) && seen.add(frame))
    .sort((a, b) => a.frame - b.frame);
}
