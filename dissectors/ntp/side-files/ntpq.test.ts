import { describe, expect, it } from 'vitest';
import { factsIn } from '../../../test/build/side-knowledge.js';
import ntpqTables, { systemPeer } from './ntpq.js';

const read = (...lines: string[]) => factsIn(ntpqTables, lines);

describe('ntpq -pn', () => {
  const HEAD = [
    '     remote           refid      st t when poll reach   delay   offset  jitter',
    '='.repeat(78),
  ];

  it('reads the table', () => {
    const [table] = read(
      ...HEAD,
      '*157.7.153.56    133.243.238.164  2 u  114  128  377    4.239    2.713   6.608',
      '+91.189.94.4     131.188.3.220    2 u   75  128  367  229.564   -4.604   6.896',
      ' 192.0.2.9       .INIT.          16 u    - 1024    0    0.000    0.000   0.000',
    );
    expect(table?.peers).toMatchObject([
      {
        tally: '*',
        remote: '157.7.153.56',
        stratum: 2,
        pollSeconds: 128,
        reach: 255,
        offsetMs: 2.713,
      },
      { tally: '+', reach: 0o367, offsetMs: -4.604 },
      { tally: ' ', remote: '192.0.2.9', stratum: 16, reach: 0 },
    ]);
    expect(table && systemPeer(table)?.remote).toBe('157.7.153.56');
  });

  it('does not take the first letter of a name for a mark', () => {
    const [table] = read(' oak.example.org 192.0.2.1 2 u 1 64 377 1.0 2.0 3.0');
    expect(table?.peers).toMatchObject([{ tally: ' ', remote: 'oak.example.org' }]);
    expect(table && systemPeer(table)).toBeNull();
  });

  it('finds no table elsewhere', () => expect(read(...HEAD, 'No association ID')).toEqual([]));
});
