import { styleText } from 'node:util';
import { displayWidth, wrapWords } from './line-wrap.js';
import type { Severity } from './report.js';

/** Colour is an addition: every fact is in the words as well. */
export interface TextStyle {
  readonly width: number;
  readonly verbose: boolean;
  heading(text: string): string;
  severity(severity: Severity, text: string): string;
  dim(text: string): string;
}

const SEVERITY_COLOR = { error: ['bold', 'red'], warning: ['bold', 'yellow'], info: ['cyan'] } as const;
const WIDTH_MAX = 160;
const WIDTH_MIN = 40;
/** Where there is no terminal to ask. */
const WIDTH_FALLBACK = 100;
/** From here on tables have room, and labels a column of their own. */
export const ROOMY_WIDTH = 76;
export const INDENT = '  ';
export const LABEL_WIDTH = 14;
/** A column that is narrower than this holds no sentence. */
const TEXT_WIDTH_MIN = 14;

export function textStyle(options: { color?: boolean; width?: number; verbose?: boolean }): TextStyle {
  // The caller has decided already, so styleText must not look at its own idea of the stream.
  const paint = (format: Parameters<typeof styleText>[0], text: string) =>
    options.color === true ? styleText(format, text, { validateStream: false }) : text;
  return {
    width: Math.min(WIDTH_MAX, Math.max(WIDTH_MIN, options.width ?? WIDTH_FALLBACK)),
    verbose: options.verbose === true,
    heading: (text) => paint('bold', text),
    severity: (severity, text) => paint([...SEVERITY_COLOR[severity]], text),
    dim: (text) => paint('dim', text),
  };
}

/** A heading and what it says in brackets, which moves below where a line has no room for both. */
export function titled(title: string, note: string, style: TextStyle): string[] {
  const text = `(${note})`;
  if (displayWidth(title) + 1 + displayWidth(text) <= style.width)
    return [`${style.heading(title)} ${style.dim(text)}`];
  return [style.heading(title), ...hang(INDENT, text, style.width).map((line) => style.dim(line))];
}

/** A label in its column and text beside it; on a narrow terminal the text stands below its label. Nothing at all for empty text. */
export function labelled(label: string, text: string, width: number, hanging = 0): string[] {
  if (text === '') return [];
  const isNarrow = width < ROOMY_WIDTH;
  const prefix = isNarrow ? INDENT + INDENT : `${INDENT}${label.padEnd(LABEL_WIDTH)}`;
  const head = isNarrow && label !== '' ? [INDENT + label] : [];
  if (hanging === 0) return [...head, ...hang(prefix, text, width)];
  return [...head, ...hang(prefix + text.slice(0, hanging), text.slice(hanging), width)];
}

/** Wrapped text under a hanging first prefix: `prefix` before the first line, blanks of its width before the rest. */
export function hang(prefix: string, text: string, width: number): string[] {
  const indent = displayWidth(prefix);
  if (indent + TEXT_WIDTH_MIN > width)
    return wrapWords(`${prefix.trim()} ${text}`, width - INDENT.length).map((line) => INDENT + line);
  return wrapWords(text, width - indent).map(
    (line, index) => (index === 0 ? prefix : ' '.repeat(indent)) + line,
  );
}
