import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { COMPILED_CLI } from './compiled-program.js';

/* The completion scripts in the shells that they are for; a shell that is not installed is skipped. */

let scratch = '';

beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), 'capan-completion-'));
  symlinkSync(COMPILED_CLI, join(scratch, 'capan'));
  writeFileSync(join(scratch, 'trace.pcap'), '');
});

afterAll(() => rmSync(scratch, { recursive: true, force: true }));

function isInstalled(shell: string): boolean {
  return spawnSync(shell, ['-c', 'exit 0']).status === 0;
}

function shellSays(shell: string, args: readonly string[], script: string): string[] {
  const { stdout, stderr } = spawnSync(shell, [...args, '-c', script], {
    encoding: 'utf8',
    cwd: scratch,
    env: { ...process.env, PATH: `${scratch}:${process.env.PATH}` },
  });
  expect(stderr).toBe('');
  return stdout.split('\n').filter((line) => line !== '');
}

describe('completion', () => {
  it.skipIf(!isInstalled('bash'))('in bash', () => {
    const [offered = '', files = ''] = shellSays(
      'bash',
      ['--norc'],
      `source <(capan completion bash)
       COMP_WORDS=(capan analyze --only = ike.natt); COMP_CWORD=4; _capan; echo "\${COMPREPLY[*]}"
       COMP_WORDS=(capan analyze tr); COMP_CWORD=2; _capan; echo "[\${COMPREPLY[*]}] $(complete -p capan)"`,
    );
    expect(offered.split(' ')).toContain('ike.natt-4500-blocked');
    // Nothing of its own: readline offers files.
    expect(files).toMatch(/^\[\] complete .*-o default.* capan$/);
  });

  it.skipIf(!isInstalled('zsh'))('in zsh', () => {
    const lines = shellSays(
      'zsh',
      ['-f'],
      `compdef() { :; }; _files() { echo FILES; }; _describe() { print -l -- \${described}; }
       source <(capan completion zsh)
       words=(capan analyze --fail); CURRENT=3; _capan
       words=(capan analyze ''); CURRENT=3; _capan`,
    );
    expect(lines[0]).toMatch(/^--fail-on:./);
    expect(lines.at(-1)).toBe('FILES');
  });

  it.skipIf(!isInstalled('fish'))('in fish', () => {
    const lines = shellSays(
      'fish',
      ['--no-config'],
      `capan completion fish | source
       complete -C 'capan explain esp.one-w'
       complete -C 'capan analyze tr'`,
    );
    expect(lines.map((line) => line.split('\t')[0])).toEqual(['esp.one-way-spi', 'trace.pcap']);
  });
});
