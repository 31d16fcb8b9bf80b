import { describe, expect, it } from 'vitest';
import type { FrameRef } from '../moment.js';
import type { Report } from '../report/report.js';
import type { Judgement } from './diagnosis.js';
import { judge } from './run-diagnoses.js';

const FRAME: FrameRef = { frame: 1, segment: 0, timeNs: 0 };
const NONE: readonly FrameRef[] = [];

function problem(first: FrameRef): Judgement {
  return {
    result: 'problem',
    subject: { kind: 'capture' },
    confidence: 'high',
    explanation: 'Something is wrong.',
    first,
    last: FRAME,
    ongoingAtEnd: false,
    counts: {},
    evidence: [],
    displayFilter: 'frame',
  };
}

describe('a diagnosis that fails', () => {
  it('on a frame that there is not costs its own verdict alone, and what it said before stands', () => {
    const errors: Report['errors'] = [];
    const judged = judge('tcp.refused', () => [problem(FRAME), problem(NONE[0])], errors);
    expect(judged.map(({ result }) => result)).toEqual(['problem', 'insufficient-data']);
    expect(errors).toEqual([
      { where: 'diagnosis tcp.refused', message: 'a problem cites a frame that there is not' },
    ]);
  });
});
