import { describe, expect, it } from 'vitest';
import { compareEnds } from '../../test/build/compare-ends.js';
import { twoEnds } from '../../test/build/two-ends.js';
import type { Report } from '../report/report.js';

function said({ findings, checked }: Report) {
  const finding = findings.find(({ id }) => id === 'capture.pair-mismatch');
  const loss = checked.find(({ id }) => id === 'underlay.path-loss');
  return { title: finding?.title, loss: loss?.result };
}

/** Findings less those that one end makes by itself. */
function ofTwoPoints({ findings }: Report): string[] {
  const ofOne = ['esp.loss', 'underlay.ping-loss'];
  return findings.map(({ id }) => id).filter((id) => !ofOne.includes(id));
}

describe('a capture compared with itself', () => {
  const { a, b } = twoEnds({ seed: 5, loss: 0.1 });

  it('is said to be the same capture, and nothing of a path is judged', async () => {
    const report = await compareEnds({ a, b: a });
    expect(said(report)).toEqual({ title: 'A and B are the same capture', loss: 'insufficient-data' });
    expect(ofTwoPoints(report)).toEqual(['capture.pair-mismatch']);
  });

  it('or with a part of itself, or with another tap of the same host, shows one point of the path', async () => {
    const part = a.filter((_, index) => index % 3 > 0);
    const nearly = a.map(({ timeNs, bytes }, index) => ({
      timeNs: timeNs + BigInt(index % 2) * 700n,
      bytes,
    }));
    for (const other of [part, nearly]) {
      const report = await compareEnds({ a, b: other });
      expect(said(report).loss).toBe('insufficient-data');
      expect(said(report).title).toMatch(/one point of the path|the same capture/);
      expect(ofTwoPoints(report)).toEqual(['capture.pair-mismatch']);
    }
  });

  it('is not said of two ends, however near they are', async () => {
    expect(said(await compareEnds({ a, b })).title).toBeUndefined();
    // Both directions arrive 3 us after they left.
    const near = twoEnds({ seed: 6 });
    const startOf = new Map(near.a.map(({ bytes }, index) => [Buffer.from(bytes).toString('hex'), index]));
    const moved = near.b.map((frame) => {
      const twin = near.a[startOf.get(Buffer.from(frame.bytes).toString('hex')) ?? 0];
      return { bytes: frame.bytes, timeNs: twin.timeNs + (frame.timeNs > twin.timeNs ? 3000n : -3000n) };
    });
    const inOrder = moved.sort((x, y) => Number(x.timeNs - y.timeNs));
    expect(said(await compareEnds({ a: near.a, b: inOrder })).title).toBeUndefined();
  });
});
