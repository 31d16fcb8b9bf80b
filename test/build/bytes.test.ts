import { describe, expect, it } from 'vitest';
import { address, mac } from './address.js';
import { concat, hex, random, u16, u24, u32, u64 } from './bytes.js';

describe('bytes', () => {
  it('writes integers in network order', () => {
    const written = concat(u16(0x0102), u24(0x030405), u32(0xfffefdfc), u64(0x0102030405060708n));
    expect(written).toEqual(hex('0102 030405 fffefdfc 0102030405060708'));
  });

  it('reads hex with blanks and comments', () => {
    expect(hex('de ad # the rest\n be // of it\nef')).toEqual(Uint8Array.of(0xde, 0xad, 0xbe, 0xef));
    expect(() => hex('abc')).toThrow(RangeError);
    expect(() => hex('xy')).toThrow(RangeError);
  });

  it('gives the same pseudo-random bytes for the same seed', () => {
    expect(random(5).bytes(64)).toEqual(random(5).bytes(64));
    expect(random(5).bytes(64)).not.toEqual(random(6).bytes(64));
    // First output of xorshift32 with the shifts 13, 17, 5 and seed 1.
    expect(random(1).next()).toBe(270_369);
  });

  it('reads addresses', () => {
    expect(address('192.0.2.255')).toEqual(hex('c00002ff'));
    expect(address('2001:db8::1:0')).toEqual(hex('20010db8 0000000000000000 0001 0000'));
    expect(address('::')).toEqual(new Uint8Array(16));
    expect(address('1:2:3:4:5:6:7:8')).toEqual(hex('0001000200030004 0005000600070008'));
    expect(mac('00:00:5e:00:53:0a')).toEqual(hex('00005e00530a'));
    expect(() => address('192.0.2')).toThrow(RangeError);
    expect(() => address('2001:db8:1')).toThrow(RangeError);
  });
});
