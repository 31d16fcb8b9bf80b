import { describe, expect, it } from 'vitest';
import type { CaptureQuality } from '../correlate/capture-quality.js';
import type { FrameRef } from '../moment.js';
import { NS_PER_SECOND } from '../units.js';
import type { Problem } from './diagnosis.js';
import {
  judgeSequenceLoss,
  type LossLimits,
  type MissingNumbers,
  type NumberedDirection,
  severityOfLoss,
} from './sequence-loss.js';

const LIMITS: LossLimits = { warningPercent: 1, errorPercent: 5, lost: 3, burstPackets: 5, burstSeconds: 3 };

const at = (frame: number, seconds: number): FrameRef => ({
  frame,
  timeNs: seconds * NS_PER_SECOND,
  segment: 0,
});

function missing(lost: number, received: number, gapSeconds = 0): MissingNumbers {
  const gaps = lost > 0 ? [{ before: at(5, 1), after: at(6, 1 + gapSeconds), missing: lost }] : [];
  return { lost, expected: received + lost, gapCount: gaps.length, gaps };
}

const quality = (drops: number): CaptureQuality =>
  ({ captures: [{ drops }], frames: 1000 }) as unknown as CaptureQuality;

function direction(tally: MissingNumbers, more: Partial<NumberedDirection> = {}): NumberedDirection {
  return {
    subject: { kind: 'tunnel', endpoints: ['10.0.0.1', '10.0.0.2'] },
    from: '10.0.0.1',
    to: '10.0.0.2',
    tally,
    severity: severityOfLoss(tally, LIMITS),
    isCapturedAtSender: false,
    isCapturedAtReceiver: false,
    other: null,
    span: { first: at(1, 0), last: at(900, 60) },
    last: at(900, 60),
    words: { packets: 'data packets', numbers: 'packet ids' },
    ...more,
  };
}

const OWN = { pair: ['10.0.0.1', '10.0.0.2'], evidence: [], displayFilter: 'ip', packetClass: 'x' } as const;

function problem(one: NumberedDirection, drops = 0): Problem {
  const judgement = judgeSequenceLoss(quality(drops), one, () => OWN);
  if (judgement.result !== 'problem') throw new Error(judgement.result);
  return judgement;
}

describe('severityOfLoss', () => {
  it.each([
    [2, 10, 0, null],
    [3, 1000, 0, null],
    [30, 1000, 0, 'warning'],
    [60, 1000, 0, 'error'],
    [5, 10_000, 2.9, null],
    [5, 10_000, 3, 'warning'],
  ])('takes %i lost beside %i received over %f s for %s', (lost, received, seconds, severity) => {
    expect(severityOfLoss(missing(lost, received, seconds), LIMITS)).toBe(severity);
  });

  it('judges a part by its own share', () => {
    expect(severityOfLoss(missing(6, 10_000), LIMITS, [missing(6, 50)])).toBe('error');
    expect(severityOfLoss(missing(6, 10_000), LIMITS, [missing(2, 3)])).toBeNull();
  });
});

describe('judgeSequenceLoss', () => {
  const lossy = missing(60, 940);

  it('says nothing of the path where the sender was captured', () => {
    const judgement = judgeSequenceLoss(
      quality(0),
      direction(lossy, { isCapturedAtSender: true }),
      () => OWN,
    );
    expect(judgement).toMatchObject({ result: 'insufficient-data' });
  });

  it('is surer where the other direction has no gaps, and less where the capture dropped packets', () => {
    expect(problem(direction(lossy)).confidence).toBe('medium');
    expect(problem(direction(lossy, { other: { packets: 100, missing: 0 } })).confidence).toBe('high');
    expect(problem(direction(lossy, { other: { packets: 99, missing: 0 } })).confidence).toBe('medium');
    expect(problem(direction(lossy, { other: { packets: 100, missing: 6 } })).confidence).toBe('medium');
    expect(problem(direction(lossy), 10)).toMatchObject({
      confidence: 'low',
      severity: 'error',
      limitedBy: ['capture.kernel-drops'],
    });
    expect(problem(direction(lossy), 100).severity).toBe('info');
  });

  it('is information where no more are missing than the capture says that it dropped itself', () => {
    expect(problem(direction(missing(15, 200)), 14).severity).toBe('error');
    expect(problem(direction(missing(15, 200)), 15).severity).toBe('info');
  });

  it('goes on where packets are missing to the end', () => {
    expect(problem(direction(lossy)).ongoingAtEnd).toBe(false);
    expect(problem(direction(lossy, { last: at(900, 11) })).ongoingAtEnd).toBe(true);
  });
});
