import type { Origin } from '../../../src/side-files/origin.js';
import { defineSideFileReader } from '../../../src/side-files/side-file-reader.js';
import { type TextFile, withoutPrompt } from '../../../src/side-files/text-file.js';

/** What a host says of modules of its kernel. */
export interface KernelModules {
  readonly origin: Origin;
  /** `lsmod` lists what is loaded; `modinfo` describes a module of the disk. */
  readonly kind: 'loaded' | 'described' | 'not-found';
  /** Names: those loaded, or the one asked for. `-` and `_` are the same to the kernel. */
  readonly modules: readonly string[];
  /** For lsmod with a filter behind it: the word that it was filtered by; null: the whole list. */
  readonly filter: string | null;
  /** Of `modinfo`: the kernel whose directory the file is in, and the one that it was built for. */
  readonly directoryVersion: string | null;
  readonly builtFor: string | null;
}

const LSMOD = /^lsmod(?: \| (?:e|f)?grep (?:-\S{1,8} )?["']?([\w-]{1,64})["']?)?$/;
const LSMOD_HEAD = /^Module\s+Size\s+Used by\b/;
const LOADED = /^([a-z0-9_]{1,64})\s+\d{3,12}\s+-?\d{1,6}(?:\s+[\w,[\]-]{1,2000})?$/i;
const FILE = /^filename:\s+(?:\/usr)?\/lib\/modules\/([^/\s]{1,100})\//;
const FILE_OF = /\/([\w-]{1,64})\.ko(?:\.\w{1,5})?$/;
const VERMAGIC = /^vermagic:\s+(\S{1,100})/;
const NOT_FOUND = /^mod(?:info|probe): (?:ERROR|FATAL): Module ([\w-]{1,64}) not found\b/;
const LINES_MAX = 100_000;

/** Output of lsmod and modinfo, and what they and modprobe say of a module that is not there. */
export default defineSideFileReader<KernelModules>({
  kind: 'kernel modules',
  text: { words: { outputOf: ['lsmod', 'modinfo openvswitch'] }, read: readModules },
  usedBy: ['host.module-missing'],
});

interface Draft extends KernelModules {
  readonly modules: string[];
  directoryVersion: string | null;
  builtFor: string | null;
}

/** Empty where neither command is there. */
function readModules({ file, lines }: TextFile): KernelModules[] {
  const found: Draft[] = [];
  let list: Draft | null = null;
  let described: Draft | null = null;
  let place = '';
  const add = (kind: KernelModules['kind'], filter: string | null, ...modules: string[]): Draft => {
    const origin = { file, place };
    const one: Draft = { origin, kind, modules, filter, directoryVersion: null, builtFor: null };
    found.push(one);
    return one;
  };
  for (const { text, number } of lines.slice(0, LINES_MAX)) {
    place = `line ${number}`;
    const command = LSMOD.exec(withoutPrompt(text).trim());
    const [, missing] = NOT_FOUND.exec(text.trim()) ?? [];
    const [, version] = FILE.exec(text.trim()) ?? [];
    const [, magic] = VERMAGIC.exec(text.trim()) ?? [];
    const [, loaded] = LOADED.exec(text.trim()) ?? [];
    if (command !== null) list = add('loaded', command[1]?.replaceAll('-', '_') ?? null);
    else if (LSMOD_HEAD.test(text)) list ??= add('loaded', null);
    else if (missing !== undefined) add('not-found', null, missing.replaceAll('-', '_'));
    else if (version !== undefined) {
      described = add('described', null, (FILE_OF.exec(text.trim())?.[1] ?? '').replaceAll('-', '_'));
      described.directoryVersion = version;
    } else if (magic !== undefined && described !== null) described.builtFor = magic;
    else if (loaded !== undefined && list !== null) list.modules.push(loaded);
    else if (/^\S+[$#>] \S/.test(text)) list = null;
  }
  return found;
}
