import type { Side } from '../compare/side.js';
import { BACKENDS, type Backend } from '../live/capture-command.js';
import type { Ring } from '../live/capture-keeper.js';
import type { MetricsAddress } from '../live/metrics.js';
import type { Report, Severity } from '../report/report.js';
import {
  ANALYZE_OPTIONS,
  type AnalyzeCommandOptions,
  analyzeOptions,
  flag,
  listOf,
  oneOf,
  SEVERITIES,
  single,
  wholeNumber,
} from './analyze-options.js';
import type { AnalyzeOptions } from './run-analysis.js';
import type { LiveRound } from './run-live.js';
import { UsageError } from './usage-error.js';

const LOOPBACK = '127.0.0.1';
const RING_FILES_MAX = 99_999;
const RING_BYTES_MIN = 64_000;
const SECONDS_PER: Readonly<Record<string, number>> = { '': 1, s: 1, m: 60, h: 3600, d: 86_400 };
const BYTES_PER: Readonly<Record<string, number>> = { '': 1, k: 1e3, m: 1e6, g: 1e9 };

/** Where the packets come from. */
export type LiveOrigin =
  | { readonly kind: 'list' }
  | { readonly kind: 'stdin' }
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
  /** Command lines (or FIFOs) that write the captures of the two ends. */
  | { readonly kind: 'both-ends'; readonly a: string; readonly b: string };

/** The command line of `capan live`, checked. Absent where the option was not given. */
export interface LiveCommandOptions extends Omit<AnalyzeCommandOptions, 'captures'> {
  readonly origin: LiveOrigin;
  readonly durationSeconds?: number;
  readonly packets?: number;
  readonly write?: string;
  readonly ring?: Ring;
  readonly dumpOn?: { readonly severity: Severity; readonly folder: string };
  /** Where Prometheus may ask how the run stands. */
  readonly metrics?: MetricsAddress;
  /** Sees every round. */
  readonly watch?: (round: LiveRound) => void;
  /** Where packets are kept for `--evidence`, once the run has begun. */
  readonly spill?: { fileOf(end: Side | null): string; write(report: Report): Promise<string> };
}

export const LIVE_OPTIONS = {
  interface: {
    type: 'array',
    string: true,
    alias: 'i',
    requiresArg: true,
    description: 'capture on this interface (several with dumpcap)',
  },
  list: { type: 'boolean', description: 'show the interfaces and end' },
  backend: {
    type: 'string',
    choices: BACKENDS,
    requiresArg: true,
    description: 'the program that captures [dumpcap, else tcpdump]',
  },
  ssh: { type: 'string', requiresArg: true, description: 'capture on this host, with tcpdump through ssh' },
  'a-command': {
    type: 'string',
    requiresArg: true,
    description:
      'both ends at once: shell command (or FIFO) that writes the capture of end A, such as "ssh A tcpdump -i eth0 -U -w -"',
  },
  'b-command': {
    type: 'string',
    requiresArg: true,
    description: 'the same for end B; both are compared while they go on',
  },
  duration: { type: 'string', requiresArg: true, description: 'end after this time: 90, 90s, 15m, 2h' },
  packets: { type: 'string', requiresArg: true, description: 'end after this many packets' },
  write: {
    type: 'string',
    requiresArg: true,
    description: 'keep the packets in this file (pcapng); of both ends in NAME-a and NAME-b',
  },
  ring: {
    type: 'string',
    requiresArg: true,
    description: 'with --write: N,SIZE: the last N files of SIZE bytes each (100M, 1G)',
  },
  // Two values make an array of it.
  'dump-on': {
    type: 'string',
    nargs: 2,
    description: 'SEVERITY FOLDER: keep the packets around each finding of that severity or above',
  },
  metrics: {
    type: 'string',
    requiresArg: true,
    description: '[HOST:]PORT: serve /metrics for Prometheus there; HOST is 127.0.0.1 unless given',
  },
  ...ANALYZE_OPTIONS,
} as const;

/**
 * @param argv what yargs made of the options.
 * @param words the words after the command: `-`, or a capture filter.
 * @throws UsageError in one line.
 */
export function liveOptions(
  argv: Readonly<Record<string, unknown>>,
  words: readonly string[],
): LiveCommandOptions {
  const { captures: _captures, ...shared } = analyzeOptions(argv, ['-']);
  const duration = single(argv, 'duration');
  const packets = wholeNumber(argv, 'packets', 1, Number.MAX_SAFE_INTEGER);
  const write = single(argv, 'write');
  const ring = single(argv, 'ring');
  const dumpOn = dumpOnOf(listOf(argv['dump-on']));
  const metrics = single(argv, 'metrics');
  if (ring !== undefined && write === undefined) throw new UsageError('--ring needs --write FILE');
  if (write === '' || write === '-') throw new UsageError('--write needs a file name');
  return {
    ...shared,
    origin: originOf(argv, words),
    ...(duration === undefined ? {} : { durationSeconds: durationOf(duration) }),
    ...(packets === undefined ? {} : { packets }),
    ...(write === undefined ? {} : { write }),
    ...(ring === undefined ? {} : { ring: ringOf(ring) }),
    ...(dumpOn === undefined ? {} : { dumpOn }),
    ...(metrics === undefined ? {} : { metrics: metricsAddressOf(metrics) }),
  };
}

function originOf(argv: Readonly<Record<string, unknown>>, words: readonly string[]): LiveOrigin {
  const interfaces = listOf(argv.interface);
  const backend = oneOf(argv, 'backend', BACKENDS);
  const host = single(argv, 'ssh');
  const a = single(argv, 'a-command');
  const b = single(argv, 'b-command');
  if (flag(argv, 'list')) return { kind: 'list' };
  if (a !== undefined || b !== undefined) {
    if (!a || !b) throw new UsageError('--a-command and --b-command go together, one for each end');
    if (interfaces.length > 0 || host !== undefined || words.length > 0)
      throw new UsageError('--a-command and --b-command name the captures; leave out -i, --ssh and filters');
    return { kind: 'both-ends', a, b };
  }
  if (words[0] === '-') {
    if (interfaces.length > 0) throw new UsageError('either - (a capture piped in) or -i IFACE, not both');
    if (words.length > 1)
      throw new UsageError(
        'a capture piped in cannot be filtered here; give the filter to the program that captures',
      );
    if (host !== undefined || backend !== undefined)
      throw new UsageError('--ssh and --backend need -i IFACE, not -');
    return { kind: 'stdin' };
  }
  if (interfaces.length === 0)
    throw new UsageError(
      'name an interface: capan live -i IFACE (capan live --list shows them; - reads a pipe)',
    );
  for (const name of interfaces) {
    if (name === '' || name.startsWith('-')) throw new UsageError(`-i needs an interface, not '${name}'`);
  }
  const filter = words.join(' ').trim();
  if (host === undefined) {
    return { kind: 'interface', interfaces, filter, ...(backend === undefined ? {} : { backend }) };
  }
  if (backend !== undefined) throw new UsageError('--ssh captures with tcpdump there; leave --backend out');
  return { kind: 'ssh', host, interfaces, filter };
}

/** What of the options goes to the rules and the pipeline as it is. */
export function ruleOptions({
  only,
  skip,
  threads,
  minSeverity,
  chunkBytes,
  sideFiles,
  pictures,
}: LiveCommandOptions): AnalyzeOptions {
  return {
    ...(pictures ? { pictures } : {}),
    ...(only.length === 0 ? {} : { only }),
    ...(skip.length === 0 ? {} : { skip }),
    ...(threads === undefined ? {} : { threads }),
    ...(minSeverity === undefined ? {} : { minSeverity }),
    ...(chunkBytes === undefined ? {} : { chunkBytes }),
    ...(sideFiles === undefined ? {} : { sideFiles }),
  };
}

/** Seconds of "90", "90s", "15m", "2h", "1d". */
function durationOf(text: string): number {
  const [, digits = '', unit = ''] = /^(\d{1,9}(?:\.\d{1,3})?)([smhd]?)$/.exec(text) ?? [];
  const seconds = Number(digits) * (SECONDS_PER[unit] ?? 0);
  if (!(seconds > 0)) throw new UsageError(`--duration needs a time such as 90, 15m or 2h, not '${text}'`);
  return seconds;
}

function ringOf(text: string): Ring {
  const [, count = '', size = '', unit = ''] = /^(\d{1,5}),(\d{1,12})([kKmMgG]?)B?$/.exec(text) ?? [];
  const files = Number(count);
  const bytes = Number(size) * (BYTES_PER[unit.toLowerCase()] ?? 0);
  if (!(files >= 1 && files <= RING_FILES_MAX && bytes >= RING_BYTES_MIN)) {
    throw new UsageError(
      `--ring needs N,SIZE such as 10,100M (at least 1 file of at least 64k), not '${text}'`,
    );
  }
  return { files, bytes };
}

/** `9100`, `0.0.0.0:9100`, `[::1]:9100`. */
function metricsAddressOf(text: string): MetricsAddress {
  const [, host = '', digits = ''] = /^(?:(.+):)?(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  if (digits === '' || port > 65_535)
    throw new UsageError(`--metrics needs a port such as 9100, or HOST:PORT, not '${text}'`);
  return { host: host === '' ? LOOPBACK : host.replace(/^\[(.*)\]$/, '$1'), port };
}

function dumpOnOf(words: readonly string[]): LiveCommandOptions['dumpOn'] {
  if (words.length === 0) return undefined;
  const [word, folder, ...more] = words;
  const severity = SEVERITIES.find((candidate) => candidate === word);
  if (more.length > 0) throw new UsageError('--dump-on is given more than once');
  if (severity === undefined || folder === undefined || folder === '')
    throw new UsageError(`--dump-on needs a severity (${SEVERITIES.join(', ')}) and a folder`);
  return { severity, folder };
}
