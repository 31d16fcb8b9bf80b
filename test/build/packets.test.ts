import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concat, hex, u16, zeros } from './bytes.js';
import { internetChecksum, onesComplementSum, pseudoHeader } from './checksum.js';
import { ah, esp } from './esp.js';
import { gre } from './gre.js';
import { icmpEcho } from './icmp.js';
import { encryptedFragments } from './ikev2.js';
import { fragmentIpv4, fragmentIpv6, IP_PROTOCOL, ipv4, ipv6, paddingOptions } from './ip.js';
import { natDetectionHash } from './isakmp.js';
import { linuxSll2, loopback, pppoeSession, vlan } from './link.js';
import { tcp } from './tcp.js';
import { udp } from './udp.js';
import { vxlan } from './vxlan.js';

const ENDS = { source: '192.0.2.1', destination: '198.51.100.7' };
const ENDS_V6 = { source: '2001:db8::1', destination: '2001:db8::2' };

function word(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
}

describe('checksums', () => {
  it('of a well-known IPv4 header', () => {
    const header = hex('4500 0073 0000 4000 4011 0000 c0a80001 c0a800c7');
    expect(internetChecksum(header)).toBe(0xb861);
  });

  it('of headers as built sum up to all ones', () => {
    const packet = ipv4({ ...ENDS, protocol: 17, payload: zeros(9), options: hex('94040000') });
    expect(onesComplementSum(packet.subarray(0, 24))).toBe(0xffff);
    expect(onesComplementSum(icmpEcho({ identifier: 1, sequence: 2, data: hex('aabbcc') }))).toBe(0xffff);
  });

  it('of UDP and TCP cover the pseudo header, in IPv4 and IPv6', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), fc.constantFrom(ENDS, ENDS_V6), (payload, ends) => {
        const ports = { sourcePort: 500, destinationPort: 4500 };
        const datagram = udp({ ...ends, ...ports, payload });
        const segment = tcp({ ...ends, ...ports, sequence: 1, flags: ['PSH', 'ACK'], payload });
        for (const [protocol, bytes] of [[17, datagram] as const, [6, segment] as const]) {
          const pseudo = pseudoHeader(ends.source, ends.destination, protocol, bytes.length);
          expect(onesComplementSum(concat(pseudo, bytes))).toBe(0xffff);
        }
      }),
    );
  });

  it('of a host with offload are the folded pseudo-header sum', () => {
    const segment = tcp({
      source: '10.255.29.3',
      destination: '216.58.217.206',
      sourcePort: 40_000,
      destinationPort: 80,
      sequence: 1,
      flags: ['PSH', 'ACK'],
      payload: zeros(74),
      checksum: 'offload',
    });
    expect(segment.length).toBe(94);
    expect(word(segment, 16)).toBe(0xda6f);
  });

  it('of zero in UDP mean none, and a computed zero is sent as all ones', () => {
    const header = { ...ENDS, sourcePort: 0, destinationPort: 0 };
    expect(word(udp({ ...header, payload: zeros(2), checksum: 'none' }), 6)).toBe(0);
    const sum = word(udp({ ...header, payload: zeros(2) }), 6);
    expect(word(udp({ ...header, payload: u16(sum) }), 6)).toBe(0xffff);
  });
});

describe('lengths', () => {
  it('of IPv4, IPv6 with extension headers, UDP', () => {
    expect(word(ipv4({ ...ENDS, protocol: 50, payload: zeros(37) }), 2)).toBe(57);
    const extensionHeaders = [paddingOptions(0), paddingOptions(60)];
    const packet = ipv6({ ...ENDS_V6, nextHeader: 17, payload: zeros(10), extensionHeaders });
    expect(word(packet, 4)).toBe(26);
    expect([packet[6], packet[40], packet[48]]).toEqual([0, 60, 17]);
    expect(word(udp({ ...ENDS, sourcePort: 1, destinationPort: 2, payload: zeros(5) }), 4)).toBe(13);
  });

  it('of AH in words less 2, and of GRE by its optional fields', () => {
    expect(ah({ nextHeader: 4, spi: 256, sequence: 1, icv: zeros(12), payload: zeros(0) })[1]).toBe(4);
    expect(gre({ protocolType: 0x0800, payload: zeros(0) })).toEqual(hex('0000 0800'));
    expect(gre({ protocolType: 0x6558, key: 7, sequence: 1, payload: zeros(0) })).toEqual(
      hex('3000 6558 00000007 00000001'),
    );
  });
});

describe('headers, byte by byte', () => {
  it('ESP and VXLAN with a group policy', () => {
    expect(esp({ spi: 0xaa6fa19a, sequence: 1, payload: hex('00') })).toEqual(hex('aa6fa19a 00000001 00'));
    const groupPolicy = { id: 3, policyApplied: true };
    expect(vxlan({ vni: 1, groupPolicy, inner: zeros(0) })).toEqual(hex('88 08 0003 000001 00'));
    expect(vxlan({ vni: 0xabcdef, inner: zeros(0) })).toEqual(hex('08 000000 abcdef 00'));
  });

  it('VLAN, SLL2, PPPoE, loopback', () => {
    expect(vlan({ priority: 5, vid: 100, etherType: 0x0800, payload: zeros(0) })).toEqual(hex('a064 0800'));
    const sll2 = { packetType: 4, address: '00:00:5e:00:53:01', protocol: 0x0800, interfaceIndex: 2 };
    expect(linuxSll2({ ...sll2, payload: zeros(0) })).toEqual(
      hex('0800 0000 00000002 0001 04 06 00005e0053010000'),
    );
    expect(pppoeSession(9, 0x21, zeros(3))).toEqual(hex('11 00 0009 0005 0021 000000'));
    expect(loopback(2, 'little', zeros(0))).toEqual(hex('02000000'));
  });

  it('IKEv2 fragments number their parts and name the first payload once', () => {
    const spis = { initiatorSpi: hex('0102030405060708'), responderSpi: hex('1112131415161718') };
    const message = { exchangeType: 35, messageId: 1, originalInitiator: true, response: false };
    const [first, second] = encryptedFragments(spis, message, [zeros(4), zeros(8)]);
    const header = '0102030405060708 1112131415161718 35 20 23 08 00000001';
    expect(first).toEqual(hex(`${header} 00000028 23 00 000c 0001 0002 00000000`));
    expect(second).toEqual(hex(`${header} 0000002c 00 00 0010 0002 0002 0000000000000000`));
  });

  it('a NAT detection hash as strongSwan computes it', () => {
    const spis = { initiatorSpi: hex('cae7f6e2d4f6ee8d'), responderSpi: zeros(8) };
    const sent = hex('abf8051a09b9f978fe1b0c7b87126e7baac73b97');
    expect(natDetectionHash('sha1', spis, '205.150.200.252', 500)).toEqual(sent);
    expect(natDetectionHash('sha1', spis, '205.150.200.252', 4500)).not.toEqual(sent);
  });
});

describe('fragments', () => {
  const length = { min: 1, max: 6000 };
  const mtu = { min: 576, max: 1500 };

  it('of IPv4 put together give the datagram again, in either order', () => {
    fc.assert(
      fc.property(fc.integer(length), fc.integer(mtu), fc.boolean(), (size, limit, reversed) => {
        const payload = Uint8Array.from({ length: size }, (_, i) => i & 0xff);
        const datagram = ipv4({ ...ENDS, protocol: IP_PROTOCOL.udp, payload, identification: 77 });
        const order = reversed ? 'reversed' : 'ascending';
        const fragments = fragmentIpv4(datagram, limit, { order });
        const whole = new Uint8Array(size);
        for (const fragment of fragments) {
          expect(fragment.length).toBeLessThanOrEqual(limit);
          expect(word(fragment, 2)).toBe(fragment.length);
          expect(onesComplementSum(fragment.subarray(0, 20))).toBe(0xffff);
          whole.set(fragment.subarray(20), (word(fragment, 6) & 0x1fff) * 8);
        }
        expect(whole).toEqual(payload);
        expect(fragments.filter((fragment) => (word(fragment, 6) & 0x2000) === 0)).toHaveLength(1);
        const offsets = fragments.map((fragment) => word(fragment, 6) & 0x1fff);
        expect(offsets).toEqual([...offsets].sort((a, b) => (reversed ? b - a : a - b)));
      }),
    );
  });

  it('of IPv6 put together give the packet again', () => {
    fc.assert(
      fc.property(fc.integer(length), fc.integer({ min: 1280, max: 1500 }), (size, limit) => {
        const payload = Uint8Array.from({ length: size }, (_, i) => i & 0xff);
        const packet = ipv6({ ...ENDS_V6, nextHeader: IP_PROTOCOL.udp, payload });
        const fragments = fragmentIpv6(packet, limit, 0xabcdef01);
        if (fragments.length === 1) {
          expect(fragments[0]).toEqual(packet);
          return;
        }
        const whole = new Uint8Array(size);
        for (const fragment of fragments) {
          expect(fragment.length).toBeLessThanOrEqual(limit);
          expect(word(fragment, 4)).toBe(fragment.length - 40);
          expect([fragment[6], fragment[40]]).toEqual([44, IP_PROTOCOL.udp]);
          whole.set(fragment.subarray(48), word(fragment, 42) & 0xfff8);
        }
        expect(whole).toEqual(payload);
      }),
    );
  });
});
