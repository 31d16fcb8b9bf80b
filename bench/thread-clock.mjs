// Which thread of capan spends the processor's time: per-thread clocks of Linux, and the CPU profile of the main thread.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cpuSecondsOfStat, endedChildrenCpuSeconds, runProgram } from './measure.mjs';

/** The one function of capan that stands above all dissection, on any thread. */
const DISSECTING = 'dissectChunk';

/**
 * @typedef {object} ThreadTimes
 * @property {number} wallSeconds
 * @property {number} cpuSeconds user and system time of all threads
 * @property {number} mainSeconds the main thread's, and what no look at the threads saw: at most a few hundredths
 * @property {number} otherSeconds workers, reads, garbage collection, compilation
 */

/** @returns {boolean} false where the system does not tell threads apart */
export function seesThreads() {
  return existsSync('/proc/self/task');
}

/**
 * Runs a program and looks at the clocks of its threads every 20 ms.
 * @param {readonly string[]} command @returns {Promise<ThreadTimes>}
 * @throws as `measure` does
 */
export async function measureThreads(command) {
  const secondsByThread = new Map();
  let mainThread = 0;
  const before = endedChildrenCpuSeconds();
  const { wallSeconds } = await runProgram(command, (pid) => {
    mainThread = pid;
    for (const [thread, seconds] of threadSeconds(pid)) secondsByThread.set(thread, seconds);
  });
  const cpuSeconds = endedChildrenCpuSeconds() - before;
  return { wallSeconds, ...splitByThread(secondsByThread, mainThread, cpuSeconds) };
}

/**
 * What happened after the last look counts as the main thread's: it is the last to end, and the serial share is
 * rather too large than too small.
 * @param {ReadonlyMap<number, number>} secondsByThread at the last look
 */
export function splitByThread(secondsByThread, mainThread, cpuSeconds) {
  let otherSeconds = 0;
  for (const [thread, seconds] of secondsByThread) if (thread !== mainThread) otherSeconds += seconds;
  otherSeconds = Math.min(otherSeconds, cpuSeconds);
  return { cpuSeconds, mainSeconds: cpuSeconds - otherSeconds, otherSeconds };
}

function threadSeconds(pid) {
  const folder = `/proc/${pid}/task`;
  const found = [];
  try {
    for (const thread of readdirSync(folder)) {
      // proc(5): utime and stime are fields 14 and 15.
      found.push([Number(thread), cpuSecondsOfStat(readFileSync(`${folder}/${thread}/stat`, 'utf8'), 14)]);
    }
  } catch {
    // A thread has ended between the listing and the look; the others are seen the next time.
  }
  return found;
}

/**
 * The share of the main thread's busy time that is dissection: it helps where no worker is free, and more cores would
 * take that from it.
 * @param {readonly string[]} command that starts with the running Node
 * @returns {number | undefined} from 0 to 1; undefined where the command is not started by this Node
 */
export function profileDissecting([program, ...programArguments]) {
  if (program !== process.execPath) return undefined;
  const folder = mkdtempSync(join(tmpdir(), 'capan-bench-profile-'));
  try {
    const flags = ['--cpu-prof', '--cpu-prof-dir', folder];
    const { status, stderr } = spawnSync(program, [...flags, ...programArguments], { encoding: 'utf8' });
    // CPU.DATE.TIME.PID.THREAD.NUMBER.cpuprofile; thread 0 is the main one.
    const file = readdirSync(folder).find((name) => /^CPU\.\d+\.\d+\.\d+\.0\./.test(name));
    if (status !== 0 || file === undefined) {
      throw new Error(`the profiled run ended with ${status} and no profile: ${stderr.trim().slice(-300)}`);
    }
    return shareBelow(JSON.parse(readFileSync(join(folder, file), 'utf8')), DISSECTING);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/**
 * @param {{ nodes: readonly object[], samples: readonly number[], timeDeltas: readonly number[] }} profile of V8
 * @param {string} functionName
 * @returns {number} time with that function on the stack, of all time that was not idle; 0 to 1
 */
export function shareBelow({ nodes, samples, timeDeltas }, functionName) {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const below = new Set();
  const mark = (id) => {
    below.add(id);
    for (const child of byId.get(id)?.children ?? []) mark(child);
  };
  for (const { id, callFrame } of nodes) if (callFrame.functionName === functionName) mark(id);
  let busyUs = 0;
  let belowUs = 0;
  samples.forEach((id, index) => {
    if (byId.get(id)?.callFrame.functionName === '(idle)') return;
    busyUs += timeDeltas[index];
    if (below.has(id)) belowUs += timeDeltas[index];
  });
  return busyUs === 0 ? 0 : belowUs / busyUs;
}
