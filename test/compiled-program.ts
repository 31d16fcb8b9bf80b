import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';

/*
 * Tests that run the compiled program import it from here: it is built when the first of them is loaded and a source is
 * younger. All others, such as those of one protocol, need no build.
 */

const root = resolve(import.meta.dirname, '..');
const SOURCES = [
  'src',
  'dissectors',
  'scripts',
  'package.json',
  'tsconfig.json',
  'tsconfig.declarations.json',
];
const LOCK_FOLDER = join(root, 'node_modules/.capan-build');
/** A build takes seconds; a lock that is older than this was left by a run that was killed. */
const LOCK_SECONDS_MAX = 120;

export const COMPILED_CLI: string = join(root, 'dist/src/cli.js');
export const COMPILED_LIBRARY: string = join(root, 'dist/src/index.mjs');
export const COMPILED_WORKER: string = join(root, 'dist/src/dissect-worker.cjs');

/** Last change in milliseconds; a folder changes too when a file in it is added or removed. */
function lastChange(path: string): number {
  const own = statSync(path);
  if (!own.isDirectory()) return path.endsWith('.test.ts') ? 0 : own.mtimeMs;
  return readdirSync(path).reduce((last, name) => Math.max(last, lastChange(join(path, name))), own.mtimeMs);
}

function isFresh(): boolean {
  // The declarations are written last.
  const built = [COMPILED_CLI, COMPILED_LIBRARY, COMPILED_WORKER, join(root, 'dist/types/src/index.d.ts')];
  if (!built.every((file) => existsSync(file))) return false;
  const first = Math.min(...built.map((file) => statSync(file).mtimeMs));
  return SOURCES.every((source) => lastChange(join(root, source)) <= first);
}

/** False where another process holds the lock. */
function takeLock(): boolean {
  try {
    mkdirSync(LOCK_FOLDER);
    return true;
  } catch {
    const taken = statSync(LOCK_FOLDER, { throwIfNoEntry: false });
    if (taken && Date.now() - taken.mtimeMs > LOCK_SECONDS_MAX * 1000)
      rmSync(LOCK_FOLDER, { recursive: true });
    return false;
  }
}

function buildIfStale(): void {
  while (!isFresh()) {
    if (!takeLock()) {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
      continue;
    }
    try {
      if (isFresh()) return;
      const { status, stdout, stderr } = spawnSync('npm', ['run', '--silent', 'build'], {
        cwd: root,
        encoding: 'utf8',
        shell: process.platform === 'win32',
      });
      if (status !== 0) throw new Error(`npm run build failed:\n${stdout}${stderr}`);
      return;
    } finally {
      rmSync(LOCK_FOLDER, { recursive: true, force: true });
    }
  }
}

buildIfStale();
