import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { analyze } from '../../../src/commands/run-analysis.js';

const CLIENT = '192.0.2.1.41874';
const SERVER = '198.51.100.7.1194';
const ATTEMPT_SECONDS = [0, 2, 6, 14, 30];

const tcpdump = (second: number, from: string, to: string, length: number): string =>
  `22:14:${String(second).padStart(2, '0')}.128461 IP ${from} > ${to}: UDP, length ${length}`;
const resets = (length: number, from = CLIENT): string[] =>
  ATTEMPT_SECONDS.map((second) => tcpdump(second, from, SERVER, length));

const tshark = (second: number, from: string, to: string, info: string): string =>
  `    1 ${second}.000000    ${from} → ${to} OpenVPN 56 MessageType: ${info}`;

async function found(lines: readonly string[]): Promise<string[]> {
  const text = Buffer.from(`${lines.join('\n')}\n`);
  const { findings, errors } = await analyze([{ name: 'text', stream: Readable.from([text]) }], {
    threads: 0,
  });
  expect(errors).toEqual([]);
  return findings.filter(({ severity }) => severity !== 'info').map(({ id }) => id);
}

describe('a server that does not answer, in lines', () => {
  it.each([
    ['plain', 14],
    ['tls-auth with SHA1', 42],
    ['tls-auth with SHA256, or tls-crypt', 54],
  ])('of tcpdump: %s', async (_, length) => {
    expect(await found(resets(length))).toEqual(['openvpn.no-response']);
  });

  it('of tcpdump, both ends on port 1194', async () => {
    expect(await found(resets(14, '192.0.2.1.1194'))).toEqual(['openvpn.no-response']);
  });

  it('of tshark', async () => {
    const lines = ATTEMPT_SECONDS.map((second) =>
      tshark(second, '192.0.2.1', '198.51.100.7', 'P_CONTROL_HARD_RESET_CLIENT_V2'),
    );
    expect(await found(lines)).toEqual(['openvpn.no-response']);
    const other = tshark(31, '198.51.100.7', '192.0.2.1', 'P_DATA_V2');
    expect(await found([...lines, other])).toEqual([]);
  });
});

describe('no server is accused', () => {
  it.each([
    ['its reset came', [26]],
    ['what is no reset comes back', [100]],
  ])('where %s', async (_, lengths) => {
    const answers = lengths.map((length) => tcpdump(31, SERVER, CLIENT, length));
    expect(await found([...resets(14), ...answers])).toEqual([]);
  });

  it('where the packets of that length come too often for a reset, or after others', async () => {
    const often = [0, 0, 0, 5, 10].map((second) => tcpdump(second, CLIENT, SERVER, 54));
    expect(await found(often)).toEqual([]);
    expect(await found([tcpdump(0, CLIENT, SERVER, 120), ...resets(42)])).toEqual([]);
  });

  it('for packets of other lengths, and on other ports', async () => {
    expect(await found(resets(120))).toEqual([]);
    expect(await found(resets(14).map((line) => line.replaceAll('.1194', '.1195')))).toEqual([]);
  });
});
