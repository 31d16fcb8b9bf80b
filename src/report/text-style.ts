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
const WIDTH_MAX = 100;
const WIDTH_MIN = 80;
export const INDENT = '  ';

export function textStyle(options: { color?: boolean; width?: number; verbose?: boolean }): TextStyle {
  // The caller has decided already, so styleText must not look at its own idea of the stream.
  const paint = (format: Parameters<typeof styleText>[0], text: string) =>
    options.color === true ? styleText(format, text, { validateStream: false }) : text;
  return {
    width: Math.min(WIDTH_MAX, Math.max(WIDTH_MIN, options.width ?? WIDTH_MAX)),
    verbose: options.verbose === true,
    heading: (text) => paint('bold', text),
    severity: (severity, text) => paint([...SEVERITY_COLOR[severity]], text),
    dim: (text) => paint('dim', text),
  };
}

/** Wrapped text under a hanging first prefix: `prefix` before the first line, blanks of its width before the rest. */
export function hang(prefix: string, text: string, width: number): string[] {
  const indent = displayWidth(prefix);
  return wrapWords(text, width - indent).map(
    (line, index) => (index === 0 ? prefix : ' '.repeat(indent)) + line,
  );
}
