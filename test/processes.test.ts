import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import {
  appendFileSync,
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Report } from '../src/report/report.js';
import { COMPILED_CLI } from './compiled-program.js';

/* What the system does to the program while it runs: disks that fill up, files that change, processes that are killed. */

const cli = COMPILED_CLI;
const sample = resolve(import.meta.dirname, '../captures/esp-healthy.pcap');
const FULL = '/dev/full';
const PATIENCE_MS = 20_000;
let scratch = '';

beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), 'capan-processes-'));
});
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

/** Many copies of the sample one after the other, so that reading them takes a while. @returns bytes written. */
function writeLong(path: string, copies: number): number {
  const bytes = readFileSync(sample);
  const body = Buffer.concat(Array.from({ length: 100 }, () => bytes.subarray(24)));
  writeFileSync(path, bytes.subarray(0, 24));
  for (let copy = 0; copy < copies; copy += 100) appendFileSync(path, body);
  return 24 + body.length * Math.ceil(copies / 100);
}

function start(...args: string[]): {
  child: ChildProcess;
  ended: Promise<{ code: number | null; out: string; err: string }>;
} {
  const child = spawn(process.execPath, [cli, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let out = '';
  let err = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    err += text;
  });
  return { child, ended: new Promise((done) => child.once('close', (code) => done({ code, out, err }))) };
}

async function until(holds: () => boolean): Promise<boolean> {
  for (const endMs = performance.now() + PATIENCE_MS; performance.now() < endMs; await sleep(50)) {
    if (holds()) return true;
  }
  return false;
}

/** Whether a process has a file open: by then its handlers of signals are in place. */
const hasOpen = (pid: number, path: string): boolean => {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((name) => readlinkSync(`/proc/${pid}/fd/${name}`) === path);
  } catch {
    return false;
  }
};

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    // A zombie that nobody has waited for yet is dead.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
};

describe.skipIf(process.platform !== 'linux')('the system around the program', () => {
  it
    .skipIf(!existsSync(FULL))
    .each([
      [['analyze', sample]],
      [['analyze', sample, '--format', 'json']],
      [['compare', sample, sample]],
      [['explain']],
      [['--help']],
    ])('a full disk behind standard output is one line: %j', (args) => {
    const full = openSync(FULL, 'w');
    const { status, stderr } = spawnSync(process.execPath, [cli, ...args], {
      stdio: ['ignore', full, 'pipe'],
      encoding: 'utf8',
    });
    closeSync(full);
    expect(stderr).toBe('capan: cannot write to standard output: no space left\n');
    expect(status).toBe(2);
  });

  it('needs few descriptors', () => {
    const command = `ulimit -n 20; exec "${process.execPath}" "${cli}" analyze "${sample}"`;
    const { status, stdout, stderr } = spawnSync('sh', ['-c', command], { encoding: 'utf8' });
    expect(stderr).toBe('');
    expect(status).toBe(0);
    expect(stdout).toBe(execFileSync(process.execPath, [cli, 'analyze', sample], { encoding: 'utf8' }));
  });

  it('reads a file to its end where it is cut while it is read, and says that it is cut', async () => {
    const path = join(scratch, 'cut.pcap');
    const length = writeLong(path, 6000);
    const { child, ended } = start('analyze', path, '--format', 'json', '--threads', '0');
    expect(await until(() => hasOpen(child.pid ?? 0, path))).toBe(true);
    truncateSync(path, Math.floor(length / 2) + 7);
    const { code, out, err } = await ended;
    expect([0, 1, 3], err).toContain(code);
    const report = JSON.parse(out) as Report;
    expect(report.errors).toEqual([]);
    expect(report.captures[0].frames).toBeGreaterThan(1000);
  });

  it('reads a file that grows as far as it went when it was opened, or further', async () => {
    const path = join(scratch, 'grows.pcap');
    const length = writeLong(path, 500);
    const grown = readFileSync(path).subarray(24);
    const { ended } = start('analyze', path, '--format', 'json');
    for (let times = 0; times < 20; times++) {
      appendFileSync(path, grown.subarray(0, 1_000_003));
      await sleep(20);
    }
    const { code, out, err } = await ended;
    expect([0, 1, 3], err).toContain(code);
    const report = JSON.parse(out) as Report;
    expect(report.errors).toEqual([]);
    expect(report.captures[0].bytes).toBeGreaterThanOrEqual(length);
  });

  it('reports what came through a pipe whose writer died', async () => {
    const fifo = join(scratch, 'fifo');
    execFileSync('mkfifo', [fifo]);
    const { ended } = start('analyze', fifo, '--format', 'json');
    const writer = openSync(fifo, 'w');
    writeFileSync(writer, readFileSync(sample).subarray(0, 3000));
    closeSync(writer);
    const { code, out } = await ended;
    expect(code).toBe(3);
    const [capture] = (JSON.parse(out) as Report).captures;
    expect(capture.frames).toBeGreaterThan(5);
    expect(capture.damaged).toHaveLength(1);
  });

  it('is interrupted within a second or two, with threads and without, and says so', async () => {
    const path = join(scratch, 'long.pcap');
    writeLong(path, 20_000);
    for (const threads of ['0', '2']) {
      for (const signal of ['SIGINT', 'SIGTERM'] as const) {
        const { child, ended } = start('analyze', path, '--threads', threads);
        expect(await until(() => hasOpen(child.pid ?? 0, path))).toBe(true);
        child.kill(signal);
        const fromMs = performance.now();
        const { code, out, err } = await ended;
        expect({ code, out }).toEqual({ code: 130, out: '' });
        expect(err).toBe('capan: interrupted before there was a report\n');
        expect(performance.now() - fromMs).toBeLessThan(3000);
      }
    }
  });

  it('leaves no capture program behind where it is killed by force', async () => {
    const pidFile = join(scratch, 'pid');
    const { child, ended } = start(
      'live',
      '--a-command',
      `cat "${sample}"; echo $$ > "${pidFile}"; exec sleep 600`,
      '--b-command',
      `cat "${sample}"; exec sleep 600`,
    );
    expect(await until(() => existsSync(pidFile) && readFileSync(pidFile, 'utf8').endsWith('\n'))).toBe(true);
    const capture = Number(readFileSync(pidFile, 'utf8'));
    expect(isAlive(capture)).toBe(true);
    child.kill('SIGKILL');
    await ended;
    expect(await until(() => !isAlive(capture))).toBe(true);
  });
});
