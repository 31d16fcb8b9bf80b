import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Transform } from 'node:stream';
import { afterAll, describe, expect, it } from 'vitest';
import {
  type ByteOrder,
  block,
  epb,
  idb,
  inputOf,
  opb,
  option,
  payload,
  readAll,
  shb,
  spb,
  u16,
  u32,
  u64,
} from '../../test/capture-builder.js';
import {
  MARK_CHECKSUM_PENDING,
  MARK_NO_TIME,
  MARK_OUTBOUND,
  MARK_SEGMENTATION_OFFLOAD,
} from './frame-marks.js';

const START = 1_700_000_000n;
const MICROSECONDS = START * 1_000_000n;
const NANOSECONDS = START * 1_000_000_000n;

const read = (...parts: Uint8Array[]) => readAll([inputOf(Buffer.concat(parts))]);
const text = (value: string) => Buffer.from(value);
const tsresol = (value: number, order: ByteOrder = 'little') => option(9, Buffer.from([value]), order);

describe('pcapng packets', () => {
  it.each(['little', 'big'] as const)(
    'reads enhanced, simple and obsolete packet blocks, %s-endian',
    async (order) => {
      const { source, frames } = await read(
        shb(order),
        idb(order, Buffer.alloc(0), 101, 40),
        epb(MICROSECONDS, payload(33, 1), order, 0, undefined, 99),
        spb(payload(50, 2), order),
        opb(MICROSECONDS + 7n, payload(21, 3), 4, order),
      );
      expect(frames.map((frame) => [frame.number, frame.timeNs, frame.originalLength, frame.marks])).toEqual([
        [1, NANOSECONDS, 99, 0],
        [2, null, 50, MARK_NO_TIME],
        [3, NANOSECONDS + 7000n, 21, 0],
      ]);
      expect(frames.map((frame) => frame.bytes)).toEqual([
        payload(33, 1).toString('hex'),
        payload(50, 2).subarray(0, 40).toString('hex'),
        payload(21, 3).toString('hex'),
      ]);
      expect(source.captures[0]).toMatchObject({
        format: 'pcapng',
        frames: 3,
        records: 5,
        drops: 4,
        snaplen: 40,
      });
      expect(source.captures[0].damaged).toEqual([]);
      expect(source.captures[0].linkTypes).toEqual([101]);
    },
  );

  it('changes byte order and restarts interface ids at every section', async () => {
    const { source, frames } = await read(
      shb('little'),
      idb('little', undefined, 1),
      idb('little', undefined, 113),
      epb(MICROSECONDS, payload(8, 1), 'little', 1),
      shb('big'),
      idb('big', tsresol(9, 'big'), 276),
      epb(NANOSECONDS + 1n, payload(8, 2), 'big', 0),
    );
    expect(frames.map((f) => [f.linkType, f.interfaceIndex, f.segment, f.timeNs])).toEqual([
      [113, 1, 0, NANOSECONDS],
      [276, 2, 0, NANOSECONDS + 1n],
    ]);
    expect(source.segments.map((segment) => segment.openedBy)).toEqual(['start']);
    expect(source.interfaces.map((known) => known.linkType)).toEqual([1, 113, 276]);
  });

  it('keeps times of interfaces of several resolutions and offsets exact', async () => {
    const offset = option(14, u64(-3600n, 'little'));
    const interfaces = [
      tsresol(9),
      tsresol(6),
      tsresol(3),
      tsresol(0),
      tsresol(10),
      tsresol(0x80 | 10),
      tsresol(0x85),
    ];
    const sub = 123_456_789n;
    const ticks = [
      NANOSECONDS + sub,
      MICROSECONDS + 123_457n,
      START * 1000n + 124n,
      START + 1n,
      (NANOSECONDS + sub) * 10n + 9n,
      START * 1024n + 513n,
      START * 32n + 33n,
      MICROSECONDS + 3_600_000_000n + 5n,
    ];
    const expected = [
      NANOSECONDS + sub,
      NANOSECONDS + 123_457_000n,
      NANOSECONDS + 124_000_000n,
      NANOSECONDS + 1_000_000_000n,
      NANOSECONDS + sub,
      NANOSECONDS + (513n * 1_000_000_000n) / 1024n,
      NANOSECONDS + (33n * 1_000_000_000n) / 32n,
      NANOSECONDS + 5000n,
    ];
    const { frames } = await read(
      shb(),
      ...interfaces.map((options) => idb('little', options)),
      idb('little', offset),
      ...ticks.map((tick, id) => epb(tick, payload(8, id), 'little', id)),
      ...ticks.map((tick, id) => epb(tick, payload(8, id), 'little', id)),
    );
    expect(frames.map((frame) => frame.timeNs)).toEqual([...expected, ...expected]);
  });

  it.each([127, 0xff, 30, 0x80 | 64])('survives the resolution %i', async (resolution) => {
    const { frames } = await read(shb(), idb('little', tsresol(resolution)), epb(2n ** 63n, payload(8, 1)));
    expect(frames).toHaveLength(1);
    expect(frames[0].timeNs).not.toBeNull();
  });

  it('starts with frames without time and gives the segment its base later', async () => {
    const { source, frames } = await read(shb(), idb(), spb(payload(9, 1)), epb(MICROSECONDS, payload(9, 2)));
    expect(frames.map((frame) => frame.timeNs)).toEqual([null, NANOSECONDS]);
    expect(source.segments).toHaveLength(1);
  });

  it('reads flags, drop counts and comments of packets', async () => {
    const options = Buffer.concat([
      option(2, u32(0xa02, 'little')),
      option(4, u64(11n, 'little')),
      option(1, text('look\0here')),
      option(0, Buffer.alloc(0)),
    ]);
    const { source, frames } = await read(
      shb(),
      idb(),
      epb(MICROSECONDS, payload(9, 1), 'little', 0, options),
    );
    expect(frames[0].marks).toBe(MARK_OUTBOUND | MARK_CHECKSUM_PENDING | MARK_SEGMENTATION_OFFLOAD);
    expect(source.captures[0].drops).toBe(11);
    expect(source.captures[0].comments).toEqual(['frame 1: look']);
  });

  it.each([
    [4, 60],
    [32, 60],
    [0, 64],
  ])('cuts the frame check sequence of if_fcslen %i, which flags override', async (fcslen, expected) => {
    const twoBytes = option(2, u32(2 << 5, 'little'));
    const { frames } = await read(
      shb(),
      idb('little', option(13, Buffer.from([fcslen]))),
      epb(MICROSECONDS, payload(64, 1)),
      epb(MICROSECONDS, payload(64, 1), 'little', 0, twoBytes),
    );
    expect(frames.map((frame) => frame.bytes.length / 2)).toEqual([expected, 62]);
  });
});

describe('pcapng blocks that hold no packet', () => {
  const packets = [epb(MICROSECONDS, payload(20, 1)), epb(MICROSECONDS + 1n, payload(20, 2))];
  const journal = text('__REALTIME_TIMESTAMP=1600000000000000\nMESSAGE=hello\n');

  // Frame counts as tshark 4.0 lists them for the same bytes.
  it.each([
    ['name resolution', 4, Buffer.alloc(4), 2],
    ['IRIG timestamp', 7, Buffer.alloc(16), 2],
    ['ARINC 429', 8, Buffer.alloc(16), 2],
    ['systemd journal', 9, journal, 3],
    ['decryption secrets', 10, Buffer.concat([u32(0x544c534b, 'little'), u32(4, 'little'), text('abcd')]), 2],
    ['custom', 0x0bad, Buffer.concat([u32(32_473, 'little'), text('abcd')]), 3],
    ['custom, not copyable', 0x40000bad, Buffer.concat([u32(32_473, 'little'), text('abcd')]), 3],
    ['Hone', 0x101, Buffer.alloc(16), 2],
    ['sysdig machine info', 0x201, Buffer.alloc(16), 2],
    ['sysdig event', 0x204, Buffer.alloc(64), 3],
    ['sysdig event 2', 0x216, Buffer.alloc(64), 3],
    ['unknown', 0x1234, Buffer.alloc(16), 2],
    ['local use', 0x80000001, Buffer.alloc(16), 2],
  ])('counts frames around a %s block as tshark does', async (_name, type, body, count) => {
    const { source, frames } = await read(shb(), idb(), packets[0], block(type, body), packets[1]);
    expect(frames.map((frame) => frame.number)).toEqual([1, count]);
    expect(source.captures[0]).toMatchObject({ frames: count, records: 5, damaged: [] });
    expect([...source.captures[0].skipped.values()]).toEqual([1]);
  });

  it('reads names, filters, comments and statistics of interfaces', async () => {
    const options = [option(2, text('eth0')), option(11, text('\0udp port 500')), option(1, text('tap'))];
    const statistics = [
      option(4, u64(1000n, 'little')),
      option(5, u64(7n, 'little')),
      option(7, u64(2n, 'little')),
    ];
    const { source } = await read(
      shb('little', Buffer.concat([option(1, text('night run')), option(4, text('dumpcap'))])),
      idb('little', Buffer.concat(options)),
      block(
        5,
        Buffer.concat([u32(0, 'little'), u32(0, 'little'), u32(0, 'little'), option(5, u64(3n, 'little'))]),
      ),
      block(5, Buffer.concat([u32(0, 'little'), u32(0, 'little'), u32(0, 'little'), ...statistics])),
    );
    expect(source.interfaces).toEqual([
      {
        captureIndex: 0,
        linkType: 1,
        snaplen: 0,
        name: 'eth0',
        filter: 'udp port 500',
        received: 1000,
        dropped: 9,
      },
    ]);
    expect(source.captures[0]).toMatchObject({ drops: 9, comments: ['night run', 'tap'] });
  });

  it('reads for how long an interface was captured, in its own unit and in microseconds', async () => {
    const time = (units: bigint): Buffer =>
      Buffer.concat([u32(Number(units >> 32n), 'little'), u32(Number(units & 0xffff_ffffn), 'little')]);
    const { source } = await read(
      shb(),
      idb('little', option(9, Buffer.from([9]))),
      block(
        5,
        Buffer.concat([
          u32(0, 'little'),
          time(0n),
          option(2, time(1_790_000_000_000_000_000n)),
          option(3, time(1_790_000_060_500_000n)),
          option(8, u64(12n, 'little')),
        ]),
      ),
    );
    expect(source.interfaces[0]).toMatchObject({
      openedNs: [1_790_000_000_000_000_000n, 1_790_000_000_000_000_000_000n],
      closedNs: [1_790_000_060_500_000n, 1_790_000_060_500_000_000n],
      delivered: 12,
    });
  });

  it('passes over a block that is larger than a chunk', async () => {
    const bytes = Buffer.concat([shb(), idb(), packets[0], block(10, Buffer.alloc(5000, 1)), packets[1]]);
    const { source, frames } = await readAll([inputOf(bytes)], 512, 16);
    expect(frames).toHaveLength(2);
    expect(source.captures[0].damaged).toEqual([]);
  });
});

describe('pcapng damage', () => {
  const parts = [shb(), idb(), ...[0, 1, 2, 3].map((i) => epb(MICROSECONDS + BigInt(i), payload(20 + i, i)))];
  const whole = Buffer.concat(parts);

  it('delivers what stands before a cut at every byte', async () => {
    const ends = parts.map((_, index) => Buffer.concat(parts.slice(0, index + 1)).length);
    for (let cut = 12; cut < whole.length; cut += 1) {
      const { source, frames } = await read(whole.subarray(0, cut));
      const complete = ends.filter((end) => end <= cut);
      expect(frames).toHaveLength(Math.max(0, complete.length - 2));
      const expected = ends.includes(cut) ? [] : [complete.at(-1) ?? 0];
      expect(source.captures[0].damaged.map((entry) => entry.offset)).toEqual(expected);
    }
  });

  const damaged = async (change: (bytes: Buffer) => Uint8Array) => {
    const result = await read(change(Buffer.from(whole)));
    return {
      bytes: result.frames.map((frame) => frame.bytes),
      damage: result.source.captures[0].damaged,
    };
  };
  const dataOf = (...seeds: number[]) => seeds.map((seed) => payload(20 + seed, seed).toString('hex'));
  const second = parts.slice(0, 3).reduce((sum, part) => sum + part.length, 0);

  it('reads a packet whose trailing length is wrong, and those behind it', async () => {
    const end = second + parts[3].length;
    const { bytes, damage } = await damaged((all) => {
      all.writeUInt32LE(7, end - 4);
      return all;
    });
    expect(bytes).toEqual(dataOf(0, 1, 2, 3));
    expect(damage.map((entry) => entry.offset)).toEqual([second]);
  });

  it.each([0, 8, 30, 0x7fffffff, 64])('reads on behind a block that claims %i bytes', async (length) => {
    const { bytes, damage } = await damaged((all) => {
      all.writeUInt32LE(length, second + 4);
      return all;
    });
    expect(bytes.slice(0, 1)).toEqual(dataOf(0));
    expect(bytes.slice(-2)).toEqual(dataOf(2, 3));
    expect(damage[0].offset).toBe(second);
  });

  it('names an interface that does not exist and a length beyond the block', async () => {
    const { bytes, damage } = await damaged((all) => {
      all.writeUInt32LE(9, second + 8);
      all.writeUInt32LE(999, second + parts[3].length + 20);
      return all;
    });
    expect(bytes).toEqual(dataOf(0, 3));
    expect(damage.map((entry) => entry.offset)).toEqual([second, second + parts[3].length]);
    expect(damage[0].reason).toContain('interface 9');
  });

  it('finds the next block behind garbage', async () => {
    const garbage = Buffer.alloc(3_000_001, 0x55);
    const { bytes, damage } = await damaged((all) =>
      Buffer.concat([all.subarray(0, second), garbage, all.subarray(second)]),
    );
    expect(bytes).toEqual(dataOf(0, 1, 2, 3));
    expect(damage).toHaveLength(1);
    expect(damage[0].reason).toContain(`byte ${second + garbage.length}`);
  });

  it('passes over a section of another version', async () => {
    const { source, frames } = await read(
      whole,
      shb('big', undefined, 2),
      idb('big'),
      epb(1n, payload(8, 1), 'big'),
      shb(),
      idb(),
      epb(MICROSECONDS, payload(8, 9)),
    );
    expect(frames).toHaveLength(5);
    expect(source.captures[0].damaged).toHaveLength(1);
    expect(source.captures[0].damaged[0]).toMatchObject({ offset: whole.length });
  });

  it('reports an option that runs past its block and keeps the packet', async () => {
    const broken = Buffer.concat([u16(1, 'little'), u16(500, 'little')]);
    const { source, frames } = await read(
      shb(),
      idb(),
      epb(MICROSECONDS, payload(8, 1), 'little', 0, broken),
    );
    expect(frames).toHaveLength(1);
    expect(source.captures[0].damaged).toHaveLength(1);
  });

  it('keeps at most 100 entries and counts the rest', async () => {
    const bad = Array.from({ length: 130 }, () => epb(MICROSECONDS, payload(8, 1), 'little', 5));
    const { source } = await read(shb(), idb(), ...bad);
    expect(source.captures[0].damaged).toHaveLength(100);
    expect(source.captures[0].skipped.get('further damaged places')).toBe(30);
  });
});

describe('pcap-ng-parser as oracle', () => {
  const folder = mkdtempSync(join(tmpdir(), 'capan-oracle-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  interface OraclePacket {
    readonly interfaceId: number;
    readonly timestampHigh: number;
    readonly timestampLow: number;
    readonly data: Buffer;
  }

  // The package has no types.
  const PcapngParser: new () => Transform = createRequire(import.meta.url)('pcap-ng-parser');

  /** It never ends its stream, so its packets are collected as they are written. */
  async function oracleFrames(bytes: Buffer): Promise<OraclePacket[]> {
    const packets: OraclePacket[] = [];
    const parser = new PcapngParser();
    parser.on('data', (packet: OraclePacket) => packets.push(packet));
    await new Promise<void>((resolve) => parser.write(bytes, () => resolve()));
    await new Promise((resolve) => setImmediate(resolve));
    return packets;
  }

  it.each(['little', 'big'] as const)(
    'agrees on one %s-endian section of enhanced packet blocks',
    async (order) => {
      const packets = Array.from({ length: 300 }, (_, index) =>
        epb(MICROSECONDS + BigInt(index * 1017), payload(14 + (index % 90), index), order),
      );
      const bytes = Buffer.concat([shb(order), idb(order, option(2, text('eth0'), order)), ...packets]);
      const path = join(folder, `${order}.pcapng`);
      writeFileSync(path, bytes);
      const { frames } = await readAll([path]);
      const oracle = await oracleFrames(bytes);
      expect(oracle).toHaveLength(300);
      expect(frames.map((frame) => frame.bytes)).toEqual(oracle.map((packet) => packet.data.toString('hex')));
      const rawTimes = oracle.map((p) => (BigInt(p.timestampHigh) << 32n) + BigInt(p.timestampLow >>> 0));
      expect(frames.map((frame) => frame.timeNs)).toEqual(rawTimes.map((ticks) => ticks * 1000n));
      expect(frames.map((frame) => frame.interfaceIndex)).toEqual(oracle.map((packet) => packet.interfaceId));
    },
  );
});
