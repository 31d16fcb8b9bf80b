import { describe, expect, it } from 'vitest';
import { SessionStore } from './session-store.js';

describe('SessionStore', () => {
  it('keeps the first 500 and the 500 worst of the rest, in order, and counts the others', () => {
    const store = new SessionStore<{ id: number; badness: number }>(({ badness }) => badness);
    for (let id = 0; id < 5000; id++) store.add({ id, badness: id % 10 });
    const kept = store.sessions();
    expect(kept).toHaveLength(1000);
    expect(store.summarised).toBe(4000);
    expect(kept.slice(0, 500).map(({ id }) => id)).toEqual(Array.from({ length: 500 }, (_, id) => id));
    expect(kept.slice(500).every(({ badness }) => badness >= 8)).toBe(true);
    expect(kept.map(({ id }) => id)).toEqual(kept.map(({ id }) => id).sort((a, b) => a - b));
  });

  it('summarises nothing below its bound', () => {
    const store = new SessionStore<number>((value) => value);
    for (let value = 0; value < 900; value++) store.add(value);
    expect(store.sessions()).toHaveLength(900);
    expect(store.summarised).toBe(0);
  });
});
