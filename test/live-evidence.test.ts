import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { analyze } from '../src/commands/run-analysis.js';
import { COMPILED_CLI } from './compiled-program.js';

const folder = mkdtempSync(join(tmpdir(), 'capan-live-evidence-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Where the program keeps the packets meanwhile. */
const temporary = join(folder, 'temporary');
mkdirSync(temporary);
const capture = resolve(import.meta.dirname, '../captures/esp-one-way.pcap');

/** `live` on a capture that is piped in. */
function live(...options: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [COMPILED_CLI, 'live', '-', ...options], {
    input: readFileSync(capture),
    encoding: 'utf8',
    env: { ...process.env, TMPDIR: temporary },
  });
}

describe('live --evidence', () => {
  it('writes what analyze --evidence would, and leaves nothing behind', async () => {
    const path = join(folder, 'evidence.pcapng');
    const { status, stderr } = live('--evidence', path, '--format', 'json');
    expect(status).toBe(1);
    expect(stderr).toContain('evidence.pcapng');
    expect(readdirSync(temporary)).toEqual([]);

    const bytes = readFileSync(path).toString('latin1');
    expect(bytes).toContain('esp.one-way-spi');
    const { captures } = await analyze([path], { threads: 0 });
    const [whole] = (await analyze([capture], { threads: 0 })).captures;
    expect(captures[0].frames).toBeGreaterThan(10);
    expect(captures[0].frames).toBeLessThan(whole.frames);
  });

  it('says so before the run where the file cannot be written', () => {
    const { status, stderr, stdout } = live('--evidence', join(folder, 'no/such/folder.pcapng'));
    expect(status).toBe(2);
    expect(stderr).toMatch(/^capan: .*no\/such\/folder\.pcapng/);
    expect(stdout).toBe('');
  });
});
