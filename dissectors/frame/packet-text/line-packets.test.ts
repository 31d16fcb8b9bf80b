import { describe, expect, it } from 'vitest';
import { sectionsOfText } from '../../../src/capture/text-capture.js';
import { textCaptures } from '../../index.js';
import packets from '../text-captures/packets.js';

const kinds = { captures: [packets], lines: textCaptures.lines };

/** The packets of a text, as hexadecimal digits. */
function read(text: string): string[] {
  return sectionsOfText(text, kinds).flatMap(({ packets: own }) =>
    Array.from(own, ({ bytes }) => Buffer.from(bytes).toString('hex')),
  );
}

const IP_LENGTH = 40;
const UDP_LENGTH = 16;
const TCP_LENGTH = 40;
const HEAD_V = '12:00:00.000001 IP (tos 0x0, ttl 64, id 7, offset 0, flags [DF], proto';

describe('messages that -v prints on several lines', () => {
  it('of BGP are whole, one after the other', () => {
    const [first = ''] = read(
      [
        `${HEAD_V} TCP (6), length 115)`,
        '    192.0.2.1.43124 > 198.51.100.7.179: Flags [P.], cksum 0xbfa1 (correct), seq 67:142, ack 139, win 502, length 75: BGP',
        '\tUpdate Message (2), length: 56',
        '\t  Withdrawn routes:',
        '\t    10.0.0.0/24',
        '\t  Origin (1), length: 1, Flags [T]: IGP',
        '\t  AS Path (2), length: 0, Flags [T]: empty',
        '\t  Next Hop (3), length: 4, Flags [T]: 192.0.2.1',
        '\t  Multi Exit Discriminator (4), length: 4, Flags [O]: 7',
        '\t  Updated routes:',
        '\t    11.0.0.0/24',
        '\t    11.0.1.0/24',
        '\tKeepalive Message (4), length: 19',
      ].join('\n'),
    );
    const marker = 'ff'.repeat(16);
    expect(first.slice(IP_LENGTH + TCP_LENGTH)).toBe(
      `${marker}003802${'0004180a0000'}0015${'40010100'}${'400200'}${'40030400000000'}${'80040400000007'}180b0000180b0001${marker}001304`,
    );
  });

  it('of BGP say version, AS, hold time, capabilities and errors', () => {
    const lines = (length: number, ...own: string[]): string =>
      [
        `${HEAD_V} TCP (6), length ${40 + length})`,
        `    192.0.2.1.43124 > 198.51.100.7.179: Flags [P.], cksum 0xbfa1 (correct), seq 1:${length + 1}, ack 1, win 502, length ${length}: BGP`,
        ...own,
      ].join('\n');
    const [open = '', notification = ''] = read(
      [
        lines(
          37,
          '\tOpen Message (1), length: 37',
          '\t  Version 4, my AS 23456, Holdtime 15s, ID 198.51.100.7',
          '\t  Optional parameters, length: 8',
          '\t    Option Capabilities Advertisement (2), length: 6',
          '\t      32-Bit AS Number (65), length: 4',
          '\t\t 4 Byte AS 4200000010',
        ),
        lines(23, '\tNotification Message (3), length: 23, OPEN Message Error (2), subcode Bad Peer AS (2)'),
      ].join('\n'),
    );
    expect(open.slice(IP_LENGTH + TCP_LENGTH + 32)).toBe('002501045ba0000fc6336407080206' + '4104fa56ea0a');
    expect(notification.slice(IP_LENGTH + TCP_LENGTH + 32)).toBe('00170302020000');
  });

  it.each([
    [
      'BFD',
      'UDP (17), length 52)',
      [
        '    192.0.2.254.49160 > 192.0.2.1.3784: BFDv1, length: 24',
        '\tControl, State Up, Flags: [Poll], Diagnostic: Control Detection Time Expired (0x01)',
        '\tDetection Timer Multiplier: 3 (900 ms Detection time), BFD Length: 24',
        '\tMy Discriminator: 0x1c449e02, Your Discriminator: 0x5a010007',
        '\t  Desired min Tx Interval:     300 ms',
        '\t  Required min Rx Interval:    300 ms',
        '\t  Required min Echo Interval:    0 ms',
      ],
      '21e003181c449e025a010007000493e0000493e000000000',
    ],
    [
      'NTP',
      'UDP (17), length 76)',
      [
        '    192.0.2.123.123 > 192.0.2.1.123: NTPv4, Server, length 48',
        '\tLeap indicator: clock unsynchronized (192), Stratum 2 (secondary reference), poll 6 (64s), precision -23',
        '\tRoot Delay: 0.039337, Root dispersion: 0.015151, Reference-ID: 0xc0000201',
        '\t  Reference Timestamp:  0.000000000',
        '\t  Originator Timestamp: 1.500000000 (1900-01-01T00:00:01Z)',
        '\t  Receive Timestamp:    2.250000000 (1900-01-01T00:00:02Z)',
        '\t  Transmit Timestamp:   3.000000000 (1900-01-01T00:00:03Z)',
      ],
      `e4020600${'00000000'.repeat(2)}c0000201${'0'.repeat(16)}000000018000000000000002400000000000000300000000`,
    ],
  ])('of %s are whole', (_, head, lines, hex) => {
    const [packet = ''] = read([`${HEAD_V} ${head}`, ...lines].join('\n'));
    expect(packet.slice(IP_LENGTH + UDP_LENGTH)).toBe(hex);
  });

  it('of DHCP say which message, the MTU and what was asked for', () => {
    const [packet = ''] = read(
      [
        `${HEAD_V} UDP (17), length 282)`,
        '    10.20.0.2.67 > 255.255.255.255.68: BOOTP/DHCP, Reply, length 254, xid 0x3903f326, Flags [Broadcast]',
        '\t  Your-IP 10.20.0.31',
        '\t  Client-Ethernet-Address 02:16:3e:00:00:21',
        '\t    MTU (26), length 2: 1450',
        '\t    DHCP-Message (53), length 1: Offer',
        '\t    Parameter-Request (55), length 2: ',
        '\t      Subnet-Mask (1), MTU (26)',
      ].join('\n'),
    );
    const message = packet.slice(IP_LENGTH + UDP_LENGTH);
    expect(message.slice(0, 16)).toBe('020106003903f326');
    expect(message.slice(32, 40)).toBe('0a14001f');
    expect(message.slice(472)).toBe('63825363' + '1a0205aa' + '350102' + '3702011a' + 'ff');
  });
});

describe('lines of tunnels and tags', () => {
  it('hold inner frames with -e, and VLAN tags', () => {
    const [packet = ''] = read(
      [
        '12:00:00.1 00:00:5e:00:53:0a > 00:00:5e:00:53:fe, ethertype 802.1Q-QinQ (0x88a8), length 156: vlan 100, p 1, ethertype 802.1Q (0x8100), vlan 20, p 0, DEI, ethertype IPv4 (0x0800), (tos 0x0, ttl 64, id 1, offset 0, flags [none], proto UDP (17), length 134)',
        '    192.0.2.1.58750 > 198.51.100.7.6081: Geneve, Flags [none], vni 0x2a, proto TEB (0x6558)',
        '\tee:ee:0a:ff:52:00 > ee:ee:0a:ff:90:00, ethertype IPv4 (0x0800), length 98: (tos 0x0, ttl 63, id 28570, offset 0, flags [DF], proto ICMP (1), length 84)',
        '    10.255.82.67 > 10.255.144.63: ICMP echo request, id 12050, seq 1, length 64',
      ].join('\n'),
    );
    expect(packet.slice(24, 44)).toBe('88a8206481001014' + '0800');
    expect(packet.slice(100, 116)).toBe('0000655800002a00');
    expect(packet.slice(116, 144)).toBe('eeee0aff9000eeee0aff52000800');
    expect(packet.slice(184)).toBe('080000002f120001');
  });

  it('that say that packets are cut are read', () => {
    const [packet = ''] = read(
      '12:00:00.1 IP truncated-ip - 28 bytes missing! 192.168.10.5 > 192.168.20.9: ICMP echo request, id 5, seq 2, length 1480',
    );
    expect(packet.slice(4, 8)).toBe((1500).toString(16).padStart(4, '0'));
  });

  it('of TCP with -q have ports, and numbers as they are until one is acknowledged', () => {
    const [quiet = ''] = read('12:00:00.1 IP 10.66.0.2.60158 > 10.66.0.1.179: tcp 0');
    expect(quiet.slice(IP_LENGTH)).toBe('eafe00b3');
    const [, reset = ''] = read(
      [
        '12:00:00.1 IP 192.0.2.1.40224 > 198.51.100.7.8443: Flags [S], seq 2979732593, win 502, length 0',
        '12:00:00.2 IP 198.51.100.7.8443 > 192.0.2.1.40224: Flags [R.], seq 2428500507, ack 2979732594, win 0, length 0',
      ].join('\n'),
    );
    expect(reset.slice(IP_LENGTH + 8, IP_LENGTH + 24)).toBe('90bffa1bb19b1c72');
  });
});

describe('a list of packets as tshark prints it', () => {
  const listed = (info: string): string => {
    const [packet = ''] = read(`    1 1.5    192.0.2.1 → 198.51.100.7 ${info}`);
    return packet.slice(18, 20) + packet.slice(IP_LENGTH);
  };

  it.each([
    [
      'TCP',
      'TCP 62 43124 → 179 [SYN, ACK] Seq=0 Ack=1 Win=502 Len=0 MSS=1460',
      '06a87400b30000000000000001501201f600000000',
    ],
    ['UDP', 'UDP 134 40211 → 4789 Len=60', '119d1312b500440000'],
    ['ESP', 'ESP 178 ESP (SPI=0xc570e4a2)', '32c570e4a2'],
    ['ICMP', 'ICMP 98 Echo (ping) reply    id=0x4e1f, seq=1/256, ttl=64', '01000000004e1f0001'],
    ['an error of ICMP', 'ICMP 198 Destination unreachable (Protocol unreachable)', '010302'],
    [
      'DNS',
      'DNS 76 Standard query 0x6291 A a.example',
      '110035003500230000' + '629101000001000000000000016107657861' + '6d706c65' + '0000010001',
    ],
    ['what is not read', 'HTTP 155 GET /status HTTP/1.1', 'ff'],
  ])('of %s gives what it tells', (_, info, hex) => {
    expect(listed(info)).toBe(hex);
  });

  it('of IKE gives the exchange, of ARP the addresses, and is read from exports too', () => {
    expect(listed('ISAKMP 334 IKE_AUTH MID=01 Initiator Request').slice(50, 62)).toBe('2e2023080000');
    const text = [
      'No.     Time           Source                Destination           Protocol Length Info',
      '      1 0.000000       192.0.2.1             198.51.100.7          UDP      134    40211 > 4789 Len=60',
      '"2","0.100000","192.0.2.1","198.51.100.7","ESP","178","ESP (SPI=0xc570e4a2)"',
      '    3 0.2 00:00:5e:00:53:0a → ff:ff:ff:ff:ff:ff ARP 42 Who has 192.0.2.9? Tell 192.0.2.1',
      '    4 0.3 a table of no packets 5 at all',
    ].join('\n');
    expect(read(text).map((hex) => hex.length)).toHaveLength(3);
  });
});
