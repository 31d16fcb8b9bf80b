import { textCaptures } from '../../dissectors/index.js';
import type { CaptureSource } from '../capture/capture-source.js';
import { type CaptureInput, openCaptureSource } from '../capture/file-source.js';
import { reopenableInputs } from '../capture/input-spill.js';
import type { Report, Tunnel } from '../report/report.js';
import { filterOf, type LookedAt, partOf, timesOf } from './part-of-input.js';
import type { PartRequest } from './part-options.js';

/** Judges a source, of which only a part may be looked at. */
export type Analysis = (source: CaptureSource, lookedAt?: LookedAt) => Promise<Report>;

/**
 * As `analyze`, of a part of the input.
 * @throws UsageError for a part that cannot be told, CaptureError
 */
export async function analyzePart(
  inputs: readonly CaptureInput[],
  request: PartRequest,
  analysis: Analysis,
): Promise<Report> {
  // Before anything is read: a wrong expression is said at once.
  if (request.tunnel === undefined) filterOf(request, []);
  const again = needsEarlierLook(request) ? await reopenableInputs(inputs) : inputs;
  const range = await timesOf(request, again);
  const tunnels = request.tunnel === undefined ? [] : await tunnelsOf(again, analysis);
  const filter = filterOf(request, tunnels);
  const whole = await openCaptureSource(again, textCaptures);
  try {
    const { source, lookedAt } = partOf(whole, range, filter, request);
    return await analysis(source, lookedAt);
  } finally {
    await whole.close();
  }
}

/** Whether the input is read before it is looked at: to know when it begins and ends, or which tunnels it shows. */
function needsEarlierLook({ from, to, tunnel }: PartRequest): boolean {
  const isRelative = [from, to].some((word) => word !== undefined && word.kind !== 'absolute');
  return isRelative || tunnel !== undefined;
}

async function tunnelsOf(inputs: readonly CaptureInput[], analysis: Analysis): Promise<readonly Tunnel[]> {
  const source = await openCaptureSource(inputs, textCaptures);
  try {
    return (await analysis(source)).tunnels;
  } finally {
    await source.close();
  }
}
