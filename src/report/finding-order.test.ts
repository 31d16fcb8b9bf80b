import { describe, expect, it } from 'vitest';
import { finding } from '../../test/hand-made-reports.js';
import { groupByBlame } from './finding-order.js';
import type { Finding } from './report.js';

function shape(findings: readonly Finding[]): [string, string[]][] {
  return groupByBlame(findings).map(({ root, consequences }) => [
    root.key,
    consequences.map(({ key }) => key),
  ]);
}

describe('groupByBlame', () => {
  it('puts the worst root first and keeps the order of equals', () => {
    const findings = [
      finding({ key: 'i', severity: 'info' }),
      finding({ key: 'w' }),
      finding({ key: 'v', severity: 'warning' }),
      finding({ key: 'x' }),
    ];
    expect(shape(findings)).toEqual([
      ['w', []],
      ['x', []],
      ['v', []],
      ['i', []],
    ]);
  });

  it('puts consequences of consequences under the root', () => {
    const findings = [
      finding({ key: 'c', causedBy: ['b'] }),
      finding({ key: 'b', causedBy: ['a'] }),
      finding({ key: 'a', severity: 'warning' }),
    ];
    expect(shape(findings)).toEqual([['a', ['b', 'c']]]);
  });

  it('shows a finding whose cause was filtered out on its own', () => {
    expect(shape([finding({ key: 'b', causedBy: ['gone'] })])).toEqual([['b', []]]);
  });

  it('loses nothing to a circle', () => {
    const findings = [finding({ key: 'a', causedBy: ['b'] }), finding({ key: 'b', causedBy: ['a'] })];
    expect(shape(findings)).toEqual([['a', ['b']]]);
  });
});
