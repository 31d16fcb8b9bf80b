// Builds another revision of the project beside this one, so that both are measured now and on this machine.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * @param {string} root of the repository
 * @param {string} folder where the worktree goes, inside the repository: it finds node_modules of the root
 * @param {string} revision anything git understands
 * @returns {{ cli: string, name: string }} the built command and the short name of the revision
 */
export function buildBase(root, folder, revision) {
  // The word after --end-of-options is a revision, whatever it looks like.
  const commit = runIn(root, 'git', ['rev-parse', '--verify', '--end-of-options', `${revision}^{commit}`]);
  removeBase(root, folder);
  runIn(root, 'git', ['worktree', 'add', '--force', '--detach', folder, commit]);
  const lock = 'package-lock.json';
  if (readFileSync(join(root, lock), 'utf8') !== readFileSync(join(folder, lock), 'utf8')) {
    runIn(folder, 'npm', ['ci', '--no-fund', '--no-audit']);
  }
  runIn(folder, 'npm', ['run', 'build']);
  const cli = join(folder, 'dist', 'src', 'cli.js');
  if (!existsSync(cli))
    throw new Error(`${revision} was built but has no dist/src/cli.js: choose a later revision`);
  return { cli, name: commit.slice(0, 10) };
}

/** Removes the worktree and what git knows of it. */
export function removeBase(root, folder) {
  if (existsSync(folder)) runIn(root, 'git', ['worktree', 'remove', '--force', folder]);
}

function runIn(folder, program, programArguments) {
  const result = spawnSync(program, programArguments, { cwd: folder, encoding: 'utf8' });
  if (result.status === 0) return result.stdout.trim();
  const complaint = (result.error?.message ?? `${result.stdout}${result.stderr}`)
    .trim()
    .split('\n')
    .slice(-5);
  throw new Error(`${program} ${programArguments.join(' ')} failed in ${folder}:\n${complaint.join('\n')}`);
}
