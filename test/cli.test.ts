import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Report } from '../src/report/report.js';
import { COMPILED_CLI } from './compiled-program.js';

/* The compiled program as a user meets it: exit codes, streams, one clear line for what goes wrong. */

const root = resolve(import.meta.dirname, '..');
const cli = COMPILED_CLI;
const healthy = join(root, 'captures/esp-healthy.pcap');
const faulty = join(root, 'captures/esp-one-way.pcap');
const damaged = join(root, 'captures/capture-truncated.pcap');
const sideFile = (name: string): string => join(root, 'captures/side-files', name);
let scratch = '';

function capan(
  args: readonly string[],
  input?: Uint8Array,
): { code: number | null; out: string; err: string } {
  const { status, stdout, stderr } = spawnSync('node', [cli, ...args], {
    encoding: 'utf8',
    cwd: scratch,
    ...(input ? { input } : {}),
  });
  return { code: status, out: stdout, err: stderr };
}

beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), 'capan-cli-'));
});

afterAll(() => rmSync(scratch, { recursive: true, force: true }));

describe('the README', () => {
  it('shows the report that the program writes (npm run readme)', () => {
    const readme = readFileSync(join(root, 'README.md'), 'utf8');
    const { stdout } = spawnSync(
      'node',
      [cli, 'analyze', 'captures/esp-one-way.pcap', '--fail-on', 'never'],
      { encoding: 'utf8', cwd: root },
    );
    expect(stdout.length).toBeGreaterThan(1000);
    expect(readme).toContain(stdout.trimEnd());
  });
});

describe('the code cache', () => {
  it('is written by the build, and changes nothing but the time', () => {
    const folder = join(scratch, 'without-cache');
    cpSync(join(root, 'dist/src'), join(folder, 'dist/src'), { recursive: true });
    cpSync(join(root, 'package.json'), join(folder, 'package.json'));
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
    const caches = readdirSync(join(folder, 'dist/src')).filter((name) => name.endsWith('.cache'));
    expect(caches.some((name) => name.startsWith('program.cjs.'))).toBe(true);
    const cached = capan(['analyze', faulty]);
    for (const damage of [
      (file: string) => writeFileSync(file, 'not what V8 wrote'),
      (file: string) => rmSync(file),
    ]) {
      for (const name of caches) damage(join(folder, 'dist/src', name));
      const { status, stdout, stderr } = spawnSync(
        'node',
        [join(folder, 'dist/src/cli.js'), 'analyze', faulty],
        {
          encoding: 'utf8',
          cwd: scratch,
        },
      );
      expect({ code: status, out: stdout, err: stderr }).toEqual(cached);
    }
  });
});

describe('exit codes', () => {
  it('0 where nothing is wrong', () => {
    expect(capan(['analyze', healthy])).toMatchObject({ code: 0, err: '' });
  });

  it('1 for findings at or above --fail-on', () => {
    expect(capan(['analyze', faulty]).code).toBe(1);
    expect(capan(['analyze', faulty, '--fail-on', 'never']).code).toBe(0);
  });

  it('judges with side files, and names what they name', () => {
    const files = ['--config', sideFile('ipsec.json'), '--log', sideFile('ipsec-up.txt')];
    const { code, out, err } = capan(['analyze', join(root, 'captures/esp-spi-mismatch.pcap'), ...files]);
    expect(err).toBe('');
    expect(code).toBe(1);
    expect(out).toContain('esp.spi-mismatch');
    expect(out).toContain('192.0.2.1 (sg1)');
    expect(out).toContain('ipsec-up.txt: IKE log');
  });

  it('reads a side file as what it is, and a text that nobody knows ends nothing', () => {
    const tags = capan(['analyze', healthy, '--store', sideFile('silk-tags.json')]);
    expect(tags).toMatchObject({
      code: 0,
      err: 'capan: warning: silk-tags.json holds no container store; read as what it is\n',
    });
    const text = join(scratch, 'poem.txt');
    writeFileSync(text, 'Roses are red\nand so on\n');
    const { code, out, err } = capan(['analyze', faulty, '--log', text]);
    expect(code).toBe(1);
    expect(out).toContain('poem.txt holds nothing that is known');
    expect(err.trim().split('\n')).toHaveLength(1);
    expect(err).toContain('poem.txt holds nothing that is known (it begins "Roses are red"); recognised:');
  });

  it('2 for wrong usage, in one line', () => {
    for (const args of [
      ['analyze'],
      ['analyze', healthy, '--no-such-option'],
      ['analyze', healthy, '--format', 'xml'],
      ['analyze', healthy, '--only', 'no.such.id'],
      ['explain', 'no.such-id'],
      ['analyze', healthy, '--log', sideFile('no-such-file')],
      ['frobnicate'],
    ]) {
      const { code, out, err } = capan(args);
      expect(code, args.join(' ')).toBe(2);
      expect(out).toBe('');
      expect(err.trim().split('\n'), args.join(' ')).toHaveLength(1);
    }
  });

  it('2 for input that cannot be read, in one line with the file', () => {
    const text = join(scratch, 'notes.txt');
    writeFileSync(text, 'this is not a capture\n');
    for (const file of [text, join(scratch, 'missing.pcap'), 'x'.repeat(5000)]) {
      const { code, err } = capan(['analyze', file]);
      expect(code).toBe(2);
      expect(err.trim().split('\n')).toHaveLength(1);
      expect(err).toContain(file);
      expect(err).not.toMatch(/\n\s+at /);
    }
  });

  it('3 where part of the input was damaged and nothing else is wrong', () => {
    const { code, out } = capan(['analyze', damaged, '--skip', 'capture.*']);
    expect(code).toBe(3);
    expect(out).toMatch(/DAMAGED at byte \d+/);
  });
});

describe('streams', () => {
  it('reads standard input', () => {
    const { code, out } = capan(['analyze', '-', '--format', 'json'], readFileSync(faulty));
    const report = JSON.parse(out) as Report;
    expect(code).toBe(1);
    expect(report.findings.map(({ id }) => id)).toContain('esp.one-way-spi');
  });

  it('reads gzip', () => {
    const { stdout } = spawnSync('gzip', ['-c', faulty]);
    const report = JSON.parse(capan(['analyze', '-', '--format', 'json'], stdout).out) as Report;
    expect(report.findings.map(({ id }) => id)).toContain('esp.one-way-spi');
  });

  it('writes the report alone to standard output, and to a file where asked', () => {
    const file = join(scratch, 'report.json');
    expect(capan(['analyze', healthy, '--format', 'json', '-o', file])).toMatchObject({ code: 0, out: '' });
    expect((JSON.parse(readFileSync(file, 'utf8')) as Report).schema).toBe('capan-report/1');
  });

  it('refuses to write over its input', () => {
    const copy = join(scratch, 'copy.pcap');
    writeFileSync(copy, readFileSync(healthy));
    const { code, err } = capan(['analyze', copy, '-o', copy]);
    expect(code).toBe(2);
    expect(err.trim().split('\n')).toHaveLength(1);
    expect(readFileSync(copy)).toEqual(readFileSync(healthy));
  });

  it('writes one object a line as NDJSON, the summary last', () => {
    const lines = capan(['analyze', faulty, '--format', 'ndjson']).out.trim().split('\n');
    const types = lines.map((line) => (JSON.parse(line) as { type: string }).type);
    expect(types[0]).toBe('capture');
    expect(types.at(-1)).toBe('summary');
    expect(types).toContain('finding');
  });

  it('has no colour in a pipe', () => {
    expect(capan(['analyze', faulty]).out).not.toContain('\u001b');
  });
});

describe('the other commands', () => {
  it('explains every id and lists the catalogue', () => {
    const { code, out } = capan(['explain', 'esp.one-way-spi']);
    expect(code).toBe(0);
    expect(out).toContain('esp.one-way-spi');
    expect(capan(['explain']).out).toContain('ike.no-response');
    for (const name of ['esp', 'esp.*', 'ESP.']) {
      const { out: list } = capan(['explain', name]);
      expect(list).toContain('esp.one-way-spi');
      expect(list).not.toContain('ike.no-response');
    }
  });

  it('says its version, and how to complete its words', () => {
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
    expect(capan(['--version']).out.trim()).toContain(version);
    expect(capan(['completion'])).toMatchObject({ code: 0 });
    expect(capan(['completion']).out).toContain('complete');
  });
});

describe('file names are data', () => {
  it('escapes what would reach the terminal', () => {
    const hostile = join(scratch, 'evil\u001b[31m\u202ename.pcap');
    writeFileSync(hostile, readFileSync(healthy));
    for (const format of ['text', 'json', 'ndjson', 'markdown']) {
      const { out } = capan(['analyze', hostile, '--format', format]);
      expect(out, format).not.toContain('\u001b');
      expect(out, format).not.toContain('\u202e');
    }
  });
});
