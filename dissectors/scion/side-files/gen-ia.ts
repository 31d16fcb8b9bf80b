import type { Origin } from '../../../src/side-files/origin.js';
import { defineSideFileReader } from '../../../src/side-files/side-file-reader.js';
import { type TextFile, withoutPrompt } from '../../../src/side-files/text-file.js';

/** The AS that a SCION host believes to be. */
export interface HostIsdAs {
  readonly origin: Origin;
  /** `17-ffaa:1:64`, or `1-64512`. */
  readonly isdAs: string;
}

const COMMAND = /^cat \S{0,200}\bgen\/ia$/;
/** The file has no newline: the next prompt stands behind it. In file names an AS is written with _ for :. */
const CONTENT = /^(\d{1,5}-(?:[0-9a-f]{1,4}[_:][0-9a-f]{1,4}[_:][0-9a-f]{1,4}|\d{1,10}))(?![0-9a-f_:])/i;
const ASKED = /\bshowpaths (?:\S{1,100} ){0,6}-srcIA (\d{1,5}-[0-9a-f:]{1,20})(?= |$)/i;

/** `cat $SC/gen/ia`, and the AS that `showpaths -srcIA` was told to be. */
export default defineSideFileReader<HostIsdAs>({
  kind: 'SCION AS of the host',
  text: { words: { outputOf: ['cat gen/ia'] }, read: readIsdAs },
  usedBy: ['scion.ia-mismatch'],
});

/** Empty where neither command is there. */
function readIsdAs({ file, lines }: TextFile): HostIsdAs[] {
  return lines.flatMap(({ text, number }, index) => {
    const origin = (line: number): Origin => ({ file, place: `line ${line}` });
    const command = withoutPrompt(text).trim();
    const asked = ASKED.exec(command)?.[1];
    if (asked !== undefined) return [{ origin: origin(number), isdAs: asked }];
    const next = lines[index + 1];
    const content = COMMAND.test(command) && next !== undefined ? CONTENT.exec(next.text)?.[1] : undefined;
    return content === undefined
      ? []
      : [{ origin: origin(next.number), isdAs: content.replaceAll('_', ':') }];
  });
}
