import { Readable } from 'node:stream';
import { catalogue, textCaptures } from '../../dissectors/index.js';
import { openCaptureSource } from '../../src/capture/file-source.js';
import { captureQuality } from '../../src/commands/run-analysis.js';
import type { Diagnosis, Evidence, Judgement } from '../../src/diagnose/diagnosis.js';
import { NO_SIDE_KNOWLEDGE } from '../../src/side-files/side-knowledge.js';
import { runPipeline } from '../../src/workers/pipeline.js';
import type { CaptureRun, Parts } from './run-capture.js';

/** Reads, dissects and correlates the bytes of capture files on this thread: facts of the file included. */
export async function runBytes(
  files: readonly Uint8Array[],
  { dissectors, correlators = [] }: Parts,
  earlier: ReadonlyMap<string, readonly Judgement[]> = new Map(),
): Promise<CaptureRun> {
  const source = await openCaptureSource(
    files.map((bytes, index) => ({ name: `test-${index}`, stream: Readable.from([Buffer.from(bytes)]) })),
    textCaptures,
  );
  try {
    const { runner } = await runPipeline(source, dissectors, correlators, { threads: 0 });
    if (runner.failures.length > 0) throw new Error(runner.failures.map(({ message }) => message).join('; '));
    const sessions = runner.sessions();
    const evidence: Evidence = {
      sessions: ({ name }: { readonly name: string }) => (sessions.get(name) ?? []) as never,
      quality: captureQuality(source, runner, []),
      side: NO_SIDE_KNOWLEDGE,
      tunnelKinds: catalogue.flatMap(({ tunnel }) => tunnel ?? []),
      judgements: earlier,
    };
    return {
      evidence,
      sessions: (correlator) => evidence.sessions(correlator),
      judge: (diagnosis: Diagnosis) => [...diagnosis.diagnose(evidence)],
    };
  } finally {
    await source.close();
  }
}
