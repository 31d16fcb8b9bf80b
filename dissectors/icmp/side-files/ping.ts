import { canonicalAddress } from '../../../src/side-files/networks.js';
import type { Origin } from '../../../src/side-files/origin.js';
import { defineSideFileReader } from '../../../src/side-files/side-file-reader.js';
import type { TextFile, TextLine } from '../../../src/side-files/text-file.js';

/** What a line of ping says instead of an answer, and who says it. */
export interface PingError {
  readonly kind: 'too-large' | 'unreachable' | 'prohibited' | 'ttl' | 'no-route' | 'filtered-here';
  /** Null where the host that pings says it itself. */
  readonly from: string | null;
  /** Of the next hop, in bytes; null where the line has none. */
  readonly mtu: number | null;
  readonly text: string;
}

/** One run of ping, from its first line to its statistics. */
export interface PingRun {
  readonly origin: Origin;
  readonly target: string;
  /** Payload of a request in bytes; null where the run does not say. */
  readonly payloadBytes: number | null;
  /** Null where the statistics are missing. */
  readonly sent: number | null;
  readonly answered: number;
  readonly errors: readonly PingError[];
}

const RUNS_MAX = 10_000;
const ERRORS_MAX = 64;
const ADDRESS = '[0-9a-fA-F.:]{2,45}';
/** `PING 10.0.8.1 (10.0.8.1) 56(84) bytes of data.`, `PING ::1(::1) 56 data bytes`, `PING host (10.0.0.1): 56 data bytes`. */
const START = new RegExp(
  `^PING6? ?(?:\\(\\d{1,5}=\\d{1,5}\\+\\d{1,5}\\+\\d{1,5} bytes\\) )?\\S{1,255} ?(?:\\((${ADDRESS})(?:%\\w{1,16})?\\))?.{0,300}?:? (\\d{1,5})(?:\\(\\d{1,5}\\))? (?:bytes of data|data bytes)`,
);
/** `64 bytes from 10.0.8.1: icmp_seq=1 ttl=64 time=0.706 ms`, also with a name in front of the address. */
const REPLY = /^(\d{1,5}) bytes from .{1,300}?: (?:icmp_)?seq=\d{1,6}\b.{0,100}\btime[=<]/;
const STATISTICS = /^--- (\S{1,255}) (?:ping6? )?statistics ---$/;
const TALLY = /^(\d{1,9}) packets transmitted, (\d{1,9}) (?:packets )?received\b/;
const FROM = new RegExp(`^(?:From|\\d{1,5} bytes from) (?:\\S{1,255} \\()?(${ADDRESS})(?:%\\w{1,16})?\\)?:?`);

/** What lines of ping say, by iputils, busybox and BSD; the first that fits counts. */
const SENTENCES: readonly (readonly [PingError['kind'], RegExp])[] = [
  [
    'too-large',
    /frag(?:mentation)? needed (?:and DF set )?\(mtu ?=? ?(\d{1,5})\)|packet too big: mtu=(\d{1,5})|message too long,? ?(?:\(?mtu[=: ](\d{1,5}))?/i,
  ],
  ['prohibited', /packet filtered|administratively prohibited|communication prohibited/i],
  ['ttl', /time to live exceeded|time exceeded: hop limit/i],
  [
    'unreachable',
    /destination (?:host|net|port|protocol) unreachable|destination unreachable: (?:no route|address unreachable|beyond scope|unreachable port)/i,
  ],
  ['no-route', /network is unreachable|no route to host/i],
  ['filtered-here', /sendmsg: operation not permitted|sendto: operation not permitted/i],
];

/** Output of ping and ping6: how many requests were answered, of which size, and what came instead. */
export default defineSideFileReader<PingRun>({
  kind: 'ping',
  text: { words: { outputOf: ['ping'] }, read: readRuns },
  usedBy: ['underlay.ping-failed'],
});

interface Draft {
  readonly origin: Origin;
  target: string | null;
  payloadBytes: number | null;
  sent: number | null;
  answered: number;
  readonly errors: PingError[];
}

/** Empty where no line is one of ping. A run without its first line has its target from the statistics. */
function readRuns({ file, lines }: TextFile): PingRun[] {
  const runs: PingRun[] = [];
  let open: Draft | null = null;
  let isTallied = false;
  const close = (): void => {
    // Without statistics the last request may still have been under way: replies and errors count, silence does not.
    if (open?.target) runs.push({ ...open, target: open.target });
    open = null;
    isTallied = false;
  };
  for (const line of lines) {
    if (runs.length >= RUNS_MAX) break;
    const text = line.text.trim();
    const start = START.exec(text);
    if (start !== null) {
      close();
      open = draft(file, line, targetOf(start[1], text), Number(start[2]));
      continue;
    }
    const target = STATISTICS.exec(text)?.[1];
    if (target !== undefined && canonicalAddress(target) !== null) {
      open ??= draft(file, line, canonicalAddress(target), null);
      isTallied = true;
    } else if (open !== null) {
      const [, sent, answered] = TALLY.exec(text) ?? [];
      if (sent !== undefined && (isTallied || open.sent === null)) {
        open.sent = Number(sent);
        open.answered = Number(answered);
        close();
      } else noteLine(open, text);
    }
  }
  close();
  return runs;
}

function draft(file: string, { number }: TextLine, target: string | null, payload: number | null): Draft {
  const origin = { file, place: `line ${number}` };
  return { origin, target, payloadBytes: payload, sent: null, answered: 0, errors: [] };
}

/** The address in brackets, else the word behind PING where that is one. */
function targetOf(inBrackets: string | undefined, text: string): string | null {
  const word = /^PING6? ?(\S{1,255})/.exec(text)?.[1] ?? '';
  const [first] = word.split('(');
  return (
    canonicalAddress(inBrackets ?? '') ?? canonicalAddress(first) ?? canonicalAddress(first.replace(/:$/, ''))
  );
}

function noteLine(run: Draft, text: string): void {
  if (REPLY.test(text)) {
    run.answered++;
    return;
  }
  if (run.errors.length >= ERRORS_MAX) return;
  for (const [kind, pattern] of SENTENCES) {
    const found = pattern.exec(text);
    if (found === null) continue;
    const mtu = found.slice(1).find((one) => one !== undefined);
    const from = canonicalAddress(FROM.exec(text)?.[1]?.replace(/[.:]$/, '') ?? '');
    run.errors.push({ kind, from, mtu: mtu === undefined ? null : Number(mtu), text });
    return;
  }
}
