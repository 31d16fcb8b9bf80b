import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { frameNumberOf } from '../../src/units.js';
import { runFrames } from '../../test/build/run-capture.js';
import { ping, type Timeline } from '../../test/build/scenario.js';
import {
  alarms,
  beats,
  beatsBack,
  bystander,
  HERE,
  OTHER,
  PARTS,
  problem,
  results,
  start,
  THERE,
} from '../../test/build/scenario-keepalive.js';
import gap from './diagnoses/gap.js';
import jitter from './diagnoses/jitter.js';
import oneWay from './diagnoses/one-way.js';
import stopped from './diagnoses/stopped.js';

const seconds = (value: number): number => Math.round(value * 10) / 10;

describe('keepalive.gap', () => {
  function twoWay(lost: (beat: number) => boolean, count = 60): Timeline {
    const t = start();
    beats(t, { count, lost });
    beatsBack(t, { count });
    return t;
  }

  it('names direction, onset, length and frames', async () => {
    const found = await problem(
      twoWay((i) => i >= 30 && i < 34),
      gap,
    );
    expect(found.direction).toEqual({ from: '10.0.8.8', to: '10.0.8.1' });
    // The capture starts with the keepalive at 1 s.
    expect(seconds(found.first.timeNs / 1e9)).toBe(30);
    expect(seconds(found.last.timeNs / 1e9)).toBe(34);
    expect(found.counts).toMatchObject({ gaps: 1, missed: 4, longestMissed: 4, received: 56 });
    expect(found.where).toBe('path');
    expect(found.evidence.map(({ frame }) => frameNumberOf(frame))).toEqual([59, 65]);
    expect(found.ongoingAtEnd).toBe(false);
  });

  it('is found before twenty periods where both directions have the same', async () => {
    const t = twoWay((i) => i === 8 || i === 9, 16);
    expect(await alarms(t)).toEqual(['keepalive.gap']);
  });

  it('is found in every stretch of a stream', async () => {
    for (const from of [4, 12, 19, 25, 50]) {
      expect(await alarms(twoWay((i) => i >= from && i < from + 3))).toEqual(['keepalive.gap']);
    }
  });

  it('is silent on single losses, and on keepalives that come late in a bunch', async () => {
    expect(await alarms(twoWay((i) => i % 9 === 4))).toEqual([]);
    const late = start();
    beats(late, { count: 60, delay: (i) => (i >= 30 && i < 34 ? 34 - i + (i - 30) * 0.01 : 0) });
    beatsBack(late, { count: 60 });
    expect(await results(late, gap)).toEqual(['healthy', 'healthy']);
  });

  it('is silent where data stands in for an idle keepalive, not where the stream never cared', async () => {
    const idle = twoWay((i) => i >= 30 && i < 36);
    for (let at = 31; at < 37; at += 0.3) idle.sendUdp(at, HERE, THERE, new Uint8Array(400));
    expect(await alarms(idle)).toEqual([]);
    const regardless = twoWay((i) => i >= 30 && i < 36);
    for (let at = 3.4; at < 60; at += 0.3) regardless.sendUdp(at, HERE, THERE, new Uint8Array(400));
    expect(await alarms(regardless)).toEqual(['keepalive.gap']);
  });

  it('wants another capture where this one slept', async () => {
    const t = twoWay((i) => i >= 30 && i < 36);
    const asleep = t.frames().filter(({ timeNs }) => timeNs < t.timeNs(30.9) || timeNs > t.timeNs(37));
    const run = await runFrames(asleep, PARTS);
    expect(run.judge(gap).map(({ result }) => result)).toEqual(['insufficient-data', 'insufficient-data']);
  });

  it('gives one finding for both directions, unless pausing is a habit', async () => {
    const both = (lost: (i: number) => boolean): Timeline => {
      const t = start();
      beats(t, { count: 90, lost });
      beatsBack(t, { count: 90, lost });
      bystander(t, 90);
      return t;
    };
    expect(await alarms(both((i) => i >= 40 && i < 45))).toEqual(['keepalive.gap']);
    expect(await alarms(both((i) => i % 25 > 18))).toEqual([]);
  });

  it('leaves a poll that pauses at information', async () => {
    const t = start();
    const lost = (i: number): boolean => i >= 40 && i < 45;
    beats(t, { count: 90, lost });
    beatsBack(t, { at: 1.01, count: 90, lost });
    bystander(t, 90);
    const found = await problem(t, gap);
    expect(found.severity).toBe('info');
  });

  it('is silent on groups, broadcasts, system services and hosts that never answer', async () => {
    const lost = (i: number): boolean => i >= 30 && i < 34;
    for (const address of ['239.1.2.3', '255.255.255.255', '10.0.8.255']) {
      const t = start();
      beats(t, { to: { ...THERE, address }, count: 60, lost });
      bystander(t, 60);
      expect(await alarms(t)).toEqual([]);
    }
    const service = start();
    beats(service, { to: { ...THERE, port: 137 }, count: 60, lost });
    beatsBack(service, { from: { ...THERE, port: 137 }, count: 60 });
    expect(await alarms(service)).toEqual([]);
    const unanswered = start();
    beats(unanswered, { count: 60, lost });
    bystander(unanswered, 60);
    expect(await results(unanswered, gap)).toEqual(['insufficient-data']);
  });

  it('is silent where the period changes, and where the stream has not resumed yet', async () => {
    for (const after of [6, 14, 60]) {
      const t = start();
      beats(t, { count: 40 });
      beats(t, { at: 44, count: after, period: 4 });
      beatsBack(t, { count: 40 + 4 * after });
      expect(await alarms(t)).toEqual([]);
    }
    const unresumed = twoWay((i) => i >= 30 && i < 34, 36);
    expect(await results(unresumed, gap)).toEqual(['healthy', 'insufficient-data']);
  });

  it('loses confidence where the capture itself dropped packets', async () => {
    const t = twoWay((i) => i >= 30 && i < 34);
    const run = await runFrames(t.frames(), PARTS);
    const captures = run.evidence.quality.captures.map((facts) => ({ ...facts, drops: 10 }));
    const found = [...gap.diagnose({ ...run.evidence, quality: { ...run.evidence.quality, captures } })];
    expect(found.filter(({ result }) => result === 'problem')).toMatchObject([
      { confidence: 'low', limitedBy: ['capture.kernel-drops'] },
    ]);
  });
});

describe('keepalive.stopped', () => {
  it('fires where the other direction goes on, from the first keepalive that was due', async () => {
    const t = start();
    beats(t, { count: 60 });
    beatsBack(t, { count: 30 });
    const found = await problem(t, stopped);
    expect(found.direction).toEqual({ from: '10.0.8.1', to: '10.0.8.8' });
    expect(found.first.timeNs / 1e9).toBeCloseTo(30.45, 1);
    expect(found.counts).toMatchObject({ received: 30, reverseAfterwards: 30 });
    expect(found.ongoingAtEnd).toBe(true);
    expect(await alarms(t)).toEqual(['keepalive.stopped']);
  });

  it('fires after a short stream too, if both directions have the same period', async () => {
    const t = start();
    beats(t, { count: 30 });
    beatsBack(t, { count: 8 });
    expect(await alarms(t)).toEqual(['keepalive.stopped']);
  });

  it('needs three missing keepalives before the end of the capture', async () => {
    const goingOn = (count: number): Timeline => {
      const t = start();
      beats(t, { count: 30 + count });
      beatsBack(t, { count: 30 });
      return t;
    };
    expect(await results(goingOn(0), stopped)).toEqual(['healthy', 'healthy']);
    expect(await results(goingOn(3), stopped)).toEqual(['insufficient-data', 'healthy']);
    expect(await alarms(goingOn(5))).toEqual(['keepalive.stopped']);
  });

  it('is no alarm where both end together, and none at all where everything of the pair does', async () => {
    const closed = start();
    beats(closed, { count: 30 });
    beatsBack(closed, { count: 30 });
    bystander(closed, 60);
    expect(await results(closed, stopped)).toEqual(['insufficient-data', 'insufficient-data']);
    ping(closed, HERE, THERE, { at: 5, count: 50, identifier: 4 });
    expect((await problem(closed, stopped)).severity).toBe('info');
  });

  it('is silent where the sender goes on from another port', async () => {
    const t = start();
    const moved = { ...THERE, port: 50_099 };
    beats(t, { count: 60 });
    beatsBack(t, { count: 30 });
    beatsBack(t, { from: moved, at: 31.45, count: 30 });
    expect(await alarms(t)).toEqual([]);
  });

  it('is silent where data stands in for an idle keepalive', async () => {
    const t = start();
    beats(t, { count: 60 });
    beatsBack(t, { count: 30 });
    for (let at = 31; at < 60; at += 0.3) t.sendUdp(at, THERE, HERE, new Uint8Array(500));
    expect(await alarms(t)).toEqual([]);
  });
});

describe('keepalive.one-way', () => {
  function lonely(): Timeline {
    const t = start();
    beats(t, { count: 40 });
    return t;
  }

  it('fires where the two hosts reach each other otherwise', async () => {
    const t = lonely();
    ping(t, HERE, THERE, { at: 5, count: 10, identifier: 4 });
    const found = await problem(t, oneWay);
    expect(found.severity).toBe('error');
    expect(found.direction).toEqual({ from: '10.0.8.1', to: '10.0.8.8' });
    expect(found.counts).toMatchObject({ sent: 40, received: 0, otherThere: 10, otherBack: 10 });
  });

  it('does not know where nothing says that answers are due', async () => {
    expect(await results(lonely(), oneWay)).toEqual(['insufficient-data']);
    const unanswered = lonely();
    ping(unanswered, HERE, THERE, { at: 5, count: 10, identifier: 4, answered: false });
    expect(await results(unanswered, oneWay)).toEqual(['insufficient-data']);
    const early = start();
    beats(early, { at: 100, count: 40 });
    ping(early, HERE, THERE, { at: 5, count: 10, identifier: 4 });
    expect(await results(early, oneWay)).toEqual(['insufficient-data']);
  });

  it('takes UDP of the silent side on other ports for a counterpart', async () => {
    const t = lonely();
    ping(t, HERE, THERE, { at: 5, count: 10, identifier: 4 });
    beatsBack(t, { from: { ...THERE, port: 50_201 }, to: { ...HERE, port: 50_202 }, count: 40 });
    expect(await alarms(t)).toEqual([]);
  });

  it('is information where its hosts talk with many others', async () => {
    const t = lonely();
    ping(t, HERE, THERE, { at: 5, count: 10, identifier: 4 });
    for (let host = 20; host < 30; host++) {
      ping(t, HERE, { ...OTHER, address: `10.0.9.${host}` }, { at: 5, count: 2, identifier: host });
    }
    expect((await problem(t, oneWay)).severity).toBe('info');
  });
});

describe('keepalive.jitter', () => {
  const late = (chance: Timeline, from: number) => (beat: number) =>
    beat < from ? 0 : chance.random.between(0, 0.9);

  it('fires where a stream was even before', async () => {
    const t = start();
    beats(t, { count: 90, delay: late(t, 45) });
    beatsBack(t, { count: 90 });
    const found = await problem(t, jitter);
    expect(found.direction).toEqual({ from: '10.0.8.8', to: '10.0.8.1' });
    expect(found.first.timeNs / 1e9).toBeGreaterThan(35);
    expect(found.first.timeNs / 1e9).toBeLessThan(60);
    expect(await alarms(t)).toEqual(['keepalive.jitter']);
  });

  it('fires where the other direction has the same period and is even', async () => {
    const t = start();
    beats(t, { count: 90, delay: late(t, 0) });
    beatsBack(t, { count: 90 });
    expect(await alarms(t)).toEqual(['keepalive.jitter']);
  });

  it('is silent on intended jitter, on losses, on small delays and on a busy capturing host', async () => {
    const intended = start();
    let at = 0;
    for (let i = 0; i < 90; i++) {
      at += intended.random.between(0.75, 1);
      intended.sendUdp(at, HERE, THERE, new Uint8Array(52));
      intended.sendUdp(at + 0.3, THERE, HERE, new Uint8Array(52));
    }
    const losses = start();
    beats(losses, { count: 90, lost: (i) => i % 4 === 3 });
    beatsBack(losses, { count: 90 });
    const small = start();
    beats(small, { count: 90, delay: (i) => (i % 2) * 0.07 });
    beatsBack(small, { count: 90 });
    const busy = start();
    beats(busy, { count: 90, delay: late(busy, 45) });
    beatsBack(busy, { count: 90, delay: late(busy, 45) });
    for (const t of [intended, losses, small, busy]) expect(await alarms(t)).toEqual([]);
  });
});

describe('healthy streams', () => {
  it('raise nothing, whatever their period, phase, loss and other traffic', async () => {
    const healthy = fc.record({
      period: fc.double({ min: 0.25, max: 30, noNaN: true }),
      phase: fc.double({ min: 0, max: 1, noNaN: true }),
      lossEvery: fc.integer({ min: 3, max: 40 }),
      other: fc.double({ min: 0.05, max: 9, noNaN: true }),
      count: fc.integer({ min: 2, max: 70 }),
    });
    await fc.assert(
      fc.asyncProperty(healthy, async ({ period, phase, lossEvery, other, count }) => {
        const t = start();
        beats(t, { count, period, lost: (i) => i % lossEvery === lossEvery - 1 });
        beatsBack(t, { count, period, at: 1 + phase * period });
        const end = 1 + count * period;
        const step = Math.max(other, end / 200);
        for (let at = 1; at < end; at += step) t.sendUdp(at, HERE, THERE, new Uint8Array(700));
        expect(await alarms(t)).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });
});
