import { type ChildProcess, spawn } from 'node:child_process';

/*
 * A process that is killed by force runs no handler, and a capture program on a quiet interface notices only with its
 * next packet that nobody reads it: it would go on capturing for days. A signal at the parent's death (prctl) does not
 * help, as the exec of a program with file capabilities, which dumpcap is on Debian, clears it.
 */

/** Waits for the end of its standard input, of which this process holds the other end; `$0` is a process, or minus a group. */
const SCRIPT = 'read -r _; kill -s TERM -- "$0"; sleep 2; kill -s KILL -- "$0"';

/**
 * Ends a process when this one ends, however that happens. Not on Windows.
 * @param target a process id, or a process group as its negative.
 * @returns ends the watch; to be called as soon as the process has ended, before its number is given to another.
 */
export function endWithParent(target: number): () => void {
  if (process.platform === 'win32') return () => {};
  let watch: ChildProcess | null = spawn('/bin/sh', ['-c', SCRIPT, String(target)], {
    // Nothing of the terminal reaches it, neither Ctrl-C nor that the terminal is closed.
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  // Without a shell there is no watch, which is no reason not to capture.
  watch.on('error', () => {
    watch = null;
  });
  watch.stdin?.on('error', () => {});
  watch.unref();
  if (watch.stdin !== null && 'unref' in watch.stdin && typeof watch.stdin.unref === 'function') {
    watch.stdin.unref();
  }
  return () => {
    watch?.kill('SIGKILL');
    watch = null;
  };
}
