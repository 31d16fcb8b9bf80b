import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { displayWidth, shorten, wrapFilter, wrapWords } from './line-wrap.js';

describe('wrapWords', () => {
  it('breaks at blanks and cuts only what is wider than a line', () => {
    expect(wrapWords('one two three', 8)).toEqual(['one two', 'three']);
    expect(wrapWords('ab abcdefghij', 4)).toEqual(['ab', 'abcd', 'efgh', 'ij']);
    expect(wrapWords('', 4)).toEqual(['']);
  });

  it('never exceeds the width and loses no character', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.integer({ min: 2, max: 30 }), (text, width) => {
        const lines = wrapWords(text, width);
        for (const line of lines) expect(displayWidth(line)).toBeLessThanOrEqual(width);
        expect(lines.join('').replaceAll(' ', '')).toBe(text.replaceAll(' ', ''));
      }),
    );
  });
});

describe('wrapFilter', () => {
  it('breaks at blanks and after commas, never inside quotes', () => {
    expect(wrapFilter('esp && frame.number in {10,11,12,13}', 20)).toEqual([
      'esp && frame.number',
      'in {10,11,12,13}',
    ]);
    expect(wrapFilter('frame.number in {1000,1001,1002}', 18)).toEqual([
      'frame.number in {',
      '1000,1001,1002}',
    ]);
    expect(wrapFilter('dns.qry.name == "a, b {c" || x', 16)).toEqual(['dns.qry.name ==', '"a, b {c" || x']);
  });

  it('says null where a piece does not fit', () => {
    expect(wrapFilter('http.host == "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"', 20)).toBeNull();
  });

  it('keeps the filter, but for blanks where the lines break', () => {
    const word = fc.constantFrom('esp', '&&', 'ip.addr == 10.0.0.1', 'in {1, 2,3}', '== "x, \\" y"', '(udp)');
    fc.assert(
      fc.property(fc.array(word, { minLength: 1 }), fc.integer({ min: 20, max: 60 }), (words, width) => {
        const filter = words.join(' ');
        const lines = wrapFilter(filter, width);
        expect(lines?.join('').replaceAll(' ', '')).toBe(filter.replaceAll(' ', ''));
        for (const line of lines ?? []) expect(displayWidth(line)).toBeLessThanOrEqual(width);
      }),
    );
  });
});

describe('shorten', () => {
  it('keeps both ends', () => {
    expect(shorten('2001:db8:aaaa:bbbb::ffff', 15)).toBe('2001:d...::ffff');
    expect(shorten('short', 5)).toBe('short');
  });

  it('never exceeds the width', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.integer({ min: 4, max: 20 }), (text, width) => {
        expect(displayWidth(shorten(text, width))).toBeLessThanOrEqual(width);
      }),
    );
  });
});
