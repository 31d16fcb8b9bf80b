import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { atGateway, inTunnel, type TunnelKind } from '../../test/build/capture-views.js';
import {
  alarmsOf,
  answersOf,
  compareEnds,
  countsOf,
  directionsOf,
  truthsOf,
} from '../../test/build/compare-ends.js';
import { twoEnds } from '../../test/build/two-ends.js';
import { propertyRuns } from '../../test/sampling.js';

const seeds = fc.integer({ min: 1, max: 2 ** 31 });
const kinds = fc.constantFrom<TunnelKind>('vxlan', 'geneve', 'gre', 'gretap', 'ipip');
const settings = propertyRuns(15);

describe('one capture inside a tunnel, the other one outside', () => {
  it('finds the inner packets, whatever the tunnel and whichever side is outside', async () => {
    await fc.assert(
      fc.asyncProperty(
        seeds,
        kinds,
        fc.constantFrom('a', 'b', 'both'),
        fc.constantFrom(0, 0.05, 0.3),
        fc.boolean(),
        async (seed, kind, outside, loss, routed) => {
          const ends = twoEnds({ seed, loss, routed, offsetSeconds: 7200 });
          const outer = inTunnel(kind);
          const a = outside === 'b' ? ends.a : outer(ends.a);
          const b = outside === 'a' ? ends.b : inTunnel(kind === 'ipip' ? 'gre' : 'ipip')(ends.b);
          const report = await compareEnds({ a, b });
          expect(answersOf(report)).toEqual(truthsOf(ends));
          expect(directionsOf(report).forward.scope).toBe('inner');
          if (loss === 0) expect(alarmsOf(report)).toEqual([]);
        },
      ),
      settings,
    );
  });

  it('says of packets inside ESP that they cannot be compared', async () => {
    await fc.assert(
      fc.asyncProperty(seeds, fc.boolean(), fc.constantFrom(0, 0.2), async (seed, isA, loss) => {
        const ends = twoEnds({ seed, loss });
        const outer = inTunnel('esp');
        const report = await compareEnds(
          isA ? { a: outer(ends.a), b: ends.b } : { a: ends.a, b: outer(ends.b) },
        );
        expect(report.compare?.directions).toEqual([]);
        expect(alarmsOf(report).filter((id) => id !== 'esp.loss')).toEqual([]);
        const said = report.checked.find(({ id }) => id === 'capture.pair-mismatch');
        expect(said?.result).toBe('insufficient-data');
        expect(said?.reason).toContain(isA ? 'A shows ESP and B packets' : 'B shows ESP and A packets');
      }),
      settings,
    );
  });

  it('counts both where both captures show the inside and the outside', async () => {
    await fc.assert(
      fc.asyncProperty(
        seeds,
        fc.constantFrom<TunnelKind>('vxlan', 'geneve', 'gre', 'ipip', 'esp'),
        fc.constantFrom(0, 0.2),
        async (seed, kind, loss) => {
          const ends = twoEnds({ seed, loss, offsetSeconds: -600 });
          const report = await compareEnds({
            a: atGateway(kind, 'a')(ends.a),
            b: atGateway(kind, 'b')(ends.b),
          });
          const said = report.compare?.directions.map(({ sender, scope, ...counts }) => ({
            sender,
            scope,
            ...countsOf(counts),
          }));
          const forward = { sender: 'a', scope: 'outer', ...truthsOf(ends).forward };
          const backward = { sender: 'b', scope: 'outer', ...truthsOf(ends).backward };
          expect(said?.filter(({ sender }) => sender === 'a')).toEqual([forward, forward]);
          expect(said?.filter(({ sender }) => sender === 'b')).toEqual([backward, backward]);
          // The sequence numbers of ESP here have gaps.
          if (loss === 0 && kind !== 'esp') expect(alarmsOf(report)).toEqual([]);
        },
      ),
      settings,
    );
  });
});
