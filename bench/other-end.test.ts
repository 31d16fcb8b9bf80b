import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeCapture } from './make-capture.js';
import { makeOtherEnd } from './traffic/other-end.js';

const folder = mkdtempSync(join(tmpdir(), 'capan-bench-test-'));
const captured = join(folder, 'captured.pcap');
const other = join(folder, 'other.pcap');
let frames = 0;
let arrived = 0;

beforeAll(() => {
  frames = makeCapture(captured, { kind: 'mixed', size: { bytes: 2_000_000 }, seed: 3 }).frames;
  arrived = makeOtherEnd(other, captured, 3).frames;
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Times in microseconds, by the bytes of the frame. */
function timesOf(file: string): Map<string, number[]> {
  const bytes = readFileSync(file);
  const times = new Map<string, number[]>();
  for (let at = 24; at < bytes.length; ) {
    const end = at + 16 + bytes.readUInt32LE(at + 8);
    const key = bytes.toString('latin1', at + 16, end);
    const timeUs = bytes.readUInt32LE(at) * 1_000_000 + bytes.readUInt32LE(at + 4);
    times.set(key, [...(times.get(key) ?? []), timeUs]);
    at = end;
  }
  return times;
}

describe('the other end of a capture', () => {
  it('lacks one in a hundred of the packets that arrive, and is the same for the same seed', () => {
    expect((frames - arrived) / frames).toBeGreaterThan(0.002);
    expect((frames - arrived) / frames).toBeLessThan(0.01);
    const again = join(folder, 'again.pcap');
    makeOtherEnd(again, captured, 3);
    expect(readFileSync(again).equals(readFileSync(other))).toBe(true);
  });

  it('shows each packet 20 ms later or earlier, by a clock that is ahead', () => {
    const before = timesOf(captured);
    const differences = [...timesOf(other)].flatMap(([bytes, [timeUs, ...more]]) => {
      const [own, ...others] = before.get(bytes) ?? [];
      return more.length + others.length > 0 ? [] : [timeUs - own - 3_601_500_000];
    });
    // 20 ppm of 20 minutes are 24 ms.
    expect(Math.min(...differences)).toBeGreaterThanOrEqual(-20_001);
    expect(Math.max(...differences)).toBeLessThanOrEqual(44_001);
  });
});
