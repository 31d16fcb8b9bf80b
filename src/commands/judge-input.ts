import { catalogue, dissectors, textCaptures } from '../../dissectors/index.js';
import { type CaptureInput, openCaptureSource } from '../capture/file-source.js';
import type { CaptureQuality } from '../correlate/capture-quality.js';
import { runDiagnoses } from '../diagnose/run-diagnoses.js';
import type { Report } from '../report/report.js';
import { runPipeline } from '../workers/pipeline.js';
import { captureQuality, reportOf, sideKnowledge } from './run-analysis.js';

/** The report of an input, and the sessions that it rests on, by correlator. */
export interface Judged {
  readonly report: Report;
  readonly sessions: ReadonlyMap<string, readonly unknown[]>;
  readonly quality: CaptureQuality;
}

/** As `analyze`, for commands that look behind the report. @throws CaptureError */
export async function judgeInput(input: CaptureInput): Promise<Judged> {
  const source = await openCaptureSource([input], textCaptures);
  try {
    const side = await sideKnowledge(undefined, catalogue, source.texts);
    const correlators = catalogue.flatMap((entry) => entry.correlators);
    const result = await runPipeline(source, dissectors, correlators);
    const sessions = result.runner.sessions();
    const quality = captureQuality(source, result.runner, [], catalogue, side);
    const verdicts = runDiagnoses(catalogue, sessions, quality, side);
    return { report: reportOf('analyze', source.captures, result, verdicts, {}), sessions, quality };
  } finally {
    await source.close();
  }
}
