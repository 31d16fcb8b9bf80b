/** What stands for the characters that capan's own sentences use. */
const SUBSTITUTES: Readonly<Record<string, string>> = {
  '\u2026': '...',
  '\u2019': "'",
  '\u2018': "'",
  '\u201c': '"',
  '\u201d': '"',
  '\u2013': '-',
  '\u2014': '-',
  '\u2192': '->',
  '\u2190': '<-',
  '\u2194': '<->',
  '\u00d7': 'x',
  '\u00b7': '*',
  '\u00b5': 'u',
  '\u03bc': 'u',
  '\u00b1': '+/-',
  '\u2030': 'per mille',
  '\u2264': '<=',
  '\u2265': '>=',
};
const BEYOND_ASCII = /[^\0-\u007f]/gu;

/** Text for a terminal that shows ASCII alone: symbols in their usual spelling, accents dropped, all else a question mark. */
export function asciiText(text: string): string {
  return text.replace(BEYOND_ASCII, (character) => {
    const substitute = SUBSTITUTES[character];
    if (substitute !== undefined) return substitute;
    const plain = character.normalize('NFKD').replace(BEYOND_ASCII, '');
    return plain === '' ? '?' : plain;
  });
}

/** As `asciiText`, and where the terminal shows more, the text as it is. */
export function shownText(text: string, isAscii: boolean | undefined): string {
  return isAscii === true ? asciiText(text) : text;
}
