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

const FREE_UNIT = /\bfree\b(?: -\w{1,8}){0,4} -\w{0,4}([bkmg])\b/;
/** No machine with tunnels has less: such a number is one of MiB, printed by `free -m`. */
const KIB_MIN = 65_536;

/** Output of `df` and `free`, with -h or in any unit: what is left of the root file system, and the memory of the machine. */
export default defineSideFileReader<HostResource>({
  kind: 'host resources',
  text: { words: { outputOf: ['df', 'free'] }, read: readResources },
  usedBy: ['host.resources'],
});

/** Empty where neither table is there. */
function readResources({ file, lines }: TextFile): HostResource[] {
  const found: HostResource[] = [];
  let table: 'disk' | 'memory' | null = null;
  let unit: string | null = null;
  for (const { text, number } of lines) {
    unit = FREE_UNIT.exec(text)?.[1] ?? unit;
    if (DF_HEAD.test(text)) table = 'disk';
    else if (FREE_HEAD.test(text)) table = 'memory';
    const size =
      table === 'disk' ? DF.exec(text)?.[2] : table === 'memory' ? FREE.exec(text)?.[1] : undefined;
    if (table === null || size === undefined) continue;
    found.push({
      origin: { file, place: `line ${number}` },
      what: table,
      bytes: table === 'memory' ? memoryOf(size, unit) : bytesOf(size, 'K'),
    });
  }
  return found;
}

/** Without a unit in itself and in the command, KiB, or MiB where that many KiB would be none. */
function memoryOf(text: string, commandUnit: string | null): number {
  return bytesOf(text, commandUnit?.toUpperCase() ?? (Number(text) < KIB_MIN ? 'M' : 'K'));
}

/** `4.8G`, or a number of the other unit. */
function bytesOf(text: string, otherUnit: string): number {
  const [, digits = '0', unit] = /^([\d.]+)([KMGTP])?/.exec(text) ?? [];
  return Number(digits) * (SCALE.get(unit ?? otherUnit) ?? 1);
}
