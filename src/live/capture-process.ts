import { type ChildProcess, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import type { CaptureCommand } from './capture-command.js';

/** How a capture program ended. */
export interface ProcessEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Why it could not even be started, or null. */
  readonly error: string | null;
}

const STDERR_KEPT = 8192;
/** A program that was asked to end and does not is ended by force. */
const GRACE_MS = 3000;

export interface ProcessOptions {
  /** False for ssh, which asks for passwords on the terminal that it would lose. */
  readonly ownGroup?: boolean;
  /** The only use of a shell: a command line that the user wrote. */
  readonly shell?: boolean;
}

/** A program that writes a capture on its standard output. */
export class CaptureProcess {
  readonly stdout: Readable;
  readonly ended: Promise<ProcessEnd>;
  /** The last of what it said. */
  stderr = '';
  /** True once it was asked to end. */
  stopping = false;
  private readonly child: ChildProcess;
  private readonly leash: () => void;

  constructor({ program, args }: CaptureCommand, { ownGroup = true, shell = false }: ProcessOptions = {}) {
    // In a group of its own Ctrl-C reaches it through this program alone, so that it ends in good order.
    const child = spawn(program, [...args], { stdio: ['ignore', 'pipe', 'pipe'], detached: ownGroup, shell });
    this.child = child;
    this.stdout = child.stdout;
    child.stderr.setEncoding('utf8');
    child.stderr.on('data', (text: string) => {
      this.stderr = (this.stderr + text).slice(-STDERR_KEPT);
    });
    this.leash = () => this.kill('SIGKILL');
    process.once('exit', this.leash);
    this.ended = new Promise((resolve) => {
      const settle = (end: ProcessEnd) => {
        process.removeListener('exit', this.leash);
        resolve(end);
      };
      child.once('error', (error) => settle({ code: null, signal: null, error: error.message }));
      child.once('close', (code, signal) => settle({ code, signal, error: null }));
    });
  }

  /** Asks it to write what it still has, and to end. */
  stop(): void {
    if (this.stopping) return;
    this.stopping = true;
    this.kill('SIGINT');
    const force = setTimeout(() => this.kill('SIGKILL'), GRACE_MS);
    force.unref();
    void this.ended.then(() => clearTimeout(force));
  }

  /** tcpdump on Linux prints its counters then; elsewhere the signal would end it. */
  askForCounters(): void {
    if (process.platform === 'linux') this.kill('SIGUSR1');
  }

  private kill(signal: NodeJS.Signals): void {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill(signal);
  }
}
