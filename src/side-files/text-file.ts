import { LineSplitter, PASTED_LINE_LENGTH_MAX, pastedLine } from '../pasted-line.js';
import { SideFileError } from './side-file-error.js';

/** Side files are excerpts of logs and outputs of commands; what is larger is a mistake, or hostile. */
export const SIDE_FILE_BYTES_MAX = 64 * 1024 * 1024;
/** Lines that are not blank; what is behind them is left out, which is said. */
export const LINES_MAX = 500_000;

export interface TextLine {
  readonly text: string;
  /** Counts from 1. */
  readonly number: number;
}

/** A side file as lines: marks of quoting, colours, carriage returns and blanks at the end are gone. */
export interface TextFile {
  readonly file: string;
  readonly lines: readonly TextLine[];
  /** Lines behind the last that is kept; not stated where there are none. */
  readonly linesLeftOut?: number;
}

/** `$ `, `# `, `root@host:~# `, `[user@host dir]$ `, `midonet> ` in front of a command. Linear: no nested repetition. */
const PROMPT = /^(?:\[[^\]]{1,120}\]|[\w.@:~/-]{0,120})[$#>] (?=\S)/;
/** Blanks of one line only: what begins at every line must not look at all those that follow. */
const JSON_BEGIN = /^[^\S\r\n\u2028\u2029]*[{[]/m;
const JSON_MEANT = /^[^\S\r\n\u2028\u2029]*[{[]\s*(?:["}\]{[]|$)/m;
const CODE_FENCE = /^\s*```/;

export function textFile(file: string, content: string): TextFile {
  const lines: TextLine[] = [];
  let number = 0;
  let linesLeftOut = 0;
  const splitter = new LineSplitter((raw) => {
    number++;
    if (raw === '') return;
    if (lines.length === LINES_MAX) {
      linesLeftOut++;
      return;
    }
    const text = pastedLine(raw.slice(0, PASTED_LINE_LENGTH_MAX)).trimEnd();
    if (text !== '' && !CODE_FENCE.test(text)) lines.push({ text, number });
  }, PASTED_LINE_LENGTH_MAX);
  splitter.take(content);
  splitter.end();
  return { file, lines, ...(linesLeftOut > 0 && { linesLeftOut }) };
}

/** The command behind a prompt, or the line itself. */
export function withoutPrompt(text: string): string {
  return text.replace(PROMPT, '');
}

/**
 * The JSON value of a file, with prompts and remarks before and after it left out.
 * @returns null where no line begins with `{` or `[`.
 * @throws SideFileError for JSON that does not parse.
 */
export function jsonValue(file: string, content: string): unknown {
  const start = content.search(JSON_BEGIN);
  if (start < 0) return null;
  const end = Math.max(content.lastIndexOf('}'), content.lastIndexOf(']')) + 1;
  const text = content.slice(start, Math.max(end, start + 1));
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new SideFileError(
      file,
      `no valid JSON${placeOf(error, content, start)}; compare with the original file`,
    );
  }
}

/** Whether a file is meant to be JSON: its first character that is no prompt's is a brace. */
export function looksLikeJson(content: string): boolean {
  return JSON_MEANT.test(content.slice(0, 65_536));
}

/** Characters before the wrong one in the excerpt that V8 gives. */
const EXCERPT_LEAD = 10;

/** V8 names the position, or cites the place, or says that the text ends. */
function placeOf(error: unknown, content: string, start: number): string {
  const message = error instanceof Error ? error.message : '';
  if (/end of JSON/.test(message)) return ' (it ends too soon)';
  const position = /position (\d+)/.exec(message)?.[1];
  const excerpt = /\.\.\."?([\s\S]{1,40}?)"(?:\.\.\.)? is not valid JSON/.exec(message)?.[1] ?? '';
  const cited = excerpt === '' ? -1 : content.indexOf(excerpt.replace(/^"/, ''), start);
  if (position === undefined && cited < 0) return '';
  const at = position === undefined ? cited + EXCERPT_LEAD : start + Number(position);
  const before = content.slice(0, at);
  return ` at line ${before.split('\n').length}, column ${before.length - before.lastIndexOf('\n')}`;
}
