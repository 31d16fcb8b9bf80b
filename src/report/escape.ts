/*
 * Strings from packets and file names may hold anything. Everything a terminal or a viewer would
 * act upon without showing it is written out: control characters (C0, DEL, C1), format characters
 * (bidi controls, zero-width and tag characters), line and paragraph separators, lone surrogates.
 */
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/** What JSON.stringify leaves as it is. C0 is left out: outside strings it is the layout, inside it is escaped already. */
const INVISIBLE_IN_JSON = /[\u007f-\u009f\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/** From the combining marks on, programs differ on how wide a character is. */
const BEYOND_LATIN = /[^\u0020-\u02ff]/gu;

/** Backslash goes first, as the escapes below are made of it. */
const MARKDOWN_PUNCTUATION = /[\\`*_|[\]~#]/g;

function codePointEscape(character: string): string {
  const codePoint = character.codePointAt(0) ?? 0;
  return codePoint > 0xffff
    ? `\\u{${codePoint.toString(16)}}`
    : `\\u${codePoint.toString(16).padStart(4, '0')}`;
}

function codeUnitEscapes(character: string): string {
  let escaped = '';
  for (let index = 0; index < character.length; index++) {
    escaped += `\\u${character.charCodeAt(index).toString(16).padStart(4, '0')}`;
  }
  return escaped;
}

/** One line of harmless text: nothing in it moves a cursor, changes a colour or reorders what is read. */
export function escapeText(text: string): string {
  return text.replace(INVISIBLE, codePointEscape);
}

/** As `escapeText`, and everything beyond Latin letters written out too: for tables, which need exact widths. */
export function escapeTableCell(text: string): string {
  return escapeText(text).replace(BEYOND_LATIN, codePointEscape);
}

/** Text that stays text inside a Markdown paragraph or table cell: no link, no image, no HTML, no cell border. */
export function escapeMarkdown(text: string): string {
  return escapeText(text)
    .replace(MARKDOWN_PUNCTUATION, '\\$&')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('://', ':&#47;/');
}

/** JSON in which nothing is invisible; it parses to the same value. */
export function stringifyJson(value: unknown, indent?: number): string {
  return JSON.stringify(value, null, indent).replace(INVISIBLE_IN_JSON, codeUnitEscapes);
}

/** A deep copy in which every string, names of properties included, went through `made`, by default `escapeText`. */
export function escapeStrings<Value>(value: Value, made: (text: string) => string = escapeText): Value {
  return escapeDeep(value, made) as Value;
}

function escapeDeep(value: unknown, made: (text: string) => string): unknown {
  if (typeof value === 'string') return made(value);
  if (Array.isArray(value)) return value.map((member) => escapeDeep(member, made));
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [made(name), escapeDeep(member, made)]),
  );
}
