import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { escapeMarkdown, escapeStrings, escapeText, stringifyJson } from './escape.js';

const ACTIVE = /[\p{Cc}\p{Bidi_Control}\u2028\u2029]/u;
const hostile = fc.string({ unit: 'binary', maxLength: 40 });

describe('escapeText', () => {
  it('writes out what a terminal would act upon', () => {
    expect(escapeText('a\u001b[31mb')).toBe('a\\u001b[31mb');
    expect(escapeText('\u009b2J\u007f\r\n')).toBe('\\u009b2J\\u007f\\u000d\\u000a');
    expect(escapeText('ab\u202ecd\u2066\u2028\u200b')).toBe('ab\\u202ecd\\u2066\\u2028\\u200b');
    expect(escapeText('\u{e0041}\ud800')).toBe('\\u{e0041}\\ud800');
  });

  it('leaves letters of any script alone', () => {
    expect(escapeText('Zürich 東京 ñ 10.0.0.1')).toBe('Zürich 東京 ñ 10.0.0.1');
  });

  it('leaves nothing active in any string', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        expect(escapeText(text)).not.toMatch(ACTIVE);
        expect(escapeText(escapeText(text))).toBe(escapeText(text));
      }),
    );
  });
});

describe('escapeMarkdown', () => {
  it('leaves no link, no HTML, no cell border and no code span', () => {
    const escaped = escapeMarkdown('a|b <img src=x> [x](http://y) `c` \\|');
    expect(escaped).toBe('a\\|b &lt;img src=x&gt; \\[x\\](http:&#47;/y) \\`c\\` \\\\\\|');
  });

  it('leaves no unescaped punctuation in any string', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        const escaped = escapeMarkdown(text);
        expect(escaped).not.toMatch(ACTIVE);
        expect(escaped).not.toMatch(/[<>]/);
        expect(escaped.replace(/\\[\\`*_|[\]~#]/g, '')).not.toMatch(/[`|[\]]/);
      }),
    );
  });
});

describe('stringifyJson', () => {
  it('parses to the same value and shows every character', () => {
    fc.assert(
      fc.property(fc.dictionary(hostile, hostile), (value) => {
        const json = stringifyJson(value, 2);
        expect(json.replaceAll('\n', '')).not.toMatch(ACTIVE);
        expect(JSON.parse(json)).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  it('escapes what JSON.stringify leaves', () => {
    expect(stringifyJson('\u0085\u202e\u2028\u007f')).toBe('"\\u0085\\u202e\\u2028\\u007f"');
  });
});

describe('escapeStrings', () => {
  it('reaches names and values at any depth and keeps the rest', () => {
    const value = { 'a\u0007': [{ b: '\u001b', c: 1, d: null }], e: true };
    expect(escapeStrings(value)).toEqual({ 'a\\u0007': [{ b: '\\u001b', c: 1, d: null }], e: true });
  });
});
