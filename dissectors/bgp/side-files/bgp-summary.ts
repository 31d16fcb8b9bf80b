import { canonicalAddress } from '../../../src/side-files/networks.js';
import type { Origin } from '../../../src/side-files/origin.js';
import { defineSideFileReader } from '../../../src/side-files/side-file-reader.js';
import type { TextFile } from '../../../src/side-files/text-file.js';

/** A neighbour in `show ip bgp summary`. */
export interface BgpSummaryLine {
  readonly origin: Origin;
  readonly address: string;
  readonly remoteAs: number;
  /** `Established`, or the state that is printed in place of the number of prefixes. */
  readonly state: string;
  /** Prefixes received; null where the session is not established. */
  readonly prefixes: number | null;
}

const HEAD = /^Neighbor\s+V\s+AS\s+MsgRcvd/;
const LINE =
  /^(?:\*?\S{0,60}\()?([0-9a-fA-F.:]{2,45})\)?\s+4\s+(\d{1,10})\s+\d{1,12}\s+\d{1,12}\s+\d{1,12}\s+\d{1,9}\s+\d{1,9}\s+(\S{1,12})\s+(Idle(?: \(\w{1,12}\))?|Active|Connect|OpenSent|OpenConfirm|\d{1,9})(?=\s|$)/;

/** `show ip bgp summary` of Quagga and FRR. */
export default defineSideFileReader<BgpSummaryLine>({
  kind: 'BGP summary',
  text: { words: { outputOf: ['show ip bgp summary'] }, read: readSummary },
  usedBy: ['bgp.no-session'],
});

/** Empty where no line below the heading names a neighbour. */
function readSummary({ file, lines }: TextFile): BgpSummaryLine[] {
  const start = lines.findIndex(({ text }) => HEAD.test(text));
  if (start < 0) return [];
  return lines.slice(start + 1).flatMap(({ text, number }) => {
    const [, written, as, , state] = LINE.exec(text) ?? [];
    const address = canonicalAddress(written ?? '');
    if (address === null || state === undefined) return [];
    const prefixes = /^\d/.test(state) ? Number(state) : null;
    return [
      {
        origin: { file, place: `line ${number}` },
        address,
        remoteAs: Number(as),
        state: prefixes === null ? state : 'Established',
        prefixes,
      },
    ];
  });
}
