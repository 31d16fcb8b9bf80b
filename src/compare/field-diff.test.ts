import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { vxlanDissector } from '../../dissectors/vxlan/dissector.js';
import { concat, hex, zeros } from '../../test/build/bytes.js';
import { esp } from '../../test/build/esp.js';
import { IP_PROTOCOL, ipv4, ipv6 } from '../../test/build/ip.js';
import { mssOption, type Tcp, tcp, windowScaleOption } from '../../test/build/tcp.js';
import { udp } from '../../test/build/udp.js';
import { VXLAN_PORT, type Vxlan, vxlan } from '../../test/build/vxlan.js';
import { type DiffContext, fieldDifferences } from './field-diff.js';

const NOTHING_NAMED: DiffContext = { fieldsOf: () => [], isRenumbered: false };
const ENDS = { source: '192.0.2.1', destination: '198.51.100.7' };
const SACK_PERMITTED = hex('0402');

function segment(own: Partial<Tcp> = {}): Uint8Array {
  const header: Tcp = {
    ...ENDS,
    sourcePort: 40_000,
    destinationPort: 443,
    sequence: 7,
    flags: ['SYN'],
    ...own,
  };
  return ipv4({ ...ENDS, protocol: IP_PROTOCOL.tcp, identification: 9, payload: tcp(header) });
}

function datagram(payload: Uint8Array, own = {}): Uint8Array {
  const ports = { sourcePort: 50_000, destinationPort: VXLAN_PORT };
  return ipv4({ ...ENDS, protocol: IP_PROTOCOL.udp, payload: udp({ ...ENDS, ...ports, payload, ...own }) });
}

function differences(a: Uint8Array, b: Uint8Array, context = NOTHING_NAMED): string[] {
  return fieldDifferences(a, b, context).map(({ field, from, to }) => `${field}: ${from} -> ${to}`);
}

describe('the fields in which a packet differs at the other end', () => {
  it('are none where only what routers and NATs change is different', () => {
    const payload = (source: string) =>
      tcp({ ...ENDS, source, sourcePort: 40_000, destinationPort: 443, sequence: 7, flags: ['SYN'] });
    const sent = ipv4({ ...ENDS, protocol: 6, ttl: 64, identification: 1, payload: payload(ENDS.source) });
    const source = '203.0.113.9';
    const received = ipv4({
      ...ENDS,
      source,
      protocol: 6,
      ttl: 60,
      identification: 2,
      payload: payload(source),
    });
    expect(differences(sent, received)).toEqual([]);
  });

  it('name the options of a SYN, clamped, removed and overwritten', () => {
    const sent = segment({ options: concat(mssOption(1460), SACK_PERMITTED, windowScaleOption(7)) });
    const received = segment({ options: concat(mssOption(1360), hex('0101'), windowScaleOption(7)) });
    expect(differences(sent, received)).toEqual([
      'TCP option MSS: 1460 -> 1360',
      'TCP option SACK permitted: present -> absent',
    ]);
    const shorter = segment({ options: mssOption(1460) });
    expect(differences(sent, shorter)).toEqual([
      'TCP option SACK permitted: present -> absent',
      'TCP option window scale: 7 -> absent',
    ]);
  });

  it('name flags, window and numbers of TCP, the numbers only where they are not rewritten as a rule', () => {
    const sent = segment({ flags: ['ACK'], window: 500, acknowledgment: 5 });
    const received = segment({ flags: ['RST', 'ACK'], window: 0, acknowledgment: 6 });
    const rest = ['TCP flags: ACK -> RST ACK', 'TCP window: 500 -> 0'];
    expect(differences(sent, received)).toEqual(['TCP acknowledgment: 5 -> 6', ...rest]);
    expect(differences(sent, received, { ...NOTHING_NAMED, isRenumbered: true })).toEqual(rest);
  });

  it('name a UDP checksum that was removed and the bytes that differ', () => {
    const sent = datagram(hex('00112233445566778899'));
    const received = datagram(hex('0011ff33445566778800'), { checksum: 'none' });
    expect(differences(sent, received)).toEqual([
      'UDP checksum: present -> none',
      'UDP payload byte 2: 0x22 -> 0xff',
      'UDP payload byte 9: 0x99 -> 0x00',
    ]);
  });

  it('name the fields of a header that its dissector declares', () => {
    const inner = zeros(60);
    const of = (own: Partial<Vxlan>) => datagram(vxlan({ vni: 1, inner, ...own }), { checksum: 'none' });
    const context = { fieldsOf: () => vxlanDissector.headerFields ?? [], isRenumbered: false };
    expect(differences(of({ groupPolicy: { id: 3 } }), of({ vni: 2 }), context)).toEqual([
      'VXLAN flags: 0x88 -> 0x8',
      'VXLAN group policy id: 3 -> 0',
      'VXLAN VNI: 1 -> 2',
    ]);
  });

  it('name the flow label of IPv6 and the payload of other protocols', () => {
    const ends = { source: '2001:db8::1', destination: '2001:db8::2' };
    const of = (sequence: number) =>
      ipv6({ ...ends, nextHeader: IP_PROTOCOL.esp, payload: esp({ spi: 1, sequence, payload: zeros(40) }) });
    const changed = of(1);
    changed[3] = 0x99;
    expect(differences(of(1), changed)).toEqual(['IPv6 flow label: 0x0 -> 0x99']);
    expect(differences(of(1), of(258))).toEqual(['IP payload bytes 6 to 7: 0x0001 -> 0x0102']);
  });

  it('are read whatever was captured, and never from beyond it', () => {
    const packets = [
      segment({ options: concat(mssOption(1460), SACK_PERMITTED), payload: zeros(20) }),
      datagram(vxlan({ vni: 7, inner: zeros(40) })),
    ];
    const context = { fieldsOf: () => vxlanDissector.headerFields ?? [], isRenumbered: false };
    for (const packet of packets) {
      for (let length = 0; length <= packet.length; length++) {
        expect(fieldDifferences(packet.slice(0, length), packet, context)).toEqual([]);
        expect(fieldDifferences(packet, packet.slice(0, length), context)).toEqual([]);
      }
    }
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), fc.uint8Array({ maxLength: 120 }), (a, b) => {
        expect(fieldDifferences(a, a, context)).toEqual([]);
        expect(fieldDifferences(a, b, context).length).toBeLessThan(300);
      }),
    );
  });
});
