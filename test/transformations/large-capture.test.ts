import { describe, expect, it } from 'vitest';
import { COMPANY } from './company.js';
import { healthyTraces, SHIPPED, traceOf } from './samples.js';
import { dressedAs, randomOf } from './trace.js';
import { reportOf } from './verdict.js';

/* What the operator looks for stands among ten times as much of others, which is well. */

describe('kind: a fault is as loud in a large capture as in a small one', () => {
  const [amongHealthy] = COMPANY;
  const names = ['overlay-policy-reject.pcap', 'tcp-syn-unanswered.pcap', 'vxlan-gbp-untagged.pcap'];

  it.each(SHIPPED.filter(({ name }) => names.includes(name)))('$name', async ({ name, path }) => {
    const trace = await traceOf(path);
    const large = amongHealthy.apply(trace, { random: randomOf(1, name), healthy: await healthyTraces() });
    if (typeof large === 'string') throw new Error(large);
    const loud = async (dressed: typeof large): Promise<string[]> => {
      const { findings } = await reportOf(dressed);
      return findings
        .filter(({ severity }) => severity !== 'info')
        .map(({ id, severity }) => `${severity} ${id}`);
    };
    const alone = await loud(dressedAs(trace.frames, trace.linkType));
    expect(alone.length).toBeGreaterThan(0);
    expect(large.files[0].frames.length).toBeGreaterThan(2 * trace.frames.length);
    expect(await loud(large)).toEqual(alone);
  });
});
