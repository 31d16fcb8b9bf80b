import { describe, expect, it } from 'vitest';
import { factsIn } from '../../test/build/side-knowledge.js';
import { withTallies } from './capture-tallies.js';
import tcpdumpSummaries from './tcpdump-summary.js';

const read = (...lines: string[]) => factsIn(tcpdumpSummaries, lines);

describe('the last lines of tcpdump', () => {
  const LINES = ['^C', '32 packets captured', '35 packets received by filter', '3 packets dropped by kernel'];

  it('are a tally', () => {
    expect(read(...LINES)).toEqual([
      { origin: { file: 'pasted.txt', place: 'line 2' }, captured: 32, received: 35, dropped: 3 },
    ]);
  });

  it('belong to the one capture that holds as many packets', () => {
    const facts = (frames: number, drops: number | null = null) => ({
      file: 'a',
      format: 'pcap' as const,
      linkTypes: [1],
      frames,
      records: frames,
      bytes: 0,
      clock: 'absolute' as const,
      firstTimeNs: null,
      lastTimeNs: null,
      damaged: [],
      drops,
      snaplen: 0,
      packetsInWords: 0,
      packetsInLists: 0,
      fragmentsUntold: 0,
      comments: [],
      skipped: new Map(),
    });
    const tallies = read(...LINES);
    const dropsOf = (...captures: ReturnType<typeof facts>[]) =>
      withTallies(captures, tallies).map(({ drops }) => drops);
    expect(dropsOf(facts(32), facts(31))).toEqual([3, null]);
    expect(dropsOf(facts(31))).toEqual([null]);
    expect(dropsOf(facts(32), facts(32))).toEqual([null, null]);
    expect(dropsOf(facts(32, 0))).toEqual([0]);
  });
});
