import { statSync } from 'node:fs';
import { single } from './option-values.js';
import { UsageError } from './usage-error.js';

/** Where the frames of the findings are written. */
export interface EvidenceRequest {
  /** A file, or a folder that gets one file a finding. */
  readonly path: string;
  readonly isFolder: boolean;
  /** Seconds before and after a frame of a finding in which its tunnel is kept as well. */
  readonly contextSeconds: number;
}

/** Enough for a keepalive, a retransmission and an answer on either side. */
const CONTEXT_SECONDS = 5;

export const EVIDENCE_OPTIONS = {
  evidence: {
    type: 'string',
    requiresArg: true,
    description: 'write the frames of the findings to FILE.pcapng, with comments; to DIR/ one file a finding',
  },
  context: {
    type: 'string',
    requiresArg: true,
    description: `with --evidence: seconds of their tunnel around the frames [${CONTEXT_SECONDS}]`,
  },
} as const;

/** @throws UsageError in one line */
export function evidenceRequest(argv: Readonly<Record<string, unknown>>): EvidenceRequest | undefined {
  const path = single(argv, 'evidence');
  const context = single(argv, 'context');
  if (context !== undefined && path === undefined) throw new UsageError('--context needs --evidence FILE');
  if (path === undefined) return undefined;
  if (path === '' || path === '-') throw new UsageError('--evidence needs the name of a file or a folder');
  const seconds =
    context === undefined
      ? CONTEXT_SECONDS
      : /^(\d+\.?\d*|\.\d+)$/.test(context)
        ? Number(context)
        : Number.NaN;
  if (!(seconds <= 1e9)) throw new UsageError(`--context needs seconds such as 5 or 0.5, not '${context}'`);
  const isFolder = path.endsWith('/') || statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
  return { path, isFolder, contextSeconds: seconds };
}
