import { canonicalAddress } from '../../../src/side-files/networks.js';
import type { Origin } from '../../../src/side-files/origin.js';
import { defineSideFileReader } from '../../../src/side-files/side-file-reader.js';
import type { TextFile } from '../../../src/side-files/text-file.js';

/** A question that somebody asked by hand. */
export interface Lookup {
  readonly origin: Origin;
  readonly name: string;
  /** Record type in capitals; null where the output does not say: then an address is asked for. */
  readonly type: string | null;
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
const RECORD_TYPE = /^(?:A|AAAA|ANY|CAA|CNAME|DS|DNSKEY|HTTPS|MX|NAPTR|NS|PTR|SOA|SRV|TXT)$/i;

/** Output of dig and nslookup: what a name server answered, and how fast. */
export default defineSideFileReader<Lookup>({
  kind: 'DNS lookup',
  text: { words: { outputOf: ['dig', 'nslookup'] }, read: readLookups },
  usedBy: ['dns.lookup-failed'],
});

interface Draft {
  origin: Origin;
  name: string;
  type: string | null;
  server: string | null;
  status: string | null;
  answers: number | null;
  milliseconds: number | null;
}

/** Empty where no line is one of dig or nslookup. */
function readLookups({ file, lines }: TextFile): Lookup[] {
  const lookups: Lookup[] = [];
  let dig: Draft | null = null;
  let nslookup: NslookupRun | null = null;
  const close = (): void => {
    if (dig !== null && dig.status !== null) lookups.push({ ...dig, status: dig.status });
    const outcome = nslookup?.outcome;
    if (outcome) lookups.push(outcome);
    dig = null;
    nslookup = null;
  };
  for (const { text: raw, number } of lines) {
    if (lookups.length >= LOOKUPS_MAX) break;
    const text = raw.trim();
    const origin = { file, place: `line ${number}` };
    const started = DIG.exec(text)?.[1];
    const server = NSLOOKUP_SERVER.exec(text)?.[1];
    if (started !== undefined) {
      close();
      dig = { origin, ...questionOf(started), status: null, answers: null, milliseconds: null };
    } else if (dig !== null && text.startsWith(';;')) {
      noteDig(dig, text);
      // The server stands behind the time.
      if (NO_SERVER.test(text) || SERVER.test(text)) close();
    } else if (server !== undefined) {
      close();
      nslookup = new NslookupRun(server);
    } else if (nslookup !== null) {
      nslookup.note(text, origin);
    } else if (NO_SERVER.test(text)) {
      lookups.push({ origin, server: null, milliseconds: null, ...UNANSWERED });
    }
  }
  close();
  return lookups;
}

const UNANSWERED = { name: '', type: null, status: 'TIMEOUT', answers: 0 } as const;

/**
 * What one run of nslookup prints. It asks for several types, and with the search list for several names, and tells each of
 * them: a name that it found counts, whatever else it did not find.
 */
class NslookupRun {
  outcome: Lookup | null = null;

  constructor(private readonly server: string) {}

  note(text: string, origin: Origin): void {
    if (this.outcome?.answers) return;
    const found = NSLOOKUP_NAME.exec(text)?.[1];
    if (found !== undefined) this.end(origin, { name: found, type: null, status: 'NOERROR', answers: 1 });
    if (this.outcome !== null) return;
    const [, missing, why] = NSLOOKUP_MISS.exec(text) ?? [];
    const none = NSLOOKUP_NONE.exec(text)?.[1] ?? (why === 'No answer' ? missing : undefined);
    if (none !== undefined) this.end(origin, { name: none, type: null, status: 'NOERROR', answers: 0 });
    else if (missing !== undefined) this.end(origin, { name: missing, type: null, status: why, answers: 0 });
    else if (NO_SERVER.test(text)) this.end(origin, UNANSWERED);
  }

  private end(origin: Origin, said: Pick<Lookup, 'name' | 'type' | 'status' | 'answers'>): void {
    this.outcome = { origin, server: canonicalAddress(this.server), milliseconds: null, ...said };
  }
}

/** Name, type and server among the arguments of dig; `-x` asks for the name of an address. */
function questionOf(text: string): Pick<Draft, 'name' | 'type' | 'server'> {
  const all = text.split(/\s+/);
  const words = all.filter((word) => !/^[+-]/.test(word));
  const server = words.find((word) => word.startsWith('@'))?.slice(1) ?? '';
  const type = all.includes('-x') ? 'PTR' : words.find((word) => RECORD_TYPE.test(word))?.toUpperCase();
  const name = words.find((word) => !word.startsWith('@') && !RECORD_TYPE.test(word)) ?? '';
  return { name, type: type ?? null, server: canonicalAddress(server) };
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
