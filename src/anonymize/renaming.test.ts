import { describe, expect, it } from 'vitest';
import { Renaming } from './renaming.js';

const names = new Renaming('a key');

function ipv4(text: string): Uint8Array {
  return Uint8Array.from(text.split('.'), Number);
}

function renamed(text: string): string {
  return [...names.address(ipv4(text))].join('.');
}

function commonBits(a: Uint8Array, b: Uint8Array): number {
  for (let bit = 0; bit < a.length * 8; bit++)
    if (((a[bit >> 3] ^ b[bit >> 3]) & (0x80 >> (bit & 7))) !== 0) return bit;
  return a.length * 8;
}

describe('Renaming', () => {
  it('keeps common prefixes, and no two addresses become one', () => {
    const addresses = [
      '198.51.100.7',
      '198.51.100.8',
      '198.51.7.8',
      '203.0.113.9',
      '10.1.2.3',
      '10.1.2.77',
      '10.9.2.3',
    ].map(ipv4);
    for (const a of addresses) {
      for (const b of addresses)
        expect(commonBits(names.address(a), names.address(b))).toBe(commonBits(a, b));
    }
    const whole = new Set(Array.from({ length: 256 }, (_, host) => renamed(`198.51.100.${host}`)));
    expect(whole.size).toBe(256);
  });

  it.each([
    ['10.1.2.3', /^10\./],
    ['172.20.1.1', /^172\.(1[6-9]|2\d|3[01])\./],
    ['192.168.7.9', /^192\.168\./],
    ['169.254.3.4', /^169\.254\./],
    ['100.80.1.2', /^100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\./],
    ['198.51.100.0', /\.0$/],
    ['198.51.100.255', /\.255$/],
  ])('%s stays in its class', (address, expected) => {
    expect(renamed(address)).toMatch(expected);
  });

  it.each(['169.254.0.1', '224.0.0.5', '255.255.255.255', '0.0.0.0', '127.0.0.1'])(
    '%s stays as it is',
    (address) => {
      expect(renamed(address)).toBe(address);
    },
  );

  it('no public address becomes a special one', () => {
    for (let first = 1; first < 224; first++) {
      const [a, b] = names.address(Uint8Array.of(first, 1, 2, 3));
      if ([10, 127].includes(first)) continue;
      expect(
        a === 0 || a === 10 || a === 127 || a >= 224 || (a === 192 && b === 168) || (a === 169 && b === 254),
      ).toBe(false);
    }
  });

  it('the same key gives the same names, another one others', () => {
    expect(new Renaming('a key').address(ipv4('198.51.100.7'))).toEqual(names.address(ipv4('198.51.100.7')));
    expect(new Renaming('b').address(ipv4('198.51.100.7'))).not.toEqual(names.address(ipv4('198.51.100.7')));
  });

  it('MACs that are made of an address are those of the new one; groups stay', () => {
    const mac = names.mac(Uint8Array.of(0xee, 0xee, 10, 255, 82, 0));
    expect([...mac.subarray(2)].join('.')).toBe(renamed('10.255.82.0'));
    for (const group of [
      [0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
      [1, 0, 0x5e, 0, 0, 5],
      [0, 0, 0x5e, 0, 1, 7],
    ])
      expect([...names.mac(Uint8Array.from(group))]).toEqual(group);
    const other = names.mac(Uint8Array.of(2, 0x42, 0xac, 1, 2, 3));
    expect(other[0] & 3).toBe(2);
    expect([...other]).not.toEqual([2, 0x42, 0xac, 1, 2, 3]);
  });

  it('an interface identifier made of a MAC is that of the new MAC', () => {
    const address = Uint8Array.of(
      0x20,
      1,
      0xd,
      0xb8,
      0,
      0,
      0,
      0,
      0x02,
      0x11,
      0x22,
      0xff,
      0xfe,
      0x33,
      0x44,
      0x55,
    );
    const [a, b, c, d, e, f] = names.mac(Uint8Array.of(0, 0x11, 0x22, 0x33, 0x44, 0x55));
    expect([...names.address(address).subarray(8)]).toEqual([a ^ 2, b, c, 0xff, 0xfe, d, e, f]);
  });
});
