/*
 * Text in the bytes of a frame, looked at without making strings of it.
 */

const SPACE = 0x20;
const NEWLINE = 0x0a;
const ZERO = 0x30;
const NINE = 0x39;
const MINUS = 0x2d;
const NUMBER_DIGITS_MAX = 9;

/** The bytes of a pattern; made once. */
export function pattern(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

export function isAt(view: DataView, offset: number, end: number, wanted: Uint8Array): boolean {
  if (end - offset < wanted.length) return false;
  for (let at = 0; at < wanted.length; at++) {
    if (view.getUint8(offset + at) !== wanted[at]) return false;
  }
  return true;
}

/** Offset behind the first place of the pattern in `[offset, end)`, or -1. */
export function findAfter(view: DataView, offset: number, end: number, wanted: Uint8Array): number {
  const first = wanted[0];
  for (let at = offset; at + wanted.length <= end; at++) {
    if (view.getUint8(at) === first && isAt(view, at, end, wanted)) return at + wanted.length;
  }
  return -1;
}

/** Offset of the byte that ends the string, or -1 where it does not end before `end`. */
export function endOfString(view: DataView, offset: number, end: number): number {
  for (let at = offset; at < end; at++) if (view.getUint8(at) === 0) return at;
  return -1;
}

export function endOfLine(view: DataView, offset: number, end: number): number {
  for (let at = offset; at < end; at++) if (view.getUint8(at) === NEWLINE) return at;
  return end;
}

export function skipSpaces(view: DataView, offset: number, end: number): number {
  let at = offset;
  while (at < end && view.getUint8(at) === SPACE) at++;
  return at;
}

/** The decimal number at `offset`, of at most nine digits and perhaps negative; 0 where there is none. */
function numberAt(view: DataView, offset: number, end: number): number {
  const isNegative = offset < end && view.getUint8(offset) === MINUS;
  let at = isNegative ? offset + 1 : offset;
  let value = 0;
  for (let digits = 0; at < end && digits < NUMBER_DIGITS_MAX; digits++, at++) {
    const byte = view.getUint8(at);
    if (byte < ZERO || byte > NINE) break;
    value = value * 10 + byte - ZERO;
  }
  return isNegative ? -value : value;
}

/** The number behind the pattern, or `absent`. */
export function numberAfter(
  view: DataView,
  offset: number,
  end: number,
  wanted: Uint8Array,
  absent: number,
): number {
  const at = findAfter(view, offset, end, wanted);
  return at < 0 ? absent : numberAt(view, at, end);
}

export function isDigit(byte: number): boolean {
  return byte >= ZERO && byte <= NINE;
}

/** Writes bytes into the columns of a row, as many as they take, and zeros behind; control bytes end the text. */
export function copyText(
  columns: readonly Int32Array[],
  row: number,
  view: DataView,
  offset: number,
  end: number,
): void {
  let at = offset;
  for (let word = 0; word < columns.length; word++) {
    let value = 0;
    for (let shift = 24; shift >= 0; shift -= 8) {
      if (at >= end || view.getUint8(at) < SPACE) {
        at = end;
        continue;
      }
      value |= view.getUint8(at++) << shift;
    }
    columns[word][row] = value;
  }
}
