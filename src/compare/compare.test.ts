import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareEnds, directionsOf } from '../../test/build/compare-ends.js';
import type { TestFrame } from '../../test/build/frame-source.js';
import { IP_PROTOCOL, ipv4 } from '../../test/build/ip.js';
import { ETHER_TYPE, ethernet } from '../../test/build/link.js';
import { type PathFaults, type TwoEnds, twoEnds } from '../../test/build/two-ends.js';
import { udp } from '../../test/build/udp.js';
import { propertyRuns } from '../../test/sampling.js';
import type { Report } from '../report/report.js';

/** Losses and sums are exact for whatever the path does. */
async function expectExact(faults: PathFaults): Promise<Report> {
  const ends = twoEnds(faults);
  const report = await compareEnds(ends);
  const { forward, backward } = directionsOf(report);
  for (const [said, truth] of [
    [forward, ends.forward],
    [backward, ends.backward],
  ] as const) {
    const { outsideWindow } = said.notComparable;
    expect({ sent: said.sent, lost: said.lost, outsideWindow, receivedOnly: said.receivedOnly }).toEqual({
      sent: truth.sent,
      lost: truth.lost,
      outsideWindow: 0,
      receivedOnly: 0,
    });
    if (!faults.mtu) {
      expect({ duplicated: said.duplicated, reordered: said.reordered }).toEqual({
        duplicated: truth.duplicated,
        reordered: truth.reordered,
      });
    }
  }
  return report;
}

/** Five payloads each way in turn; what B sends at the beginning waits in a queue. */
function repeatedTalk(count: number): Pick<TwoEnds, 'a' | 'b'> {
  const [a, b]: [TestFrame[], TestFrame[]] = [[], []];
  const frame = (isForward: boolean, index: number, seconds: number): TestFrame => {
    const [source, destination] = isForward ? ['10.1.0.10', '10.2.0.20'] : ['10.2.0.20', '10.1.0.10'];
    const payload = new Uint8Array(60).fill((index % 5) + (isForward ? 1 : 16));
    const datagram = udp({ source, destination, sourcePort: 4000, destinationPort: 4000, payload });
    const packet = ipv4({ source, destination, protocol: IP_PROTOCOL.udp, payload: datagram });
    const macs = { source: '02:00:00:00:00:0a', destination: '02:00:00:00:00:0b' };
    return {
      timeNs: 1_790_000_000_000_000_000n + BigInt(Math.round(seconds * 1e9)),
      bytes: ethernet({ ...macs, etherType: ETHER_TYPE.ipv4, payload: packet }),
    };
  };
  for (let index = 0; index < count; index++) {
    const seconds = index * 0.25;
    a.push(frame(true, index, seconds));
    b.push(frame(true, index, seconds + 0.005));
    b.push(frame(false, index, seconds + 0.01));
    a.push(frame(false, index, seconds + 0.015 + (index < 5 ? 0.2 : 0)));
  }
  return { a: a.sort((x, y) => Number(x.timeNs - y.timeNs)), b };
}

const seeds = fc.integer({ min: 1, max: 2 ** 31 });
const settings = propertyRuns(12);

describe('two captures of one path', () => {
  it('finds every packet of a healthy path, whatever the clocks say', async () => {
    await fc.assert(
      fc.asyncProperty(
        seeds,
        fc.double({ min: -20_000, max: 20_000, noNaN: true }),
        fc.integer({ min: -150, max: 150 }),
        async (seed, offsetSeconds, skewPpm) => {
          const report = await expectExact({ seed, offsetSeconds, skewPpm });
          const clock = report.compare?.clock;
          // The offset is that of the middle of the capture.
          const drift = skewPpm * 1e-6 * 5;
          expect(clock?.offsetSeconds).toBeCloseTo(offsetSeconds + drift, 1);
          expect(Math.abs((clock?.skewPpm ?? 1e9) - skewPpm)).toBeLessThan(100);
          expect(report.findings.filter(({ severity }) => severity !== 'info')).toEqual([]);
        },
      ),
      settings,
    );
  });

  it('calls nothing lost that there was no room to wait for, and says so', async () => {
    await fc.assert(
      fc.asyncProperty(seeds, fc.integer({ min: 1, max: 40 }), async (seed, waitingMax) => {
        const report = await compareEnds(twoEnds({ seed }), { waitingMax });
        for (const { lost, receivedOnly } of report.compare?.directions ?? [])
          expect({ lost, receivedOnly }).toEqual({ lost: 0, receivedOnly: 0 });
        const crowded = report.compare?.directions.map(({ notComparable }) => notComparable.crowded ?? 0);
        if (waitingMax < 2) expect(Math.max(...(crowded ?? []))).toBeGreaterThan(0);
        expect(report.findings.filter(({ severity }) => severity !== 'info')).toEqual([]);
      }),
      settings,
    );
  });

  it('counts random loss, duplication and reordering exactly', async () => {
    await fc.assert(
      fc.asyncProperty(
        seeds,
        fc.double({ min: 0, max: 0.4, noNaN: true }),
        fc.boolean(),
        fc.boolean(),
        async (seed, loss, nat, routed) => {
          await expectExact({
            seed,
            loss,
            nat,
            routed,
            duplication: 0.05,
            reordering: 0.05,
            offsetSeconds: 7200,
          });
        },
      ),
      settings,
    );
  });

  it('counts fragments that were cut again on the way exactly', async () => {
    await fc.assert(
      fc.asyncProperty(
        seeds,
        fc.constantFrom(0, 0.05, 0.3),
        fc.constantFrom(undefined, 1000, 620),
        fc.boolean(),
        async (seed, loss, pathMtu, nat) => {
          await expectExact({ seed, packets: 200, loss, nat, mtu: 1500, ...(pathMtu ? { pathMtu } : {}) });
        },
      ),
      settings,
    );
  });

  it('knows fragments again that a firewall put together, renamed and cut anew', async () => {
    await fc.assert(
      fc.asyncProperty(
        seeds,
        fc.constantFrom(0, 0.05, 0.3),
        fc.constantFrom(undefined, 1480, 1000, 620),
        fc.boolean(),
        async (seed, loss, pathMtu, nat) => {
          const cut = pathMtu ? { pathMtu } : {};
          await expectExact({ seed, packets: 200, loss, nat, mtu: 1500, scrubs: true, ...cut });
        },
      ),
      settings,
    );
  });

  it('tells heartbeats without any number apart by their time', async () => {
    await fc.assert(
      fc.asyncProperty(seeds, async (seed) => {
        const ends = twoEnds({ seed, heartbeats: true, loss: 0.1, offsetSeconds: -3600 });
        const { forward, backward } = directionsOf(await compareEnds(ends));
        expect([forward.lost, backward.lost]).toEqual([ends.forward.lost, ends.backward.lost]);
      }),
      settings,
    );
  });

  it('knows the clocks by the best packets, also where equal ones come again and again', async () => {
    const ends = repeatedTalk(40);
    const report = await compareEnds(ends);
    const { forward, backward } = directionsOf(report);
    expect([forward.lost, backward.lost]).toEqual([0, 0]);
    expect(report.compare?.clock.halfWidthSeconds).toBeLessThan(0.006);
    for (const { delaySeconds } of [forward, backward]) expect(delaySeconds?.min).toBeGreaterThan(0.004);
  });

  it.each([300, 128, 100, 96])('is exact where one side cut its packets to %i bytes', async (snaplenB) => {
    await expectExact({ seed: 77, loss: 0.1, snaplenB, nat: true });
  });

  it('says the same with the sides exchanged', async () => {
    const ends = twoEnds({ seed: 5, loss: 0.2, offsetSeconds: 12 });
    const straight = directionsOf(await compareEnds(ends));
    const exchanged = directionsOf(await compareEnds({ a: ends.b, b: ends.a }));
    expect(exchanged.backward.lostFrames).toEqual(straight.forward.lostFrames);
    expect(exchanged.forward.lostFrames).toEqual(straight.backward.lostFrames);
    expect(exchanged.forward.lost).toBe(ends.backward.lost);
  });

  it('names the frames that were lost', async () => {
    const ends = twoEnds({ seed: 9, loss: 0.1 });
    const { forward } = directionsOf(await compareEnds(ends));
    const arrived = new Set(ends.b.map(({ bytes }) => Buffer.from(bytes.subarray(14)).toString('hex')));
    const lost = ends.a.flatMap(({ bytes }, index) => {
      const isForward = bytes[14 + 15] === 10 && bytes[14 + 13] === 1;
      const hex = Buffer.from(bytes.subarray(14)).toString('hex');
      return isForward && !arrived.has(hex) ? [index + 1] : [];
    });
    expect(forward.lostFrames).toEqual(lost);
  });
});
