import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { CaptureError } from '../capture/capture-error.js';
import type { Backend } from './capture-command.js';
import type { CaptureProcess } from './capture-process.js';
import { isInterfaceGone, startFailure, tellingLine } from './failure-lines.js';
import { type FrameKeeper, LiveSource } from './live-source.js';
import { type LiveInput, openCapture, type RunningCapture } from './open-capture.js';
import { dropsToldBy } from './told-drops.js';

/** What is captured, and where. */
export type LiveRequest =
  | { readonly kind: 'stream'; readonly name: string; readonly stream: Readable }
  | {
      readonly kind: 'interface';
      readonly interfaces: readonly string[];
      readonly filter: string;
      readonly backend?: Backend;
    }
  | {
      readonly kind: 'ssh';
      readonly host: string;
      readonly interfaces: readonly string[];
      readonly filter: string;
    }
  /** A command line for the shell, or a FIFO; the report calls it `name`. */
  | { readonly kind: 'command'; readonly name: string; readonly line: string };

export interface ReadingOptions {
  readonly packetsMax: number;
  readonly keepers: readonly FrameKeeper[];
}

/** tcpdump is asked for its counters this often. */
const COUNTERS_EVERY_MS = 5000;
const INTERFACES_OF_LINUX = '/sys/class/net';

/** An input that is being captured, and the way to end it. */
export interface OpenInput {
  readonly source: LiveSource;
  /** "v0 (dumpcap)", for people. */
  readonly title: string;
  readonly notes: readonly string[];
  /** Whether the capture went on until its input ended. */
  readonly endIsKnown: boolean;
  /** Asks for the end; what was captured by then still comes. */
  stop(): void;
  /** What is to be said of how the capture ended. */
  endLines(): readonly string[];
  /** Ends the capture at once. */
  close(): Promise<void>;
}

/**
 * Starts capturing, or takes a stream that another program writes, and waits for the first bytes.
 * @returns null where the signal came first.
 * @throws CaptureError in one line where nothing can be captured.
 */
export async function openInput(
  request: LiveRequest,
  reading: ReadingOptions,
  signal: AbortSignal,
): Promise<OpenInput | null> {
  return request.kind === 'stream'
    ? openStream(request.name, request.stream, reading, signal)
    : openProgram(request, reading, signal);
}

async function openStream(
  name: string,
  stream: Readable,
  reading: ReadingOptions,
  signal: AbortSignal,
): Promise<OpenInput | null> {
  const opening = LiveSource.open(
    stream,
    { name, filter: null, interfaceName: null, packetsMax: reading.packetsMax },
    reading.keepers,
  );
  const source = await orAborted(opening, signal);
  if (source === 'aborted') return null;
  if (source === null)
    throw new CaptureError(
      `${name}: is empty; pipe a capture in: ssh HOST tcpdump -U -w - | capan live -`,
      name,
      0,
    );
  const stop = () => source.stop(true);
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  return {
    source,
    title: name === '-' ? 'standard input' : name,
    notes: [],
    endIsKnown: true,
    stop,
    endLines: () => [],
    async close() {
      source.close();
    },
  };
}

async function openProgram(
  request: Exclude<LiveRequest, { kind: 'stream' }>,
  reading: ReadingOptions,
  signal: AbortSignal,
): Promise<OpenInput | null> {
  const { interfaces, filter } =
    request.kind === 'command' ? { interfaces: [request.name], filter: null } : request;
  const capture = await openCapture(captureOf(request));
  const { process: program, backend } = capture;
  const names = interfaces.join(', ');
  const opening = LiveSource.open(
    program.stdout,
    {
      name: request.kind === 'ssh' ? `${request.host}:${names}` : names,
      filter,
      interfaceName: interfaces.length === 1 && backend !== 'command' ? names : null,
      packetsMax: reading.packetsMax,
    },
    reading.keepers,
  );
  // Ended in good order, it still writes the head of the capture, with nothing after it.
  const stopEarly = () => program.stop();
  signal.addEventListener('abort', stopEarly, { once: true });
  if (signal.aborted) stopEarly();
  const source = await opening;
  if (source === null) {
    const { error } = await program.ended;
    if (program.stopping) return null;
    throw new CaptureError(startFailure(backend, interfaces, error ?? program.stderr), names);
  }
  return new ProgramInput(capture, source, interfaces, signal);
}

function captureOf(request: Exclude<LiveRequest, { kind: 'stream' }>): LiveInput {
  if (request.kind === 'command') return { kind: 'command', line: request.line };
  const { interfaces, filter } = request;
  if (request.kind === 'ssh') return { kind: 'ssh', host: request.host, request: { interfaces, filter } };
  const { backend } = request;
  return {
    kind: 'interface',
    request: { interfaces, filter },
    ...(backend === undefined ? {} : { backend }),
  };
}

/** A capture program and what it says while it runs and when it ends. */
class ProgramInput implements OpenInput {
  readonly title: string;
  readonly notes: readonly string[];
  /** A program that died, and a connection that broke, may have been deaf for a while before. */
  endIsKnown = true;
  private readonly lines: string[] = [];
  private readonly program: CaptureProcess;
  private readonly counters: NodeJS.Timeout | null;

  constructor(
    private readonly capture: RunningCapture,
    readonly source: LiveSource,
    private readonly interfaces: readonly string[],
    signal: AbortSignal,
  ) {
    const { process: program, backend } = capture;
    this.program = program;
    this.title = `${interfaces.join(', ')} (${backend})`;
    this.notes = capture.notes;
    this.counters = backend === 'tcpdump' ? setInterval(() => this.askForDrops(), COUNTERS_EVERY_MS) : null;
    source.beforeEnd = () => this.settle();
    signal.addEventListener('abort', () => this.stop(), { once: true });
    if (signal.aborted || program.stopping) this.stop();
  }

  stop(): void {
    this.source.stop(false);
    this.program.stop();
  }

  endLines(): readonly string[] {
    return this.lines;
  }

  async close(): Promise<void> {
    if (this.counters !== null) clearInterval(this.counters);
    this.program.stop();
    this.source.close();
    await this.program.ended;
  }

  /** Tells the last drops, and asks for the present ones. */
  private askForDrops(): void {
    this.noteDrops();
    this.program.askForCounters();
  }

  private noteDrops(): void {
    const drops = dropsToldBy(this.capture.backend, this.program.stderr);
    // Statistics blocks of the stream itself are exact; the words repeat them.
    const statesDrops = this.capture.backend === 'dumpcap' || this.capture.backend === 'command';
    const stated = statesDrops ? this.source.captures[0]?.drops : null;
    if (drops !== null && (stated === null || stated === undefined)) this.source.noteDrops(drops);
  }

  /** The stream has ended, or enough of it was read: learns why and what was dropped. */
  private async settle(): Promise<void> {
    const { program, source, interfaces, capture } = this;
    const endedByItself = !program.stopping && !source.hasEnough;
    if (source.hasEnough) program.stop();
    source.drain();
    const { code, signal } = await program.ended;
    if (this.counters !== null) clearInterval(this.counters);
    this.noteDrops();
    // Only a command that ended in good order when it was asked to is known to have captured until then.
    if (capture.backend === 'command') this.endIsKnown = program.stopping && code === 0;
    if (!endedByItself) return;
    const names = interfaces.join(', ');
    if (isInterfaceGone(program.stderr) || isAbsentHere(capture, interfaces)) {
      this.lines.push(`${names}: the interface went away; the report covers what was captured until then`);
    } else if (code !== 0 || signal !== null) {
      this.endIsKnown = false;
      const words = tellingLine(program.stderr) || (signal ?? `exit code ${code}`);
      source.noteFailure(
        `the capture ended unexpectedly: ${capture.backend === 'command' ? names : capture.backend}: ${words}`,
      );
    } else {
      const who = capture.backend === 'command' ? 'the capture' : capture.backend;
      this.lines.push(`${names}: ${who} ended by itself`);
    }
  }
}

/** The library cap says nothing when its interface goes away: it aborts. */
function isAbsentHere({ backend }: RunningCapture, interfaces: readonly string[]): boolean {
  if (backend !== 'cap' || !existsSync(INTERFACES_OF_LINUX)) return false;
  return interfaces.some((name) => name !== 'any' && !existsSync(join(INTERFACES_OF_LINUX, name)));
}

/** The value, or 'aborted' where the signal comes first. */
async function orAborted<Value>(value: Promise<Value>, signal: AbortSignal): Promise<Value | 'aborted'> {
  if (signal.aborted) return 'aborted';
  let abort = (): void => {};
  const aborted = new Promise<'aborted'>((resolve) => {
    abort = () => resolve('aborted');
    signal.addEventListener('abort', abort, { once: true });
  });
  try {
    return await Promise.race([value, aborted]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
