import { readdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { type PerformanceEntry, PerformanceObserver } from 'node:perf_hooks';
import { describe, expect, it } from 'vitest';
import { dissectors } from '../dissectors/index.js';
import { DispatchTable } from '../src/dissect/dispatch-table.js';
import { DissectEngine, slotLayout } from '../src/dissect/dissect-engine.js';
import { Slot } from '../src/observe/slot.js';
import { readFrames } from './build/read-frames.js';

/*
 * Dissection allocates nothing per frame after start-up. The frames of all sample captures together reach
 * the spine and every dissector; a million of them may not make the heap grow.
 */

const FRAMES = 1_000_000;
/** Less than a bit a frame: what is left is allocated once a chunk. */
const GROWTH_BYTES_MAX = FRAMES / 8;
const ROUNDS_MAX = 8;
const folder = resolve(import.meta.dirname, '../captures');
const samples = readdirSync(folder).filter((file) => /\.pcap(ng)?$/.test(file));

async function filledSlot(): Promise<{ slot: Slot; engine: DissectEngine }> {
  const layout = slotLayout(dissectors, { chunkBytes: 1 << 23, frameCapacity: 1 << 15, seed: 1 });
  const slot = new Slot(layout, new ArrayBuffer(Slot.byteLength(layout)));
  const { frames, bytes } = slot.chunk;
  let at = 0;
  for (const sample of samples) {
    const read = await readFrames(resolve(folder, sample));
    for (const frame of read.frames) {
      const index = slot.chunk.frameCount++;
      bytes.set(frame.bytes, at);
      frames.offset[index] = at;
      frames.capturedLength[index] = frame.bytes.length;
      frames.originalLength[index] = frame.originalLength ?? frame.bytes.length;
      frames.linkType[index] = read.linkType;
      frames.number[index] = index + 1;
      at += frame.bytes.length;
    }
  }
  return { slot, engine: new DissectEngine(new DispatchTable(dissectors), slot) };
}

async function measure(work: () => void): Promise<{ growth: number; collections: number }> {
  const collections: PerformanceEntry[] = [];
  const observer = new PerformanceObserver((list) => collections.push(...list.getEntries()));
  global.gc?.();
  await new Promise((done) => setTimeout(done, 20));
  observer.observe({ entryTypes: ['gc'] });
  const before = process.memoryUsage().heapUsed;
  work();
  const growth = process.memoryUsage().heapUsed - before;
  await new Promise((done) => setTimeout(done, 20));
  observer.disconnect();
  return { growth, collections: collections.length };
}

function dissectFrames(engine: DissectEngine, slot: Slot, count: number): void {
  for (let done = 0; done < count; done += slot.chunk.frameCount) engine.dissectChunk(0);
}

describe('dissection', () => {
  it('allocates nothing per frame', async () => {
    expect(global.gc, 'needs --expose-gc').toBeDefined();
    const { slot, engine } = await filledSlot();
    dissectFrames(engine, slot, FRAMES);
    // The compiler allocates too while it optimises; what dissection itself allocates would show in every round.
    let best = { growth: Number.POSITIVE_INFINITY, collections: Number.POSITIVE_INFINITY };
    for (
      let round = 0;
      round < ROUNDS_MAX && (best.growth >= GROWTH_BYTES_MAX || best.collections > 0);
      round++
    ) {
      const measured = await measure(() => dissectFrames(engine, slot, FRAMES));
      if (measured.growth < best.growth) best = measured;
    }
    expect(best.collections, 'garbage collections').toBe(0);
    expect(best.growth, 'bytes for a million frames').toBeLessThan(GROWTH_BYTES_MAX);
  });

  it('reaches every dissector of the catalogue', async () => {
    const { slot, engine } = await filledSlot();
    engine.dissectChunk(0);
    // Messages of a stream are cut out by the assembler, off the hot path.
    const framed = dissectors.filter(({ carriedBy }) =>
      Object.keys(carriedBy).some((place) => place !== 'tcpPort'),
    );
    const idle = framed.filter((one) => slot.tables[dissectors.indexOf(one)].rows.length === 0);
    expect(idle.map(({ protocol }) => protocol)).toEqual([]);
  });
});
