import { describe, expect, it } from 'vitest';
import type { FrameRef } from '../../src/moment.js';
import { ConnectionTable, GAP_START, wordAt } from './connection-table.js';
import { UncapturedAcks } from './uncaptured-acks.js';

const LATEST_START = 0xffff_ff00;

function at(frame: number, timeNs: number): FrameRef {
  return { frame, timeNs, segment: 0 };
}

/** ACKs of data that the capture does not hold, of one direction. */
function noted(gaps: readonly (readonly [start: number, bytes: number, timeNs: number])[]) {
  const table = new ConnectionTable();
  const acks = new UncapturedAcks();
  for (const [index, [start, bytes, timeNs]] of gaps.entries()) {
    table.words[wordAt(0, GAP_START)] = start;
    table.uncapturedAcks[0]++;
    table.uncapturedBytes[0] += bytes;
    acks.note(0, at(index + 1, timeNs), table, bytes);
  }
  return { table, acks, counts: () => [table.uncapturedAcks[0], table.uncapturedBytes[0]] };
}

describe('ACKs of data that is not in the capture', () => {
  it('prove nothing where the data stands right behind several of them', () => {
    const { table, acks, counts } = noted([
      [LATEST_START, 0x80, 0],
      [LATEST_START + 0x80, 0x200, 100_000],
    ]);
    acks.withdrawLate(table, 0, LATEST_START, LATEST_START + 0x40, 200_000);
    expect(counts()).toEqual([1, 0x200]);
    expect(acks.frames(0).map(({ frame }) => frame)).toEqual([2]);
    acks.withdrawLate(table, 0, LATEST_START, LATEST_START + 0x40, 200_000);
    expect(counts()).toEqual([1, 0x200]);
    // Beyond the largest sequence number.
    acks.withdrawLate(table, 0, 0x20, 0x40, 300_000);
    expect(counts()).toEqual([0, 0]);
    expect(acks.frames(0)).toEqual([]);
  });

  it('stand where the data comes later, or is other data', () => {
    const { table, acks, counts } = noted([[1000, 100, 0]]);
    acks.withdrawLate(table, 0, 1100, 1200, 10);
    acks.withdrawLate(table, 0, 1000, 1100, 2_000_000);
    expect(counts()).toEqual([1, 100]);
    expect(acks.frames(0)).toHaveLength(1);
  });
});
