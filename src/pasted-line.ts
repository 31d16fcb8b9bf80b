// What copying, quoting and terminals add to a line, and taking it away again.

/** What is longer is cut: no line that is looked for is that long. */
export const PASTED_LINE_LENGTH_MAX = 4096;

const ESCAPE = '\u001b';
/** Colours and moves of the cursor (ECMA-48), and titles of windows. */
const TERMINAL_SEQUENCE = new RegExp(
  `${ESCAPE}(?:\\[[0-9;?]{0,16}[A-Za-z]|\\][^\\u0007${ESCAPE}]{0,200}\\u0007|[()][0-9A-B])`,
  'g',
);
/** Marks of mails in front of what they quote: `> `, `> > `, `>>`. */
const QUOTE = /^(?:> ?)+/;

/** A line without marks of quoting, terminal sequences and the entities of web pages. */
export function pastedLine(raw: string): string {
  const plain = raw.includes(ESCAPE) ? raw.replace(TERMINAL_SEQUENCE, '') : raw;
  const quoted = plain.charCodeAt(0) === 0x3e ? plain.replace(QUOTE, '') : plain;
  return quoted.includes('&gt;') || quoted.includes('&lt;')
    ? quoted.replaceAll('&gt;', '>').replaceAll('&lt;', '<')
    : quoted;
}

/** Takes a text apart into lines, piece by piece; `\n`, `\r\n` and `\r` end one. */
export class LineSplitter {
  private rest = '';
  private endedInReturn = false;

  /** @param onLine is given each line without its end */
  constructor(
    private readonly onLine: (line: string) => void,
    /** Of a line that does not end, so much is kept. */
    private readonly lineLengthMax: number,
  ) {}

  take(piece: string): void {
    let from = this.endedInReturn && piece.charCodeAt(0) === 0x0a ? 1 : 0;
    if (piece.length > 0) this.endedInReturn = false;
    let newline = piece.indexOf('\n', from);
    let feed = piece.indexOf('\r', from);
    while (newline >= 0 || feed >= 0) {
      const isReturn = feed >= 0 && (newline < 0 || feed < newline);
      const to = isReturn ? feed : newline;
      this.give(piece, from, to);
      from = to + 1;
      if (isReturn) {
        if (from === piece.length) this.endedInReturn = true;
        else if (newline === from) from++;
        feed = piece.indexOf('\r', from);
      }
      if (newline >= 0 && newline < from) newline = piece.indexOf('\n', from);
    }
    if (from < piece.length) this.rest = this.longer(piece, from, piece.length);
  }

  /** The last line, where nothing ends it. */
  end(): void {
    if (this.rest !== '') this.give('', 0, 0);
  }

  private give(piece: string, from: number, to: number): void {
    const line = this.rest === '' ? piece.slice(from, to) : this.longer(piece, from, to);
    this.rest = '';
    this.onLine(line);
  }

  private longer(piece: string, from: number, to: number): string {
    const room = this.lineLengthMax - this.rest.length;
    return room <= 0 ? this.rest : this.rest + piece.slice(from, Math.min(to, from + room));
  }
}
