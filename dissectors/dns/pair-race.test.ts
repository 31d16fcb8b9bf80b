import { describe, expect, it } from 'vitest';
import type { Judgement } from '../../src/diagnose/diagnosis.js';
import { DNS_TYPE, dnsQuery, dnsResponse } from '../../test/build/dns.js';
import { runFrames } from '../../test/build/run-capture.js';
import { timeline } from '../../test/build/scenario.js';
import correlators from './correlator.js';
import pairRace from './diagnoses/pair-race.js';
import dissector from './dissector.js';

const parts = { dissectors: [dissector], correlators };
const client = { address: 'fd00::10', mac: '02:00:00:00:00:01', ttl: 64 };
const server = { address: 'fd00::53', mac: '02:00:00:00:00:02', ttl: 64 };

type Fate = 'answered' | 'second-lost' | 'first-lost' | 'both-lost' | 'second-dead' | 'slow';

interface Options {
  /** Seconds between the two questions of a name. */
  readonly apart?: number;
  readonly retrySeconds?: number;
  /** The AAAA goes to another server, as musl asks. */
  readonly other?: boolean;
  /** Questions asked alone, and of them those that are repeated. */
  readonly alone?: number;
  readonly aloneRepeated?: number;
}

/** Lookups of A and AAAA from one port, ten seconds apart. */
async function judge(
  fates: readonly Fate[],
  options: Options = {},
  framesPerChunk?: number,
): Promise<Judgement[]> {
  const { apart = 0.0001, retrySeconds = 5, other = false, alone = 0, aloneRepeated = 0 } = options;
  const t = timeline(1_700_000_000_000_000_000n);
  const asked = { ...server, port: 53 };
  fates.forEach((fate, index) => {
    const from = { ...client, port: 40_000 + index };
    const second = other ? { ...asked, address: 'fd00::54' } : asked;
    const at = 1 + index * 10;
    const a = { id: 2 * index, name: `n${index}.example`, type: DNS_TYPE.a };
    const aaaa = { id: 2 * index + 1, name: a.name, type: DNS_TYPE.aaaa };
    const isLost = {
      a: fate === 'first-lost' || fate === 'both-lost',
      aaaa: fate.startsWith('second') || fate === 'both-lost',
    };
    t.sendUdp(at, from, asked, dnsQuery(a));
    t.sendUdp(at + apart, from, second, dnsQuery(aaaa));
    const delay = fate === 'slow' ? retrySeconds + 1 : 0.002;
    for (const [query, to, lost] of [
      [a, asked, isLost.a],
      [aaaa, second, isLost.aaaa],
    ] as const) {
      if (lost || fate === 'slow') t.sendUdp(at + retrySeconds, from, to, dnsQuery(query));
      if (lost && fate === 'second-dead') continue;
      t.sendUdp(at + (lost ? retrySeconds : 0) + delay, to, from, dnsResponse(query));
    }
  });
  for (let index = 0; index < alone; index++) {
    const from = { ...client, port: 50_000 + index };
    const query = { id: index, name: `p${index}.example`, type: DNS_TYPE.ptr };
    const at = 2 + index;
    t.sendUdp(at, from, asked, dnsQuery(query));
    if (index < aloneRepeated) t.sendUdp(at + 5, from, asked, dnsQuery(query));
    t.sendUdp(at + (index < aloneRepeated ? 5.002 : 0.002), asked, from, dnsResponse(query));
  }
  return (await runFrames(t.frames(), parts, framesPerChunk)).judge(pairRace);
}

const fates = (count: number, every: number, fate: Fate): Fate[] =>
  Array.from({ length: count }, (_, index) => (index % every === 1 ? fate : 'answered'));

describe('dns.pair-race', () => {
  it('fires where now and then one of two questions at once is lost', async () => {
    const [problem] = await judge(fates(30, 10, 'second-lost'), { alone: 30 });
    expect(problem).toMatchObject({
      result: 'problem',
      confidence: 'high',
      where: 'sender',
      counts: { pairs: 30, lost: 3, lostSeconds: 3, bothLost: 0, alone: 30, aloneRepeated: 0 },
    });
    expect(await judge(fates(30, 10, 'second-lost'), { alone: 30 }, 3)).toEqual([problem]);
  });

  it('whichever of the two it is, and whatever the timer of the resolver', async () => {
    expect(await judge(fates(30, 10, 'first-lost'), { retrySeconds: 1 })).toMatchObject([
      { result: 'problem', confidence: 'medium', counts: { lost: 3, lostSeconds: 0 } },
    ]);
  });

  it('is silent about two of them, and about a retry of some milliseconds', async () => {
    expect(await judge(fates(20, 10, 'second-lost'))).toMatchObject([{ result: 'healthy' }]);
    expect(await judge(fates(30, 10, 'second-lost'), { retrySeconds: 0.3 })).toMatchObject([
      { result: 'healthy' },
    ]);
  });

  it('is silent where questions are asked one after the other, or at different servers', async () => {
    expect(await judge(fates(30, 10, 'second-lost'), { apart: 0.0018 })).toEqual([]);
    expect(await judge(fates(30, 10, 'second-lost'), { other: true })).toEqual([]);
  });

  it('is silent about a server that drops AAAA, always or now and then', async () => {
    expect(await judge(fates(30, 10, 'second-dead'))).toMatchObject([{ result: 'healthy' }]);
    expect(await judge(Array<Fate>(20).fill('second-dead'))).toMatchObject([{ result: 'healthy' }]);
    expect(await judge(Array<Fate>(20).fill('second-lost'))).toMatchObject([{ result: 'healthy' }]);
  });

  it('sees the race beside an outage of the server', async () => {
    const races = fates(30, 10, 'second-lost');
    const outage = Array<Fate>(6).fill('both-lost');
    for (const all of [
      [...outage, ...races],
      [...races, ...outage],
    ]) {
      expect(await judge(all)).toMatchObject([
        { result: 'problem', counts: { pairs: 36, lost: 3, bothLost: 0, lostInOutage: 12 } },
      ]);
    }
    expect(await judge(outage)).toMatchObject([{ result: 'healthy' }]);
  });

  it('is silent about loss on the path, and about a slow server', async () => {
    const both = fates(30, 10, 'second-lost').map(
      (fate, index): Fate => (index % 10 === 5 ? 'both-lost' : fate),
    );
    expect(await judge(both)).toMatchObject([{ result: 'healthy' }]);
    const options = { alone: 40, aloneRepeated: 2 };
    expect(await judge(fates(30, 10, 'second-lost'), options)).toMatchObject([{ result: 'healthy' }]);
    expect(await judge(fates(30, 10, 'slow'))).toMatchObject([{ result: 'healthy' }]);
  });
});
