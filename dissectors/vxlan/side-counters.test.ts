import { expect, it } from 'vitest';
import { LANE, PACKETS, recordAt, SideCounters } from './side-counters.js';

const FLOWS = 20_000;

it('keeps the records of all flows while it grows, and begins each without a lane', () => {
  const counters = new SideCounters();
  for (let slot = 0; slot < FLOWS; slot++) {
    counters.open(slot);
    for (const direction of [0, 1]) {
      const at = recordAt(slot, direction);
      expect(counters.records[at + LANE]).toBeNaN();
      counters.records[at + PACKETS] = slot * 2 + direction;
    }
  }
  for (let slot = 0; slot < FLOWS; slot++) {
    expect(counters.records[recordAt(slot, 0) + PACKETS]).toBe(slot * 2);
    expect(counters.records[recordAt(slot, 1) + PACKETS]).toBe(slot * 2 + 1);
  }
});

it('forgets what an earlier flow left in a slot', () => {
  const counters = new SideCounters();
  counters.open(3);
  counters.records[recordAt(3, 1) + PACKETS] = 7;
  counters.open(3);
  expect(counters.records[recordAt(3, 1) + PACKETS]).toBe(0);
});
