import type { Origin } from '../../../src/side-files/origin.js';
import { defineSideFileReader } from '../../../src/side-files/side-file-reader.js';
import { type TextFile, type TextLine, withoutPrompt } from '../../../src/side-files/text-file.js';

/** An interface as `show interface` or `show hardware-interfaces` has it. */
export interface VppInterface {
  readonly origin: Origin;
  readonly table: 'interface' | 'hardware';
  readonly name: string;
  /** Set up by the operator (`interface`), or with a link (`hardware`). */
  readonly isUp: boolean;
  /** `rx packets`, `drops`, `rx missed` … */
  readonly counters: ReadonlyMap<string, number>;
}

const HEAD = /^\s*Name\s+Idx\s+State\s+MTU\b/;
const HARDWARE_HEAD = /^\s*Name\s+Idx\s+Link\s+Hardware\b/;
const ROW = /^(\S{1,64})\s+\d{1,9}\s+(up|down)\s+(\S{1,40})(?:\s+(.{1,120}))?$/;
const HARDWARE_ROW = /^(\S{1,64})\s+\d{1,9}\s+(up|down|slave)\s+\S/;
const COUNTER = /^\s*([a-z][a-z0-9 _/-]{1,38}?)\s+(\d{1,20})$/i;

/** Tables of VPP's command line. Several of one interface are earlier and later ones. */
export default defineSideFileReader<VppInterface>({
  kind: 'VPP interfaces',
  text: {
    words: { outputOf: ['vppctl show int', 'vppctl show hardware-interfaces'] },
    read: readInterfaces,
  },
  commands: ['show err', 'show buffers'],
  usedBy: ['vpp.interface-loss'],
});

/** Empty where neither heading is there. */
function readInterfaces({ file, lines }: TextFile): VppInterface[] {
  const found: (VppInterface & { readonly counters: Map<string, number> })[] = [];
  let table: VppInterface['table'] | null = null;
  for (const { text, number } of lines) {
    const shown = tableOf(text);
    if (shown !== undefined) table = shown;
    if (table === null) continue;
    const row = (table === 'interface' ? ROW : HARDWARE_ROW).exec(text);
    if (row !== null) {
      const [, name, state, , counter] = row;
      const counters = new Map<string, number>();
      found.push({
        origin: { file, place: `line ${number}` },
        table,
        name,
        isUp: state !== 'down',
        counters,
      });
      if (table === 'interface' && counter !== undefined) take(counters, counter);
      continue;
    }
    const last = found.at(-1);
    if (last !== undefined && last.table === table) take(last.counters, text);
  }
  return found;
}

/** The table that a line opens; null where it is another command. */
function tableOf(text: string): VppInterface['table'] | null | undefined {
  if (HEAD.test(text)) return 'interface';
  if (HARDWARE_HEAD.test(text)) return 'hardware';
  return isCommand({ text, number: 0 }) ? null : undefined;
}

function isCommand({ text }: TextLine): boolean {
  return withoutPrompt(text) !== text;
}

/** Of threads or queues that count one by one, the sum. */
function take(counters: Map<string, number>, text: string): void {
  const [, name, count] = COUNTER.exec(text) ?? [];
  if (name === undefined) return;
  counters.set(name.toLowerCase(), (counters.get(name.toLowerCase()) ?? 0) + Number(count));
}
