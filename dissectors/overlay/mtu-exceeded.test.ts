import { resolve } from 'node:path';
import { expect, it } from 'vitest';
import { analyze } from '../../src/commands/run-analysis.js';

it("kind: a sender's capture proves what left, nothing else: fragments that leave are not said to arrive", async () => {
  const file = resolve(import.meta.dirname, '../../captures/overlay-mss-too-large.pcap');
  const { findings } = await analyze([file], { threads: 0 });
  const [fragmented] = findings.filter(({ id }) => id === 'overlay.mtu-exceeded');
  expect(fragmented?.explanation).toContain('No piece is missing where this was captured');
  expect(fragmented?.explanation).not.toMatch(/fragments arrive/);
});
