import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { IdentitySketch } from './identity-sketch.js';

const KEPT = 16;

describe('a sketch of identities', () => {
  it('keeps every packet below its threshold, and forgets those above', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.maxSafeNat(), { minLength: 1, maxLength: 300, selector: (hash) => hash & 0xffff }),
        (hashes) => {
          const sketch = new IdentitySketch(KEPT);
          for (const [ordinal, hash] of hashes.entries()) sketch.add(hash, 0, 0, 64, 0, ordinal, 0);
          const kept: number[] = [];
          sketch.joinWith(sketch, ([packet]) => kept.push(packet.ordinal));
          const expected = hashes.flatMap((hash, ordinal) => (hash < sketch.threshold ? ordinal : []));
          expect(kept.sort((a, b) => a - b)).toEqual(expected);
          expect(kept.length).toBeLessThan(KEPT * 2);
          if (hashes.length >= KEPT * 2) expect(kept.length).toBeGreaterThanOrEqual(KEPT);
        },
      ),
    );
  });
});
