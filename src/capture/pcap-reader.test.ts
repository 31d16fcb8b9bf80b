import { describe, expect, it } from 'vitest';
import {
  type ByteOrder,
  inputOf,
  payload,
  pcapHeader,
  pcapRecord,
  readAll,
  u16,
  u32,
} from '../../test/capture-builder.js';
import { CaptureError } from './capture-error.js';
import { MARK_INBOUND, MARK_NO_TIME, MARK_OUTBOUND } from './frame-marks.js';

const START = 1_700_000_000;

function records(count: number, order: ByteOrder = 'little', at = START): Buffer[] {
  return Array.from({ length: count }, (_, index) =>
    pcapRecord(at + index, 5, payload(20 + index, index), order),
  );
}

const read = (...parts: Uint8Array[]) => readAll([inputOf(Buffer.concat(parts))]);

describe('pcap variants', () => {
  it.each([
    ['little', 0xa1b2c3d4, 123_456_000n],
    ['big', 0xa1b2c3d4, 123_456_000n],
    ['little', 0xa1b23c4d, 123_456n],
    ['big', 0xa1b23c4d, 123_456n],
  ] as const)('reads %s-endian records of magic %i', async (order, magic, fractionNs) => {
    const data = payload(33, 1);
    const { source, frames } = await read(
      pcapHeader({ order, magic, linkField: 113 }),
      pcapRecord(START, 123_456, data, order, 90),
      pcapRecord(START + 1, 0, data, order),
    );
    expect(frames).toHaveLength(2);
    expect(frames[0]).toMatchObject({
      number: 1,
      timeNs: BigInt(START) * 1_000_000_000n + fractionNs,
      linkType: 113,
      originalLength: 90,
      bytes: data.toString('hex'),
    });
    expect(frames[1].timeNs).toBe(BigInt(START + 1) * 1_000_000_000n);
    expect(source.captures[0]).toMatchObject({
      format: 'pcap',
      frames: 2,
      records: 2,
      snaplen: 65_535,
      damaged: [],
    });
  });

  it.each(['little', 'big'] as const)(
    'reads the 24-byte record headers of the patched libpcap, %s',
    async (order) => {
      const extra = (type: number) =>
        Buffer.concat([u32(3, order), u16(0x800, order), Buffer.from([type, 0])]);
      const { frames } = await read(
        pcapHeader({ order, magic: 0xa1b2cd34 }),
        ...[0, 4, 3].map((type, index) =>
          pcapRecord(START, index, payload(40, index), order, 40, extra(type)),
        ),
      );
      expect(frames.map((frame) => frame.marks)).toEqual([MARK_INBOUND, MARK_OUTBOUND, 0]);
      expect(frames[2].bytes).toBe(payload(40, 2).toString('hex'));
    },
  );

  it('recognises 24-byte record headers under the ordinary magic', async () => {
    const extra = Buffer.alloc(8, 1);
    const parts = [0, 1, 2, 3].map((index) =>
      pcapRecord(START, index, payload(40, index), 'little', 40, extra),
    );
    const { frames, source } = await read(pcapHeader(), ...parts);
    expect(frames.map((frame) => frame.bytes)).toEqual(
      [0, 1, 2, 3].map((i) => payload(40, i).toString('hex')),
    );
    expect(source.captures[0].damaged).toEqual([]);
  });

  it.each([
    [[2, 2], 60, 20],
    [[543, 0], 60, 20],
    [[2, 3], 60, 20],
    [[2, 3], 20, 60],
  ] as const)('takes the captured length from where version %j wrote it', async (version, first, second) => {
    const record = Buffer.concat([START, 0, first, second].map((word) => u32(word, 'little')));
    const { frames } = await read(pcapHeader({ version }), record, payload(20, 1));
    expect(frames[0]).toMatchObject({ originalLength: 60, bytes: payload(20, 1).toString('hex') });
  });

  it('cuts the frame check sequence that the link field announces', async () => {
    const linkField = 0x2400_0001;
    const { frames } = await read(
      pcapHeader({ linkField }),
      pcapRecord(START, 0, payload(64, 1)),
      pcapRecord(START, 1, payload(30, 2), 'little', 64),
    );
    expect(frames.map((frame) => [frame.bytes.length / 2, frame.originalLength])).toEqual([
      [60, 60],
      [30, 60],
    ]);
  });

  it('takes an original length below the captured one for the captured one', async () => {
    const { frames } = await read(pcapHeader(), pcapRecord(START, 0, payload(30, 1), 'little', 7));
    expect(frames[0].originalLength).toBe(30);
  });

  it('normalises a fraction of more than a second and counts it', async () => {
    const { frames, source } = await read(pcapHeader(), pcapRecord(START, 1_500_000, payload(30, 1)));
    expect(frames[0].timeNs).toBe(BigInt(START) * 1_000_000_000n + 1_500_000_000n);
    expect([...source.captures[0].skipped.values()]).toEqual([1]);
  });

  it('refuses versions that do not exist and headers that are cut', async () => {
    await expect(read(pcapHeader({ version: [3, 0] }))).rejects.toThrow(/version 3\.0 \(byte 4\)/);
    const { source } = await read(pcapHeader({ version: [2, 9] }), ...records(2));
    expect(source.captures[0]).toMatchObject({ frames: 2, damaged: [{ offset: 4 }] });
    await expect(read(pcapHeader().subarray(0, 19))).rejects.toThrow(/cut at byte 19 of 24/);
    await expect(read(pcapHeader().subarray(0, 19))).rejects.toBeInstanceOf(CaptureError);
  });

  it('reads a file without frames', async () => {
    const { frames, source } = await read(pcapHeader());
    expect(frames).toEqual([]);
    expect(source.captures[0].firstTimeNs).toBeNull();
  });
});

describe('pcap damage', () => {
  it('delivers what stands before a cut at every byte', async () => {
    const parts = [pcapHeader(), ...records(4)];
    const whole = Buffer.concat(parts);
    const ends = parts.map((_, index) => Buffer.concat(parts.slice(0, index + 1)).length);
    for (let cut = 24; cut < whole.length; cut += 1) {
      const { source, frames } = await read(whole.subarray(0, cut));
      const complete = ends.filter((end) => end <= cut).length - 1;
      expect(frames).toHaveLength(complete);
      const expected = ends.includes(cut) ? [] : [ends[complete]];
      expect(source.captures[0].damaged.map((entry) => entry.offset)).toEqual(expected);
    }
  });

  it('finds the next records behind garbage and an impossible length', async () => {
    const before = Buffer.concat([pcapHeader(), ...records(3)]);
    const garbage = Buffer.alloc(77, 0xff);
    const { source, frames } = await read(before, garbage, ...records(5, 'little', START + 10));
    expect(frames).toHaveLength(8);
    expect(frames[3]).toMatchObject({ number: 4, timeNs: BigInt(START + 10) * 1_000_000_000n + 5000n });
    expect(source.captures[0].damaged).toHaveLength(1);
    expect(source.captures[0].damaged[0].offset).toBe(before.length);
    expect(source.captures[0].damaged[0].reason).toContain(`byte ${before.length + 77}`);
  });

  it('gives up where no record follows within a mebibyte', async () => {
    const before = Buffer.concat([pcapHeader(), ...records(3)]);
    const { source, frames } = await read(before, Buffer.alloc(1_200_000, 0xff), ...records(5));
    expect(frames).toHaveLength(3);
    expect(source.captures[0].damaged[0].reason).toContain('nothing after it could be read');
  });

  it('does not take a tail of zeros for records', async () => {
    const { source, frames } = await read(pcapHeader(), ...records(3), Buffer.alloc(4096));
    expect(frames).toHaveLength(3);
    expect(source.captures[0].damaged).toHaveLength(1);
  });

  it('says where a record is larger than a chunk and reads on', async () => {
    const large = pcapRecord(START + 1, 0, payload(5000, 1));
    const bytes = Buffer.concat([pcapHeader(), ...records(1), large, ...records(2, 'little', START + 2)]);
    const { source, frames } = await readAll([inputOf(bytes)], 1024, 16);
    expect(frames.map((frame) => frame.number)).toEqual([1, 3, 4]);
    expect(source.captures[0]).toMatchObject({ frames: 4 });
    expect(source.captures[0].damaged[0].offset).toBe(24 + 16 + 20);
  });
});

describe('time segments', () => {
  const at = (seconds: number, index: number) => pcapRecord(seconds, 0, payload(24, index));
  const segmentsOf = async (times: readonly number[], bytes = 1 << 20) => {
    const result = await readAll([inputOf(Buffer.concat([pcapHeader(), ...times.map(at)]))], bytes, 64);
    return {
      by: result.source.segments.map((segment) => segment.openedBy),
      of: result.frames.map((frame) => frame.segment),
      times: result.frames.map((frame) =>
        frame.timeNs === null ? null : Number(frame.timeNs / 1_000_000_000n),
      ),
      marks: result.frames.map((frame) => frame.marks),
      source: result.source,
    };
  };
  const DAY = 86_400;

  it('opens one at a step forward of more than a day, and only there', async () => {
    const times = [START, START + DAY, START + 2 * DAY + 1, START + 2 * DAY + 2];
    expect(await segmentsOf(times)).toMatchObject({ by: ['start', 'step-forward'], of: [0, 0, 1, 1], times });
  });

  it('opens one at a step back of more than 10 s', async () => {
    const times = [START, START - 10, START - 21, START - 20, START - 9000, START - 8999];
    expect(await segmentsOf(times)).toMatchObject({
      by: ['start', 'step-backward', 'step-backward'],
      of: [0, 0, 1, 1, 2, 2],
      times,
    });
  });

  it('leaves a frame more than an hour off both neighbours without a time', async () => {
    for (const bytes of [110, 1 << 20]) {
      const read = await segmentsOf([START, START + 1, 0, START + 2, START + 9999999, START + 3], bytes);
      expect(read.by).toEqual(['start']);
      expect(read.times).toEqual([START, START + 1, null, START + 2, null, START + 3]);
      expect(read.marks).toEqual([0, 0, MARK_NO_TIME, 0, MARK_NO_TIME, 0]);
    }
  });

  it('does not take sparse frames for outliers', async () => {
    const times = [0, 1, 2, 3].map((index) => START + index * 7200);
    expect(await segmentsOf(times)).toMatchObject({ by: ['start'], times });
  });

  it('opens one after 100 days, so that nanoseconds stay exact', async () => {
    const times = Array.from({ length: 130 }, (_, day) => START + day * (DAY - 100) + (day % 7));
    const read = await segmentsOf(times);
    expect(read.by).toEqual(['start', 'span']);
    expect(read.times).toEqual(times);
  });

  it('stops at 4096 segments and counts the frames without a time', async () => {
    const times = Array.from({ length: 4100 }, (_, index) => START - index * 100);
    const read = await segmentsOf(times);
    expect(read.by).toHaveLength(4096);
    expect(read.times.slice(4095)).toEqual([times[4095], null, null, null, null]);
    expect([...read.source.captures[0].skipped.values()]).toEqual([4]);
  });

  it('calls a clock that begins near 1970 relative', async () => {
    const { source } = await segmentsOf([12, 13]);
    expect(source.captures[0].clock).toBe('relative');
    expect(source.segments[0].clock).toBe('relative');
    expect((await segmentsOf([START])).source.captures[0].clock).toBe('absolute');
  });

  it('knows the first and the last time', async () => {
    const { source } = await segmentsOf([START, START + 5, START - 5000, START - 4000]);
    expect(source.captures[0].firstTimeNs).toBe(BigInt(START) * 1_000_000_000n);
    expect(source.captures[0].lastTimeNs).toBe(BigInt(START - 4000) * 1_000_000_000n);
  });
});
