import { describe, expect, it } from 'vitest';
import { MAIN_BLOCK, mergeTargets, readBlock, replaceBlock, TARGETS_BLOCK } from './results-page.mjs';

const ROWS = ['first', 'second', 'third'].map((name) => ({ name, work: `work of ${name}`, target: '≤ 1.0' }));
const result = (measured) => ({
  measured,
  verdict: 'met',
  when: '2026-01-02, abc, 3 rounds',
  details: `mixed, 7 bytes\n\n| a |\n|---|\n| ${measured} |`,
});

describe('the results page', () => {
  it('keeps what stands around the markers, and only one block of results', () => {
    const first = replaceBlock('# Results\n', MAIN_BLOCK, 'first');
    const second = replaceBlock(`${first}\nKept.\n`, MAIN_BLOCK, 'second');
    expect(second).toContain('# Results\n');
    expect(second).toContain('\nKept.\n');
    expect(readBlock(second, MAIN_BLOCK)).toBe('second');
    expect(second.match(/<!-- results/g)).toHaveLength(1);
  });

  it('holds both blocks, each replaced by itself', () => {
    const page = replaceBlock(replaceBlock('# Results\n', MAIN_BLOCK, 'main'), TARGETS_BLOCK, 'targets');
    const again = replaceBlock(page, MAIN_BLOCK, 'newer');
    expect(readBlock(again, MAIN_BLOCK)).toBe('newer');
    expect(readBlock(again, TARGETS_BLOCK)).toBe('targets');
    expect(readBlock('# Results\n', TARGETS_BLOCK)).toBeUndefined();
  });
});

describe('the table of targets', () => {
  it('lists every row, also one that was never measured', () => {
    const block = mergeTargets(undefined, ROWS, new Map([['second', result('0.80 / 0.90 / 0.95')]]));
    const lines = block.split('\n').filter((line) => line.startsWith('| '));
    expect(lines[1]).toMatch(/^\| first +\| work of first +\| ≤ 1\.0 +\| – +\| – +\| – +\|$/);
    expect(lines[2]).toMatch(
      /^\| second .* 0\.80 \/ 0\.90 \/ 0\.95 \| met +\| 2026-01-02, abc, 3 rounds \|$/,
    );
    expect(block).toContain('**second**: mixed, 7 bytes');
  });

  it('keeps rows and details that were not measured again', () => {
    const all = mergeTargets(
      undefined,
      ROWS,
      new Map(ROWS.map(({ name }, index) => [name, result(`${index}`)])),
    );
    const second = mergeTargets(all, ROWS, new Map([['second', result('new')]]));
    expect(mergeTargets(second, ROWS, new Map([['second', result('1')]]))).toBe(all);
    expect(second).toContain('| new |');
    expect(second.match(/\*\*third\*\*/g)).toHaveLength(1);
  });

  it('keeps an older result of a row that was left out now', () => {
    const block = mergeTargets(undefined, ROWS, new Map([['second', result('0.90')]]));
    const leftOut = { measured: '–', verdict: 'not measured', when: 'today', details: '', skipped: true };
    const again = mergeTargets(block, ROWS, new Map(ROWS.map(({ name }) => [name, leftOut])));
    expect(again).toContain('| 0.90');
    expect(again.match(/not measured/g)).toHaveLength(2);
  });
});
