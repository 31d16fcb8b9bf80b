import { describe, expect, it } from 'vitest';
import { PUBLIC_SITE } from '../../captures/cases/sites.js';
import type { Judgement } from '../../src/diagnose/diagnosis.js';
import { runFrames } from '../../test/build/run-capture.js';
import { timeline } from '../../test/build/scenario.js';
import { ikev1MainMode, sendMainMode } from '../../test/build/scenario-ike.js';
import { factsIn, knowledge } from '../../test/build/side-knowledge.js';
import { catalogue, dissectors } from '../index.js';
import authFailure from './diagnoses/auth-failure.js';
import mi3Unanswered from './diagnoses/mi3-unanswered.js';
import ikeLogs from './side-files/ike-log.js';

const PEERS = { initiator: PUBLIC_SITE.local, responder: PUBLIC_SITE.peer };
const NO_KEY = "Can't authenticate: no preshared key found for 'a' and 'b'";

/** MI3 three times, no answer, and a log of these lines. */
async function judge(diagnosis: typeof authFailure, ...lines: string[]): Promise<Judgement[]> {
  const t = timeline(1_700_000_000_000_000_000n);
  const session = ikev1MainMode(t, PEERS, { at: 1, upTo: 'MI3' });
  for (const after of [11, 31]) sendMainMode(t, after, session, 'MI3');
  t.sendUdp(45, { ...PUBLIC_SITE.local, port: 9 }, { ...PUBLIC_SITE.router, port: 9 }, new Uint8Array(20));
  const said = knowledge().add(ikeLogs, factsIn(ikeLogs, lines, 'pluto.log'));
  const correlators = catalogue.flatMap((entry) => entry.correlators);
  const run = await runFrames(t.frames(), { dissectors, correlators }, undefined, said);
  return run.judge(diagnosis);
}

const problems = (judgements: readonly Judgement[]) =>
  judgements.filter(({ result }) => result === 'problem');

describe('the log of an IKE daemon', () => {
  it('turns silence into a refusal where it says so', async () => {
    const found = problems(await judge(authFailure, `"net" #3: ${NO_KEY}`));
    expect(found).toMatchObject([{ confidence: 'high', counts: { transmissions: 3, refusals: 0 } }]);
    expect(found[0]).toHaveProperty('explanation', expect.stringContaining('(pluto.log, line 1)'));
  });

  it('takes a line with the address of a peer of this pair', async () => {
    const line = `"net"[1] ${PUBLIC_SITE.local.address} #3: ${NO_KEY}`;
    expect(problems(await judge(authFailure, line))).toHaveLength(1);
  });

  it('leaves lines about other peers and other connections alone', async () => {
    expect(problems(await judge(authFailure, `"net"[1] 203.0.113.9 #3: ${NO_KEY}`))).toEqual([]);
    const two = await judge(authFailure, `"net" #3: ${NO_KEY}`, '"other" #4: STATE_MAIN_I1: initiate');
    expect(problems(two)).toEqual([]);
  });

  it("does not rest on pluto's guess, but cites it", async () => {
    const guess = 'max number of retransmissions (2) reached STATE_MAIN_I3.  Possible authentication failure';
    expect(problems(await judge(authFailure, `"net" #3: ${guess}`))).toEqual([]);
    const [stalled] = problems(await judge(mi3Unanswered, `"net" #3: ${guess}`));
    expect(stalled).toHaveProperty('explanation', expect.stringContaining('Possible authentication failure'));
  });

  it('says nothing where there is none', async () => {
    expect(problems(await judge(authFailure))).toEqual([]);
  });
});
