import { type ChildProcess, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import type { CaptureCommand } from './capture-command.js';
import { endWithParent } from './parent-watch.js';

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
  /** What it reads as its standard input: a descriptor of this process. */
  readonly stdin?: number;
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
  private settle: (end: ProcessEnd) => void = () => {};
  private hasEnded = false;

  constructor(
    { program, args }: CaptureCommand,
    private readonly options: ProcessOptions = {},
  ) {
    const { ownGroup = true, shell = false, stdin = 'ignore' } = options;
    // In a group of its own Ctrl-C reaches it through this program alone, so that it ends in good order.
    const child = spawn(program, [...args], { stdio: [stdin, 'pipe', 'pipe'], detached: ownGroup, shell });
    const { stdout, stderr } = child;
    if (stdout === null || stderr === null) throw new Error(`${program} was started without pipes`);
    this.child = child;
    this.stdout = stdout;
    stderr.setEncoding('utf8');
    stderr.on('data', (text: string) => {
      this.stderr = (this.stderr + text).slice(-STDERR_KEPT);
    });
    this.leash = () => this.kill('SIGKILL');
    process.once('exit', this.leash);
    const endWatch = child.pid === undefined ? () => {} : endWithParent(ownGroup ? -child.pid : child.pid);
    child.once('exit', endWatch);
    this.ended = new Promise((resolve) => {
      this.settle = (end: ProcessEnd) => {
        process.removeListener('exit', this.leash);
        this.hasEnded = true;
        resolve(end);
      };
      child.once('error', (error) => this.settle({ code: null, signal: null, error: error.message }));
      child.once('close', (code, signal) => this.settle({ code, signal, error: null }));
    });
  }

  /** Asks it to write what it still has, and to end. */
  stop(): void {
    if (this.stopping) return;
    this.stopping = true;
    this.kill('SIGINT');
    const force = setTimeout(() => this.letGo(), GRACE_MS);
    force.unref();
    void this.ended.then(() => clearTimeout(force));
  }

  /** tcpdump on Linux prints its counters then; elsewhere the signal would end it. */
  askForCounters(): void {
    if (process.platform === 'linux') this.kill('SIGUSR1');
  }

  /** Ends it by force. What cannot be ended (a program of root) loses its reader, and with the next packet its pipe. */
  private letGo(): void {
    this.kill('SIGKILL');
    this.child.stdout?.destroy();
    this.child.stderr?.destroy();
    const { exitCode: code, signalCode: signal } = this.child;
    this.settle({ code, signal: signal ?? (code === null ? 'SIGKILL' : null), error: null });
  }

  private kill(signal: NodeJS.Signals): void {
    // A shell hands no signal on to the programs that it waits for.
    if (this.options.shell) this.killGroup(signal);
    else if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill(signal);
  }

  private killGroup(signal: NodeJS.Signals): void {
    const { pid } = this.child;
    if (pid === undefined || this.hasEnded) return;
    try {
      process.kill(-pid, signal);
    } catch {
      // None of them is left, or they are another user's; `letGo` deals with those.
    }
  }
}
