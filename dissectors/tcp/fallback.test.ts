import { expect, it } from 'vitest';
import type { Judgement } from '../../src/diagnose/diagnosis.js';
import { runFrames } from '../../test/build/run-capture.js';
import { Talk } from '../../test/build/talk.js';
import correlators from './correlator.js';
import diagnosis from './diagnoses/syn-unanswered.js';
import dissector from './dissector.js';

const HERE = { mac: '02:00:00:00:00:01', ttl: 64 };
const THERE = { mac: '02:00:00:00:00:02', ttl: 57 };

interface Attempt {
  /** Seconds after the SYN at which a connection over IPv4 comes about. */
  readonly overtakenAfter?: number;
  readonly repeats?: readonly number[];
}

/** Attempts over IPv6, three seconds apart, that nothing answers. */
async function judge(attempts: readonly Attempt[]): Promise<Judgement[]> {
  const frames = attempts.flatMap(({ overtakenAfter, repeats = [] }, index) => {
    const at = 2 + index * 3;
    const silent = new Talk(
      { ...HERE, address: '2001:db8::1', port: 50_000 + index },
      { ...THERE, address: '2001:db8::80', port: 443 },
    );
    for (const after of [0, ...repeats]) silent.syn(at + after);
    const other = new Talk(
      { ...HERE, address: '192.0.2.1', port: 51_000 + index },
      { ...THERE, address: '198.51.100.80', port: 443 },
    );
    if (overtakenAfter !== undefined) other.handshake(at + overtakenAfter);
    return [...silent.until(at + 2.9).frames(), ...other.frames()];
  });
  frames.sort((a, b) => (a.timeNs < b.timeNs ? -1 : 1));
  const run = await runFrames(frames, { dissectors: [dissector], correlators });
  return run.judge(diagnosis).filter(({ result }) => result === 'problem');
}

const four = (attempt: Attempt): Attempt[] => Array<Attempt>(4).fill(attempt);

it('attempts that the other address family overtakes each time are information', async () => {
  expect(await judge(four({ overtakenAfter: 0.25 }))).toMatchObject([
    { severity: 'info', explanation: expect.stringContaining('over the other address family') },
  ]);
});

it.each([
  ['nothing overtakes them', four({})],
  ['one of them is not overtaken', [...four({ overtakenAfter: 0.25 }), {}]],
  ['the client asks again meanwhile', four({ overtakenAfter: 1.5, repeats: [1] })],
  ['the other connection came before', four({ overtakenAfter: -0.1 })],
])('they keep their severity where %s', async (_what, attempts) => {
  expect(await judge(attempts)).toMatchObject([{ severity: 'warning' }]);
});
