import { canonicalAddress } from '../../../src/side-files/networks.js';
import type { Origin } from '../../../src/side-files/origin.js';
import { defineSideFileReader } from '../../../src/side-files/side-file-reader.js';
import type { TextFile } from '../../../src/side-files/text-file.js';

/** A question that somebody asked by hand. */
export interface Lookup {
  readonly origin: Origin;
  readonly name: string;
  /** Null where the output does not name it. */
  readonly server: string | null;
  /** Of the answer, in the words of dig (`NOERROR`, `NXDOMAIN`); `TIMEOUT` and `UNREACHABLE` where none came. */
  readonly status: string;
  /** Records of the answer; null where the output does not count them. */
  readonly answers: number | null;
  readonly milliseconds: number | null;
}

const LOOKUPS_MAX = 10_000;
/** `; <<>> DiG 9.11.3-1ubuntu1.3-Ubuntu <<>> @10.0.0.2 backend.apps.internal A`. */
const DIG = /^; <<>> DiG .{1,100}? <<>> (.{1,300})$/;
const HEADER = /^;; ->>HEADER<<- opcode: \w{1,20}, status: (\w{1,20}), id:/;
const COUNTS = /^;; flags:.{0,80}; QUERY: \d{1,5}, ANSWER: (\d{1,5}),/;
const TIME = /^;; Query time: (\d{1,9}) (msec|usec)$/;
const SERVER = /^;; SERVER: ([0-9a-fA-F.:]{2,45})(?:%\w{1,16})?#\d{1,5}/;
const NO_SERVER = /^;; (?:connection timed out; no servers could be reached|no servers could be reached)/;
const SERVER_FAILED =
  /^;; communications error to ([0-9a-fA-F.:]{2,45})#\d{1,5}: (timed out|connection refused|host unreachable|network unreachable)/;
/** nslookup: the server that it asks, and what it says of a name. */
const NSLOOKUP_SERVER = /^Server:\s+([0-9a-fA-F.:]{2,45})$/;
const NSLOOKUP_MISS = /^\*\* server can't find (\S{1,255}): (NXDOMAIN|SERVFAIL|REFUSED|No answer)/;
const NSLOOKUP_NONE = /^\*\*\* Can't find (\S{1,255}): No answer/;
const NSLOOKUP_NAME = /^Name:\s+(\S{1,255})$/;

/** Output of dig and nslookup: what a name server answered, and how fast. */
export default defineSideFileReader<Lookup>({
  kind: 'DNS lookup',
  text: { words: { outputOf: ['dig', 'nslookup'] }, read: readLookups },
  usedBy: ['dns.lookup-failed'],
});

interface Draft {
  origin: Origin;
  name: string;
  server: string | null;
  status: string | null;
  answers: number | null;
  milliseconds: number | null;
}

/** Empty where no line is one of dig or nslookup. */
function readLookups({ file, lines }: TextFile): Lookup[] {
  const lookups: Lookup[] = [];
  let dig: Draft | null = null;
  let asked: string | null = null;
  const close = (): void => {
    if (dig !== null && dig.status !== null) lookups.push({ ...dig, status: dig.status });
    dig = null;
  };
  for (const { text: raw, number } of lines) {
    if (lookups.length >= LOOKUPS_MAX) break;
    const text = raw.trim();
    const origin = { file, place: `line ${number}` };
    const started = DIG.exec(text)?.[1];
    if (started !== undefined) {
      close();
      dig = { origin, ...questionOf(started), status: null, answers: null, milliseconds: null };
    } else if (dig !== null && text.startsWith(';;')) {
      noteDig(dig, text);
      if (TIME.test(text) || NO_SERVER.test(text)) {
        // The server stands in the next line.
        if (NO_SERVER.test(text)) close();
      } else if (SERVER.test(text)) close();
    } else if (NSLOOKUP_SERVER.test(text)) {
      close();
      asked = NSLOOKUP_SERVER.exec(text)?.[1] ?? null;
    } else if (asked !== null) {
      const found = nslookup(text);
      if (found !== null) {
        lookups.push({ origin, server: canonicalAddress(asked), milliseconds: null, ...found });
        asked = null;
      }
    } else if (NO_SERVER.test(text)) {
      lookups.push({ origin, name: '', server: null, status: 'TIMEOUT', answers: 0, milliseconds: null });
    }
  }
  close();
  return lookups;
}

/** The name and the server among the arguments of dig. */
function questionOf(text: string): { name: string; server: string | null } {
  const words = text.split(/\s+/).filter((word) => !/^[+-]/.test(word));
  const server = words.find((word) => word.startsWith('@'))?.slice(1) ?? '';
  const name = words.find((word) => !word.startsWith('@') && !/^[A-Z]{1,10}$/.test(word)) ?? '';
  return { name, server: canonicalAddress(server) };
}

function noteDig(dig: Draft, text: string): void {
  const status = HEADER.exec(text)?.[1];
  const answers = COUNTS.exec(text)?.[1];
  const [, time, unit] = TIME.exec(text) ?? [];
  const server = SERVER.exec(text)?.[1];
  const [, failed, how] = SERVER_FAILED.exec(text) ?? [];
  if (status !== undefined) dig.status = status;
  if (answers !== undefined) dig.answers = Number(answers);
  if (time !== undefined) dig.milliseconds = unit === 'usec' ? Number(time) / 1000 : Number(time);
  if (server !== undefined) dig.server = canonicalAddress(server);
  if (failed !== undefined) {
    dig.server = canonicalAddress(failed);
    dig.status ??= how === 'timed out' ? 'TIMEOUT' : 'UNREACHABLE';
  }
  if (NO_SERVER.test(text)) dig.status ??= 'TIMEOUT';
}

function nslookup(text: string): Pick<Lookup, 'name' | 'status' | 'answers'> | null {
  const [, missing, why] = NSLOOKUP_MISS.exec(text) ?? [];
  if (missing !== undefined)
    return { name: missing, status: why === 'No answer' ? 'NOERROR' : why, answers: 0 };
  const none = NSLOOKUP_NONE.exec(text)?.[1];
  if (none !== undefined) return { name: none, status: 'NOERROR', answers: 0 };
  const found = NSLOOKUP_NAME.exec(text)?.[1];
  if (found !== undefined) return { name: found, status: 'NOERROR', answers: 1 };
  return NO_SERVER.test(text) ? { name: '', status: 'TIMEOUT', answers: 0 } : null;
}
