// Loads the bundle from V8's code cache: compiling it takes longer than analysing a small capture.
import {
  accessSync,
  constants,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Script } from 'node:vm';

/** What the bundler makes of a module: the body of a function, in ASCII, so that a byte is a character. */
type Body = (
  exports: object,
  require: (name: string) => unknown,
  module: { exports: object },
  filename: string,
  dirname: string,
) => void;

interface LoadedPart {
  readonly script: Script;
  readonly module: { exports: object };
  readonly isCached: boolean;
}

const folder = dirname(fileURLToPath(import.meta.url));
const requireOther = createRequire(import.meta.url);
const loaded = new Map<string, LoadedPart>();
/** V8 refuses what another version of it wrote, so that each version of Node has caches of its own. */
const CACHE_SUFFIX = `.${process.versions.v8}-${process.arch}.cache`;

/** Runs a part of the bundle once. @param name './part.cjs', or a package. */
export function load(name: string): unknown {
  if (!name.startsWith('./')) return requireOther(name);
  const file = join(folder, name);
  const known = loaded.get(file);
  if (known) return known.module.exports;
  const cachedData = codeCache(file);
  const source = readFileSync(file, 'latin1');
  const script = new Script(source, { filename: file, ...(cachedData ? { cachedData } : {}) });
  const module = { exports: {} };
  loaded.set(file, { script, module, isCached: script.cachedDataRejected === false });
  (script.runInThisContext() as Body)(module.exports, load, module, file, folder);
  return module.exports;
}

/** Undefined where no run has left one. V8 itself refuses the cache of another program. */
function codeCache(file: string): Buffer | undefined {
  for (const name of [file + CACHE_SUFFIX, ownCacheFile(file)]) {
    try {
      if (name !== null) return readFileSync(name);
    } catch {
      // The next place, or none: then the part is compiled.
    }
  }
  return undefined;
}

/** The place of this user, for programs that somebody else installed; null where there is none that is theirs alone. */
function ownCacheFile(file: string): string | null {
  const { XDG_CACHE_HOME = '', HOME = '' } = process.env;
  const place = XDG_CACHE_HOME === '' ? HOME && join(HOME, '.cache') : XDG_CACHE_HOME;
  if (place === '') return null;
  const { size, mtimeMs } = statSync(file);
  const home = statSync(place, { throwIfNoEntry: false });
  // Code is run from it: root takes none from the folder of somebody else.
  if (home?.uid !== process.getuid?.()) return null;
  return join(place, 'capan', `${basename(file)}-${size}-${Math.round(mtimeMs)}${CACHE_SUFFIX}`);
}

/** Of one length, as V8 tells sources apart by that. */
const PROBES = ['0', '1'] as const;
const probe = new Script(PROBES[0]).createCachedData();

/** V8 takes no cache that was written under other flags of its own, and large captures and comparisons change some. */
function isUnderOwnFlags(): boolean {
  return new Script(PROBES[1], { cachedData: probe }).cachedDataRejected === false;
}

/** Keeps what V8 compiled for the next run: beside the program where that is permitted, else in the cache of the user. */
function keepCodeCache(): void {
  if (!isUnderOwnFlags()) return;
  for (const [file, { script, isCached }] of loaded) {
    if (isCached) continue;
    const target = isWritable(folder) ? file + CACHE_SUFFIX : ownCacheFile(file);
    if (target === null) return;
    mkdirSync(dirname(target), { recursive: true, mode: 0o700 });
    const whole = `${target}.${process.pid}`;
    try {
      writeFileSync(whole, script.createCachedData());
      renameSync(whole, target);
    } finally {
      rmSync(whole, { force: true });
    }
  }
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** For the command alone: the process that uses the library belongs to somebody else. */
export function keepCodeCacheAtExit(): void {
  process.on('exit', () => {
    try {
      keepCodeCache();
    } catch {
      // A full disk, a folder that cannot be written: the next run compiles again.
    }
  });
}
