import type { Origin } from '../../../src/side-files/origin.js';
import { defineSideFileReader } from '../../../src/side-files/side-file-reader.js';
import type { TextFile } from '../../../src/side-files/text-file.js';

/** Room of a host: free on its root file system, or memory in all. */
export interface HostResource {
  readonly origin: Origin;
  readonly what: 'disk' | 'memory';
  readonly bytes: number;
}

const DF = /^(\S{1,200})\s+\S{1,20}\s+\S{1,20}\s+([\d.]{1,20}[KMGTP]?i?)\s+\d{1,3}%\s+\/$/;
const DF_HEAD = /^Filesystem\s+(?:Size|1K-blocks|1024-blocks)\s+Used\s+Avail/i;
const FREE = /^Mem:\s+([\d.]{1,20}[KMGTP]?i?B?)\s/;
const FREE_HEAD = /^\s*total\s+used\s+free\b/;
const SCALE = new Map([
  ['K', 2 ** 10],
  ['M', 2 ** 20],
  ['G', 2 ** 30],
  ['T', 2 ** 40],
  ['P', 2 ** 50],
]);

/** Output of `df` and `free`, with -h or in KiB: what is left of the root file system, and the memory of the machine. */
export default defineSideFileReader<HostResource>({
  kind: 'host resources',
  text: { words: { outputOf: ['df', 'free'] }, read: readResources },
  usedBy: ['host.resources'],
});

/** Empty where neither table is there. */
function readResources({ file, lines }: TextFile): HostResource[] {
  const found: HostResource[] = [];
  let table: 'disk' | 'memory' | null = null;
  for (const { text, number } of lines) {
    if (DF_HEAD.test(text)) table = 'disk';
    else if (FREE_HEAD.test(text)) table = 'memory';
    const size =
      table === 'disk' ? DF.exec(text)?.[2] : table === 'memory' ? FREE.exec(text)?.[1] : undefined;
    if (table === null || size === undefined) continue;
    found.push({ origin: { file, place: `line ${number}` }, what: table, bytes: bytesOf(size) });
  }
  return found;
}

/** `4.8G`; without a unit, KiB. */
function bytesOf(text: string): number {
  const [, digits = '0', unit] = /^([\d.]+)([KMGTP])?/.exec(text) ?? [];
  return Number(digits) * (SCALE.get(unit ?? 'K') ?? 1);
}
