import { readDigest } from './digest-file.js';
import { PacketRecords, RECORD_BYTES } from './packet-record.js';

/** What a point offers of itself for others to look for. */
export const PROBES_MAX = 1024;
const PROBES_PER_LANE = 4;
export const TIME_SLICES = 16;

/**
 * Packets by which other points recognise this one: of each lane up to four of different times while there is room, so
 * that no flow crowds out another. The digest is in order of hashes, which makes what comes first a fair choice.
 * @param laneCount lanes of the point
 */
export function chooseProbes(path: string, laneCount: number, firstUs: number, lastUs: number): Uint8Array {
  const taken = new Uint8Array(laneCount);
  const slices = new Uint16Array(laneCount);
  const first: Uint8Array[][] = Array.from({ length: PROBES_PER_LANE }, () => []);
  const more: Uint8Array[] = [];
  const spanUs = Math.max(1, lastUs - firstUs + 1);
  readDigest(path, (records) => {
    for (let record = 0; record < records.length; record++) {
      if (records.repeats(record) > 1) continue;
      const lane = records.lane(record);
      const slice = Math.floor(((records.timeUs(record) - firstUs) / spanUs) * TIME_SLICES);
      const isNewSlice = ((slices[lane] >> slice) & 1) === 0;
      const list = isNewSlice && taken[lane] < PROBES_PER_LANE ? first[taken[lane]] : more;
      if (list.length >= PROBES_MAX) continue;
      list.push(records.bytes.slice(record * RECORD_BYTES, (record + 1) * RECORD_BYTES));
      if (list === more) continue;
      taken[lane]++;
      slices[lane] |= 1 << slice;
    }
  });
  const chosen = [...first.flat(), ...more].slice(0, PROBES_MAX);
  chosen.sort((a, b) => new PacketRecords(a).identity(0) - new PacketRecords(b).identity(0));
  return Buffer.concat(chosen);
}

/** The probes of all points, in order of identity. 36 bytes each. */
export class ProbeTable {
  readonly records: PacketRecords;
  /** Index of the point that offers each. */
  readonly points: Uint32Array;

  private constructor(bytes: Uint8Array, points: Uint32Array) {
    this.records = new PacketRecords(bytes);
    this.points = points;
  }

  get length(): number {
    return this.points.length;
  }

  /** @param offered by point: what `chooseProbes` gave */
  static of(offered: readonly Uint8Array[]): ProbeTable {
    const counts = offered.map((bytes) => bytes.length / RECORD_BYTES);
    const all = new PacketRecords(Buffer.concat(offered));
    const owners = Uint32Array.from(counts.flatMap((count, point) => new Array<number>(count).fill(point)));
    const order = Uint32Array.from(owners.keys()).sort((a, b) => all.identity(a) - all.identity(b) || a - b);
    const bytes = new Uint8Array(all.bytes.length);
    const points = new Uint32Array(owners.length);
    for (const [to, from] of order.entries()) {
      bytes.set(all.bytes.subarray(from * RECORD_BYTES, (from + 1) * RECORD_BYTES), to * RECORD_BYTES);
      points[to] = owners[from];
    }
    return new ProbeTable(bytes, points);
  }

  static read(bytes: Uint8Array): ProbeTable {
    // Bytes of a file may lie in the middle of a larger buffer.
    const own = new Uint8Array(bytes);
    const count = own.length / (RECORD_BYTES + 4);
    const points = new Uint32Array(own.slice(count * RECORD_BYTES).buffer);
    return new ProbeTable(own.subarray(0, count * RECORD_BYTES), points);
  }

  bytes(): Uint8Array {
    const { bytes } = this.records;
    return Buffer.concat([
      bytes,
      new Uint8Array(this.points.buffer, this.points.byteOffset, this.points.byteLength),
    ]);
  }
}
