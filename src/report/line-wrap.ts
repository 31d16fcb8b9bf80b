/** First code point from which a character may take two columns (Hangul Jamo; all wide scripts lie above). */
const WIDE_FROM = 0x1100;
const ELLIPSIS = '...';

/**
 * Columns that a string takes in a terminal, never fewer than it really takes: every character from
 * U+1100 on counts two, combining ones count as well.
 */
export function displayWidth(text: string): number {
  let width = 0;
  for (const character of text) width += (character.codePointAt(0) ?? 0) < WIDE_FROM ? 1 : 2;
  return width;
}

/** Breaks at blanks; a word wider than a line is cut, behind punctuation where it has any. At least one line, none wider than `width`. */
export function wrapWords(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    const pieces = displayWidth(word) <= width ? [word] : cutWord(word, width);
    for (const piece of pieces) {
      if (line !== '' && displayWidth(line) + 1 + displayWidth(piece) > width) {
        lines.push(line);
        line = piece;
      } else {
        line = line === '' ? piece : `${line} ${piece}`;
      }
    }
  }
  lines.push(line);
  return lines;
}

/**
 * Breaks a display filter only where a blank may stand (at blanks, after commas and braces outside of
 * quotes), so that all lines pasted together are still the filter.
 * @returns null where a piece is wider than a line.
 */
export function wrapFilter(filter: string, width: number): string[] | null {
  const pieces = filter.match(/(?:"(?:\\.|[^"\\])*"?|[^\s,{"])*(?:[,{]|\s+|$)/g) ?? [];
  const lines: string[] = [];
  let line = '';
  for (const piece of pieces) {
    if (displayWidth(piece.trimEnd()) > width) return null;
    if (displayWidth(line) + displayWidth(piece.trimEnd()) > width) {
      lines.push(line.trimEnd());
      line = piece;
    } else {
      line += piece;
    }
  }
  lines.push(line.trimEnd());
  return lines;
}

/** Cuts the end off what is too wide: for sentences, of which the beginning tells. */
export function shortenEnd(text: string, width: number): string {
  if (displayWidth(text) <= width) return text;
  return takeColumns([...text], Math.max(0, width - ELLIPSIS.length)).trimEnd() + ELLIPSIS.slice(0, width);
}

/** Cuts the middle out of what is too wide: both the start and the end of an address or a name tell things apart. */
export function shorten(text: string, width: number): string {
  if (displayWidth(text) <= width) return text;
  const characters = [...text];
  const kept = width - ELLIPSIS.length;
  const head = takeColumns(characters, Math.ceil(kept / 2));
  const tail = takeColumns(characters.reverse(), Math.floor(kept / 2));
  return head + ELLIPSIS + [...tail].reverse().join('');
}

function cutWord(word: string, width: number): string[] {
  const pieces: string[] = [];
  let rest = [...word];
  while (rest.length > 0) {
    const fitting = takeColumns(rest, width) || (rest[0] ?? '');
    const piece = [...fitting].length === rest.length ? fitting : upToPunctuation(fitting);
    pieces.push(piece);
    rest = rest.slice([...piece].length);
  }
  return pieces;
}

/** Addresses, ids and paths are read more easily where no part of them is cut. */
function upToPunctuation(text: string): string {
  const [whole] = /^.*[-/:.,;_=&|@](?=.)/su.exec(`${text} `) ?? [];
  return whole !== undefined && displayWidth(whole) * 2 >= displayWidth(text) ? whole : text;
}

function takeColumns(characters: readonly string[], width: number): string {
  let taken = '';
  let columns = 0;
  for (const character of characters) {
    columns += displayWidth(character);
    if (columns > width) break;
    taken += character;
  }
  return taken;
}
