import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { random } from '../../test/build/bytes.js';
import { alarmsOf, compareEnds } from '../../test/build/compare-ends.js';
import { esp } from '../../test/build/esp.js';
import type { TestFrame } from '../../test/build/frame-source.js';
import { icmpEcho } from '../../test/build/icmp.js';
import { fragmentIpv4, IP_PROTOCOL, ipv4 } from '../../test/build/ip.js';
import { ETHER_TYPE, ethernet } from '../../test/build/link.js';
import { udp } from '../../test/build/udp.js';

const [NEAR, FAR] = ['10.1.0.10', '10.2.0.20'];
const START_NS = 1_790_000_000_000_000_000n;
const DELAY_SECONDS = 0.004;

type Numbering = 'none' | 'counted' | 'random';

/**
 * A tunnel between two hosts, each of which talks to neighbours of its own as well: pings with one payload and one numbering,
 * heartbeats, and the same file in fragments. Only the tunnel passes both captures.
 */
function neighbours(seed: number, numbering: Numbering, apartSeconds: number) {
  const numbers = random(seed);
  const [a, b]: [TestFrame[], TestFrame[]] = [[], []];
  const file = random(7).bytes(4000);
  const put = (frames: TestFrame[], seconds: number, packet: Uint8Array): void => {
    const macs = { source: '02:00:00:00:00:0a', destination: '02:00:00:00:00:0b' };
    const timeNs = START_NS + BigInt(Math.round(seconds * 1e9));
    frames.push({ timeNs, bytes: ethernet({ ...macs, etherType: ETHER_TYPE.ipv4, payload: packet }) });
  };
  const identify = (count: number): number =>
    numbering === 'none'
      ? 0
      : numbering === 'counted'
        ? count + 1
        : 1 + Math.floor(numbers.between(0, 65_000));
  const own = (frames: TestFrame[], host: string, neighbour: string, seconds: number, turn: number): void => {
    for (const reply of [false, true]) {
      const [source, destination] = reply ? [neighbour, host] : [host, neighbour];
      const ping = icmpEcho({ reply, identifier: 1, sequence: turn, data: new Uint8Array(32).fill(0x61) });
      const identification = identify(turn);
      put(
        frames,
        seconds + (reply ? 0.001 : 0),
        ipv4({ source, destination, protocol: IP_PROTOCOL.icmp, identification, payload: ping }),
      );
    }
    const [source, destination] = [host, neighbour];
    const beat = udp({
      source,
      destination,
      sourcePort: 9000,
      destinationPort: 9000,
      payload: new Uint8Array(16),
    });
    put(
      frames,
      seconds + 0.002,
      ipv4({ source, destination, protocol: IP_PROTOCOL.udp, identification: identify(turn), payload: beat }),
    );
    const part = udp({
      source,
      destination,
      sourcePort: 69,
      destinationPort: 2000,
      payload: file.map((byte) => byte ^ turn),
    });
    // Fragments always have an identification of their own.
    const identification = 1 + Math.floor(numbers.between(0, 65_000));
    const whole = ipv4({ source, destination, protocol: IP_PROTOCOL.udp, identification, payload: part });
    for (const [index, piece] of fragmentIpv4(whole, 1500).entries())
      put(frames, seconds + 0.003 + index * 1e-5, piece);
  };
  for (let turn = 0; turn < 40; turn++) {
    const seconds = turn * 0.5;
    for (const isForward of [true, false]) {
      const [source, destination] = isForward ? [NEAR, FAR] : [FAR, NEAR];
      const payload = esp({ spi: isForward ? 1 : 2, sequence: turn + 1, payload: numbers.bytes(80) });
      const packet = ipv4({
        source,
        destination,
        protocol: IP_PROTOCOL.esp,
        identification: turn * 2 + 1,
        payload,
      });
      const at = seconds + (isForward ? 0.1 : 0.2);
      put(isForward ? a : b, at, packet);
      put(isForward ? b : a, at + DELAY_SECONDS, packet);
    }
    own(a, NEAR, '10.1.0.77', seconds + 0.3, turn);
    own(b, '10.1.0.77', FAR, seconds + 0.3 + apartSeconds, turn);
  }
  const inOrder = (frames: TestFrame[]): TestFrame[] => frames.sort((x, y) => Number(x.timeNs - y.timeNs));
  return { a: inOrder(a), b: inOrder(b) };
}

describe('equal payload', () => {
  it('is not the same packet: no translation is learned from it, and nothing is lost', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 2 ** 31 }),
        fc.constantFrom<Numbering>('none', 'counted', 'random'),
        fc.constantFrom(0.001, 0.05, 0.15),
        async (seed, numbering, apartSeconds) => {
          const report = await compareEnds(neighbours(seed, numbering, apartSeconds));
          expect(report.compare?.nat).toEqual([]);
          expect(
            report.compare?.directions.map(({ from, to, sent, lost }) => ({ from, to, sent, lost })),
          ).toEqual([
            { from: NEAR, to: FAR, sent: 40, lost: 0 },
            { from: FAR, to: NEAR, sent: 40, lost: 0 },
          ]);
          // Heartbeats that nobody answers are what they are.
          const others = alarmsOf(report).filter((id) => !id.startsWith('keepalive.'));
          expect(others).toEqual([]);
        },
      ),
      { numRuns: 9 },
    );
  });
});
