import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { payloadDigest } from './identity-digest.js';

const KEY = 0x1234_5678;
const payload = fc.uint8Array({ minLength: 1, maxLength: 200 });

function digestOf(bytes: Uint8Array, from = 0, to = bytes.length): number {
  return payloadDigest(new DataView(bytes.buffer, bytes.byteOffset, bytes.length), from, to, from, KEY);
}

describe('the digest of a payload', () => {
  it('is the sum of those of its fragments', () => {
    fc.assert(
      fc.property(payload, fc.nat(), (bytes, at) => {
        const cut = ((at % bytes.length) >> 3) << 3;
        expect((digestOf(bytes, 0, cut) + digestOf(bytes, cut)) | 0).toBe(digestOf(bytes));
      }),
    );
  });

  it('depends on every bit, and on where a word stands', () => {
    fc.assert(
      fc.property(payload, fc.nat(), fc.nat(7), (bytes, at, bit) => {
        const changed = bytes.slice();
        changed[at % bytes.length] ^= 1 << bit;
        expect(digestOf(changed)).not.toBe(digestOf(bytes));
      }),
    );
    const [there, here] = [new Uint8Array(64), new Uint8Array(64)];
    there[3] = 1;
    here[7] = 1;
    expect(digestOf(there)).not.toBe(digestOf(here));
  });

  it('does not depend on where the packet lies in memory', () => {
    fc.assert(
      fc.property(payload, fc.integer({ min: 1, max: 7 }), (bytes, shift) => {
        const moved = new Uint8Array(bytes.length + shift);
        moved.set(bytes, shift);
        const view = new DataView(moved.buffer);
        expect(payloadDigest(view, shift, moved.length, 0, KEY)).toBe(digestOf(bytes));
      }),
    );
  });
});
