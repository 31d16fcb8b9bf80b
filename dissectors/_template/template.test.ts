import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MARK_INBOUND } from '../../src/capture/frame-marks.js';
import type { TestFrame } from '../../test/build/frame-source.js';
import { runFrames } from '../../test/build/run-capture.js';
import { timeline } from '../../test/build/scenario.js';
import { templateExchange } from './builder.js';
import { templateSessions } from './correlator.js';
import silence from './diagnoses/silence.js';
import template from './dissector.js';

const PARTS = { dissectors: [template], correlators: [templateSessions] };
const START_NS = 1_700_000_000_000_000_000n;
const asker = { address: '192.0.2.1', mac: '02:00:00:00:00:01', ttl: 64 };
const answerer = { address: '192.0.2.2', mac: '02:00:00:00:00:02', ttl: 64 };
/** Traffic of others that goes on: a pause in which nothing is captured proves no silence. */
const OTHERS_SECONDS = 30;

function talk(questions: number, answered: boolean, untilSeconds = OTHERS_SECONDS): readonly TestFrame[] {
  const t = timeline(START_NS);
  for (let index = 0; index < questions; index++) {
    templateExchange(t, asker, answerer, { at: index, identifier: index, answered });
  }
  const other = { ...answerer, address: '192.0.2.3', port: 5000 };
  for (const at of t.beatsUntil(untilSeconds)) {
    t.sendUdp(at, other, { ...asker, port: 5000 }, new Uint8Array(20));
  }
  return t.frames();
}

async function judged(frames: readonly TestFrame[]): Promise<string[]> {
  return (await runFrames(frames, PARTS)).judge(silence).map(({ result }) => result);
}

describe('template', () => {
  it('counts questions and answers of a conversation', async () => {
    const run = await runFrames(talk(3, true), PARTS);
    expect(run.sessions(templateSessions)).toMatchObject([{ asker: '192.0.2.1', questions: 3, answers: 3 }]);
  });

  it('reports questions that nobody answers, and cites them', async () => {
    const run = await runFrames(talk(4, false), PARTS);
    expect(run.judge(silence)).toMatchObject([
      { result: 'problem', counts: { questions: 4 }, evidence: [{ frame: 1 }, { frame: 4 }] },
    ]);
  });

  it('is silent where questions are answered', async () => {
    expect(await judged(talk(10, true))).toEqual(['healthy']);
  });

  it('does not judge what the capture cannot show', async () => {
    expect(await judged(talk(2, false)), 'too few').toEqual(['insufficient-data']);
    expect(await judged(talk(4, false, 3.5)), 'ends too soon').toEqual(['insufficient-data']);
    const pairs = [4, 5, 6].flatMap((host) => {
      const t = timeline(START_NS);
      const to = { ...answerer, address: `192.0.2.${host}` };
      for (let index = 0; index < 40; index++) {
        templateExchange(t, asker, to, { at: index, identifier: index, answered: false });
      }
      return t.frames();
    });
    const oneWay = [...pairs, ...talk(4, false, 60)].map((frame) => ({ ...frame, marks: MARK_INBOUND }));
    expect(new Set(await judged(oneWay)), 'one direction').toEqual(new Set(['insufficient-data']));
  });

  it('survives truncation at every byte and any payload', async () => {
    const [question] = talk(1, false);
    const cut = Array.from({ length: question.bytes.length }, (_, length) => ({
      timeNs: question.timeNs,
      bytes: question.bytes.subarray(0, length),
      originalLength: question.bytes.length,
    }));
    const run = await runFrames(cut, PARTS);
    expect(run.evidence.quality.truncatedHeaders).toBeGreaterThan(0);
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 40 }), async (payload) => {
        const t = timeline(START_NS);
        t.sendUdp(0, { ...asker, port: 40_000 }, { ...answerer, port: 9 }, payload);
        await runFrames(t.frames(), PARTS);
      }),
      { numRuns: 50 },
    );
  });
});
