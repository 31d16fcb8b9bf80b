import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  cooked,
  mirroredTwice,
  onTwoInterfaces,
  raw,
  reassembled,
  tagged,
  type View,
} from '../../test/build/capture-views.js';
import { alarmsOf, answersOf, compareEnds, truthsOf } from '../../test/build/compare-ends.js';
import { twoEnds } from '../../test/build/two-ends.js';
import { propertyRuns } from '../../test/sampling.js';

type SideViews = Record<string, (host: 'a' | 'b') => View>;

const VIEWS: SideViews = {
  'a VLAN tag': () => tagged(120),
  'two VLAN tags': () => tagged(120, 7),
  'Linux cooked capture': (host) => cooked(1, host),
  'Linux cooked capture 2': (host) => cooked(2, host),
  'no link header': () => raw,
  'every frame twice': () => mirroredTwice,
  'every frame twice, tagged the second time': () => (frames) =>
    mirroredTwice(frames).map((frame, index) => (index % 2 === 0 ? frame : tagged(9)([frame])[0])),
  'a bridge with -i any': (host) => onTwoInterfaces(host, false),
  'a router with -i any': (host) => onTwoInterfaces(host, true),
};

const ETHERNET_LENGTH = 14;
const seeds = fc.integer({ min: 1, max: 2 ** 31 });
const settings = propertyRuns(20);

describe('what one end shows in another way than the other', () => {
  it.each(Object.keys(VIEWS))('compares Ethernet with %s', async (name) => {
    await fc.assert(
      fc.asyncProperty(
        seeds,
        fc.constantFrom<'a' | 'b'>('a', 'b'),
        fc.constantFrom(0, 0.1),
        fc.boolean(),
        async (seed, side, loss, nat) => {
          const ends = twoEnds({ seed, loss, nat, packets: 300, offsetSeconds: -1800 });
          const view = VIEWS[name](side);
          const report = await compareEnds(
            side === 'a' ? { a: view(ends.a), b: ends.b } : { a: ends.a, b: view(ends.b) },
          );
          expect(answersOf(report)).toEqual(truthsOf(ends));
          if (loss === 0) expect(alarmsOf(report)).toEqual([]);
        },
      ),
      propertyRuns(8),
    );
  });

  it('compares fragments with datagrams that were put together, cut on the way, or cut otherwise', async () => {
    await fc.assert(
      fc.asyncProperty(
        seeds,
        fc.constantFrom(0, 0.03, 0.2),
        fc.constantFrom(9000, 1500, 800),
        fc.constantFrom(undefined, 1300, 620),
        fc.boolean(),
        fc.boolean(),
        async (seed, loss, mtu, pathMtu, nat, perPiece) => {
          const ends = twoEnds({
            seed,
            packets: 240,
            loss,
            mtu,
            nat,
            ...(pathMtu ? { pathMtu } : {}),
            lossPerPiece: perPiece,
          });
          expect(answersOf(await compareEnds(ends))).toEqual(truthsOf(ends));
        },
      ),
      // All large datagrams leave A whole and reach B in pieces, from an address that A does not show.
      { ...settings, examples: [[1, 0, 9000, 620, true, false]] },
    );
  });

  it('compares fragments with datagrams that the receiving end put together', async () => {
    await fc.assert(
      fc.asyncProperty(seeds, fc.constantFrom(1500, 620), async (seed, mtu) => {
        const ends = twoEnds({ seed, packets: 240, mtu });
        const b = reassembled(ends.b);
        const { forward, backward } = truthsOf(ends);
        const fromB = b.filter(({ bytes }) => bytes[ETHERNET_LENGTH + 13] === 2).length;
        expect(answersOf(await compareEnds({ a: ends.a, b }))).toEqual({
          forward,
          backward: { ...backward, sent: fromB },
        });
      }),
      settings,
    );
  });
});
