import type { Origin } from '../../../src/side-files/origin.js';
import { defineSideFileReader } from '../../../src/side-files/side-file-reader.js';
import type { TextFile } from '../../../src/side-files/text-file.js';

/** One run of `scmp echo` (today: `scion ping`). */
export interface ScmpEchoRun {
  readonly origin: Origin;
  /** `17-ffaa:0:1101,[127.0.0.1]`. */
  readonly target: string;
  readonly sent: number;
  readonly answered: number;
}

const STATISTICS = /^--- (\d{1,5}-[0-9a-f:_]{1,20},\[?[0-9a-fA-F.:]{2,45}\]?(?::\d{1,5})?) statistics ---$/;
const TALLY = /^(\d{1,9}) packets transmitted, (\d{1,9}) received\b/;

/** The statistics at the end of `scmp echo` and `scion ping`. */
export default defineSideFileReader<ScmpEchoRun>({
  kind: 'SCMP echo',
  text: { words: { outputOf: ['scmp echo', 'scion ping'] }, read: readRuns },
  usedBy: ['scion.echo-loss'],
});

/** Empty where no statistics of it are there. */
function readRuns({ file, lines }: TextFile): ScmpEchoRun[] {
  return lines.flatMap(({ text, number }, index) => {
    const target = STATISTICS.exec(text.trim())?.[1];
    if (target === undefined) return [];
    const [, sent, answered] = TALLY.exec(lines[index + 1]?.text.trim() ?? '') ?? [];
    if (sent === undefined) return [];
    const origin = { file, place: `line ${number}` };
    return [{ origin, target, sent: Number(sent), answered: Number(answered) }];
  });
}
