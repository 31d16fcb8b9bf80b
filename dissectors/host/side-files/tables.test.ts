import { describe, expect, it } from 'vitest';
import { factsIn } from '../../../test/build/side-knowledge.js';
import ethernetSettings from './ethernet-settings.js';
import linkCounters from './link-counters.js';
import neighbours from './neighbours.js';
import packetFilters from './packet-filter.js';
import resources from './resources.js';
import routes from './routes.js';

describe('ip -s link', () => {
  // iproute2 6.1 (Debian 12); 4.15 names the columns "overrun" and "collsns" and pads them otherwise.
  it('reads counters by the names of their columns', () => {
    const [link] = factsIn(linkCounters, [
      '2: eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc mq state UP mode DEFAULT group default qlen 1000',
      '    link/ether 52:54:00:12:34:56 brd ff:ff:ff:ff:ff:ff',
      '    RX:  bytes packets errors dropped  missed   mcast',
      '    8031457    9412      3      17       2      41',
      '    TX:  bytes packets errors dropped carrier collsns',
      '    1294712    7730      0       1       4       0',
    ]);
    expect(link).toMatchObject({ link: 'eth0', receivedPackets: 9412, sentPackets: 7730 });
    expect(Object.fromEntries(link.faults)).toEqual({
      'RX errors': 3,
      'RX dropped': 17,
      'RX missed': 2,
      'TX errors': 0,
      'TX dropped': 1,
      'TX carrier': 4,
      'TX collsns': 0,
    });
  });

  it('leaves the second table of -s -s out', () => {
    const [link] = factsIn(linkCounters, [
      '5: tap7aa08012-d0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1450 qdisc fq_codel state UNKNOWN',
      '    RX: bytes  packets  errors  dropped overrun mcast',
      '    100        10       0       0       0       0',
      '    RX errors: length   crc     frame   fifo    missed',
      '               9        8       7       6       5',
      '    TX: bytes  packets  errors  dropped carrier collsns',
      '    200        20       0       12      0       0',
    ]);
    expect(link.receivedPackets).toBe(10);
    expect([...link.faults.values()].reduce((sum, count) => sum + count, 0)).toBe(12);
  });

  it('is silent on ip link without -s', () => {
    expect(factsIn(linkCounters, ['1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue'])).toEqual([]);
  });
});

describe('ethtool', () => {
  it('reads the statistics of the card that the command names', () => {
    const [link] = factsIn(linkCounters, [
      '# ethtool -S ens5',
      'NIC statistics:',
      '     rx_packets: 4098',
      '     tx_packets: 2024',
      '     rx_crc_errors: 12',
      '     rx_queue_0_bytes: 99',
      '$ ',
    ]);
    expect(link).toMatchObject({ link: 'ens5', receivedPackets: 4098, sentPackets: 2024 });
    expect([...link.faults]).toEqual([['rx_crc_errors', 12]]);
  });

  it('reads link, duplex and offload', () => {
    const [card, features] = factsIn(ethernetSettings, [
      'Settings for eth0:',
      '\tSpeed: 100Mb/s',
      '\tDuplex: Half',
      '\tLink detected: yes',
      'Features for eth0:',
      'rx-checksumming: on [fixed]',
      'tx-checksumming: on',
      '\ttx-checksum-ip-generic: on',
      'generic-receive-offload: off',
    ]);
    expect(card).toMatchObject({ link: 'eth0', isLinkDetected: true, isHalfDuplex: true });
    expect([...features.offloads]).toEqual([
      ['tx-checksumming', true],
      ['generic-receive-offload', false],
    ]);
  });
});

describe('routes', () => {
  it('reads ip route and its refusals', () => {
    expect(
      factsIn(routes, [
        'default via 192.168.0.1 dev eth0 proto static ',
        '192.168.0.0/24 dev eth0 proto kernel scope link src 192.168.96.100 ',
        'unreachable 10.0.0.0/8 metric 4278198272 ',
        'default via fe80::1 dev eth0 proto ra metric 1024 pref medium',
        '10.9.0.2 dev tun0 scope link',
      ]),
    ).toMatchObject([
      { destination: '0.0.0.0/0', gateway: '192.168.0.1', device: 'eth0', refusal: null },
      { destination: '192.168.0.0/24', gateway: null, source: '192.168.96.100' },
      { destination: '10.0.0.0/8', device: null, refusal: 'unreachable' },
      { destination: '::/0', gateway: 'fe80::1' },
      { destination: '10.9.0.2/32', device: 'tun0' },
    ]);
  });

  it('reads netstat -nr', () => {
    expect(
      factsIn(routes, [
        'Destination     Gateway         Genmask         Flags   MSS Window  irtt Iface',
        '0.0.0.0         192.168.0.1     0.0.0.0         UG        0 0          0 eth0',
        '192.168.0.0     0.0.0.0         255.255.255.0   U         0 0          0 eth0',
      ]),
    ).toMatchObject([
      { destination: '0.0.0.0/0', gateway: '192.168.0.1', device: 'eth0' },
      { destination: '192.168.0.0/24', gateway: null, device: 'eth0' },
    ]);
  });

  it('leaves neighbours and addresses alone', () => {
    const lines = [
      '192.0.2.254 dev eth0 lladdr 00:00:5e:00:53:fe REACHABLE',
      '198.51.100.30 dev eth0 FAILED',
      '    inet 192.0.2.1/24 scope global eth0',
    ];
    expect(factsIn(routes, lines)).toEqual([]);
  });
});

describe('neighbours', () => {
  it('reads ip neigh, arp -a and arp -n', () => {
    expect(
      factsIn(neighbours, [
        '192.0.2.254 dev eth0 lladdr 00:00:5e:00:53:fe REACHABLE',
        'fe80::1 dev eth0 lladdr 00:00:5e:00:53:01 router STALE',
        '198.51.100.30 dev eth0  FAILED',
        '? (10.255.211.40) at ee:ee:0a:ff:d3:28 [ether] PERM on s-010255211040',
        '? (10.0.0.9) at <incomplete> on eth0',
        '10.0.0.7                 ether   2:0:0:0:0:7   C                     eth0',
        '10.0.0.8                         (incomplete)                              eth0',
      ]).map(({ address, mac, device, state }) => [address, mac, device, state]),
    ).toEqual([
      ['192.0.2.254', '00:00:5e:00:53:fe', 'eth0', 'REACHABLE'],
      ['fe80::1', '00:00:5e:00:53:01', 'eth0', 'STALE'],
      ['198.51.100.30', null, 'eth0', 'FAILED'],
      ['10.255.211.40', 'ee:ee:0a:ff:d3:28', 's-010255211040', ''],
      ['10.0.0.9', null, 'eth0', 'INCOMPLETE'],
      ['10.0.0.7', '02:00:00:00:00:07', 'eth0', ''],
      ['10.0.0.8', null, 'eth0', 'INCOMPLETE'],
    ]);
  });
});

describe('iptables', () => {
  it('reads -S: policies, ports, DNAT, and what makes a rule partial', () => {
    const [input, forward] = factsIn(packetFilters, [
      '-P INPUT DROP',
      '-A INPUT -i lo -j ACCEPT',
      '-A INPUT -p udp -m udp --sport 500 --dport 500 -j ACCEPT',
      '-A INPUT -p udp -m multiport --dports 500,4500 -j ACCEPT',
      '-A INPUT -s 192.0.2.0/24 -p esp -j ACCEPT',
      '-A netin--5306 -d 10.0.16.17/32 -p tcp -m tcp --dport 61005 -j DNAT --to-destination 10.255.82.67:2222',
    ]);
    expect(input).toMatchObject({ name: 'INPUT', policy: 'DROP' });
    expect(input.rules).toMatchObject([
      { target: 'ACCEPT', isPartial: true, isLoopback: true },
      { protocol: 17, sourcePorts: [{ from: 500, to: 500 }], destinationPorts: [{ from: 500, to: 500 }] },
      { destinationPorts: [{ from: 500 }, { from: 4500 }], isPartial: false, isLoopback: false },
      { protocol: 50, isPartial: true },
    ]);
    expect(forward.rules).toMatchObject([{ target: 'DNAT', toDestination: '10.255.82.67:2222' }]);
  });

  it('reads -L -v -n with counters', () => {
    const [chain] = factsIn(packetFilters, [
      'Chain INPUT (policy ACCEPT 9412 packets, 720K bytes)',
      ' pkts bytes target     prot opt in     out     source               destination',
      '  412 32960 ACCEPT     all  --  lo     *       0.0.0.0/0            0.0.0.0/0',
      '  18K 1764K DROP       udp  --  *      *       0.0.0.0/0            0.0.0.0/0            udp dpt:4789',
    ]);
    expect(chain.rules).toMatchObject([
      { target: 'ACCEPT', isLoopback: true, packets: 412 },
      { target: 'DROP', protocol: 17, destinationPorts: [{ from: 4789, to: 4789 }], packets: 18_000 },
    ]);
  });
});

describe('df and free', () => {
  it('reads what is left on / and the memory in all', () => {
    expect(
      factsIn(resources, [
        'Filesystem      Size  Used Avail Use% Mounted on',
        'udev            487M     0  487M   0% /dev',
        '/dev/sda1       9.7G  4.9G  4.8G  51% /',
        '              total        used        free      shared  buff/cache   available',
        'Mem:        2041208      278432     1227348        3228      511428     1569832',
      ]).map(({ what, bytes }) => [what, bytes]),
    ).toEqual([
      ['disk', 4.8 * 2 ** 30],
      ['memory', 2_041_208 * 1024],
    ]);
  });
});
