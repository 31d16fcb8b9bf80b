import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { random } from '../../test/build/bytes.js';
import { writePcap, writePcapng } from '../../test/build/capture-file.js';
import { shuffled } from '../../test/build/capture-views.js';
import { alarmsOf, answersOf, compareFiles, directionsOf, truthsOf } from '../../test/build/compare-ends.js';
import type { TestFrame } from '../../test/build/frame-source.js';
import { type TwoEnds, twoEnds } from '../../test/build/two-ends.js';
import { propertyRuns } from '../../test/sampling.js';

type Writer = (frames: readonly TestFrame[]) => Uint8Array;

const WRITERS: Record<string, Writer> = {
  'pcap in microseconds': (frames) => writePcap(frames),
  'pcap in nanoseconds': (frames) => writePcap(frames, { nanoseconds: true }),
  'big-endian pcap': (frames) => writePcap(frames, { byteOrder: 'big' }),
  'modified pcap': (frames) => writePcap(frames, { modified: true }),
  pcapng: (frames) => writePcapng([{ interfaces: [{ tsresol: 9 }], frames }]),
  'big-endian pcapng': (frames) => writePcapng([{ byteOrder: 'big', interfaces: [{}], frames }]),
  'gzip of pcap': (frames) => gzipSync(writePcap(frames)),
  'gzip of pcapng': (frames) => gzipSync(writePcapng([{ interfaces: [{}], frames }])),
};

const seeds = fc.integer({ min: 1, max: 2 ** 31 });
const names = fc.constantFrom(...Object.keys(WRITERS));
const losses = fc.constantFrom(0, 0.1);
const settings = propertyRuns(20);

/** Files of `per` frames each, in any order. */
function rotated(frames: readonly TestFrame[], per: number, seed: number): Uint8Array[] {
  const numbers = random(seed);
  const files: { bytes: Uint8Array; place: number }[] = [];
  for (let at = 0; at < frames.length; at += per)
    files.push({ bytes: writePcap(frames.slice(at, at + per)), place: numbers.next() });
  return files.sort((x, y) => x.place - y.place).map(({ bytes }) => bytes);
}

function swapped({ a, b, forward, backward }: TwoEnds): TwoEnds {
  return { a: b, b: a, forward: backward, backward: forward };
}

describe('the same two captures', () => {
  it('give the same answer in whatever format each of them is', async () => {
    await fc.assert(
      fc.asyncProperty(seeds, names, names, losses, async (seed, formatA, formatB, loss) => {
        const ends = twoEnds({ seed, loss, nat: true, duplication: 0.05, reordering: 0.05 });
        const report = await compareFiles([WRITERS[formatA](ends.a)], [WRITERS[formatB](ends.b)]);
        expect(answersOf(report)).toEqual(truthsOf(ends));
        const { forward, backward } = directionsOf(report);
        expect([forward.duplicated, backward.duplicated]).toEqual([
          ends.forward.duplicated,
          ends.backward.duplicated,
        ]);
        const plain = directionsOf(await compareFiles([writePcap(ends.a)], [writePcap(ends.b)]));
        expect(forward.lostFrames).toEqual(plain.forward.lostFrames);
        expect(backward.lostFrames).toEqual(plain.backward.lostFrames);
      }),
      settings,
    );
  });

  it('give the same answer with the clock of one of them hours off and too fast', async () => {
    await fc.assert(
      fc.asyncProperty(
        seeds,
        losses,
        fc.constantFrom(-43_200, -3600, -0.5, 0.5, 3600, 86_400),
        fc.integer({ min: -300, max: 300 }),
        fc.boolean(),
        async (seed, loss, offsetSeconds, skewPpm, isSwapped) => {
          const plain = twoEnds({ seed, loss });
          const moved = twoEnds({ seed, loss, offsetSeconds, skewPpm });
          const ends = isSwapped ? swapped(moved) : moved;
          const report = await compareFiles([writePcap(ends.a)], [writePcap(ends.b)]);
          expect(answersOf(report)).toEqual(truthsOf(ends));
          const first = directionsOf(await compareFiles([writePcap(plain.a)], [writePcap(plain.b)]));
          const { forward, backward } = directionsOf(report);
          expect((isSwapped ? backward : forward).lostFrames).toEqual(first.forward.lostFrames);
          expect((isSwapped ? forward : backward).lostFrames).toEqual(first.backward.lostFrames);
          expect(report.compare?.clock.steps).toEqual([]);
        },
      ),
      settings,
    );
  });

  it('give the same answer with one or both of them cut short', async () => {
    await fc.assert(
      fc.asyncProperty(
        seeds,
        losses,
        fc.constantFrom(0, 68, 96, 128, 256),
        fc.constantFrom(96, 128, 256),
        fc.boolean(),
        async (seed, loss, snaplenA, snaplenB, nat) => {
          const ends = twoEnds({ seed, loss, nat, offsetSeconds: 3600 });
          const cut = (frames: readonly TestFrame[], snaplen: number) =>
            writePcap(frames, snaplen === 0 ? {} : { snaplen });
          const report = await compareFiles([cut(ends.a, snaplenA)], [cut(ends.b, snaplenB)]);
          expect(answersOf(report)).toEqual(truthsOf(ends));
        },
      ),
      settings,
    );
  });

  it('give the same answer in several files, whatever their order', async () => {
    await fc.assert(
      fc.asyncProperty(
        seeds,
        losses,
        fc.constantFrom(40, 77, 150),
        fc.boolean(),
        async (seed, loss, per, isSwapped) => {
          const straight = twoEnds({ seed, loss, offsetSeconds: -7200 });
          const ends = isSwapped ? swapped(straight) : straight;
          const report = await compareFiles(rotated(ends.a, per, seed), rotated(ends.b, per + 30, seed + 1));
          expect(answersOf(report)).toEqual(truthsOf(ends));
          if (loss === 0) expect(alarmsOf(report)).toEqual([]);
        },
      ),
      settings,
    );
  });

  it('give the same answer with frames in the wrong order in a file', async () => {
    await fc.assert(
      fc.asyncProperty(seeds, losses, fc.constantFrom('a', 'b', 'both'), async (seed, loss, side) => {
        const ends = twoEnds({ seed, loss, offsetSeconds: 5 });
        const mix = shuffled(seed);
        const a = side === 'b' ? ends.a : mix(ends.a);
        const b = side === 'a' ? ends.b : mix(ends.b);
        const report = await compareFiles([writePcap(a)], [writePcap(b)]);
        expect(answersOf(report)).toEqual(truthsOf(ends));
        expect(report.compare?.clock.steps).toEqual([]);
      }),
      settings,
    );
  });
});
