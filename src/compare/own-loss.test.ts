import { describe, expect, it } from 'vitest';
import { random } from '../../test/build/bytes.js';
import { esp } from '../../test/build/esp.js';
import { FrameSource, type TestFrame } from '../../test/build/frame-source.js';
import { IP_PROTOCOL, ipv4 } from '../../test/build/ip.js';
import { ETHER_TYPE, ethernet } from '../../test/build/link.js';
import { type PathFaults, twoEnds } from '../../test/build/two-ends.js';
import { compareSources } from '../commands/run-compare.js';
import type { CompareDirection, Report } from '../report/report.js';

const SECOND = 1_000_000_000n;

/** What the statistics at the end of one side's file say. */
interface Statistics {
  readonly drops?: number;
  readonly openedNs?: readonly bigint[];
  readonly closedNs?: readonly bigint[];
  readonly delivered?: number;
}

function sourceOf(frames: readonly TestFrame[], { drops, ...times }: Statistics = {}): FrameSource {
  const source = new FrameSource(frames);
  if (drops !== undefined) source.captures[0].drops = drops;
  Object.assign(source.interfaces[0], times);
  return source;
}

function compare(a: readonly TestFrame[], b: readonly TestFrame[], ofB: Statistics = {}): Promise<Report> {
  return compareSources(
    [
      { name: 'a', source: sourceOf(a) },
      { name: 'b', source: sourceOf(b, ofB) },
    ],
    { threads: 0 },
  );
}

function forward({ compare }: Report): CompareDirection {
  const found = compare?.directions.find(({ sender }) => sender === 'a');
  if (!found) throw new Error(JSON.stringify(compare));
  return found;
}

const loud = ({ findings }: Report): string[] =>
  findings.filter(({ severity, causedBy }) => severity !== 'info' && !causedBy).map(({ id }) => id);
const verdict = ({ checked }: Report, id: string): string | undefined =>
  checked.find((one) => one.id === id)?.result;

describe('losses that the receiving capture may have made itself', () => {
  const faults: PathFaults = { seed: 21, packets: 1200, loss: 0.025, isLossy: (_, isForward) => isForward };

  it('are a loss of the path where the capture reports no drops', async () => {
    const { a, b } = twoEnds(faults);
    expect(loud(await compare(a, b))).toContain('underlay.path-loss');
    expect(loud(await compare(a, b, { drops: 0 }))).toContain('underlay.path-loss');
  });

  it('are not blamed on the path where it dropped as many packets', async () => {
    const { a, b, forward: truth } = twoEnds(faults);
    const report = await compare(a, b, { drops: truth.lost });
    expect(truth.lost).toBeLessThan(b.length * 0.02);
    expect(forward(report).lost).toBe(truth.lost);
    expect(loud(report)).toEqual(['capture.kernel-drops']);
    expect(verdict(report, 'underlay.path-loss')).toBe('insufficient-data');
  });

  it('count as lost on the path as far as they are more than the drops', async () => {
    const { a, b, forward: truth } = twoEnds({ ...faults, loss: 0.2 });
    const drops = 5;
    const report = await compare(a, b, { drops });
    const finding = report.findings.find(({ id }) => id === 'underlay.path-loss');
    expect(finding?.severity).toBe('error');
    expect(finding?.explanation).toContain(`reports ${drops} drops of its own`);
    expect(finding?.explanation).toContain(`at least ${truth.lost - drops} are lost on the path`);
    expect(finding?.limitedBy).toEqual(['capture.kernel-drops']);
  });
});

describe('the time for which a capture was open', () => {
  const START_NS = 1_790_000_000_000_000_000n;
  const numbers = random(3);
  const packet = (seconds: number, isForth: boolean, sequence: number): TestFrame => ({
    timeNs: START_NS + BigInt(Math.round(seconds * 1e9)),
    bytes: ethernet({
      source: '02:00:00:00:00:01',
      destination: '02:00:00:00:00:02',
      etherType: ETHER_TYPE.ipv4,
      payload: ipv4({
        source: isForth ? '10.1.0.1' : '10.2.0.2',
        destination: isForth ? '10.2.0.2' : '10.1.0.1',
        protocol: IP_PROTOCOL.esp,
        identification: sequence,
        payload: esp({ spi: isForth ? 7 : 9, sequence, payload: numbers.bytes(64) }),
      }),
    }),
  });
  const later = ({ timeNs, bytes }: TestFrame, seconds: number): TestFrame => ({
    timeNs: timeNs + BigInt(Math.round(seconds * 1e9)),
    bytes,
  });

  /** A sends until 30 s; from 10 s on nothing arrives at B, which then sends nothing either. */
  const forth = Array.from({ length: 60 }, (_, index) => packet(index * 0.5, true, index + 1));
  const back = Array.from({ length: 20 }, (_, index) => packet(index * 0.5 + 0.1, false, index + 1));
  const inOrder = (frames: TestFrame[]): TestFrame[] => frames.sort((x, y) => Number(x.timeNs - y.timeNs));
  const a = inOrder([...forth, ...back.map((frame) => later(frame, 0.004))]);
  const b = inOrder([...forth.slice(0, 20).map((frame) => later(frame, 0.004)), ...back]);

  it('ends with its last packet where nothing else is known', async () => {
    const { lost, notComparable } = forward(await compare(a, b));
    expect({ lost, outside: notComparable.outsideWindow }).toEqual({ lost: 0, outside: 40 });
  });

  it('goes on to the end that the interface statistics state', async () => {
    const report = await compare(a, b, { closedNs: [START_NS + 31n * SECOND] });
    // The last three seconds are not judged: a packet may be that late.
    const { lost, notComparable } = forward(report);
    expect({ lost, outside: notComparable.outsideWindow }).toEqual({ lost: 36, outside: 4 });
    expect(loud(report)).toContain('underlay.path-loss');
    expect(report.compare?.clock.offsetSeconds).toBeCloseTo(0, 3);
  });

  it('is read in microseconds where the program wrote it so for an interface of another unit', async () => {
    const closedNs = [(START_NS + 31n * SECOND) / 1000n, START_NS + 31n * SECOND];
    expect(forward(await compare(a, b, { closedNs })).lost).toBe(36);
  });

  it('begins with the beginning that they state', async () => {
    const report = await compare(a, b.slice(20), { openedNs: [START_NS - SECOND] });
    const plain = await compare(a, b.slice(20));
    expect(forward(plain).lost).toBe(0);
    expect(forward(report).lost).toBe(10);
  });

  it('is not taken from statistics of packets that are not in the file, or from a mistaken clock', async () => {
    const mistaken: Statistics[] = [
      { closedNs: [START_NS + 31n * SECOND], delivered: 400 },
      { closedNs: [START_NS / 1000n], openedNs: [START_NS / 1000n] },
      { closedNs: [START_NS + 400n * 86_400n * SECOND] },
      { closedNs: [START_NS - 60n * SECOND] },
    ];
    for (const statistics of mistaken) expect(forward(await compare(a, b, statistics)).lost).toBe(0);
  });
});
