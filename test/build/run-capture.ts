import { catalogue } from '../../dissectors/index.js';
import { analyzeSource, captureQuality } from '../../src/commands/run-analysis.js';
import type { Correlator } from '../../src/correlate/correlator.js';
import type { CatalogueEntry } from '../../src/diagnose/catalogue.js';
import type { Diagnosis, Evidence, Judgement } from '../../src/diagnose/diagnosis.js';
import type { Dissector } from '../../src/dissect/dissector.js';
import type { Report } from '../../src/report/report.js';
import { NO_SIDE_KNOWLEDGE, type SideKnowledge } from '../../src/side-files/side-knowledge.js';
import { runPipeline } from '../../src/workers/pipeline.js';
import { FrameSource, type TestFrame } from './frame-source.js';

/** What a test wants of the catalogue. Diagnoses ask for sessions of correlators; correlators read dissectors. */
export interface Parts {
  readonly dissectors: readonly Dissector[];
  readonly correlators?: readonly Correlator[];
}

export interface CaptureRun {
  readonly evidence: Evidence;
  sessions<Session>(correlator: Correlator<Session>): readonly Session[];
  judge(diagnosis: Diagnosis): Judgement[];
}

/** Dissects and correlates test frames on this thread. */
export async function runFrames(
  frames: readonly TestFrame[],
  { dissectors, correlators = [] }: Parts,
  framesPerChunk?: number,
  side: SideKnowledge = NO_SIDE_KNOWLEDGE,
): Promise<CaptureRun> {
  const source = new FrameSource(frames, framesPerChunk);
  const { runner } = await runPipeline(source, dissectors, correlators, { threads: 0 });
  if (runner.failures.length > 0) throw new Error(runner.failures.map(({ message }) => message).join('; '));
  const sessions = runner.sessions();
  const evidence: Evidence = {
    sessions: <Session>({ name }: { readonly name: string }) =>
      (sessions.get(name) ?? []) as readonly Session[],
    quality: captureQuality(source, runner, []),
    side,
    tunnelKinds: catalogue.flatMap(({ tunnel }) => tunnel ?? []),
    judgements: new Map(),
  };
  return {
    evidence,
    sessions: (correlator) => evidence.sessions(correlator),
    judge: (diagnosis) => [...diagnosis.diagnose(evidence)],
  };
}

/** The whole way to the report, over the given part of the catalogue. */
export function reportFrames(
  frames: readonly TestFrame[],
  entries: readonly CatalogueEntry[],
): Promise<Report> {
  return analyzeSource(new FrameSource(frames), entries, { threads: 0 });
}
