import { describe, expect, it } from 'vitest';
import { factsIn } from '../../../test/build/side-knowledge.js';
import pings from './ping.js';

const read = (...lines: string[]) =>
  factsIn(pings, lines).map(({ target, payloadBytes, sent, answered, errors }) => ({
    target,
    payloadBytes,
    sent,
    answered,
    errors: errors.map(({ kind, from, mtu }) => [kind, from, mtu]),
  }));

describe('output of ping', () => {
  it('counts answers, by the statistics where these are there', () => {
    expect(
      read(
        'PING 10.0.8.1 (10.0.8.1) 56(84) bytes of data.',
        '64 bytes from 10.0.8.1: icmp_seq=1 ttl=64 time=0.706 ms',
        '64 bytes from 10.0.8.1: icmp_seq=2 ttl=64 time=0.829 ms',
        '^C',
        '--- 10.0.8.1 ping statistics ---',
        '2 packets transmitted, 2 received, 0% packet loss, time 1038ms',
        'PING 10.0.8.1 (10.0.8.1) 56(84) bytes of data.',
        '64 bytes from 10.0.8.1: icmp_seq=1 ttl=64 time=0.706 ms',
      ),
    ).toEqual([
      { target: '10.0.8.1', payloadBytes: 56, sent: 2, answered: 2, errors: [] },
      { target: '10.0.8.1', payloadBytes: 56, sent: null, answered: 1, errors: [] },
    ]);
  });

  // iputils 20221126; the first two errors are those of a router and of the host itself.
  it('reads what comes instead of an answer', () => {
    expect(
      read(
        'PING 203.0.113.40 (203.0.113.40) 1472(1500) bytes of data.',
        'From 203.0.113.1 icmp_seq=1 Frag needed and DF set (mtu = 1400)',
        'ping: local error: message too long, mtu=1400',
        '--- 203.0.113.40 ping statistics ---',
        '2 packets transmitted, 0 received, +2 errors, 100% packet loss, time 1012ms',
        'PING 2001:db8::9(2001:db8::9) 1452 data bytes',
        'From 2001:db8::1 icmp_seq=1 Packet too big: mtu=1400',
        '--- 2001:db8::9 ping statistics ---',
        '1 packets transmitted, 0 received, +1 errors, 100% packet loss, time 0ms',
        'PING 192.0.2.9 (192.0.2.9): 56 data bytes',
        'From 192.0.2.1 icmp_seq=1 Destination Host Unreachable',
        '--- 192.0.2.9 ping statistics ---',
        '3 packets transmitted, 0 packets received, 100% packet loss',
      ),
    ).toEqual([
      {
        target: '203.0.113.40',
        payloadBytes: 1472,
        sent: 2,
        answered: 0,
        errors: [
          ['too-large', '203.0.113.1', 1400],
          ['too-large', null, 1400],
        ],
      },
      {
        target: '2001:db8::9',
        payloadBytes: 1452,
        sent: 1,
        answered: 0,
        errors: [['too-large', '2001:db8::1', 1400]],
      },
      {
        target: '192.0.2.9',
        payloadBytes: 56,
        sent: 3,
        answered: 0,
        errors: [['unreachable', '192.0.2.1', null]],
      },
    ]);
  });

  it('is silent on the statistics of scmp echo and on other text', () => {
    expect(
      read(
        '--- 17-ffaa:0:1101,[127.0.0.1] statistics ---',
        '3 packets transmitted, 3 received, 0% packet loss, time 2.382946s',
        'ping 10.255.34.0',
      ),
    ).toEqual([]);
  });
});
