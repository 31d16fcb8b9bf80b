import { describe, expect, it } from 'vitest';
import type { Finding } from '../report/report.js';
import { FindingTracker } from './finding-tracker.js';

const NOW = '2026-01-01T00:00:10.000000000Z';
const LATER = '2026-01-01T00:00:20.000000000Z';

function finding(changes: Partial<Finding> = {}): Finding {
  return {
    key: 'vxlan.no-return:1',
    id: 'vxlan.no-return',
    severity: 'error',
    confidence: 'high',
    title: 'no answer',
    explanation: 'Nothing comes back.',
    subject: { kind: 'tunnel' },
    where: 'unknown',
    first: '2026-01-01T00:00:05.000000000Z',
    last: '2026-01-01T00:00:09.000000000Z',
    lastGood: null,
    ongoingAtEnd: true,
    counts: { requests: 3 },
    thresholds: {},
    evidence: [],
    displayFilter: '',
    causes: [],
    nextSteps: [],
    refutedBy: '',
    limitedBy: [],
    ...changes,
  };
}

/** The events of rounds a second apart, as words. */
function play(tracker: FindingTracker, rounds: readonly (readonly Finding[])[], now = NOW): string[][] {
  return rounds.map((findings, round) =>
    tracker.update(findings, round * 1000, now).map(({ event, finding: { key } }) => `${event} ${key}`),
  );
}

describe('raising and clearing', () => {
  it('raises what stands in two rounds, and clears what is gone for two', () => {
    const one = finding();
    expect(play(new FindingTracker(), [[one], [one], [one], [], [], []])).toEqual([
      [],
      [`raised ${one.key}`],
      [],
      [],
      [`cleared ${one.key}`],
      [],
    ]);
  });

  it('says nothing of what one round alone saw, or missed', () => {
    const one = finding();
    expect(play(new FindingTracker(), [[one], [], [], [one], [one], [], [one]]).flat()).toEqual([
      `raised ${one.key}`,
    ]);
  });

  it('clears what the rules call over, and raises it again when it comes back', () => {
    const one = finding();
    const over = finding({ ongoingAtEnd: false });
    expect(play(new FindingTracker(), [[one], [one], [over], [over], [over], [one]]).flat()).toEqual([
      `raised ${one.key}`,
      `cleared ${one.key}`,
      `raised ${one.key}`,
    ]);
  });

  it('raises and clears at once what was over before it was known, at its own end', () => {
    const tracker = new FindingTracker();
    const over = finding({ ongoingAtEnd: false });
    tracker.update([over], 0, NOW);
    const events = tracker.update([over], 1000, NOW);
    expect(events.map(({ event, clearedAt }) => [event, clearedAt])).toEqual([
      ['raised', null],
      ['cleared', over.last],
    ]);
  });

  it('kind: one truth: what ends is cleared at its own end, not when a round notices', () => {
    const tracker = new FindingTracker();
    const over = finding({ ongoingAtEnd: false });
    play(tracker, [[finding()], [finding()]]);
    tracker.update([over], 3000, LATER);
    const events = tracker.update([over], 4000, LATER);
    expect(events.map(({ clearedAt }) => clearedAt)).toEqual([over.last]);
    expect(tracker.final([over], LATER).map(({ clearedAt }) => clearedAt)).toEqual([over.last]);
  });

  it('kind: one truth: what turns out to be something else ends with that, and stands once in the report', () => {
    const tracker = new FindingTracker();
    const silent = finding({ id: 'keepalive.stopped', key: 'keepalive.stopped:1' });
    const gap = finding({ id: 'keepalive.gap', key: 'keepalive.gap:1', ongoingAtEnd: false });
    play(tracker, [[silent], [silent], [gap]]);
    const events = tracker.update([gap], 3000, LATER);
    expect(events.map(({ finding: { id }, clearedAt }) => [id, clearedAt])).toContainEqual([
      silent.id,
      gap.last,
    ]);
    expect(tracker.final([gap], LATER)).toEqual([{ ...gap, clearedAt: gap.last }]);
    const elsewhere = finding({ ...gap, subject: { kind: 'host' } });
    expect(tracker.final([elsewhere], LATER).map(({ id }) => id)).toEqual([silent.id, gap.id].reverse());
  });

  it('does not clear what may only have slipped off a full list', () => {
    const many = Array.from({ length: 20 }, (_, index) => finding({ key: `vxlan.no-return:${index}` }));
    const tracker = new FindingTracker();
    const others = [...many.slice(1), finding({ key: 'vxlan.no-return:20' })];
    expect(play(tracker, [many, many, others, others, others]).slice(2).flat()).toEqual([
      'raised vxlan.no-return:20',
    ]);
  });
});

describe('updates', () => {
  it('tells a change of severity at once, and counts that grow every ten seconds', () => {
    const tracker = new FindingTracker();
    const events = [0, 1, 2, 3, 4, 12, 13].map((second) => {
      const severity = second >= 3 ? 'error' : 'warning';
      return tracker
        .update([finding({ severity, counts: { requests: second } })], second * 1000, NOW)
        .map(({ event }) => event);
    });
    expect(events).toEqual([[], ['raised'], [], ['updated'], [], [], ['updated']]);
  });
});

describe('the final report', () => {
  it('keeps what the last verdict holds no longer, with the time it was cleared', () => {
    const tracker = new FindingTracker();
    const gone = finding();
    play(tracker, [[gone], [gone], [], []], LATER);
    const [kept] = tracker.final([], LATER);
    expect(kept).toMatchObject({ key: gone.key, ongoingAtEnd: false, clearedAt: LATER });
    expect(kept.explanation).toContain('what came later ended it');
  });

  it('gives clearedAt to what was raised and has cleared, and to nothing else', () => {
    const tracker = new FindingTracker();
    const over = finding({ ongoingAtEnd: false });
    const lasting = finding({ key: 'esp.loss:1', id: 'esp.loss' });
    play(tracker, [
      [over, lasting],
      [over, lasting],
    ]);
    const late = finding({ key: 'ike.notify:1', id: 'ike.notify', ongoingAtEnd: false });
    const final = tracker.final([over, lasting, late], LATER);
    expect(final.map(({ key, clearedAt }) => [key, clearedAt])).toEqual([
      [over.key, over.last],
      [lasting.key, undefined],
      [late.key, undefined],
    ]);
  });

  it('forgets remarks on the capture that no longer hold', () => {
    const tracker = new FindingTracker();
    const remark = finding({ key: 'capture.x:1', id: 'capture.x', subject: { kind: 'capture' } });
    expect(play(tracker, [[remark], [remark], [], []]).flat()).toEqual([
      'raised capture.x:1',
      'cleared capture.x:1',
    ]);
    expect(tracker.final([], LATER)).toEqual([]);
  });

  it('is bounded, and counts what it forgot', () => {
    const tracker = new FindingTracker();
    for (let round = 0; round < 600; round++) {
      const one = finding({ key: `vxlan.no-return:${round}` });
      play(tracker, [[one], [one], [], []], `2026-01-01T00:${String(round).padStart(6, '0')}Z`);
    }
    expect(tracker.final([], LATER)).toHaveLength(500);
    expect(tracker.forgotten).toBe(100);
  });
});
