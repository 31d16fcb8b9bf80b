import { Readable } from 'node:stream';
import { compare, compareSources } from '../../src/commands/run-compare.js';
import type { CompareDirection, Report } from '../../src/report/report.js';
import { FrameSource } from './frame-source.js';
import type { Truth, TwoEnds } from './two-ends.js';

/** Compares frames of both ends on this thread. */
export async function compareEnds(ends: Pick<TwoEnds, 'a' | 'b'>, options = {}): Promise<Report> {
  const points = (['a', 'b'] as const).map((name) => ({ name, source: new FrameSource(ends[name]) }));
  return compareSources(points, { threads: 0, ...options });
}

/** Compares the bytes of capture files, in the order in which they are given. */
export function compareFiles(
  a: readonly Uint8Array[],
  b: readonly Uint8Array[],
  options = {},
): Promise<Report> {
  const inputs = (files: readonly Uint8Array[]) =>
    files.map((bytes, index) => ({ name: `test-${index}`, stream: Readable.from([Buffer.from(bytes)]) }));
  return compare(inputs(a), inputs(b), { threads: 0, ...options });
}

/** The direction that leaves A, and the one that leaves B. */
export function directionsOf({ compare: section }: Report): Record<'forward' | 'backward', CompareDirection> {
  const forward = section?.directions.filter(({ sender }) => sender === 'a') ?? [];
  const backward = section?.directions.filter(({ sender }) => sender === 'b') ?? [];
  if (forward.length !== 1 || backward.length !== 1) throw new Error(JSON.stringify(section, null, 1));
  return { forward: forward[0], backward: backward[0] };
}

type Counts = Pick<CompareDirection, 'sent' | 'lost' | 'receivedOnly' | 'notComparable'>;

/** What a comparison says of a direction that the builders of paths know. */
export function countsOf({ sent, lost, receivedOnly, notComparable }: Counts) {
  const { outsideWindow, snaplen, captureLoss, captureFilter } = notComparable;
  return { sent, lost, receivedOnly, notComparable: outsideWindow + snaplen + captureLoss + captureFilter };
}

export function truthOf({ sent, lost }: Truth) {
  return { sent, lost, receivedOnly: 0, notComparable: 0 };
}

/** Where packets left A and where they left B: what exact answers to a comparison are. */
export function answersOf(report: Report) {
  const { forward, backward } = directionsOf(report);
  return { forward: countsOf(forward), backward: countsOf(backward) };
}

export function truthsOf(ends: Pick<TwoEnds, 'forward' | 'backward'>) {
  return { forward: truthOf(ends.forward), backward: truthOf(ends.backward) };
}

/** Root causes that are more than information. */
export function alarmsOf({ findings }: Report): string[] {
  return findings.filter(({ severity }) => severity !== 'info').map(({ id }) => id);
}
