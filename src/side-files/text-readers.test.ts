import { describe, expect, it } from 'vitest';
import { readBgpConfigurations } from './bgp-configuration.js';
import { withTallies } from './capture-tallies.js';
import { readDatapathFlows, readDatapaths } from './datapath.js';
import { readIkeLog } from './ike-log.js';
import { readIpLink } from './ip-link.js';
import { readNtpq, systemPeer } from './ntpq.js';
import { readTcpdumpSummaries } from './tcpdump-summary.js';
import { textFile } from './text-file.js';
import { readTunnelZones } from './tunnel-zone.js';

const text = (...lines: string[]) => textFile('pasted.txt', lines.join('\r\n'));

describe('logs of IKE daemons', () => {
  /** What the openswan guide shows. */
  const UP = [
    '104 "sg1--sg2-net" #796: STATE_MAIN_I1: initiate',
    '003 "sg1--sg2-net" #796: received Vendor ID payload [Dead Peer Detection]',
    '106 "sg1--sg2-net" #796: STATE_MAIN_I2: sent MI2, expecting MR2',
    '004 "sg1--sg2-net" #796: STATE_MAIN_I4: ISAKMP SA established',
    '004 "sg1--sg2-net" #797: STATE_QUICK_I2: sent QI2, IPsec SA established {ESP=>0xaa6fa19a <0xa2f3b68d xfrm=3DES_0-HMAC_SHA1 NATD=none DPD=enabled}',
  ];

  it('reads ipsec auto --up', () => {
    const log = readIkeLog(text('sg1 # ipsec auto --up sg1--sg2-net', ...UP));
    expect(log?.events.map(({ kind }) => kind)).toEqual([
      'initiated',
      'ike-established',
      'child-established',
    ]);
    expect(log?.sas).toEqual([
      {
        origin: { file: 'pasted.txt', place: 'line 6' },
        connection: 'sg1--sg2-net',
        peer: null,
        protocol: 'esp',
        outboundSpi: 0xaa6f_a19a,
        inboundSpi: 0xa2f3_b68d,
        inUdp: false,
        nat: null,
        localNetworks: [],
        remoteNetworks: [],
      },
    ]);
  });

  it.each([
    [
      'ESP/NAT=>0x0000abcd <0x12345678 xfrm=AES_128-HMAC_SHA1 NATOA=none NATD=192.0.2.9:4500 DPD=none',
      true,
      '192.0.2.9:4500',
    ],
    [
      'ESPinUDP=>0x0000abcd <0x12345678 xfrm=AES_GCM_16_256-NONE NATD=192.0.2.9:61244 DPD=active',
      true,
      '192.0.2.9:61244',
    ],
    ['ESP/ESN=>0x0000abcd <0x12345678 xfrm=AES_GCM_16_256-NONE DPD=passive', false, null],
  ])('reads the SAs of %s', (sa, inUdp, nat) => {
    const log = readIkeLog(
      text(
        `Jan 12 10:11:12 sg1 pluto[4711]: "net"[2] 192.0.2.9 #5: IPsec SA established tunnel mode {${sa}}`,
      ),
    );
    expect(log?.sas).toMatchObject([
      { connection: 'net', peer: '192.0.2.9', outboundSpi: 0xabcd, inboundSpi: 0x1234_5678, inUdp, nat },
    ]);
  });

  it('reads charon, whose SPIs are named by direction', () => {
    const log = readIkeLog(
      text(
        '05[IKE] <net|1> initiating IKE_SA net[1] to 192.0.2.9',
        'Jan 12 moon charon: 09[IKE] IKE_SA net[1] established between 198.51.100.7[moon]...192.0.2.9[sun]',
        '09[IKE] <net|1> CHILD_SA net{1} established with SPIs c2b0a2fc_i cf1c3b0a_o and TS 10.1.0.0/16 === 10.2.0.0/16 10.3.0.0/16',
        '11[IKE] <net|2> received AUTHENTICATION_FAILED notify error',
        '12[IKE] giving up after 5 retransmits',
      ),
    );
    expect(log?.events.map(({ kind, peer }) => [kind, peer])).toEqual([
      ['initiated', '192.0.2.9'],
      ['ike-established', '192.0.2.9'],
      ['child-established', null],
      ['authentication-failed', null],
      ['gave-up', null],
    ]);
    expect(log?.sas).toMatchObject([
      {
        connection: 'net',
        inboundSpi: 0xc2b0_a2fc,
        outboundSpi: 0xcf1c_3b0a,
        localNetworks: ['10.1.0.0/16'],
        remoteNetworks: ['10.2.0.0/16', '10.3.0.0/16'],
      },
    ]);
  });

  it.each([
    [
      'authentication-failed',
      'malformed payload in packet. Probable authentication failure (mismatch of preshared secrets?)',
    ],
    [
      'gave-up',
      'max number of retransmissions (2) reached STATE_MAIN_I3.  Possible authentication failure: no acceptable response to our first encrypted message',
    ],
    ['no-proposal', 'ignoring informational payload, type NO_PROPOSAL_CHOSEN'],
    ['retransmitted', 'STATE_MAIN_I3: retransmission; will wait 20s for response'],
    ['nat-decision', 'NAT-Traversal: Result using RFC 3947 (NAT-Traversal): i am NATed'],
  ])('takes %s from pluto', (kind, sentence) => {
    expect(readIkeLog(text(`"net" #3: ${sentence}`))?.events).toMatchObject([{ kind, text: sentence }]);
  });

  it("does not take pluto's guess for a refusal", () => {
    const guess =
      'max number of retransmissions (2) reached STATE_MAIN_I3.  Possible authentication failure: no acceptable response';
    expect(readIkeLog(text(`"net" #3: ${guess}`))?.events.map(({ kind }) => kind)).not.toContain(
      'authentication-failed',
    );
  });

  it('finds nothing in other logs', () => {
    expect(readIkeLog(text('Jan 12 sshd[1]: Accepted publickey for root', '{"a": "b"}'))).toBeNull();
  });
});

describe('ip -d link and ip addr', () => {
  it('reads the VXLAN device of silk', () => {
    const links = readIpLink(
      text(
        '# ip -d link list silk-vtep',
        '3: silk-vtep: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1410 qdisc noqueue state UNKNOWN mode DEFAULT group default',
        '    link/ether ee:ee:0a:ff:17:00 brd ff:ff:ff:ff:ff:ff promiscuity 0',
        '    vxlan id 1 local 10.0.32.15 dev eth0 srcport 0 0 dstport 4789 nolearning ageing 300 gbp',
      ),
    );
    expect(links).toEqual([
      {
        origin: { file: 'pasted.txt', place: 'line 2' },
        name: 'silk-vtep',
        flags: ['BROADCAST', 'MULTICAST', 'UP', 'LOWER_UP'],
        mtu: 1410,
        mac: 'ee:ee:0a:ff:17:00',
        addresses: [],
        tunnel: {
          kind: 'vxlan',
          key: 1,
          local: '10.0.32.15',
          remote: null,
          destinationPort: 4789,
          hasGroupPolicy: true,
        },
      },
    ]);
  });

  it('reads addresses, and joins the outputs of both commands', () => {
    const links = readIpLink(
      text(
        '3: tun0: <POINTOPOINT,MULTICAST,NOARP,UP,LOWER_UP> mtu 1500 qdisc pfifo_fast state UNKNOWN group default qlen 100',
        '    link/none ',
        '    inet 10.0.8.8/24 brd 10.0.8.255 scope global tun0',
        '       valid_lft forever preferred_lft forever',
        '4: gre1@NONE: <POINTOPOINT,NOARP,UP,LOWER_UP> mtu 1476 qdisc noqueue state UNKNOWN',
        '    link/gre 192.0.2.1 peer 198.51.100.7 promiscuity 0',
        '    gre remote 198.51.100.7 local 192.0.2.1 ttl inherit ikey 0.0.2.188 okey 0.0.2.188',
        '4: gre1@NONE: <POINTOPOINT,NOARP,UP,LOWER_UP> mtu 1476 qdisc noqueue state UNKNOWN',
        '    inet 10.9.0.1 peer 10.9.0.2/32 scope global gre1',
        '    inet6 2001:DB8::1/64 scope global',
      ),
    );
    expect(links).toHaveLength(2);
    expect(links[0]).toMatchObject({
      name: 'tun0',
      addresses: [{ address: '10.0.8.8', prefix: 24, peer: null }],
    });
    expect(links[1]).toMatchObject({
      name: 'gre1',
      tunnel: { kind: 'gre', key: 700, local: '192.0.2.1', remote: '198.51.100.7' },
      addresses: [
        { address: '10.9.0.1', prefix: 32, peer: '10.9.0.2' },
        { address: '2001:db8::1', prefix: 64 },
      ],
    });
  });
});

describe('mm-dpctl', () => {
  it('reads ports whose counters are wrapped', () => {
    const [datapath] = readDatapaths(
      text(
        'Datapath name : midonet',
        'Port #1 "tngre-overlay" Gre Stats{rxPackets=508157678,',
        'txPackets=398704120, rxBytes=291245619484, txBytes=318474308439,',
        'rxErrors=0, txErrors=0, rxDropped=0, txDropped=0}',
        'Port #2 "tnvxlan-overlay" VXLan Stats{rxPackets=0, txPackets=12, rxBytes=0, txBytes=840,',
        'rxErrors=1, txErrors=0, rxDropped=0, txDropped=4}',
      ),
    );
    expect(datapath).toMatchObject({ name: 'midonet' });
    expect(datapath.ports).toMatchObject([
      {
        number: 1,
        name: 'tngre-overlay',
        type: 'Gre',
        receivedPackets: 508_157_678,
        sentPackets: 398_704_120,
      },
      { number: 2, type: 'VXLan', receivedPackets: 0, sentPackets: 12, receiveErrors: 1, sendDrops: 4 },
    ]);
  });

  it('reads the output of grep, which has no name of a datapath', () => {
    expect(
      readDatapaths(text('Port #1 "tngre-overlay" Gre', 'Stats{rxPackets=5, txPackets=4}')),
    ).toMatchObject([{ name: '', ports: [{ receivedPackets: 5, sentPackets: 4 }] }]);
  });

  it('reads flows, with ports that were printed as negative numbers', () => {
    const flows = readDatapathFlows(
      text(
        '1340149 flows',
        ' Flow:',
        '   match kevs:',
        '     Tunnel{tun_id=4360, ipv4_src=10.11.0.16, ipv4_dst=10.11.0.15,',
        ' tun_flag=0, ipv4_tos=0, ipv4_ttl=-3}',
        '      KeyIPv4{src=8.8.8.8, dst=10.17.3.14, proto=17, tos=0, ttl=55, frag=0}',
        '     UDP{src=53, dst=-8561}',
        '    actions:',
        '      Output{port=21}',
        ' Flow:',
        '   match keys:',
        '      KeyIPv4{src=10.17.3.14, dst=10.17.3.15, proto=6, tos=0, ttl=64, frag=0}',
        '     TCP{src=40000, dst=80}',
        '    actions:',
      ),
    );
    expect(flows).toMatchObject([
      {
        tunnel: { key: 4360, source: '10.11.0.16', destination: '10.11.0.15' },
        source: '8.8.8.8',
        destination: '10.17.3.14',
        protocol: 17,
        sourcePort: 53,
        destinationPort: 56_975,
        outputs: [21],
        isDrop: false,
      },
      { tunnel: null, protocol: 6, destinationPort: 80, outputs: [], isDrop: true },
    ]);
  });
});

describe('midonet-cli', () => {
  it('reads the members of a zone, and that one does not live', () => {
    const zones = readTunnelZones(
      text(
        'midonet> tunnel-zone tzone0 list member',
        'zone tzone0 host host0 address 192.168.0.1',
        'zone tzone0 host host1 address 192.168.0.2',
        'midonet> list host',
        'host host0 name host-a alive true',
      ),
    );
    expect(zones).toMatchObject([
      {
        zone: 'tzone0',
        members: [
          { host: 'host0', address: '192.168.0.1', hostName: 'host-a', isAlive: true },
          { host: 'host1', address: '192.168.0.2', hostName: null, isAlive: false },
        ],
      },
    ]);
  });
});

describe('ntpq -pn', () => {
  const HEAD = [
    '     remote           refid      st t when poll reach   delay   offset  jitter',
    '='.repeat(78),
  ];

  it('reads the table', () => {
    const table = readNtpq(
      text(
        ...HEAD,
        '*157.7.153.56    133.243.238.164  2 u  114  128  377    4.239    2.713   6.608',
        '+91.189.94.4     131.188.3.220    2 u   75  128  367  229.564   -4.604   6.896',
        ' 192.0.2.9       .INIT.          16 u    - 1024    0    0.000    0.000   0.000',
      ),
    );
    expect(table?.peers).toMatchObject([
      {
        tally: '*',
        remote: '157.7.153.56',
        stratum: 2,
        pollSeconds: 128,
        reach: 255,
        offsetMs: 2.713,
        jitterMs: 6.608,
      },
      { tally: '+', reach: 0o367, offsetMs: -4.604 },
      { tally: ' ', remote: '192.0.2.9', stratum: 16, reach: 0 },
    ]);
    expect(table && systemPeer(table)?.remote).toBe('157.7.153.56');
  });

  it('does not take the first letter of a name for a mark', () => {
    const table = readNtpq(text(' oak.example.org 192.0.2.1 2 u 1 64 377 1.0 2.0 3.0'));
    expect(table?.peers).toMatchObject([{ tally: ' ', remote: 'oak.example.org' }]);
    expect(table && systemPeer(table)).toBeNull();
  });

  it('finds no table elsewhere', () => expect(readNtpq(text(...HEAD, 'No association ID'))).toBeNull());
});

describe('the last lines of tcpdump', () => {
  const LINES = ['^C', '32 packets captured', '35 packets received by filter', '3 packets dropped by kernel'];

  it('are a tally', () => {
    expect(readTcpdumpSummaries(text(...LINES))).toEqual([
      { origin: { file: 'pasted.txt', place: 'line 2' }, captured: 32, received: 35, dropped: 3 },
    ]);
  });

  it('belong to the one capture that holds as many packets', () => {
    const facts = (frames: number, drops: number | null = null) => ({
      file: 'a',
      format: 'pcap' as const,
      linkTypes: [1],
      frames,
      records: frames,
      bytes: 0,
      clock: 'absolute' as const,
      firstTimeNs: null,
      lastTimeNs: null,
      damaged: [],
      drops,
      snaplen: 0,
      comments: [],
      skipped: new Map(),
    });
    const tallies = readTcpdumpSummaries(text(...LINES));
    const dropsOf = (...captures: ReturnType<typeof facts>[]) =>
      withTallies(captures, tallies).map(({ drops }) => drops);
    expect(dropsOf(facts(32), facts(31))).toEqual([3, null]);
    expect(dropsOf(facts(31))).toEqual([null]);
    expect(dropsOf(facts(32), facts(32))).toEqual([null, null]);
    expect(dropsOf(facts(32, 0))).toEqual([0]);
  });
});

describe('configuration of a BGP daemon', () => {
  it('reads neighbours and keeps no password', () => {
    const speakers = readBgpConfigurations(
      text(
        'router bgp 65535',
        'bgp router-id 192.168.107.29',
        'network 42.159.202.0/24',
        'neighbor 192.168.107.30 remote-as 65534',
        'neighbor 192.168.107.30 timers 5 15',
        'neighbor 192.168.107.30 timers connect 10',
        ' neighbor 2001:DB8::2 remote-as 1.10',
        ' neighbor 2001:DB8::2 password s3cret',
        ' neighbor PEERS peer-group',
        '!',
      ),
    );
    expect(speakers).toMatchObject([
      {
        as: 65_535,
        routerId: '192.168.107.29',
        neighbours: [
          {
            address: '192.168.107.30',
            remoteAs: 65_534,
            keepaliveSeconds: 5,
            holdSeconds: 15,
            connectSeconds: 10,
            hasPassword: false,
          },
          { address: '2001:db8::2', remoteAs: 65_546, hasPassword: true },
        ],
      },
    ]);
    expect(JSON.stringify(speakers)).not.toContain('s3cret');
  });
});
