import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { analyze } from '../src/commands/run-analysis.js';

/** Main mode that nobody answers, as tcpdump -n and tshark print it. */
const TCPDUMP = [0, 10, 30, 70].map(
  (second) =>
    `22:${String(14 + Math.floor(second / 60)).padStart(2, '0')}:${String(second % 60).padStart(2, '0')}.000001 IP 192.0.2.1.500 > 198.51.100.7.500: isakmp: phase 1 I ident`,
);
const TSHARK = [0, 10, 30, 70].map(
  (second, index) =>
    `    ${index + 1}   ${second}.000000    192.0.2.1 → 198.51.100.7 ISAKMP 186 Identity Protection (Main Mode)`,
);

describe('a gateway that does not answer', () => {
  it.each([
    ['tcpdump -n', TCPDUMP],
    ['tshark', TSHARK],
  ])('is found in the lines of %s', async (_, lines) => {
    const { findings } = await analyze(
      [{ name: 'text', stream: Readable.from([Buffer.from(`${lines.join('\n')}\n`)]) }],
      {
        threads: 0,
      },
    );
    expect(findings.find(({ severity }) => severity === 'error')?.id).toBe('ike.no-response');
  });
});
