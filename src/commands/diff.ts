import { catalogue, dissectors, textCaptures } from '../../dissectors/index.js';
import { type CaptureInput, openCaptureSource } from '../capture/file-source.js';
import { reopenableInputs } from '../capture/input-spill.js';
import { sessionsIn } from '../diagnose/run-diagnoses.js';
import { type CaptureDiff, diffText } from '../report/capture-diff.js';
import { stringifyJson } from '../report/escape.js';
import { traitsOf } from '../select/traits.js';
import { changesBetween, type Seen } from './diff-changes.js';
import type { DiffCommandOptions } from './diff-options.js';
import { judgeInput } from './judge-input.js';
import { sessionSettings } from './session-settings.js';
import type { Terminal } from './terminal.js';

/** `capan diff`. @returns the exit code. @throws CaptureError */
export async function runDiff(options: DiffCommandOptions, terminal: Terminal): Promise<number> {
  const { good, bad, format } = options;
  const [first, second] = await reopenableInputs([good, bad]);
  const diff = await diffCaptures(first, second, { good, bad });
  await terminal.write(format === 'json' ? `${stringifyJson(diff, 2)}\n` : diffText(diff));
  return 0;
}

/** @param good a capture of when it worked; both can be read twice */
export async function diffCaptures(
  good: CaptureInput,
  bad: CaptureInput,
  names: { readonly good: string; readonly bad: string },
): Promise<CaptureDiff> {
  return {
    schema: 'capan-diff/1',
    ...names,
    ...changesBetween(await snapshotOf(good), await snapshotOf(bad)),
  };
}

async function snapshotOf(input: CaptureInput): Promise<Seen> {
  const { report, sessions, quality } = await judgeInput(input);
  const readers = catalogue.flatMap(({ settings }) => settings ?? []);
  const settings = sessionSettings(readers, { sessions: sessionsIn(sessions), quality });
  const source = await openCaptureSource([input], textCaptures);
  try {
    return { report, settings, traits: await traitsOf(source, dissectors) };
  } finally {
    await source.close();
  }
}
