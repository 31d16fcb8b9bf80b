import { describe, expect, it } from 'vitest';
import { automaticColor, isAsciiLocale, paints } from './color-choice.js';

describe('colour', () => {
  it.each([
    [{}, true, true],
    [{}, false, false],
    [{ TERM: 'dumb' }, true, false],
    [{ CLICOLOR: '0' }, true, false],
    [{ CLICOLOR: '1' }, false, false],
    [{ CLICOLOR_FORCE: '1' }, false, true],
    [{ CLICOLOR_FORCE: '0' }, false, false],
    [{ CLICOLOR_FORCE: '1', CLICOLOR: '0', TERM: 'dumb' }, false, true],
    [{ CLICOLOR_FORCE: '1', NO_COLOR: '1' }, true, false],
    [{ NO_COLOR: '' }, true, true],
  ])('in the environment %j on a terminal %s: %s', (environment, isTerminal, expected) =>
    expect(automaticColor(environment, isTerminal)).toBe(expected),
  );

  it('obeys the command line before the environment', () => {
    expect([paints('always', false), paints('never', true), paints('auto', true)]).toEqual([
      true,
      false,
      true,
    ]);
  });
});

describe('the locale', () => {
  it.each([
    [{ LC_ALL: 'C' }, true],
    [{ LC_ALL: 'POSIX', LANG: 'en_GB.UTF-8' }, true],
    [{ LC_ALL: '', LC_CTYPE: 'C.UTF-8', LANG: 'C' }, false],
    [{ LANG: 'de_DE.utf8' }, false],
    [{ LANG: 'de_DE.ISO-8859-1' }, true],
    [{}, false],
  ])('%j: ASCII %s', (environment, expected) => expect(isAsciiLocale(environment)).toBe(expected));
});
