import { describe, expect, it } from 'vitest';
import { sectionsOfText } from '../../../src/capture/text-capture.js';
import { textCaptures } from '../../index.js';
import packets from '../text-captures/packets.js';

const kinds = { captures: [packets], lines: textCaptures.lines };
const read = (text: string): string[] =>
  sectionsOfText(text, kinds).flatMap(({ packets: own }) =>
    Array.from(own, ({ bytes, timeNs }) => `${timeNs} ${Buffer.from(bytes).toString('hex')}`),
  );

const ECHO = 'IP 10.0.0.1 > 10.0.0.2: ICMP echo request, id 1, seq 1, length 64';
const MACS = '02:00:00:00:00:01 > 02:00:00:00:00:02';

describe('options of tcpdump', () => {
  it.each(['12:00:00.000001 ', '2026-03-02 12:00:00.000001 ', '1772445600.000001 ', ' 00:00:00.000001 ', ''])(
    '-#: the number in front of "%s" is no part of the line',
    (time) => {
      const plain = read(`${time}${ECHO}\n`);
      expect(plain).toHaveLength(1);
      expect(read(`    1  ${time}${ECHO}\n`)).toEqual(plain);
      expect(read(`12345  ${time}${ECHO}\n`)).toEqual(plain);
    },
  );

  it('-q -e: the EtherType is its name', () => {
    const [named] = read(`12:00:00.000001 ${MACS}, IPv4, length 98: ${ECHO.slice(3)}\n`);
    expect(named).toBe(
      read(`12:00:00.000001 ${MACS}, ethertype IPv4 (0x0800), length 98: ${ECHO.slice(3)}\n`)[0],
    );
    expect(named).toContain('020000000002020000000001080045');
  });

  it('-e on a link without addresses: both versions are called ip', () => {
    const [six] = read('12:00:00.000001 ip: fd00:8::1.50000 > fd00:8::8.50015: UDP, length 105\n');
    expect(six).toBe(read('12:00:00.000001 IP6 fd00:8::1.50000 > fd00:8::8.50015: UDP, length 105\n')[0]);
    const [verbose] = read(
      '12:00:00.000001 ip: (hlim 64, next-header UDP (17) payload length: 113) fd00:8::1.50000 > fd00:8::8.50015: [udp sum ok] UDP, length 105\n',
    );
    expect(verbose).toContain(' 6000000000711140fd00');
  });

  it('-vvv: bytes in the details of a message are none of a packet', () => {
    const details = `12:00:00.000001 ${ECHO}\n\t    0x0000:  0001 0001\n`;
    expect(read(details).map((one) => one.slice(0, 23))).toEqual(
      read(`12:00:00.000001 ${ECHO}\n`).map((one) => one.slice(0, 23)),
    );
    const dump =
      '\t0x0000:  4500 001c 0001 0000 4001 66dd 0a00 0001\n\t0x0010:  0a00 0002 0800 f7fe 0000 0001\n';
    expect(read(`${details}${dump}`)).toEqual(read(`12:00:00.000001 ${ECHO}\n${dump}`));
  });
});

it('runs of programs beyond the first 1,000 are left out, and that is said', () => {
  const run = `$ tcpdump -n\n12:00:00.000001 ${ECHO}\n`;
  const sections = sectionsOfText(run.repeat(1003), kinds);
  expect(sections).toHaveLength(1000);
  const leftOut = sections.flatMap((section) => {
    for (const packet of section.packets) void packet;
    return [...section.leftOut].filter(([what, count]) => what.startsWith('runs') && count > 0);
  });
  expect(leftOut.map(([, count]) => count)).toEqual([3]);
});
