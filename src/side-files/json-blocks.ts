// JSON in the midst of other text: a terminal in which somebody printed a file.

/** A longer value is no paste, and is what a file of its own is for. */
const BLOCK_LENGTH_MAX = 4 << 20;
/** Values taken from one text. */
const BLOCKS_MAX = 256;
/** Braces that open no JSON; each costs at most a block's length. */
const FAILURES_MAX = 64;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/**
 * The JSON objects and lists of a text whose first brace begins a line, in order. Linear: what fails is bounded in number and length,
 * and a value ends where its braces do.
 */
export function jsonBlocks(content: string): unknown[] {
  const values: unknown[] = [];
  const start = /^[ \t]*[{[](?=\s*["{[\]}]|\s*$)/gm;
  for (let failures = 0; failures < FAILURES_MAX && values.length < BLOCKS_MAX; ) {
    const found = start.exec(content);
    if (found === null) break;
    const value = valueAt(content, start.lastIndex - 1);
    if (value === null) failures++;
    else {
      values.push(value.value);
      start.lastIndex = value.end;
    }
  }
  return values;
}

function valueAt(content: string, from: number): { value: unknown; end: number } | null {
  const end = endOfValue(content, from);
  if (end < 0) return null;
  try {
    return { value: JSON.parse(content.slice(from, end)) as unknown, end };
  } catch {
    return null;
  }
}

/** Offset behind the brace that closes the one at `from`, or -1. */
function endOfValue(content: string, from: number): number {
  const limit = Math.min(content.length, from + BLOCK_LENGTH_MAX);
  let depth = 0;
  let isQuoted = false;
  for (let at = from; at < limit; at++) {
    const code = content.charCodeAt(at);
    if (isQuoted) {
      if (code === BACKSLASH) at++;
      else if (code === QUOTE) isQuoted = false;
    } else if (code === QUOTE) isQuoted = true;
    else if (code === 0x7b || code === 0x5b) depth++;
    else if (code === 0x7d || code === 0x5d) {
      depth--;
      if (depth === 0) return at + 1;
    }
  }
  return -1;
}
