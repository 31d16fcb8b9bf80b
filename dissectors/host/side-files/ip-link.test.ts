import { describe, expect, it } from 'vitest';
import { factsIn } from '../../../test/build/side-knowledge.js';
import hostLinks from './ip-link.js';

const read = (...lines: string[]) => factsIn(hostLinks, lines);

describe('ip -d link and ip addr', () => {
  it('reads the VXLAN device of silk', () => {
    const links = read(
      '# ip -d link list silk-vtep',
      '3: silk-vtep: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1410 qdisc noqueue state UNKNOWN mode DEFAULT group default',
      '    link/ether ee:ee:0a:ff:17:00 brd ff:ff:ff:ff:ff:ff promiscuity 0',
      '    vxlan id 1 local 10.0.32.15 dev eth0 srcport 0 0 dstport 4789 nolearning ageing 300 gbp',
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
    const links = read(
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
