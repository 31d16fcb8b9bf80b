// Builds this tree with some of its protocols alone, to see what they cost.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/** What a build reads; node_modules it finds in the folders above. */
const PARTS = ['src', 'dissectors', 'scripts', 'captures', 'package.json', 'tsconfig.json'];

/**
 * @param {string} root of the repository
 * @param {readonly string[]} families folders of dissectors/
 * @returns {string} the built command
 */
export function buildWith(root, families) {
  removeBuild(root);
  const folder = folderOf(root);
  mkdirSync(folder, { recursive: true });
  for (const part of PARTS) cpSync(join(root, part), join(folder, part), { recursive: true });
  run(folder, ['scripts/write-catalogue.mjs', ...families]);
  run(folder, ['scripts/bundle.mjs']);
  return join(folder, 'dist', 'src', 'cli.js');
}

/** @param {string} root of the repository */
export function removeBuild(root) {
  rmSync(folderOf(root), { recursive: true, force: true });
}

function folderOf(root) {
  return join(root, 'bench', 'tmp', 'families');
}

function run(folder, script) {
  execFileSync(process.execPath, script, { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] });
}
