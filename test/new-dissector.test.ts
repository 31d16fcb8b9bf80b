import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { IS_WHOLE } from './sampling.js';

/* What a contributor gets from `npm run new-dissector NAME`, in a copy of the project. */

const root = resolve(import.meta.dirname, '..');
const NAME = 'my-probe';
const LINKED = ['src', 'lint', 'node_modules'];
const COPIED = [
  'dissectors',
  'test',
  'captures/cases',
  'scripts',
  '.gitignore',
  'package.json',
  'tsconfig.json',
  'vitest.config.ts',
  'biome.json',
];
let copy = '';

function run(...args: readonly string[]): { readonly status: number | null; readonly output: string } {
  // The runner in which this test runs hands its own settings down.
  const environment = Object.entries(process.env).filter(([name]) => !/^(VITEST|NODE_OPTIONS)/.test(name));
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    cwd: copy,
    encoding: 'utf8',
    env: { ...Object.fromEntries(environment), NO_COLOR: '1' },
  });
  return { status, output: stdout + stderr };
}

beforeAll(() => {
  copy = mkdtempSync(join(tmpdir(), 'capan-new-dissector-'));
  mkdirSync(join(copy, 'captures'));
  for (const path of COPIED) cpSync(join(root, path), join(copy, path), { recursive: true });
  for (const path of LINKED) symlinkSync(join(root, path), join(copy, path));
});

afterAll(() => rmSync(copy, { recursive: true, force: true }));

describe('npm run new-dissector', () => {
  it('makes the folder, the builder and the cases, and enters them in the catalogue', () => {
    const { status, output } = run('scripts/new-dissector.mjs', NAME);
    expect(status, output).toBe(0);
    for (const file of [
      'dissectors/my-probe/my-probe.test.ts',
      'test/build/my-probe.ts',
      'captures/cases/my-probe.ts',
    ]) {
      expect(existsSync(join(copy, file)), file).toBe(true);
      expect(readFileSync(join(copy, file), 'utf8'), file).not.toMatch(/template|Becomes/i);
    }
    expect(readFileSync(join(copy, 'dissectors/index.ts'), 'utf8')).toContain("protocol: 'my-probe'");
  });

  it('refuses a name that is taken, or none', () => {
    for (const name of [NAME, 'esp', 'Esp', '']) {
      expect(run('scripts/new-dissector.mjs', name).status, name).toBe(2);
    }
  });

  it('gives tests that pass', { timeout: 180_000 }, () => {
    const { status, output } = run('node_modules/vitest/vitest.mjs', 'run', `dissectors/${NAME}`);
    expect(status, output).toBe(0);
    expect(output).toMatch(/Tests +5 passed/);
  });

  it('gives clean code', { timeout: 300_000 }, () => {
    const paths = [`dissectors/${NAME}`, `test/build/${NAME}.ts`, `captures/cases/${NAME}.ts`];
    const lint = run('node_modules/@biomejs/biome/bin/biome', 'check', ...paths);
    expect(lint.status, lint.output).toBe(0);
    if (!IS_WHOLE) return;
    const files = [`dissectors/${NAME}/${NAME}.test.ts`, `captures/cases/${NAME}.ts`];
    writeFileSync(
      join(copy, 'tsconfig.new.json'),
      JSON.stringify({ extends: './tsconfig.json', include: files }),
    );
    const types = run('node_modules/typescript/bin/tsc', '--noEmit', '-p', 'tsconfig.new.json');
    expect(types.status, types.output).toBe(0);
  });
});
