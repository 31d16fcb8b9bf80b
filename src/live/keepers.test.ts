import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CaptureFrame, writePcapng } from '../../test/build/capture-file.js';
import { emptyChunk, readFrames } from '../../test/build/read-frames.js';
import { openCaptureSource } from '../capture/file-source.js';
import { CaptureKeeper, ringFileName } from './capture-keeper.js';
import { FindingDump } from './finding-dump.js';
import { type FrameKeeper, LiveSource } from './live-source.js';

let scratch = '';
beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), 'capan-keep-'));
});
afterAll(() => rmSync(scratch, { recursive: true }));

const START_NS = 1_700_000_000_999_999_999n;

function framesOf(count: number): CaptureFrame[] {
  return Array.from({ length: count }, (_, index) => ({
    timeNs: START_NS + BigInt(index) * 4_300_000_007n,
    bytes: new Uint8Array(60 + (index % 7)).fill(index & 0xff),
    originalLength: 100 + (index % 7),
    interfaceIndex: index % 2,
    flags: index % 3,
  }));
}

async function feed(frames: readonly CaptureFrame[], keeper: FrameKeeper): Promise<void> {
  const interfaces = [
    { name: 'eth0', filter: 'udp', tsresol: 9, snaplen: 1500 },
    { name: 'eth1', tsresol: 9 },
  ];
  const stream = new PassThrough();
  const about = { name: 'x', filter: null, interfaceName: null, packetsMax: Number.POSITIVE_INFINITY };
  stream.end(writePcapng([{ interfaces, frames }]));
  const source = await LiveSource.open(stream, about, [keeper]);
  const chunk = emptyChunk(8192, 64);
  while (source !== null && (await source.fill(chunk)));
}

describe('--write', () => {
  it('keeps bytes, lengths, times to the nanosecond, interfaces and directions', async () => {
    const file = join(scratch, 'whole.pcapng');
    const frames = framesOf(300);
    const keeper = new CaptureKeeper(file, null, 'capan test');
    await feed(frames, keeper);
    keeper.close();
    const kept = await readFrames(file);
    expect(
      kept.frames.map(({ timeNs, bytes, originalLength }) => ({ timeNs, bytes, originalLength })),
    ).toEqual(frames.map(({ timeNs, bytes, originalLength }) => ({ timeNs, bytes, originalLength })));
    const source = await openCaptureSource([file]);
    const chunk = emptyChunk();
    await source.fill(chunk);
    expect(source.interfaces).toMatchObject([
      { name: 'eth0', filter: 'udp', snaplen: 1500, linkType: 1 },
      { name: 'eth1', filter: null },
    ]);
    expect([...chunk.frames.interfaceIndex.subarray(0, 4)]).toEqual([0, 1, 0, 1]);
    expect([...chunk.frames.marks.subarray(0, 4)]).toEqual([0, 1, 2, 0]);
    await source.close();
    expect(keeper).toMatchObject({ failure: null, lost: 0 });
  });

  it('keeps the last files of a ring, each a capture of its own', async () => {
    const file = join(scratch, 'ring.pcapng');
    const frames = framesOf(1000);
    const keeper = new CaptureKeeper(file, { files: 3, bytes: 20_000 }, 'capan test');
    await feed(frames, keeper);
    keeper.close();
    const names = readdirSync(scratch).filter((name) => name.startsWith('ring_'));
    expect(names).toHaveLength(3);
    const kept: bigint[] = [];
    for (const name of names.sort())
      kept.push(...(await readFrames(join(scratch, name))).frames.map(({ timeNs }) => timeNs));
    expect(kept).toEqual(frames.slice(-kept.length).map(({ timeNs }) => timeNs));
    expect(kept.length).toBeGreaterThan(200);
  });

  it('says that writing stopped, and counts what is missing', async () => {
    const keeper = new CaptureKeeper(join(scratch, 'no/such/folder.pcapng'), null, 'capan test');
    await feed(framesOf(100), keeper);
    expect(keeper.failure).toMatch(/ENOENT/);
    expect(keeper.lost).toBe(100);
  });

  it('numbers before the extension', () => {
    expect(ringFileName('a/b.pcapng', 12)).toBe('a/b_00012.pcapng');
    expect(ringFileName('a.b/c', 1)).toBe('a.b/c_00001');
  });
});

describe('--dump-on', () => {
  it('writes what came before a finding and for ten seconds after the last, never over another file', async () => {
    const folder = mkdtempSync(join(scratch, 'dump-'));
    writeFileSync(join(folder, 'esp.loss-1.pcapng'), 'another run');
    let nowMs = 0;
    const dump = new FindingDump(folder, 'capan test', () => nowMs);
    const frames = framesOf(40);
    await feed(frames.slice(0, 10), dump);
    nowMs = 50_000;
    await feed(frames.slice(10, 20), dump);
    nowMs = 61_000;
    await feed(frames.slice(20, 22), dump);
    dump.raise('esp.loss');
    nowMs = 70_000;
    dump.tick();
    await feed(frames.slice(22, 30), dump);
    dump.raise('ike.notify');
    nowMs = 79_000;
    dump.tick();
    await feed(frames.slice(30, 35), dump);
    nowMs = 80_001;
    dump.tick();
    await feed(frames.slice(35), dump);
    dump.close();
    expect(dump.written).toEqual([join(folder, 'esp.loss-2.pcapng')]);
    const kept = (await readFrames(dump.written[0])).frames.map(({ timeNs }) => timeNs);
    expect(kept).toEqual(frames.slice(10, 35).map(({ timeNs }) => timeNs));
  });

  it('says where it cannot write', () => {
    const dump = new FindingDump(join(scratch, 'absent'), 'capan test');
    dump.raise('esp.loss');
    expect(dump.failure).toMatch(/ENOENT/);
    expect(existsSync(join(scratch, 'absent'))).toBe(false);
  });
});
