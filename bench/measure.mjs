// Runs one program to its end and measures it from outside, the same way for every program.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const GNU_TIME = '/usr/bin/time';
const POLL_MS = 20;
const CLOCK_TICKS_PER_SECOND = 100;

/** @typedef {{ wallSeconds: number, cpuSeconds: number, peakBytes: number }} Measurement */

/** Which of the two ways this machine measures with, as a word for the results; throws where there is none. */
export function measuringMethod() {
  const version = spawnSync(GNU_TIME, ['--version'], { encoding: 'utf8' });
  if (version.status === 0 && `${version.stdout}${version.stderr}`.includes('GNU')) return 'GNU time';
  if (existsSync('/proc/self/stat')) return '/proc';
  throw new Error(
    `neither GNU time (${GNU_TIME}) nor /proc is here: install the package "time" or run on Linux`,
  );
}

/**
 * @param {readonly string[]} command program and arguments
 * @param {string} method as measuringMethod returns it
 * @returns {Promise<Measurement>} user and system time together, and the largest resident set
 * @throws where the program cannot be started or does not end with 0; the message carries its last line of stderr
 */
export async function measure(command, method) {
  if (method !== 'GNU time') return measureByProc(command);
  const folder = mkdtempSync(join(tmpdir(), 'capan-bench-'));
  const report = join(folder, 'time');
  try {
    const { wallSeconds } = await runProgram([GNU_TIME, '-o', report, '-f', '%U %S %M', ...command]);
    const [user, system, peakKibibytes] = readFileSync(report, 'utf8').trim().split(' ').map(Number);
    return { wallSeconds, cpuSeconds: user + system, peakBytes: peakKibibytes * 1024 };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** CPU time of children that have ended stands in our own stat line; the peak is polled, so a last jump may be missed. */
async function measureByProc(command) {
  let peakBytes = 0;
  const cpuBefore = endedChildrenCpuSeconds();
  const { wallSeconds } = await runProgram(command, (pid) => {
    peakBytes = Math.max(peakBytes, residentPeakBytes(pid));
  });
  return { wallSeconds, cpuSeconds: endedChildrenCpuSeconds() - cpuBefore, peakBytes };
}

/** @returns {number} CPU time of the children of this process that have ended */
export function endedChildrenCpuSeconds() {
  // proc(5): cutime and cstime are fields 16 and 17.
  return cpuSecondsOfStat(readFileSync('/proc/self/stat', 'utf8'), 16);
}

/**
 * @param {string} line of a stat file of /proc
 * @param {number} field number, from 1, of the time in user mode; that in kernel mode follows it
 * @returns {number} both together
 */
export function cpuSecondsOfStat(line, field) {
  // The name, field 2, may hold spaces and ends with the last bracket.
  const fields = line.slice(line.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[field - 3]) + Number(fields[field - 2])) / CLOCK_TICKS_PER_SECOND;
}

function residentPeakBytes(pid) {
  try {
    const peak = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
    return peak === null ? 0 : Number(peak[1]) * 1024;
  } catch {
    // The program has just ended.
    return 0;
  }
}

/**
 * Runs a program to its end with its output thrown away.
 * @param {readonly string[]} command program and arguments
 * @param {(pid: number) => void} [poll] called every 20 ms while it runs
 * @returns {Promise<{ wallSeconds: number }>}
 * @throws as `measure` does
 */
export function runProgram(command, poll) {
  const [program, ...programArguments] = command;
  return new Promise((resolve, reject) => {
    const started = process.hrtime.bigint();
    const child = spawn(program, programArguments, { stdio: ['ignore', 'ignore', 'pipe'] });
    const timer = poll && setInterval(() => poll(child.pid), POLL_MS);
    let complaint = '';
    let wallSeconds = 0;
    child.stderr.on('data', (text) => {
      complaint = `${complaint}${text}`.slice(-2_000);
    });
    child.on('error', (cause) => {
      clearInterval(timer);
      reject(new Error(`${program} cannot be started: ${cause.message}`));
    });
    child.on('exit', () => {
      wallSeconds = Number(process.hrtime.bigint() - started) / 1e9;
      clearInterval(timer);
    });
    child.on('close', (code, signal) => {
      if (code === 0) resolve({ wallSeconds });
      else reject(new Error(`${command.join(' ')}\nended with ${signal ?? code}: ${lastLine(complaint)}`));
    });
  });
}

function lastLine(text) {
  return text.trim().split('\n').at(-1) || 'nothing on stderr';
}
