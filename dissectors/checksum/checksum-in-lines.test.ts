import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { analyze } from '../../src/commands/run-analysis.js';
import type { Report } from '../../src/report/report.js';

/* What `tcpdump -vv` says of checksums, where the bytes are not printed. */

const CLIENT = '192.0.2.1';
const SERVER = '198.51.100.7';

function line(second: number, from: string, to: string, words: string, length = 40): string {
  const time = `12:00:${second.toFixed(6).padStart(9, '0')}`;
  return `${time} IP (tos 0x0, ttl 64, id ${1000 + Math.round(second * 10)}, offset 0, flags [DF], proto TCP (6), length ${length})\n    ${from} > ${to}: ${words}`;
}

const syn = (second: number, port: number, sum: string): string =>
  line(
    second,
    `${CLIENT}.${port}`,
    `${SERVER}.8080`,
    `Flags [S], cksum ${sum}, seq ${port}, win 64240, length 0`,
  );
const synAck = (second: number, port: number): string =>
  line(
    second,
    `${SERVER}.8080`,
    `${CLIENT}.${port}`,
    `Flags [S.], cksum 0x1a2b (correct), seq 7, ack ${port + 1}, win 65160, length 0`,
  );

async function reportOf(lines: readonly string[]): Promise<Report> {
  const text = Buffer.from(`${lines.join('\n')}\n`);
  const report = await analyze([{ name: 'text', stream: Readable.from([text]) }], { threads: 0 });
  expect(report.errors).toEqual([]);
  return report;
}

const answered = [syn(1, 40_000, '0x77aa (correct)'), synAck(1.02, 40_000)];

describe('checksums in words', () => {
  it('that are wrong on the wire are found, with what the words say of them', async () => {
    const faulty = [2, 3, 5, 9].map((second) => syn(second, 40_001, '0x4d4d (incorrect -> 0x77a9)'));
    const { findings } = await reportOf([...answered, ...faulty]);
    const found = findings.find(({ id }) => id === 'packet.bad-checksum');
    expect(found?.severity).toBe('warning');
    expect(found?.explanation).toContain('(0x4d4d in the first)');
    expect(found?.counts.packets).toBe(4);
  });

  it.each([
    ['the sum of the pseudo-header', '0x4d4e'],
    ['nothing', '0x0000'],
  ])('that hold %s are left to the network card', async (_, stored) => {
    // 192.0.2.1 and 198.51.100.7, TCP, 20 bytes.
    const sum = [0xc000, 0x0201, 0xc633, 0x6407, 6, 20].reduce((all, word) => all + word, 0);
    const pseudo = `0x${((sum & 0xffff) + (sum >>> 16)).toString(16)}`;
    const left = stored === '0x0000' ? stored : pseudo;
    const own = [2, 3, 5, 9].map((second) => syn(second, 40_001, `${left} (incorrect -> 0x77a9)`));
    const { findings } = await reportOf([...answered, ...own]);
    expect(findings.map(({ id }) => id)).not.toContain('packet.bad-checksum');
  });

  it('that are right or not told are no fault', async () => {
    const right = [2, 3, 5, 9].map((second) => syn(second, 40_001, '0x4d4d (correct)'));
    const { findings } = await reportOf([...answered, ...right]);
    expect(findings.map(({ id }) => id)).not.toContain('packet.bad-checksum');
  });
});
