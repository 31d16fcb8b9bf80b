import { CaptureError } from '../capture/capture-error.js';
import { shellWords } from './shell-words.js';

export const BACKENDS = ['dumpcap', 'tcpdump', 'cap'] as const;
/** What takes the packets off the interface. */
export type Backend = (typeof BACKENDS)[number];

/** What captures: one of them, one of them on another host, or a command line of the user. */
export type CaptureBackend = Backend | 'ssh' | 'command';

/** What is to be captured on this host. */
export interface InterfaceRequest {
  readonly interfaces: readonly string[];
  /** A libpcap filter; empty for everything. */
  readonly filter: string;
}

/** A program and its arguments; no shell reads them. */
export interface CaptureCommand {
  readonly program: string;
  readonly args: readonly string[];
}

/** Kernel buffer in MiB: at 100,000 small packets a second it holds more than two seconds of them. */
const KERNEL_BUFFER_MIB = 64;

/** Writes pcapng on its standard output, with one Interface Statistics Block an interface at the end. */
export function dumpcapCommand(program: string, { interfaces, filter }: InterfaceRequest): CaptureCommand {
  return {
    program,
    args: [
      '-q',
      '-n',
      ...['-B', String(KERNEL_BUFFER_MIB)],
      // In front of the interfaces it holds for all of them.
      ...(filter === '' ? [] : ['-f', filter]),
      ...interfaces.flatMap((name) => ['-i', name]),
      ...['-w', '-'],
    ],
  };
}

/**
 * Writes pcap with nanoseconds on its standard output, and its counters on stderr.
 * @throws CaptureError for several interfaces.
 */
export function tcpdumpCommand(program: string, { interfaces, filter }: InterfaceRequest): CaptureCommand {
  const [name = '', ...more] = interfaces;
  if (more.length > 0) {
    throw new CaptureError(
      `tcpdump captures one interface at a time, not ${interfaces.join(' and ')}; use -i any, or install dumpcap (Debian: apt install wireshark-common)`,
      name,
    );
  }
  return {
    program,
    args: [
      ...['-n', '-U', '-s', '0', '-B', String(KERNEL_BUFFER_MIB * 1024)],
      '--time-stamp-precision=nano',
      ...['-i', name, '-w', '-'],
      ...(filter === '' ? [] : ['--', filter]),
    ],
  };
}

/** The capturing child for the packet library `cap`: this very Node, as the library aborts its process. */
export function capCommand(
  child: readonly string[],
  { interfaces, filter }: InterfaceRequest,
): CaptureCommand {
  const [name = '', ...more] = interfaces;
  if (more.length > 0) {
    throw new CaptureError(
      `the backend cap captures one interface at a time, not ${interfaces.join(' and ')}; use --backend dumpcap`,
      name,
    );
  }
  return { program: process.execPath, args: [...child, name, filter] };
}

/** Seconds between the probes of an ssh connection, and how many may go unanswered before ssh gives up. */
const SSH_ALIVE_SECONDS = 5;
const SSH_ALIVE_COUNT = 3;
/** For how long a dead ssh connection may look like silence on the remote interface. */
export const SSH_STALL_SECONDS = SSH_ALIVE_SECONDS * (SSH_ALIVE_COUNT + 1);

/**
 * Runs on the remote host, by /bin/sh: $1 is the interface, $2 the filter. sshd tells by SSH_CONNECTION (client
 * address and port, own address and port) which TCP connection carries this very session; it is left out, as each
 * of its packets would cause another one.
 */
const REMOTE_SCRIPT = [
  'i=$1; f=$2; set -- $SSH_CONNECTION',
  `if [ $# -eq 4 ]; then own="tcp and host \${1%%\\%*} and host \${3%%\\%*} and port $2 and port $4"; else own="tcp port 22"; fi`,
  'if [ -n "$f" ]; then f="not ($own) and ($f)"; else f="not ($own)"; fi',
  'exec tcpdump -n -U -s 0 -i "$i" -w - "$f"',
].join('\n');

/**
 * tcpdump on another host, through ssh.
 * @throws CaptureError for a host that ssh would take for an option, and for several interfaces.
 */
export function sshCommand(
  program: string,
  host: string,
  { interfaces, filter }: InterfaceRequest,
): CaptureCommand {
  if (host === '' || host.startsWith('-')) {
    throw new CaptureError(`--ssh needs a host, not '${host}'`, host);
  }
  const [name = '', ...more] = interfaces;
  if (more.length > 0) {
    throw new CaptureError('--ssh captures one interface at a time (tcpdump does the work there)', host);
  }
  const remote = shellWords(['sh', '-c', REMOTE_SCRIPT, 'capan', name, filter]);
  const options = [`ServerAliveInterval=${SSH_ALIVE_SECONDS}`, `ServerAliveCountMax=${SSH_ALIVE_COUNT}`];
  return { program, args: ['-T', ...options.flatMap((option) => ['-o', option]), '--', host, remote] };
}

/** Prints the compiled filter and ends: so a wrong one is found before anything is captured. */
export function filterCheckCommand(
  backend: 'dumpcap' | 'tcpdump',
  program: string,
  { interfaces, filter }: InterfaceRequest,
): CaptureCommand {
  const [name = ''] = interfaces;
  return backend === 'dumpcap'
    ? { program, args: ['-f', filter, '-i', name, '-d'] }
    : { program, args: ['-i', name, '-d', '--', filter] };
}
