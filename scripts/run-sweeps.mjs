// `npm run test:all`: runs whole what `npm test` runs in samples, that is, the tests that ask test/sampling.ts, themselves
// or by way of what they import. Arguments go to vitest, in place of that list; `--without PATH…` takes files and folders out of it.
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '..');
const SAMPLING = join(root, 'test/sampling.ts');

const sources = ['src', 'dissectors', 'test'].flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => join(entry.parentPath, entry.name)),
);
const importersOf = new Map();
for (const file of sources) {
  for (const [, path] of readFileSync(file, 'utf8').matchAll(/\bfrom '(\.[^']+)\.js'/g)) {
    const imported = resolve(dirname(file), `${path}.ts`);
    importersOf.set(imported, [...(importersOf.get(imported) ?? []), file]);
  }
}

const reached = new Set([SAMPLING]);
for (const file of reached) for (const importer of importersOf.get(file) ?? []) reached.add(importer);
const sweeps = [...reached].filter((file) => file.endsWith('.test.ts')).map((file) => relative(root, file));

const args = process.argv.slice(2);
const parts = args[0] === '--part' ? Number(args.splice(0, 2)[1]) : 1;
if (!Number.isInteger(parts) || parts < 1) throw new Error('--part takes a whole number');
const [first, ...rest] = args;
const chosen =
  first === undefined
    ? sweeps.sort()
    : first === '--without'
      ? sweeps.filter((file) => !rest.some((path) => file.startsWith(path))).sort()
      : [first, ...rest];
const { status } = spawnSync('npm', ['test', '--', ...chosen], {
  cwd: root,
  stdio: 'inherit',
  env: { ...process.env, CAPAN_TEST_ALL: '1', CAPAN_TEST_PART: String(parts) },
  shell: process.platform === 'win32',
});
process.exitCode = status ?? 1;
