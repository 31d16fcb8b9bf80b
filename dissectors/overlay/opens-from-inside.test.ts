import { describe, expect, it } from 'vitest';
import { APP_A, APP_B, innerPing } from '../../captures/cases/overlay-network.js';
import { openedFromInside } from '../../captures/cases/overlay-passage.js';
import { PUBLIC_SITE, siteTimeline } from '../../captures/cases/sites.js';
import type { Judgement } from '../../src/diagnose/diagnosis.js';
import { runFrames } from '../../test/build/run-capture.js';
import type { Timeline } from '../../test/build/scenario.js';
import icmpCorrelators from '../icmp/correlator.js';
import icmp from '../icmp/dissector.js';
import tcpCorrelators from '../tcp/correlator.js';
import tcp from '../tcp/dissector.js';
import vxlanCorrelators from '../vxlan/correlator.js';
import vxlan from '../vxlan/dissector.js';
import diagnosis from './diagnoses/opens-from-inside.js';

async function judge(build: (t: Timeline) => void): Promise<Judgement[]> {
  const t = siteTimeline('opens-from-inside', PUBLIC_SITE, 150);
  build(t);
  const correlators = [...icmpCorrelators, ...vxlanCorrelators, ...tcpCorrelators];
  return (await runFrames(t.frames(), { dissectors: [icmp, vxlan, tcp], correlators })).judge(diagnosis);
}

describe('overlay.opens-from-inside', () => {
  it('fires where requests of one end are answered only after the other end has sent, again after each pause', async () => {
    expect(await judge((t) => openedFromInside(t, 3))).toMatchObject([
      {
        result: 'problem',
        direction: { from: PUBLIC_SITE.local.address, to: PUBLIC_SITE.peer.address },
        counts: { cycles: 3, unanswered: 15 },
      },
    ]);
  });

  it('fires where the same ping goes on after the other end has sent', async () => {
    const judgements = await judge((t) => {
      for (const start of [2, 60]) {
        const isAnswered = (i: number): boolean => i >= 8;
        innerPing(t, APP_A, APP_B, { at: start, count: 14, identifier: 0x2f41 + start, isAnswered });
        innerPing(t, APP_B, APP_A, { at: start + 7.4, count: 3, identifier: 0x2f51 + start });
      }
    });
    expect(judgements).toMatchObject([{ result: 'problem', counts: { cycles: 2, unanswered: 16 } }]);
  });

  it('cannot tell one such start from an end that came up just then', async () => {
    expect(await judge((t) => openedFromInside(t, 3, (cycle) => cycle === 0))).toMatchObject([
      { result: 'insufficient-data' },
    ]);
  });

  it('takes a peer that was away, while nothing rested, for no filter', async () => {
    const judgements = await judge((t) => {
      for (const start of [2, 40, 78]) {
        const isAnswered = (i: number): boolean => i < 3 || i > 9;
        innerPing(t, APP_A, APP_B, { at: start, count: 16, identifier: 0x2f41 + start, isAnswered });
        innerPing(t, APP_B, APP_A, { at: start + 9.3, count: 4, identifier: 0x2f51 + start });
      }
    });
    expect(judgements.filter(({ result }) => result === 'problem')).toEqual([]);
  });

  it('is silent where either end may begin after a rest', async () => {
    expect(await judge((t) => openedFromInside(t, 3, () => false))).toMatchObject([{ result: 'healthy' }]);
  });

  it('is silent where one end is never answered: a policy for one direction', async () => {
    const judgements = await judge((t) => {
      for (const start of [2, 60]) {
        innerPing(t, APP_A, APP_B, { at: start, count: 5, identifier: start, isAnswered: () => false });
        innerPing(t, APP_B, APP_A, { at: start + 9, count: 3, identifier: 0x2f51 + start });
      }
    });
    expect(judgements.filter(({ result }) => result === 'problem')).toEqual([]);
  });
});
