import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FrameSource } from '../../test/build/frame-source.js';
import { type Firewall, MSS, type TcpEnds, tcpEnds } from '../../test/build/tcp-ends.js';
import { propertyRuns } from '../../test/sampling.js';
import { compareSources } from '../commands/run-compare.js';
import type { CompareDirection, Report } from '../report/report.js';

async function compareEnds(ends: Pick<TcpEnds, 'a' | 'b'>): Promise<Report> {
  const points = (['a', 'b'] as const).map((name) => ({
    name,
    source: new FrameSource(ends[name]),
    reopen: async () => new FrameSource(ends[name]),
  }));
  return compareSources(points, { threads: 0 });
}

/** Of the host behind the firewall, however it is called at the other side; pings and connections alike. */
function directionsOf({ compare }: Report): Record<'forward' | 'backward', CompareDirection[]> {
  const directions = compare?.directions ?? [];
  return {
    forward: directions.filter(({ sender }) => sender === 'a'),
    backward: directions.filter(({ sender }) => sender === 'b'),
  };
}

function total(directions: readonly CompareDirection[], count: 'sent' | 'lost' | 'receivedOnly'): number {
  return directions.reduce((sum, direction) => sum + direction[count], 0);
}

async function expectExact(firewall: Firewall): Promise<{ report: Report; ends: TcpEnds }> {
  const ends = tcpEnds(firewall);
  const report = await compareEnds(ends);
  const said = directionsOf(report);
  for (const way of ['forward', 'backward'] as const) {
    expect(total(said[way], 'sent')).toBe(ends[way].sent);
    // Of a connection that shows neither its handshake nor data on both sides nothing can be said.
    const unknown = said[way].reduce((sum, { notComparable }) => sum + (notComparable.renumbered ?? 0), 0);
    const lost = total(said[way], 'lost');
    expect(lost).toBeLessThanOrEqual(ends[way].lost);
    expect(lost + unknown).toBeGreaterThanOrEqual(ends[way].lost);
    if (!mayBeUnknown(firewall)) expect(unknown).toBe(0);
    expect(total(said[way], 'receivedOnly')).toBe(0);
  }
  return { report, ends };
}

function mayBeUnknown({ renumbers, startsLate, nat }: Firewall): boolean {
  return renumbers === true && (startsLate === true || nat === true);
}

function changesOf(report: Report) {
  const directions = report.compare?.directions ?? [];
  return directions.flatMap(({ changes = [] }) =>
    changes.map(({ field, from, to, packets }) => ({ field, from, to, packets })),
  );
}

function rewrittenOf(report: Report): string[] {
  return (report.compare?.rewritten ?? []).map(({ what }) => what);
}

const seeds = fc.integer({ min: 1, max: 2 ** 31 });
const settings = propertyRuns(20);

describe('a firewall between two captures', () => {
  it('rewrites TCP numbers and loses packets: every loss and nothing else is counted', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          seed: seeds,
          connections: fc.integer({ min: 2, max: 8 }),
          loss: fc.constantFrom(0, 0.05, 0.2),
          nat: fc.boolean(),
          reusesPort: fc.boolean(),
          rewritesTimestamps: fc.boolean(),
          rewritesIdentifications: fc.boolean(),
          offsetSeconds: fc.constantFrom(0, 3600, -12.5),
        }),
        async (faults) => {
          const { report } = await expectExact({ ...faults, renumbers: true });
          expect(rewrittenOf(report)).toContain('tcp-sequence-numbers');
        },
      ),
      settings,
    );
  });

  it('shows what it rewrites only where it does', async () => {
    await fc.assert(
      fc.asyncProperty(seeds, fc.boolean(), fc.boolean(), async (seed, nat, reusesPort) => {
        const { report } = await expectExact({ seed, nat, reusesPort, loss: 0.1 });
        expect(rewrittenOf(report)).toEqual([]);
        expect(changesOf(report)).toEqual([]);
        expect(report.compare?.directions.map(({ modified }) => modified)).toEqual(
          report.compare?.directions.map(() => 0),
        );
      }),
      settings,
    );
  });

  it('may begin before the captures do', async () => {
    await fc.assert(
      fc.asyncProperty(seeds, fc.constantFrom(0, 0.1), async (seed, loss) => {
        await expectExact({ seed, loss, renumbers: true, startsLate: true });
      }),
      settings,
    );
  });

  it('is learned from handshakes where a connection carries no data', async () => {
    const [silent, talking] = [
      tcpEnds({ seed: 3, renumbers: true, isSilent: true, connections: 1 }),
      tcpEnds({ seed: 4, renumbers: true, connections: 3 }),
    ];
    expect(silent.a.length).toBeGreaterThan(5);
    // The silent connection comes from the port of the first talking one, an hour before.
    const later = (frames: TcpEnds['a']) =>
      frames.map((frame) => ({ ...frame, timeNs: frame.timeNs + 3_600_000_000_000n }));
    const report = await compareEnds({
      a: [...silent.a, ...later(talking.a)],
      b: [...silent.b, ...later(talking.b)],
    });
    const { forward, backward } = directionsOf(report);
    expect([total(forward, 'lost'), total(backward, 'lost')]).toEqual([0, 0]);
    expect(total(forward, 'sent')).toBe(silent.forward.sent + talking.forward.sent);
  });

  it('rewrites timestamps alone', async () => {
    const { report } = await expectExact({ seed: 8, rewritesTimestamps: true, loss: 0.1 });
    expect(rewrittenOf(report)).toContain('tcp-options');
    expect(changesOf(report).some(({ field }) => field === 'TCP option timestamps')).toBe(true);
  });

  it('clamps the MSS and bleaches DSCP: both are listed with their packets', async () => {
    await fc.assert(
      fc.asyncProperty(seeds, fc.boolean(), async (seed, renumbers) => {
        const firewall = { seed, renumbers, clampedMss: 1360, trafficClass: [0xb8, 0] as const };
        const { report, ends } = await expectExact(firewall);
        const changes = changesOf(report);
        const mss = changes.filter(({ field }) => field === 'TCP option MSS');
        expect(mss.map(({ from, to }) => `${from} ${to}`)).toEqual([`${MSS} 1360`, `${MSS} 1360`]);
        expect(mss.reduce((sum, { packets }) => sum + packets, 0)).toBe(ends.handshakes);
        const dscp = changes.filter(({ field }) => field === 'DSCP');
        expect(dscp.reduce((sum, { packets }) => sum + packets, 0)).toBe(
          ends.forward.sent + ends.backward.sent,
        );
        expect(dscp[0]).toMatchObject({ from: '46 (EF)', to: '0' });
        expect(report.findings.filter(({ severity }) => severity !== 'info')).toEqual([]);
      }),
      settings,
    );
  });

  it('says so where the captures cannot be read again', async () => {
    const ends = tcpEnds({ seed: 5, clampedMss: 1360 });
    const points = (['a', 'b'] as const).map((name) => ({ name, source: new FrameSource(ends[name]) }));
    const { compare } = await compareSources(points, { threads: 0 });
    const unread = (compare?.directions ?? []).map(({ changesUnread }) => changesUnread?.notAgain ?? 0);
    expect(unread.reduce((sum, count) => sum + count, 0)).toBe(ends.handshakes);
  });
});
