#!/usr/bin/env node
// Runs the bundled program from V8's code cache: compiling it takes longer than analysing a small capture.
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
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

const folder = dirname(fileURLToPath(import.meta.url));
const requireOther = createRequire(import.meta.url);
const loaded = new Map<string, { readonly script: Script; readonly module: { exports: object } }>();

/** Undefined where the build left none. V8 itself refuses the cache of another version or another program. */
function codeCache(file: string): Buffer | undefined {
  try {
    return readFileSync(`${file}.cache`);
  } catch {
    return undefined;
  }
}

function load(name: string): unknown {
  if (!name.startsWith('./')) return requireOther(name);
  const file = join(folder, name);
  const known = loaded.get(file);
  if (known) return known.module.exports;
  const cachedData = codeCache(file);
  const source = readFileSync(file, 'latin1');
  const script = new Script(source, { filename: file, ...(cachedData ? { cachedData } : {}) });
  const module = { exports: {} };
  loaded.set(file, { script, module });
  (script.runInThisContext() as Body)(module.exports, load, module, file, folder);
  return module.exports;
}

// Set by the build, which runs a capture through this.
if (process.env.CAPAN_WRITE_CODE_CACHE === '1') {
  process.on('exit', () => {
    for (const [file, { script }] of loaded) writeFileSync(`${file}.cache`, script.createCachedData());
  });
}
load('./program.cjs');
