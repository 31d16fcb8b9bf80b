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
    const error = findings.find(({ severity }) => severity === 'error');
    expect(error?.id).toBe('ike.no-response');
    // No length is printed, so none is told.
    expect([error?.explanation, ...(error?.evidence ?? []).map(({ summary }) => summary)].join()).not.toMatch(
      /\d bytes/,
    );
  });

  it('on port 4500 is not blamed where the messages may be fragments', async () => {
    const line = (second: number, ports: string, words: string): string =>
      `22:14:${String(second).padStart(2, '0')}.000001 IP ${ports}: ${words}`;
    const [there, back, moved] = [
      '192.0.2.1.500 > 198.51.100.7.500',
      '198.51.100.7.500 > 192.0.2.1.500',
      '192.0.2.1.4500 > 198.51.100.7.4500',
    ];
    const auth = [1, 5, 12, 25].map((second) =>
      line(second, moved, 'NONESP-encap: isakmp: child_sa  ikev2_auth[I]'),
    );
    const init = [
      line(0, there, 'isakmp: parent_sa ikev2_init[I]'),
      line(0, back, 'isakmp: parent_sa ikev2_init[R]'),
    ];
    const found = async (lines: readonly string[]): Promise<(string | undefined)[]> => {
      const text = Buffer.from(
        `${lines.join('\n')}\n22:14:59.0 IP 192.0.2.1 > 192.0.2.9: ICMP echo request, id 1, seq 1, length 64\n`,
      );
      const { findings } = await analyze([{ name: 'text', stream: Readable.from([text]) }], { threads: 0 });
      return findings.filter(({ severity }) => severity === 'error').map(({ id }) => id);
    };
    expect(await found([...init, ...auth])).toEqual(['ike.natt-4500-blocked']);
    const fragments = auth.flatMap((one) => [
      one,
      one.replace(/IP .*/, 'IP 192.0.2.1 > 198.51.100.7: ip-proto-17'),
    ]);
    expect(await found([...init, ...fragments])).toEqual([]);
  });
});
