import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { analyze } from '../../../src/commands/run-analysis.js';

const QUESTION = '192.0.2.1.46808 > 192.0.2.53.53';
const ANSWER = '192.0.2.53.53 > 192.0.2.1.46808';
const SECONDS = [1, 2, 3, 4, 5, 6];

async function found(answer: string): Promise<string[]> {
  const lines = SECONDS.flatMap((second) => [
    `12:00:0${second}.000000 IP ${QUESTION}: ${second}+ A? www.example.org. (33)`,
    `12:00:0${second}.020000 IP ${ANSWER}: ${second}${answer}`,
  ]);
  const stream = Readable.from([Buffer.from(`${lines.join('\n')}\n`)]);
  const { findings } = await analyze([{ name: 'text', stream }], { threads: 0 });
  return findings.filter(({ severity }) => severity !== 'info').map(({ id }) => id);
}

describe('answers in lines of tcpdump', () => {
  it.each([
    ' 1/0/0 A 198.51.100.80 (50)',
    '* 1/0/0 A 198.51.100.80 (50)',
    ' q: A? www.example.org. 1/0/0 www.example.org. [5m] A 198.51.100.80 (50)',
    '*-$ q: A (QM)? www.example.org. 1/0/0 www.example.org. A 198.51.100.80 (50)',
  ])('"%s" is one', async (answer) => {
    expect(await found(answer)).toEqual([]);
  });

  it.each([' ServFail 0/0/0 (33)', ' ServFail- q: A? www.example.org. 0/0/0 (33)'])(
    '"%s" is a failure, not a silence',
    async (answer) => {
      expect(await found(answer)).toEqual(['dns.error']);
    },
  );

  it('of an authority that knows no such name are no silence', async () => {
    expect(await found(' NXDomain* 0/1/0 (104)')).not.toContain('dns.timeout');
  });
});
