import { describe, expect, it } from 'vitest';
import { readOptions, UsageError } from './options.mjs';

const KNOWN = { rows: ['tcpdump', 'tshark'], plots: ['plot-frames'] };
const read = (...words) => readOptions(words, KNOWN);

describe('the command line', () => {
  it('measures the main table unless rows are chosen', () => {
    expect(read()).toMatchObject({
      names: [],
      bytes: 1_000_000_000,
      seed: '1',
      roundsOfMainTable: 5,
      scale: 1,
    });
    expect(read('--all').names).toEqual(['tcpdump', 'tshark']);
    expect(read('--plots').names).toEqual(['plot-frames']);
    expect(read('--only', 'plot-frames,tcpdump', '--only', 'tcpdump').names).toEqual([
      'tcpdump',
      'plot-frames',
    ]);
  });

  it('leaves the rounds to the rows unless they are given', () => {
    expect(read('--all').rounds).toBeUndefined();
    expect(read('--all', '--rounds', '2').rounds).toBe(2);
  });

  it.each([
    [['--only', 'tcpdunp'], '--only tcpdunp: one of tcpdump, tshark, plot-frames'],
    [['--all', '--scale', '2'], '--scale 2: not a number from 0.0001 to 1'],
    [['--all', '--scale', '0'], '--scale 0: not a number'],
    [['--scale', '0.1'], '--scale needs --all, --plots or --only'],
    [['--all', '--bytes', '5'], '--bytes belongs to the main table'],
    [['--rounds', '0'], '--rounds 0: not a positive number'],
    [['--al'], "Unknown option '--al'"],
  ])('refuses %j', (words, message) => {
    expect(() => read(...words)).toThrow(UsageError);
    expect(() => read(...words)).toThrow(message);
  });
});
