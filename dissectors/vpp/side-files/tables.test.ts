import { describe, expect, it } from 'vitest';
import { nameOf } from '../../../src/side-files/names.js';
import { factsIn, knowledge } from '../../../test/build/side-knowledge.js';
import interfaces from './interfaces.js';
import nodes from './nodes.js';
import pods from './pods.js';

describe('tables of VPP', () => {
  it('reads show int, wrapped counters and all', () => {
    const found = factsIn(interfaces, [
      'vpp# show interface',
      '              Name               Idx    State  MTU (L3/IP4/IP6/MPLS)     Counter          Count',
      'avf-0/d8/a/0                      1      up          9000/0/0/0     tx packets                     2',
      '                                                                    tx bytes                     216',
      'local0                            0     down          0/0/0/0',
      'tap0                              2      up           0/0/0/0       rx packets                     9',
      '                                                                    rx-miss                        4',
      'vpp# show hardware-interfaces',
      '              Name                Idx   Link  Hardware',
      'TenGigabitEthernet4/0/0            1    down  TenGigabitEthernet4/0/0',
      '  Link speed: unknown',
      '    rx frames ok                                          1000',
      '    rx missed                                               20',
    ]);
    expect(found.map(({ name, isUp, table }) => [name, isUp, table])).toEqual([
      ['avf-0/d8/a/0', true, 'interface'],
      ['local0', false, 'interface'],
      ['tap0', true, 'interface'],
      ['TenGigabitEthernet4/0/0', false, 'hardware'],
    ]);
    expect(Object.fromEntries(found[2].counters)).toEqual({ 'rx packets': 9, 'rx-miss': 4 });
    expect(found[3].counters.get('rx missed')).toBe(20);
  });

  it('reads the input nodes of show run, and none of the graph itself', () => {
    expect(
      factsIn(nodes, [
        '             Name                 State         Calls          Vectors        Suspends         Clocks       Vectors/Call',
        'avf-input                        polling           2233530               7               0          8.24e1            0.00',
        'ip4-input                         active                 9              14               0          1.18e3            1.55',
        'virtio-input                     polling           2233530               0               0          4.24e1            0.00',
      ]).map(({ node, packets }) => [node, packets]),
    ).toEqual([
      ['avf-input', 7],
      ['virtio-input', 0],
    ]);
  });

  it('names an address by the interface and the device of its pod', () => {
    const facts = factsIn(pods, [
      'vpp# show ip fib 11.0.166.132',
      '11.0.166.132/32 fib:0 index:19 locks:5',
      '        11.0.166.132 tun3 (p2p)',
      'vpp# show tun tun3',
      'Interface: tun3 (ifindex 5)',
      '  name "eth0"',
      '  host-ns "/proc/17675/ns/net"',
    ]);
    const side = knowledge().add(pods, facts);
    expect(nameOf(side, '11.0.166.132')).toBe('tun3 (eth0 in /proc/17675/ns/net)');
    expect(nameOf(side, '11.0.166.133')).toBeNull();
  });
});
