import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalAddress, canonicalNetwork, isWithin, prefixLength } from './networks.js';

describe('addresses as people write them', () => {
  it.each([
    ['10.0.8.8', '10.0.8.8'],
    ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
    ['2001:db8:0:1:0:0:0:1', '2001:db8:0:1::1'],
    ['::', '::'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['fe80::1%eth0', 'fe80::1'],
    ['64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
    ['10.0.8', null],
    ['10.0.8.8/24', null],
    ['sg1', null],
    ['', null],
  ])('%s is %s', (written, canonical) => expect(canonicalAddress(written)).toBe(canonical));

  it('clears the host bits of a network', () => {
    expect(canonicalNetwork('10.255.82.67/24')).toBe('10.255.82.0/24');
    expect(canonicalNetwork('2001:db8:1:2::3/48')).toBe('2001:db8:1::/48');
    expect(canonicalNetwork('10.0.0.0/33')).toBeNull();
    expect(canonicalNetwork('10.0.0.0')).toBeNull();
  });

  it.each([
    ['10.255.82.67', '10.255.0.0/16', true],
    ['10.254.82.67', '10.255.0.0/16', false],
    ['10.254.82.67', '0.0.0.0/0', true],
    ['2001:db8::1', '0.0.0.0/0', false],
    ['2001:db8::1', '2001:db8::/32', true],
    ['2001:db9::1', '2001:db8::/32', false],
    ['192.0.2.1', '192.0.2.1', true],
    ['192.0.2.1', '192.0.2.2', false],
    ['192.0.2.1', '192.0.2.1/32', true],
  ])('%s within %s: %s', (address, network, inside) => expect(isWithin(address, network)).toBe(inside));

  it('ranks an address before its networks', () => {
    expect(prefixLength('10.0.0.1')).toBeGreaterThan(prefixLength('10.0.0.0/24'));
    expect(prefixLength('10.0.0.0/24')).toBeGreaterThan(prefixLength('10.0.0.0/8'));
  });

  it('spells an address the same way however often', () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (written) => {
        const once = canonicalAddress(written);
        expect(once).not.toBeNull();
        expect(canonicalAddress(once ?? '')).toBe(once);
        expect(isWithin(once ?? '', `${once}/${once?.includes(':') ? 128 : 32}`)).toBe(true);
      }),
    );
  });
});
