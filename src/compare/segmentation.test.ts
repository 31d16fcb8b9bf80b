import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { answersOf, compareEnds, directionsOf, truthsOf } from '../../test/build/compare-ends.js';
import { tcpBulk } from '../../test/build/tcp-bulk.js';
import { propertyRuns } from '../../test/sampling.js';

const seeds = fc.integer({ min: 1, max: 2 ** 31 });
const faultsOfTransfers = fc.record({
  seed: seeds,
  segmentMax: fc.constantFrom(1448, 5000, 20_000, 60_000),
  receiveMax: fc.constantFrom(0, 0, 6000, 60_000),
  loss: fc.constantFrom(0, 0.01, 0.1),
  acknowledgmentLoss: fc.constantFrom(0, 0.1),
  spurious: fc.constantFrom(0, 0.2),
  offsetSeconds: fc.constantFrom(0, -3600),
  identification: fc.constantFrom<'counted' | 'zero'>('counted', 'zero'),
});
const settings = propertyRuns(20);

describe('segments of TCP that each end cuts otherwise', () => {
  it('counts exactly those of which a part did not arrive, retransmissions with other boundaries among them', async () => {
    await fc.assert(
      fc.asyncProperty(faultsOfTransfers, async (faults) => {
        const ends = tcpBulk(faults);
        const report = await compareEnds(ends);
        expect(answersOf(report)).toEqual(truthsOf(ends));
        const { forward, backward } = directionsOf(report);
        expect([forward.modified, backward.modified]).toEqual([0, 0]);
      }),
      settings,
    );
  });

  it('says the same with the sides exchanged', async () => {
    await fc.assert(
      fc.asyncProperty(faultsOfTransfers, async (faults) => {
        const ends = tcpBulk(faults);
        const straight = directionsOf(await compareEnds(ends));
        const exchanged = directionsOf(await compareEnds({ a: ends.b, b: ends.a }));
        expect(exchanged.backward.lostFrames).toEqual(straight.forward.lostFrames);
        expect(exchanged.forward.lostFrames).toEqual(straight.backward.lostFrames);
        expect(exchanged.backward.lost).toBe(ends.forward.lost);
      }),
      settings,
    );
  });
});
