import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sectionsOfText, type TextSection } from '../../../src/capture/text-capture.js';
import { textCaptures } from '../../index.js';
import packets from '../text-captures/packets.js';

const kinds = { captures: [packets], lines: textCaptures.lines };

import { HexLine } from './hex-line.js';

/** 10.0.0.1 asks 10.0.0.2 for an echo: 28 bytes of IP. */
const IP = '4500001c000100004001 66dd 0a000001 0a000002 0800f7fe00000001'.replaceAll(' ', '');
const ETHERNET = `00005e00530200005e0053010800${IP}`;
const ARP = '0001080006040001 00005e005301 0a000001 000000000000 0a000002'.replaceAll(' ', '');

function dumpOf(hex: string, prefix: string, group: number): string {
  const lines: string[] = [];
  for (let at = 0; at < hex.length; at += 32) {
    const part = hex.slice(at, at + 32);
    const groups = part.match(new RegExp(`.{1,${2 * group}}`, 'g')) ?? [];
    const text = Buffer.from(part, 'hex')
      .toString('latin1')
      .replace(/[^!-~]/g, '.');
    const offset = (at / 2).toString(16).padStart(4, '0');
    lines.push(`${prefix.replace('OFFS', offset)}${groups.join(' ').padEnd(49)}  ${text}`);
  }
  return lines.join('\n');
}
const tcpdump = (hex: string): string => dumpOf(hex, '\t0xOFFS:  ', 2);

interface Read {
  readonly format: string;
  readonly linkType: number;
  readonly hex: string;
  readonly time: bigint | null;
  readonly wire: number | undefined;
}

function read(text: string): Read[] {
  return sectionsOfText(text, kinds).flatMap(({ format, packets: own }: TextSection) => [
    ...(function* () {
      for (const { linkType, bytes, timeNs, originalLength } of own) {
        yield {
          format,
          linkType,
          hex: Buffer.from(bytes).toString('hex'),
          time: timeNs,
          wire: originalLength,
        };
      }
    })(),
  ]);
}

describe('a hex dump', () => {
  it.each([
    ['tcpdump -XX', `12:00:00.000001 IP 10.0.0.1 > 10.0.0.2: ICMP echo request\n${tcpdump(ETHERNET)}`],
    [
      'tshark -P -x',
      `    1 0.5 10.0.0.1 → 10.0.0.2 ICMP 42 Echo (ping) request\n\n${dumpOf(ETHERNET, 'OFFS  ', 1)}\n`,
    ],
    ['Wireshark', dumpOf(ETHERNET, 'OFFS   ', 1)],
    ['text2pcap', `000000 ${(ETHERNET.match(/../g) ?? []).join(' ')}\n`],
    ['xxd', dumpOf(ETHERNET, '0000OFFS: ', 2)],
    ['hexdump -C', dumpOf(ETHERNET, '0000OFFS  ', 1).replace(/^(.{33}) /gm, '$1  ')],
    [
      'indented and coloured',
      `    12:00:00.000001 \u001b[1;31mIP\u001b[0m 10.0.0.1 > 10.0.0.2: ICMP echo request\n    ${tcpdump(ETHERNET).replaceAll('\n', '\n    ')}`,
    ],
    [
      'quoted and with entities',
      `&gt; x\n> 12:00:00.000001 IP 10.0.0.1 &gt; 10.0.0.2: ICMP\r\n> ${tcpdump(ETHERNET).replaceAll('\n', '\r\n> ')}`,
    ],
  ])('of %s gives the very frame', (_, text) => {
    expect(read(text).map(({ linkType, hex, wire }) => [linkType, hex, wire])).toEqual([[1, ETHERNET, 42]]);
  });

  it('without a link header is raw IP, with ARP beside it a cooked capture, and with -e Ethernet', () => {
    const line = (words: string, hex: string): string => `12:00:00.000001 ${words}\n${tcpdump(hex)}\n`;
    const ip = line('IP 10.0.0.1 > 10.0.0.2: ICMP echo request', IP);
    expect(read(ip)).toMatchObject([{ linkType: 101, hex: IP, wire: 28 }]);
    const both = read(`${ip}${line('ARP, Request who-has 10.0.0.2 tell 10.0.0.1, length 28', ARP)}`);
    expect(both.map(({ linkType, hex }) => [linkType, hex.slice(28)])).toEqual([
      [113, `0800${IP}`],
      [113, `0806${ARP}`],
    ]);
    const e =
      '00:00:5e:00:53:01 > 00:00:5e:00:53:02, ethertype IPv4 (0x0800), length 60: 10.0.0.1 > 10.0.0.2: ICMP';
    expect(read(line(e, IP))).toMatchObject([{ linkType: 1, hex: ETHERNET, wire: 60 }]);
  });

  it('keeps what was cut, and reads a line again where the next one says that it was shorter', () => {
    const [first = '', second = ''] = tcpdump(ETHERNET).split('\n');
    expect(read(`12:00:00.1 IP 10.0.0.1 > 10.0.0.2: ICMP\n${first}\n${second}`)).toMatchObject([
      { hex: ETHERNET.slice(0, 64), wire: 42 },
    ]);
    // Characters that look like bytes, as in a line that ends early.
    const short = `0000  ${(ETHERNET.slice(0, 8).match(/../g) ?? []).join(' ')} aa bb\n0004  ${(ETHERNET.slice(8).match(/../g) ?? []).join(' ')}`;
    expect(read(short)).toMatchObject([{ hex: ETHERNET }]);
  });

  it('of something else is no packet', () => {
    expect(read('0000  de ad be ef de ad be ef\n\nnothing')).toEqual([]);
    expect(read('4.5 2023 10 05 deadbeef\n00000010  01 02 03')).toEqual([]);
  });

  it('takes other sources of bytes of a packet for no packets', () => {
    const dump = dumpOf(ETHERNET, 'OFFS  ', 1);
    const text = `Frame (42 bytes):\n${dump}\nReassembled TCP (1641 bytes):\n${dump}\n\n${dump}\n`;
    expect(read(text)).toHaveLength(2);
  });

  it('has lines that end where their digits do', () => {
    const line = new HexLine();
    expect(line.read('\t0x0020:  0a00 0002 08                             ....a b')).toBe(true);
    expect([line.offset, line.count]).toEqual([32, 5]);
    fc.assert(fc.property(fc.string(), (text) => typeof line.read(text) === 'boolean'));
  });
});

describe('the clock of a run', () => {
  const run = (...stamps: string[]): (bigint | null)[] =>
    read(stamps.map((stamp) => `${stamp}IP 10.0.0.1 > 10.0.0.2: ICMP\n${tcpdump(IP)}`).join('\n')).map(
      ({ time }) => time,
    );
  const second = 1_000_000_000n;

  it.each([
    [
      '-tt',
      ['1700000000.000001 ', '1700000001.5 '],
      [1_700_000_000n * second + 1000n, 1_700_000_001n * second + second / 2n],
    ],
    ['-tttt', ['2023-11-14 22:13:20.000000001 '], [1_700_000_000n * second + 1n]],
    ['-t', ['', ''], [null, null]],
    ['of a day, past midnight', ['23:59:59.0 ', '00:00:01.0 '], [86_399n * second, 86_401n * second]],
    ['-ttt', [' 00:00:00.0 ', ' 00:00:02.0 ', ' 00:00:01.0 '], [0n, 2n * second, 3n * second]],
    ['-ttttt', [' 00:00:00.0 ', ' 00:00:01.0 ', ' 00:00:02.0 '], [0n, second, 2n * second]],
  ])('%s', (_, stamps, times) => {
    expect(run(...stamps)).toEqual(times);
  });

  it('is another one for another command', () => {
    const one = `IP 10.0.0.1 > 10.0.0.2: ICMP\n${tcpdump(IP)}`;
    const text = `sg1# tcpdump -x -i eth1\n12:00:00.0 ${one}\nsg2# tcpdump -n -x -ttt\n 00:00:00.0 ${one}\n 00:00:01.0 ${one}\n 00:00:01.0 ${one}`;
    const sections = sectionsOfText(text, kinds);
    expect(sections.map(({ packets: own }) => [...own].length)).toEqual([1, 3]);
    expect(read(text).map(({ time }) => time)).toEqual([43_200n * second, 0n, second, 2n * second]);
  });
});

describe('a text of any size', () => {
  const pieces: readonly (readonly [string, string])[] = [
    ['newlines', '\n'],
    ['blanks', ' '],
    ['digits', '0'],
    ['quotes', '> '],
    ['hex lines', '\t0x0000:  4500\n'],
    ['hex lines without an end', '\t0x0010:  4500\n'],
    ['heads', '12:00:00.0 IP 10.0.0.1 > 10.0.0.2: ICMP\n'],
    ['prompts', 'a$ '],
    ['commands', '$ tcpdump -n\n'],
    ['addresses', '1.1.1.1 > '],
  ];

  it.each(pieces)('takes time in proportion: %s', (_, piece) => {
    const measure = (length: number): number => {
      const text = piece.repeat(length / piece.length);
      const from = process.cpuUsage().user;
      for (const { packets: own } of sectionsOfText(text, kinds))
        for (const one of own) expect(one.bytes.length).toBeGreaterThan(0);
      return (process.cpuUsage().user - from) / 1000;
    };
    measure(20_000);
    const once = Math.min(measure(60_000), measure(60_000));
    const twice = Math.min(measure(120_000), measure(120_000));
    // Twice would be linear; four times quadratic. The margin is for a machine that does other things as well.
    expect(twice).toBeLessThan(3 * once + 40);
  });
});
