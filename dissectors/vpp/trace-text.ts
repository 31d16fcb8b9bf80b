// Reads what VPP prints on its command line: packets with the nodes they passed (`show trace`), and in the same
// text the tables of `show errors` and `show buffers`.

/** A packet at a node. */
export interface Visit {
  readonly node: string;
  /** Since the start of VPP, or since 1970 where VPP prints that. */
  readonly timeNs: bigint;
  /** 1-based. */
  readonly line: number;
  /** What the node printed, without the head line. */
  readonly body: string[];
}

export interface TracedPacket {
  readonly thread: number;
  /** As the text counts; 0 where lines before the first head are missing. */
  readonly number: number;
  readonly visits: Visit[];
  /** Lines of it are missing: the text is an excerpt. */
  isCut: boolean;
}

/** What VPP itself thinks of a counter. */
export const SEVERITY_NONE = 0;
export const SEVERITY_INFO = 1;
const SEVERITY_WARNING = 2;
export const SEVERITY_ERROR = 3;

/** One of the other lines. */
export type Note =
  | { readonly kind: 'empty-thread'; readonly thread: number; readonly line: number }
  | { readonly kind: 'limited'; readonly packets: number; readonly thread: number; readonly line: number }
  | {
      readonly kind: 'error-counter';
      readonly node: string;
      readonly reason: string;
      readonly count: number;
      /** SEVERITY_ of the column; SEVERITY_NONE in tables without one. */
      readonly severity: number;
      /** Which table of the text, from 1. */
      readonly table: number;
      readonly line: number;
    }
  | { readonly kind: 'buffer-pool'; readonly name: string; readonly free: number; readonly line: number };

export interface TraceText {
  readonly packets: readonly TracedPacket[];
  readonly notes: readonly Note[];
  /** Lines cut at LINE_LENGTH_MAX, and lines of packets beyond the bounds. */
  readonly longLines: number;
  readonly leftOut: number;
}

const LINE_LENGTH_MAX = 4096;
const VISITS_MAX = 256;
const BODY_LINES_MAX = 128;
const NOTES_MAX = 10_000;

const THREAD = /Start of thread (\d+) /;
const PACKET = /^\s*Packet (\d+)\s*$/;
const VISIT =
  /^\s*(?:(\d+):(\d\d):(\d\d):(\d{6})|(\d{1,12})\.(\d{6})|(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\.(\d{6})): (\S+)\s*$/;
const EMPTY = /^\s*No packets in trace buffer/;
const LIMITED = /^\s*Limiting display to (\d+) packets/;
const ERRORS_HEAD = /^\s*Count\s+Node\s+Reason(\s+Severity)?/;
const ERROR_LINE = /^\s*(\d+)\s+(\S+)\s+(\S.*?)\s*$/;
const SEVERITY = /\s+(error|warn|warning|info)(?:\s+\d+)?$/i;
const POOLS_HEAD = /^\s*Pool Name\s+Index\s+NUMA\s+Size\s+Data Size\s+Total\s+Avail\s+Cached\s+Used/;
const POOL_LINE = /^\s*(\S+)\s+\d+\s+\d+\s+\d+\s+\d+\s+(\d+)\s+(\d+)\s+(\d+)\s+(\d+)\s*$/;
/** A prompt of VPP or of a shell, a separator of grep, an ellipsis: what stands above has ended. */
const PROMPT = /^(?:vpp# |DBGvpp# |\S*[$#] \S)/;
const LEFT_OUT = /^\s*(?:--|\[\.\.\.\]|\.\.\.)\s*$/;

/** Whether a text holds what VPP prints: looks at whole lines. */
export function isVppText(text: string): boolean {
  if (text.includes('\0')) return false;
  return text.split('\n').some((line) => {
    const cut = line.slice(0, LINE_LENGTH_MAX);
    return [VISIT, EMPTY, ERRORS_HEAD, POOLS_HEAD].some((known) => known.test(cut)) || isThreadLine(cut);
  });
}

function isThreadLine(line: string): boolean {
  return line.includes('-----') && THREAD.test(line);
}

/** Reads the whole text; lines that are none of VPP's are passed over. */
export function readTraceText(text: string): TraceText {
  const reader = new TextReader();
  let number = 0;
  for (let from = 0; from <= text.length; number++) {
    const newline = text.indexOf('\n', from);
    const to = newline < 0 ? text.length : newline;
    const line = text.slice(from, to).replace(/\r$/, '');
    reader.take(line, number + 1);
    from = to + 1;
  }
  return reader;
}

class TextReader implements TraceText {
  readonly packets: TracedPacket[] = [];
  readonly notes: Note[] = [];
  longLines = 0;
  leftOut = 0;
  private thread = 0;
  private packet: TracedPacket | null = null;
  private visit: Visit | null = null;
  private table: 'errors' | 'pools' | null = null;
  private errorTables = 0;
  private hasSeverity = false;

  take(whole: string, number: number): void {
    // Notes of the person who wrote the text down.
    if (whole.startsWith('#')) return;
    if (whole.length > LINE_LENGTH_MAX) this.longLines++;
    const line = whole.slice(0, LINE_LENGTH_MAX);
    if (this.takeVisit(line, number) || this.takeFrame(line, number)) return;
    if (this.takeTableHead(line) || this.takeTableLine(line, number)) return;
    if (PROMPT.test(line)) this.close();
    else if (LEFT_OUT.test(line)) {
      if (this.packet) this.packet.isCut = true;
      this.close();
    } else if (this.visit && line.trim() !== '') {
      if (this.visit.body.length < BODY_LINES_MAX) this.visit.body.push(line);
      else this.leftOut++;
    }
  }

  private close(): void {
    this.packet = null;
    this.visit = null;
    this.table = null;
  }

  private takeVisit(line: string, number: number): boolean {
    const found = VISIT.exec(line);
    if (found === null) return false;
    const node = found[9] ?? '';
    this.table = null;
    this.packet ??= this.open(0, true);
    this.visit = { node, timeNs: timeOf(found), line: number, body: [] };
    if (this.packet.visits.length < VISITS_MAX) this.packet.visits.push(this.visit);
    else this.leftOut++;
    return true;
  }

  private open(number: number, isCut: boolean): TracedPacket {
    const packet = { thread: this.thread, number, visits: [], isCut };
    this.packets.push(packet);
    return packet;
  }

  /** The lines around packets. */
  private takeFrame(line: string, number: number): boolean {
    const packet = PACKET.exec(line);
    const limited = LIMITED.exec(line);
    if (packet === null && limited === null && !EMPTY.test(line) && !isThreadLine(line)) return false;
    this.close();
    const { thread } = this;
    if (packet !== null) this.packet = this.open(Number(packet[1]), false);
    else if (limited !== null)
      this.note({ kind: 'limited', packets: Number(limited[1]), thread, line: number });
    else if (EMPTY.test(line)) this.note({ kind: 'empty-thread', thread, line: number });
    else this.thread = Number(THREAD.exec(line)?.[1] ?? 0);
    return true;
  }

  private takeTableHead(line: string): boolean {
    const errors = ERRORS_HEAD.exec(line);
    if (errors === null && !POOLS_HEAD.test(line)) return false;
    this.close();
    this.table = errors === null ? 'pools' : 'errors';
    if (errors === null) return true;
    this.errorTables++;
    this.hasSeverity = errors[1] !== undefined;
    return true;
  }

  private takeTableLine(line: string, number: number): boolean {
    if (this.table === 'errors') {
      const [, count, node, rest] = ERROR_LINE.exec(line) ?? [];
      if (count === undefined || node === undefined || rest === undefined) return this.endTable(line);
      const reason = this.hasSeverity ? rest.replace(SEVERITY, '') : rest;
      const severity = this.hasSeverity ? severityOf(SEVERITY.exec(rest)?.[1]) : SEVERITY_NONE;
      this.note({
        kind: 'error-counter',
        node,
        reason,
        count: Number(count),
        severity,
        table: this.errorTables,
        line: number,
      });
      return true;
    }
    if (this.table !== 'pools') return false;
    const [, name, total, available, cached] = POOL_LINE.exec(line) ?? [];
    if (name === undefined || total === undefined) return this.endTable(line);
    this.note({
      kind: 'buffer-pool',
      name,
      free: Number(available) + Number(cached),
      line: number,
    });
    return true;
  }

  /** Per-thread lines stand inside the tables of verbose output; an empty line ends them. */
  private endTable(line: string): false {
    if (line.trim() === '' || PROMPT.test(line)) this.table = null;
    return false;
  }

  private note(note: Note): void {
    if (this.notes.length < NOTES_MAX) this.notes.push(note);
    else this.leftOut++;
  }
}

function severityOf(word: string | undefined): number {
  if (word === undefined) return SEVERITY_NONE;
  if (/info/i.test(word)) return SEVERITY_INFO;
  return /warn/i.test(word) ? SEVERITY_WARNING : SEVERITY_ERROR;
}

function timeOf(found: RegExpExecArray): bigint {
  const [, hours, minutes, seconds, micros, unix, unixMicros, date, dateMicros] = found;
  const whole = (secondsText: bigint, microsText: string | undefined): bigint =>
    secondsText * 1_000_000_000n + BigInt(microsText ?? '0') * 1000n;
  if (unix !== undefined) return whole(BigInt(unix), unixMicros);
  if (date !== undefined) {
    const ms = Date.parse(`${date}Z`);
    return Number.isNaN(ms) ? 0n : whole(BigInt(ms / 1000), dateMicros);
  }
  const elapsed = (BigInt(hours ?? '0') * 60n + BigInt(minutes ?? '0')) * 60n + BigInt(seconds ?? '0');
  return whole(elapsed, micros);
}
