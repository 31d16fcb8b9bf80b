import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { dissectors } from '../../dissectors/index.js';
import { readFrames } from '../../test/build/read-frames.js';
import { Slot } from '../observe/slot.js';
import { DispatchTable } from './dispatch-table.js';
import { DissectEngine, slotLayout } from './dissect-engine.js';

const VXLAN = dissectors.findIndex(({ protocol }) => protocol === 'vxlan');
const SAMPLE = resolve(import.meta.dirname, '../../captures/vxlan-asymmetric-vni.pcap');

async function dissected(aggregatesRows: boolean, identitySeed?: number): Promise<Slot> {
  const sizes = { chunkBytes: 1 << 22, frameCapacity: 1 << 14, seed: 1 };
  const layout = slotLayout(dissectors, identitySeed === undefined ? sizes : { ...sizes, identitySeed });
  const slot = new Slot(layout, new ArrayBuffer(Slot.byteLength(layout)));
  const { frames, linkType } = await readFrames(SAMPLE);
  let at = 0;
  for (const [index, { bytes }] of frames.entries()) {
    slot.chunk.bytes.set(bytes, at);
    slot.chunk.frames.offset[index] = at;
    slot.chunk.frames.capturedLength[index] = bytes.length;
    slot.chunk.frames.originalLength[index] = bytes.length;
    slot.chunk.frames.linkType[index] = linkType;
    at += bytes.length;
  }
  slot.chunk.frameCount = frames.length;
  slot.aggregatesRows = aggregatesRows;
  const engine = new DissectEngine(new DispatchTable(dissectors), slot);
  // What a round before it noted is gone.
  slot.protocols.fill(0xffff_ffff);
  expect(engine.dissectChunk(0)).toBe(frames.length);
  return slot;
}

describe('the protocols of a frame', () => {
  it('are the same where rows are aggregated', async () => {
    const [whole, aggregated] = [await dissected(false, 7), await dissected(true, 7)];
    const { frameCount } = whole.chunk;
    expect(aggregated.tables[VXLAN].rows.length).toBeLessThan(whole.tables[VXLAN].rows.length);
    expect(aggregated.protocols.slice(0, frameCount)).toEqual(whole.protocols.slice(0, frameCount));
    for (const frame of whole.tables[VXLAN].rows.frame.slice(0, whole.tables[VXLAN].rows.length))
      expect(aggregated.protocols[frame] & (1 << VXLAN)).not.toBe(0);
  });

  it('are noted only where identities are collected', async () => {
    const slot = await dissected(true);
    expect(slot.protocols.length).toBe(0);
    expect(slot.tables[VXLAN].rows.length).toBeGreaterThan(0);
  });
});
