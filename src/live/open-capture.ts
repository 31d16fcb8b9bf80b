import { statSync } from 'node:fs';
import { CaptureError } from '../capture/capture-error.js';
import {
  type Backend,
  type CaptureBackend,
  type CaptureCommand,
  capCommand,
  dumpcapCommand,
  filterCheckCommand,
  type InterfaceRequest,
  sshCommand,
  tcpdumpCommand,
} from './capture-command.js';
import { CaptureProcess } from './capture-process.js';
import { filterFailure, startFailure } from './failure-lines.js';
import { NOTHING_INSTALLED } from './interfaces.js';
import { findProgram } from './programs.js';
import { runToEnd } from './run-to-end.js';

/** Where live packets come from. */
export type LiveInput =
  | { readonly kind: 'interface'; readonly request: InterfaceRequest; readonly backend?: Backend }
  | { readonly kind: 'ssh'; readonly host: string; readonly request: InterfaceRequest }
  /** A command line of the user for his shell, or the name of a FIFO. */
  | { readonly kind: 'command'; readonly line: string };

/** A capture program at work. */
export interface RunningCapture {
  readonly process: CaptureProcess;
  readonly backend: CaptureBackend;
  /** What cannot be known with this backend, for the report. */
  readonly notes: readonly string[];
}

const CAP_NOTES = [
  'captured with cap: times were taken by capan when it got the packets, not by the kernel, so intervals are off by the delay between them',
  'captured with cap: how many packets the kernel dropped is not known, so gaps in sequences may be the capture’s own',
  'captured with cap: the length on the wire is not known, and what is longer than 65,535 bytes was cut without a mark',
];

/**
 * Checks the filter and starts the program. That it captures shows only when its first bytes come.
 * @throws CaptureError in one line: what is missing, refused or wrong.
 */
export async function openCapture(input: LiveInput): Promise<RunningCapture> {
  if (input.kind === 'command') return openCommand(input.line);
  if (input.kind === 'ssh') return openRemote(input.host, input.request);
  const { request } = input;
  const { backend, program } = chooseBackend(input.backend);
  if (request.filter !== '') await checkFilter(backend, request);
  const process = new CaptureProcess(commandOf(backend, program, request));
  return { process, backend, notes: backend === 'cap' ? CAP_NOTES : [] };
}

/** A FIFO is read by a program too: waiting for its writer can then be ended like anything else. */
function openCommand(line: string): RunningCapture {
  const process = isFifo(line)
    ? fifoReader(line)
    : new CaptureProcess({ program: line, args: [] }, { shell: true });
  return { process, backend: 'command', notes: [] };
}

/** What a shell makes of <(COMMAND) is open in this process only. */
function fifoReader(name: string): CaptureProcess {
  const [, descriptor] = /^\/dev\/fd\/(\d{1,4})$/.exec(name) ?? [];
  if (descriptor === undefined) return new CaptureProcess({ program: 'cat', args: ['--', name] });
  return new CaptureProcess({ program: 'cat', args: [] }, { stdin: Number(descriptor) });
}

function isFifo(name: string): boolean {
  return statSync(name, { throwIfNoEntry: false })?.isFIFO() === true;
}

async function openRemote(host: string, request: InterfaceRequest): Promise<RunningCapture> {
  const ssh = findProgram('ssh');
  if (ssh === null)
    throw new CaptureError('ssh is not installed; install it (Debian: apt install openssh-client)', host);
  const process = new CaptureProcess(sshCommand(ssh, host, request), { ownGroup: false });
  return { process, backend: 'ssh', notes: [] };
}

/** dumpcap, else tcpdump; `cap` only where it was asked for. */
function chooseBackend(wanted: Backend | undefined): { backend: Backend; program: string } {
  if (wanted === 'cap') return { backend: 'cap', program: '' };
  for (const backend of wanted === undefined ? (['dumpcap', 'tcpdump'] as const) : [wanted]) {
    const program = findProgram(backend);
    if (program !== null) return { backend, program };
  }
  const packages = wanted === 'tcpdump' ? 'tcpdump' : 'wireshark-common';
  throw new CaptureError(
    wanted === undefined
      ? NOTHING_INSTALLED
      : `${wanted} is not installed; install it (Debian: apt install ${packages})`,
    '',
  );
}

function commandOf(backend: Backend, program: string, request: InterfaceRequest): CaptureCommand {
  switch (backend) {
    case 'dumpcap':
      return dumpcapCommand(program, request);
    case 'tcpdump':
      return tcpdumpCommand(program, request);
    case 'cap':
      return capCommand(capChild(), request);
  }
}

/** How Node is told to run the child: compiled beside this file, or its source where this runs from source. */
function capChild(): string[] {
  const fromSource = import.meta.url.endsWith('.ts');
  const file = new URL(fromSource ? './cap-child.ts' : './cap-child.cjs', import.meta.url).pathname;
  return [...process.execArgv, file];
}

/** The filter is compiled for the link type of the first interface, by the program that will use it. */
async function checkFilter(backend: Backend, request: InterfaceRequest): Promise<void> {
  const checker =
    backend === 'cap' ? (['tcpdump', 'dumpcap'] as const).find((name) => findProgram(name)) : backend;
  const program = checker === undefined ? null : findProgram(checker);
  if (checker === undefined || program === null) {
    throw new CaptureError(
      'the backend cap ends its process on a wrong filter, and neither tcpdump nor dumpcap is there to check it; install tcpdump, or leave the filter out',
      '',
    );
  }
  const { stdout, stderr } = await runToEnd(filterCheckCommand(checker, program, request));
  // dumpcap ends with 0 in any case; only a compiled filter is printed.
  if (/^\(000\)/m.test(stdout)) return;
  const isFilter = /filter/i.test(stderr);
  throw new CaptureError(
    isFilter ? filterFailure(request.filter, stderr) : startFailure(checker, request.interfaces, stderr),
    request.interfaces[0] ?? '',
  );
}
