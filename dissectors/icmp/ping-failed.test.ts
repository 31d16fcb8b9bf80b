import { describe, expect, it } from 'vitest';
import { judgedBeside } from '../../test/build/side-knowledge.js';
import pingFailed from './diagnoses/ping-failed.js';
import pings from './side-files/ping.js';

const SMALL = [
  'PING 192.0.2.9 (192.0.2.9) 56(84) bytes of data.',
  '64 bytes from 192.0.2.9: icmp_seq=1 ttl=64 time=0.7 ms',
  '--- 192.0.2.9 ping statistics ---',
  '3 packets transmitted, 3 received, 0% packet loss, time 2038ms',
];
const LARGE = [
  'PING 192.0.2.9 (192.0.2.9) 5000(5028) bytes of data.',
  '--- 192.0.2.9 ping statistics ---',
  '4 packets transmitted, 0 received, 100% packet loss, time 3038ms',
];

const judge = (...lines: string[]) => judgedBeside(pingFailed, pings, lines);

describe('underlay.ping-failed', () => {
  it('tells loss by size from loss', async () => {
    expect(await judge(...SMALL, ...LARGE)).toMatchObject([
      { result: 'problem', title: 'Only small pings get through', subject: { outcome: 'size' } },
    ]);
    expect(await judge(...LARGE)).toMatchObject([{ result: 'problem', title: 'Ping fails' }]);
  });

  it('lets a later answer to as large a request count', async () => {
    const later = LARGE.map((line) => line.replace('4 packets transmitted, 0 ', '4 packets transmitted, 4 '));
    expect(await judge(...LARGE, ...later)).toMatchObject([{ result: 'healthy' }]);
  });

  it('does not judge two lost requests, nor a run that was cut', async () => {
    const few = LARGE.map((line) => line.replace('4 packets', '2 packets'));
    expect(await judge(...few)).toMatchObject([{ result: 'insufficient-data' }]);
    expect(await judge(LARGE[0])).toMatchObject([{ result: 'insufficient-data' }]);
  });
});
