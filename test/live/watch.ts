import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/* What a capture is doing, seen from outside, so that a slow machine makes a test longer and not wrong. Linux only. */

const POLL_MS = 100;
const PATIENCE_MS = 60_000;
/** A program that has used no processor time for so long waits for something to do. */
const RESTING_MS = 1500;

/** Waits until a packet socket is open in a network namespace. @throws Error where none is after a minute. */
export async function captureBegan(namespace: string): Promise<void> {
  const endMs = performance.now() + PATIENCE_MS;
  while (performance.now() < endMs) {
    const listed = spawnSync('ip', ['netns', 'exec', namespace, 'cat', '/proc/net/packet'], {
      encoding: 'utf8',
    });
    // A line for each socket, under a heading. The filter is set just after the socket is bound.
    if (listed.stdout.trim().split('\n').length > 1) return sleep(500);
    await sleep(POLL_MS);
  }
  throw new Error(`no packet socket in ${namespace} after ${PATIENCE_MS} ms`);
}

/** Waits until a process and all its descendants have nothing to do, and at most a minute. */
export async function restsNow(pid: number): Promise<void> {
  const endMs = performance.now() + PATIENCE_MS;
  let used = ticksOf(pid);
  let changedMs = performance.now();
  while (performance.now() < endMs && performance.now() - changedMs < RESTING_MS) {
    await sleep(POLL_MS);
    const now = ticksOf(pid);
    // A tick or two in that time are timers, not work.
    if (now - used > 2) {
      used = now;
      changedMs = performance.now();
    }
  }
}

/** Processor time of a process and its descendants, in clock ticks; 0 for what has ended. */
function ticksOf(pid: number): number {
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
    // Fields after the name, which stands in parentheses and may hold blanks: utime and stime are the 12th and 13th.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ');
    const own = Number(fields[11]) + Number(fields[12]);
    return children === ''
      ? own
      : children.split(' ').reduce((sum, child) => sum + ticksOf(Number(child)), own);
  } catch {
    return 0;
  }
}
