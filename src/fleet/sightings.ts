import { DigestCursor } from './digest-file.js';
import type { ProbeTable } from './probes.js';

/** A probe of one point that another point holds too. */
export interface Sighting {
  readonly probe: number;
  readonly timeUs: number;
  readonly lane: number;
  readonly timeToLive: number;
  readonly depth: number;
}

const FIELDS = 5;

/** All probes of other points that the digest of a point holds, in one pass over it. */
export function findProbes(path: string, table: ProbeTable, own: number): Sighting[] {
  const found: Sighting[] = [];
  const { records, points } = table;
  const cursor = new DigestCursor(path);
  try {
    let from = 0;
    while (cursor.advance()) {
      while (from < points.length && records.identity(from) < cursor.identity) from++;
      for (let probe = from; probe < points.length && records.identity(probe) === cursor.identity; probe++) {
        if (points[probe] === own || cursor.records.repeats(cursor.at) > 1) continue;
        found.push({
          probe,
          timeUs: cursor.records.timeUs(cursor.at),
          lane: cursor.records.lane(cursor.at),
          timeToLive: cursor.records.timeToLive(cursor.at),
          depth: cursor.records.depth(cursor.at),
        });
      }
    }
  } finally {
    cursor.close();
  }
  return found;
}

export function packSightings(sightings: readonly Sighting[]): Uint8Array {
  const packed = new Float64Array(sightings.length * FIELDS);
  for (const [index, one] of sightings.entries())
    packed.set([one.probe, one.timeUs, one.lane, one.timeToLive, one.depth], index * FIELDS);
  return new Uint8Array(packed.buffer);
}

export function unpackSightings(bytes: Uint8Array): Sighting[] {
  const packed = new Float64Array(new Uint8Array(bytes).buffer);
  return Array.from({ length: packed.length / FIELDS }, (_, index) => {
    const [probe, timeUs, lane, timeToLive, depth] = packed.subarray(index * FIELDS, (index + 1) * FIELDS);
    return { probe, timeUs, lane, timeToLive, depth };
  });
}
