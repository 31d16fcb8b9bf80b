import { describe, expect, it } from 'vitest';
import { hex } from '../../test/build/bytes.js';
import type { TestFrame } from '../../test/build/frame-source.js';
import { runFrames } from '../../test/build/run-capture.js';
import { timeline } from '../../test/build/scenario.js';
import { templateSessions } from './correlator.js';
import silence from './diagnoses/silence.js';
import template from './dissector.js';

const parts = { dissectors: [template], correlators: [templateSessions] };
const asker = { address: '192.0.2.1', mac: '02:00:00:00:00:01', ttl: 64, port: 40_000 };
const answerer = { address: '192.0.2.2', mac: '02:00:00:00:00:02', ttl: 64, port: 9 };
const QUESTION = hex('01 00 0007');
const ANSWER = hex('02 00 0007');

function questions(count: number, answered: boolean): readonly TestFrame[] {
  const t = timeline(1_700_000_000_000_000_000n);
  for (let second = 0; second < count; second++) {
    t.sendUdp(second, asker, answerer, QUESTION);
    if (answered) t.sendUdp(second + 0.01, answerer, asker, ANSWER);
  }
  return t.frames();
}

describe('template', () => {
  it('counts questions and answers of a conversation', async () => {
    const run = await runFrames(questions(3, true), parts);
    expect(run.sessions(templateSessions)).toMatchObject([{ asker: '192.0.2.1', questions: 3, answers: 3 }]);
  });

  it('reports questions that nobody answers, and only those', async () => {
    const judged = async (count: number, answered: boolean): Promise<string[]> =>
      (await runFrames(questions(count, answered), parts)).judge(silence).map(({ result }) => result);
    expect(await judged(3, false)).toEqual(['problem']);
    expect(await judged(2, false)).toEqual(['insufficient-data']);
    expect(await judged(3, true)).toEqual(['healthy']);
  });
});
