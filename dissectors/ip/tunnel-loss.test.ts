import { describe, expect, it } from 'vitest';
import { innerPing, VTEP_A, VTEP_B } from '../../captures/cases/overlay-network.js';
import { compareSources } from '../../src/commands/run-compare.js';
import type { Finding, Report } from '../../src/report/report.js';
import { FrameSource, type TestFrame } from '../../test/build/frame-source.js';
import { bothEnds, type PathBetween } from '../../test/build/path-between.js';
import { type Endpoint, espStream, ping, type Timeline, timeline } from '../../test/build/scenario.js';

const START_NS = 1_790_000_000_000_000_000n;
const NEAR: Endpoint = { mac: '02:00:00:00:00:01', address: '192.0.2.1', ttl: 64 };
const FAR: Endpoint = { mac: '02:00:00:00:00:02', address: '198.51.100.7', ttl: 64 };

function compare(near: readonly TestFrame[], far: readonly TestFrame[]): Promise<Report> {
  return compareSources(
    [
      { name: 'a', source: new FrameSource(near) },
      { name: 'b', source: new FrameSource(far) },
    ],
    { threads: 0 },
  );
}

async function over(write: (t: Timeline) => void, path: Omit<PathBetween, 'near'> = {}): Promise<Report> {
  const t = timeline(START_NS, 5);
  write(t);
  const { near, far } = bothEnds(t.frames(), { near: [NEAR.address], ...path });
  return compare(near, far);
}

const of = ({ findings }: Report, id: string): Finding[] => findings.filter((one) => one.id === id);
const roots = ({ findings }: Report): string[] =>
  findings.filter(({ severity, causedBy }) => severity !== 'info' && !causedBy).map(({ id }) => id);

/** ESP both ways; numbers for which `isSkipped` is true never leave the near gateway. */
function espTraffic(t: Timeline, isSkipped: (sequence: number) => boolean = () => false): void {
  const sizes = [128, 80, 176];
  const lost = isSkipped;
  espStream(t, { from: NEAR, to: FAR, spi: 0xc0de_0001, at: 1, count: 200, intervalMs: 100, sizes, lost });
  espStream(t, { from: FAR, to: NEAR, spi: 0xc0de_0002, at: 1.05, count: 200, intervalMs: 100, sizes });
  ping(t, NEAR, FAR, { at: 0.5, count: 22, identifier: 7 });
}

describe('sequence numbers that one side misses', () => {
  it('are counted as what leaves one end and does not arrive at the other', async () => {
    const report = await over((t) => espTraffic(t), {
      loses: ({ protocol, isForth, index }) => protocol === 50 && isForth && index % 9 === 4,
    });
    const [loss, ...more] = of(report, 'esp.loss');
    expect(more).toEqual([]);
    const direction = report.compare?.directions.find(({ sender }) => sender === 'a');
    expect(loss.counts).toEqual({ sent: 200, arrived: 200 - (direction?.lost ?? 0), lost: direction?.lost });
    expect(loss.causedBy).toHaveLength(1);
    expect(roots(report)).toEqual(['underlay.path-loss']);
    expect(loss.evidence.every(({ capture }) => capture === 0)).toBe(true);
  });

  it('are not lost on the path where they never left', async () => {
    const report = await over((t) => espTraffic(t, (sequence) => sequence % 10 === 5));
    const [loss, ...more] = of(report, 'esp.loss');
    expect(more).toEqual([]);
    expect(loss.where).toBe('sender');
    expect(loss.title).toBe('ESP packets are missing before they leave');
    expect(loss.explanation).toContain('All 180 ESP packets from 192.0.2.1 to 198.51.100.7');
    expect(roots(report)).toEqual(['esp.loss']);
  });

  it('say nothing of the sender where its capture began later', async () => {
    const t = timeline(START_NS, 5);
    espTraffic(t, (sequence) => sequence > 20 && sequence < 60 && sequence % 2 === 0);
    const { near, far } = bothEnds(t.frames(), { near: [NEAR.address] });
    const report = await compare(
      near.filter(({ timeNs }) => timeNs > START_NS + 9_000_000_000n),
      far,
    );
    for (const { where } of of(report, 'esp.loss')) expect(where).not.toBe('sender');
  });
});

describe('requests in a tunnel that one side sees unanswered for a while', () => {
  const unanswered = (index: number): boolean => index < 40 || index > 61;
  const pings = (t: Timeline, isAnswered?: (index: number) => boolean): void =>
    innerPing(t, VTEP_A, VTEP_B, {
      at: 2,
      count: 120,
      identifier: 0x2f03,
      intervalSeconds: 0.2,
      ...(isAnswered ? { isAnswered } : {}),
    });

  it('are the loss of their packets where these do not arrive', async () => {
    const report = await over((t) => pings(t), {
      loses: ({ isForth, seconds }) => !isForth && seconds > 8 && seconds < 12,
    });
    const [loss] = of(report, 'vxlan.loss');
    const direction = report.compare?.directions.find(({ sender }) => sender === 'b');
    expect(loss.counts.lost).toBe(direction?.lost);
    expect(loss.where).toBe('path');
    expect(roots(report)).toEqual(['underlay.path-loss']);
  });

  it('are a matter of the other end where all packets arrive', async () => {
    const report = await over((t) => pings(t, unanswered));
    const [loss, ...more] = of(report, 'vxlan.loss');
    expect(more).toEqual([]);
    expect(loss.where).toBe('receiver');
    expect(loss.title).toBe('Requests in a VXLAN tunnel arrive and are not answered');
    expect(roots(report)).toEqual(['vxlan.loss']);
  });
});
