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
  /** Visits that were handed out. */
  visits: number;
  /** Lines of it are missing: the text is an excerpt. */
  isCut: boolean;
}

/** Who takes what is read; an object of a packet is the same for all its visits. */
export interface TraceSink {
  visit(packet: TracedPacket, visit: Visit): void;
  /** All visits of the packet were handed out. */
  packet(packet: TracedPacket): void;
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
const ERROR_LINE = /^\s*(\d+)\s+(\S+)\s+(\S.*)$/;
const SEVERITY = /\s(error|warn|warning|info)(?:\s{1,40}\d{1,20})?$/i;
const POOLS_HEAD = /^\s*Pool Name\s+Index\s+NUMA\s+Size\s+Data Size\s+Total\s+Avail\s+Cached\s+Used/;
const POOL_LINE = /^\s*(\S+)\s+\d+\s+\d+\s+\d+\s+\d+\s+(\d+)\s+(\d+)\s+(\d+)\s+(\d+)\s*$/;
/** A prompt of VPP or of a shell, a separator of grep, an ellipsis: what stands above has ended. */
const PROMPT = /^(?:vpp# |DBGvpp# |\S*[$#] \S)/;
const LEFT_OUT = /^\s*(?:--|\[\.\.\.\]|\.\.\.)\s*$/;

function isThreadLine(line: string): boolean {
  return line.includes('-----') && THREAD.test(line);
}

/** Reads a text line by line; lines that are none of VPP's are passed over. Of packets it holds the last visit alone. */
export class TraceTextReader {
  readonly notes: Note[] = [];
  /** Whether anything was found that VPP prints. */
  isVpp = false;
  /** Lines that were cut, and lines of packets beyond the bounds. */
  longLines = 0;
  leftOut = 0;
  private thread = 0;
  private current: TracedPacket | null = null;
  private visit: Visit | null = null;
  private table: 'errors' | 'pools' | null = null;
  private errorTables = 0;
  private hasSeverity = false;

  constructor(private readonly sink: TraceSink) {}

  /** @returns true for the head of a visit or of a packet */
  take(line: string, number: number, isCut: boolean): boolean {
    // Notes of the person who wrote the text down.
    if (line.startsWith('#')) return false;
    if (isCut) this.longLines++;
    if (this.takeVisit(line, number) || this.takeFrame(line, number)) return true;
    if (this.takeTableHead(line) || this.takeTableLine(line, number)) return false;
    if (PROMPT.test(line)) this.close();
    else if (LEFT_OUT.test(line)) {
      if (this.current) this.current.isCut = true;
      this.close();
    } else if (this.visit && line.trim() !== '') {
      if (this.visit.body.length < BODY_LINES_MAX) this.visit.body.push(line);
      else this.leftOut++;
    }
    return false;
  }

  /** Behind the last line. */
  end(): void {
    this.close();
  }

  private close(): void {
    this.closeVisit();
    if (this.current !== null) this.sink.packet(this.current);
    this.current = null;
    this.table = null;
  }

  private closeVisit(): void {
    const { current, visit } = this;
    this.visit = null;
    if (current === null || visit === null) return;
    if (current.visits < VISITS_MAX) {
      current.visits++;
      this.sink.visit(current, visit);
    } else this.leftOut++;
  }

  private takeVisit(line: string, number: number): boolean {
    const found = VISIT.exec(line);
    if (found === null) return false;
    const node = found[9] ?? '';
    this.isVpp = true;
    this.table = null;
    this.closeVisit();
    this.current ??= this.open(0, true);
    this.visit = { node, timeNs: timeOf(found), line: number, body: [] };
    return true;
  }

  private open(number: number, isCut: boolean): TracedPacket {
    return { thread: this.thread, number, visits: 0, isCut };
  }

  /** The lines around packets. */
  private takeFrame(line: string, number: number): boolean {
    const packet = PACKET.exec(line);
    const limited = LIMITED.exec(line);
    if (packet === null && limited === null && !EMPTY.test(line) && !isThreadLine(line)) return false;
    this.close();
    const { thread } = this;
    if (packet === null && limited === null) this.isVpp = true;
    if (packet !== null) this.current = this.open(Number(packet[1]), false);
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
    this.isVpp = true;
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
      const words = rest.trimEnd();
      const reason = this.hasSeverity ? words.replace(SEVERITY, '').trimEnd() : words;
      const severity = this.hasSeverity ? severityOf(SEVERITY.exec(words)?.[1]) : SEVERITY_NONE;
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
