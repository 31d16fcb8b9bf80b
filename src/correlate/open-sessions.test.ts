import { describe, expect, it } from 'vitest';
import type { CorrelationRun } from './correlator.js';
import { FlowRegistry } from './flow-registry.js';
import { OpenSessions } from './open-sessions.js';

interface Open {
  readonly name: string;
  lastFrame: number;
}

function openSessions(max: number, kept: number): OpenSessions<Open, string> {
  const run: Pick<CorrelationRun, 'flows'> = { flows: new FlowRegistry(7) };
  return new OpenSessions<Open, string>(run, {
    describe: ({ name }) => (name === 'other protocol' ? null : name),
    score: (name) => name.length,
    bound: { max, kept, lastFrame: ({ lastFrame }) => lastFrame },
  });
}

describe('open sessions', () => {
  it('belong to one flow each, and none to a flow whose session is over', () => {
    const open = openSessions(8, 4);
    const first = open.begin(3, { name: 'first', lastFrame: 1 });
    expect(open.of(3)).toBe(first);
    expect(open.of(2)).toBeUndefined();
    open.endSegment();
    expect(open.of(3)).toBeUndefined();
    open.begin(3, { name: 'second', lastFrame: 2 });
    expect(open.sessions()).toEqual(['first', 'second']);
    expect(open.summarised).toBe(0);
  });

  it('close at the end of an epoch from the one seen longest ago on, down to what is kept', () => {
    const open = openSessions(3, 2);
    const frames = [40, 10, 30, 20];
    for (const [flow, lastFrame] of frames.entries())
      open.begin(flow, { name: `of ${lastFrame}`, lastFrame });
    expect(open.of(1)).toBeDefined();
    open.endEpoch();
    expect(frames.map((_, flow) => open.of(flow)?.lastFrame)).toEqual([40, undefined, 30, undefined]);
    expect(open.sessions()).toEqual(['of 10', 'of 20', 'of 40', 'of 30']);
    open.endEpoch();
    expect(open.of(2)).toBeDefined();
  });

  it('give nothing where it was another protocol', () => {
    const open = openSessions(1, 0);
    open.begin(0, { name: 'other protocol', lastFrame: 1 });
    open.begin(1, { name: 'mine', lastFrame: 2 });
    expect(open.sessions()).toEqual(['mine']);
    open.endEpoch();
    expect(open.sessions()).toEqual(['mine']);
  });
});
