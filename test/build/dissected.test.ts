import { describe, expect, it } from 'vitest';
import { ascii, concat, random } from './bytes.js';
import { type CaptureFrame, pcapngBlock, writePcap, writePcapng } from './capture-file.js';
import { ah } from './esp.js';
import { gre } from './gre.js';
import { icmpEcho, icmpError } from './icmp.js';
import { fragmentIpv6, IP_PROTOCOL, ip, ipv4, ipv6, paddingOptions } from './ip.js';
import {
  ETHER_TYPE,
  ethernet,
  LINK_TYPE,
  linuxSll,
  linuxSll2,
  loopback,
  pppoeSession,
  vlan,
} from './link.js';
import { type Endpoint, timeline } from './scenario.js';
import { ikev1AggressiveMode } from './scenario-ike.js';
import { mssOption, tcp, timestampsOption } from './tcp.js';
import { MALFORMED, TSHARK_RUNS, tsharkFields, tsharkMissing } from './tshark.js';
import { udp } from './udp.js';
import { VXLAN_PORT, vxlan } from './vxlan.js';

const MACS = { source: '00:00:5e:00:53:01', destination: '00:00:5e:00:53:02' };
const ENDS = { source: '192.0.2.1', destination: '198.51.100.7' };
const ENDS_V6 = { source: '2001:db8::1', destination: '2001:db8::2' };
const TIME_NS = 1_772_489_645_123_456_789n;

const payload = random(3).bytes(40);
const datagram = udp({ ...ENDS, sourcePort: 4000, destinationPort: 4001, payload });
const packet = ipv4({ ...ENDS, protocol: IP_PROTOCOL.udp, payload: datagram, identification: 9 });

function overEthernet(inner: Uint8Array, etherType: number = ETHER_TYPE.ipv4): Uint8Array {
  return ethernet({ ...MACS, etherType, payload: inner });
}

function tunnelled(protocol: number, inner: Uint8Array): Uint8Array {
  return overEthernet(ip({ ...ENDS, protocol, payload: inner }));
}

/** Protocols of the one frame; undefined where tshark finds fault with it. */
function dissected(frame: Uint8Array, linkType: number = LINK_TYPE.ethernet): string | undefined {
  const capture = writePcap([{ timeNs: TIME_NS, bytes: frame }], { linkType });
  return tsharkFields(capture, ['frame.protocols'], `!(${MALFORMED})`)[0]?.[0];
}

describe.skipIf(tsharkMissing)(`as tshark dissects it (${tsharkMissing ?? 'installed'})`, TSHARK_RUNS, () => {
  it.each([
    ['ethernet', overEthernet(packet), LINK_TYPE.ethernet, 'eth:ethertype:ip:udp:data'],
    ['raw', packet, LINK_TYPE.raw, 'raw:ip:udp:data'],
    ['null', loopback(2, 'little', packet), LINK_TYPE.null, 'null:ip:udp:data'],
    ['loop', loopback(2, 'big', packet), LINK_TYPE.loop, 'null:ip:udp:data'],
    [
      'SLL',
      linuxSll({ packetType: 4, address: MACS.source, protocol: ETHER_TYPE.ipv4, payload: packet }),
      LINK_TYPE.linuxSll,
      'sll:ethertype:ip:udp:data',
    ],
    [
      'SLL2',
      linuxSll2({
        packetType: 0,
        address: MACS.source,
        protocol: 0x0800,
        payload: packet,
        interfaceIndex: 3,
      }),
      LINK_TYPE.linuxSll2,
      'sll:ethertype:ip:udp:data',
    ],
  ])('link type %s', (_, frame, linkType, protocols) => {
    expect(dissected(frame, linkType)).toBe(protocols);
  });

  it('VLAN tags and PPPoE', () => {
    const tag = vlan({ vid: 7, etherType: ETHER_TYPE.ipv4, payload: packet });
    const both = vlan({ vid: 70, etherType: ETHER_TYPE.vlan, payload: tag });
    expect(dissected(overEthernet(both, ETHER_TYPE.serviceVlan))).toBe(
      'eth:ethertype:ieee8021ad:ethertype:vlan:ethertype:ip:udp:data',
    );
    expect(dissected(overEthernet(pppoeSession(9, 0x21, packet), ETHER_TYPE.pppoeSession))).toBe(
      'eth:ethertype:pppoes:ppp:ip:udp:data',
    );
  });

  it('IPv6 with extension headers and fragments', () => {
    const inner = udp({
      ...ENDS_V6,
      sourcePort: 4000,
      destinationPort: 4001,
      payload: random(4).bytes(2000),
    });
    const extensionHeaders = [paddingOptions(0), paddingOptions(60)];
    const extended = ipv6({ ...ENDS_V6, nextHeader: 17, payload: inner, extensionHeaders });
    expect(dissected(overEthernet(extended, ETHER_TYPE.ipv6))).toBe(
      'eth:ethertype:ipv6:ipv6.hopopts:ipv6.dstopts:udp:data',
    );
    const whole = ipv6({ ...ENDS_V6, nextHeader: 17, payload: inner });
    const frames = fragmentIpv6(whole, 1500, 5).map((fragment, i) => ({
      timeNs: TIME_NS + BigInt(i),
      bytes: overEthernet(fragment, ETHER_TYPE.ipv6),
    }));
    expect(tsharkFields(writePcap(frames), ['udp.length'], 'udp.checksum.status == 1')).toEqual([['2008']]);
  });

  it('TCP options, ICMP errors, AH, GRE, VXLAN', () => {
    const options = concat(mssOption(1400), timestampsOption(7, 8));
    const syn = tcp({ ...ENDS, sourcePort: 1, destinationPort: 179, sequence: 5, flags: ['SYN'], options });
    const capture = writePcap([{ timeNs: TIME_NS, bytes: tunnelled(6, syn) }]);
    const fields = ['tcp.options.mss_val', 'tcp.options.timestamp.tsval', 'tcp.checksum.status'];
    expect(tsharkFields(capture, fields)).toEqual([['1400', '7', '1']]);
    const refused = icmpError(3, 4, packet, { parameter: 1400 });
    expect(dissected(tunnelled(1, refused))).toBe('eth:ethertype:ip:icmp:ip:udp');
    const inner = ip({
      ...ENDS,
      protocol: 1,
      payload: icmpEcho({ identifier: 1, sequence: 1, data: payload }),
    });
    const protectedPacket = ah({
      nextHeader: 4,
      spi: 300,
      sequence: 1,
      icv: payload.subarray(0, 12),
      payload: inner,
    });
    expect(dissected(tunnelled(51, protectedPacket))).toBe('eth:ethertype:ip:ah:ip:icmp:data');
    const keyed = gre({ protocolType: 0x6558, key: 5, checksum: true, payload: overEthernet(inner) });
    expect(dissected(tunnelled(47, keyed))).toBe('eth:ethertype:ip:gre:eth:ethertype:ip:icmp:data');
    const overlay = vxlan({ vni: 1, groupPolicy: { id: 3 }, inner: overEthernet(inner) });
    const outer = udp({ ...ENDS, sourcePort: 50_000, destinationPort: VXLAN_PORT, payload: overlay });
    expect(dissected(tunnelled(17, outer))).toBe('eth:ethertype:ip:udp:vxlan:eth:ethertype:ip:icmp:data');
  });

  it('an IKEv1 aggressive mode', () => {
    const initiator: Endpoint = { mac: MACS.source, address: ENDS.source, ttl: 64 };
    const responder: Endpoint = { mac: MACS.destination, address: ENDS.destination, ttl: 57 };
    const t = timeline(TIME_NS, 11);
    ikev1AggressiveMode(t, { initiator, responder }, 0);
    const capture = writePcap(t.frames());
    expect(tsharkFields(capture, ['isakmp.exchangetype', 'isakmp.flags'], `!(${MALFORMED})`)).toEqual([
      ['4', '0x00'],
      ['4', '0x00'],
      ['4', '0x01'],
    ]);
  });
});

const FRAMES: CaptureFrame[] = [
  { timeNs: TIME_NS, bytes: overEthernet(packet) },
  { timeNs: TIME_NS + 1_000_000_001n, bytes: overEthernet(packet), originalLength: 1514 },
];
const FIELDS = ['frame.time_epoch', 'frame.cap_len', 'frame.len', 'udp.srcport'];

describe.skipIf(tsharkMissing)(
  `capture files as tshark reads them (${tsharkMissing ?? 'installed'})`,
  TSHARK_RUNS,
  () => {
    const micro = ['1772489645.123456000', '1772489646.123456000'];
    const nano = ['1772489645.123456789', '1772489646.123456790'];
    const rows = ([first, second]: readonly string[]) => [
      [first, '82', '82', '4000'],
      [second, '82', '1514', '4000'],
    ];

    it.each(['big', 'little'] as const)('pcap, %s-endian', (byteOrder) => {
      expect(tsharkFields(writePcap(FRAMES, { byteOrder }), FIELDS)).toEqual(rows(micro));
      expect(tsharkFields(writePcap(FRAMES, { byteOrder, nanoseconds: true }), FIELDS)).toEqual(rows(nano));
      expect(tsharkFields(writePcap(FRAMES, { byteOrder, modified: true }), FIELDS)).toEqual(rows(micro));
    });

    it('pcap cut by a snaplen', () => {
      const cut = tsharkFields(writePcap(FRAMES, { snaplen: 60 }), ['frame.cap_len', 'frame.len']);
      expect(cut).toEqual([
        ['60', '82'],
        ['60', '1514'],
      ]);
    });

    it.each(['big', 'little'] as const)('pcapng, %s-endian, with several resolutions', (byteOrder) => {
      const times = (tsresol?: number, tsoffset?: bigint) => {
        const described = {
          ...(tsresol !== undefined && { tsresol }),
          ...(tsoffset !== undefined && { tsoffset }),
        };
        return writePcapng([{ byteOrder, interfaces: [described], frames: FRAMES }]);
      };
      expect(tsharkFields(times(), FIELDS)).toEqual(rows(micro));
      expect(tsharkFields(times(9), FIELDS)).toEqual(rows(nano));
      expect(tsharkFields(times(9, 1_700_000_000n), FIELDS)).toEqual(rows(nano));
      // 2^-30 s: the time is rounded down to the next unit, less than a nanosecond away.
      expect(tsharkFields(times(0x80 | 30), ['frame.time_epoch'])[0]?.[0]).toMatch(
        /^1772489645\.12345678[89]$/,
      );
    });

    it('pcapng with two sections, interfaces, flags, a filter, statistics and an unknown block', () => {
      const interfaces = [
        { name: 'eth0', tsresol: 9, filter: 'udp' },
        {
          name: 'tun0',
          linkType: LINK_TYPE.raw,
          statistics: { timeNs: TIME_NS, received: 9, droppedBySystem: 1 },
        },
      ];
      const frames = [
        { timeNs: TIME_NS, bytes: overEthernet(packet), flags: 2 },
        { timeNs: TIME_NS, bytes: packet, interfaceIndex: 1 },
      ];
      const file = concat(
        writePcapng([
          { interfaces, frames, application: 'a writer' },
          { byteOrder: 'big', interfaces: [{}], frames: FRAMES },
        ]),
        pcapngBlock('big', 0x0bad, ascii('????')),
      );
      const fields = ['frame.interface_name', 'frame.packet_flags_direction', 'udp.srcport'];
      const seen = tsharkFields(file, fields, 'udp').map(([name, direction, port]) => [
        name,
        Number(direction),
        port,
      ]);
      expect(seen.slice(0, 2)).toEqual([
        ['eth0', 2, '4000'],
        ['tun0', 0, '4000'],
      ]);
      expect(seen).toHaveLength(4);
    });
  },
);
