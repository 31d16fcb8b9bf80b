import { describe, expect, it } from 'vitest';
import { answersAround, reversePathFilter } from '../../captures/cases/detours.js';
import { PUBLIC_SITE, siteTimeline } from '../../captures/cases/sites.js';
import type { Judgement } from '../../src/diagnose/diagnosis.js';
import { runFrames } from '../../test/build/run-capture.js';
import type { Timeline } from '../../test/build/scenario.js';
import icmpCorrelators from '../icmp/correlator.js';
import icmp from '../icmp/dissector.js';
import ipipCorrelators from '../ipip/correlator.js';
import ipip from '../ipip/dissector.js';
import tcpCorrelators from '../tcp/correlator.js';
import tcp from '../tcp/dissector.js';
import diagnosis from './diagnoses/asymmetric-encapsulation.js';
import { isSameNetwork } from './networks.js';

async function judge(build: (t: Timeline) => void): Promise<Judgement[]> {
  const t = siteTimeline('asymmetric', PUBLIC_SITE, 30);
  build(t);
  const correlators = [...icmpCorrelators, ...ipipCorrelators, ...tcpCorrelators];
  return (await runFrames(t.frames(), { dissectors: [icmp, ipip, tcp], correlators })).judge(diagnosis);
}

describe('overlay.asymmetric-encapsulation', () => {
  it('fires where the tunnel is silent and the other way round no tunnel is used', async () => {
    expect(await judge(reversePathFilter)).toMatchObject([
      {
        result: 'problem',
        where: 'receiver',
        direction: { from: PUBLIC_SITE.local.address, to: PUBLIC_SITE.peer.address },
        counts: { unanswered: 14, conversations: 1 },
      },
    ]);
  });

  it('fires where the answers come past the tunnel and the clients ask again', async () => {
    expect(await judge((t) => answersAround(t, false))).toMatchObject([
      { result: 'problem', counts: { synsRepeated: 16, conversations: 4 } },
    ]);
  });

  it('is silent about direct server return, whose clients go on', async () => {
    expect((await judge((t) => answersAround(t, true))).filter(({ result }) => result === 'problem')).toEqual(
      [],
    );
  });
});

describe('isSameNetwork', () => {
  it.each([
    ['10.244.1.0', '10.244.1.8', true],
    ['10.244.1.0', '10.244.2.8', false],
    ['2001:db8:1:2::1', '2001:db8:1:2:3::1', true],
    ['2001:db8::1', '2001:db8:0:1::1', false],
    ['::1', '::2', true],
  ])('%s and %s: %s', (a, b, isSame) => expect(isSameNetwork(a, b)).toBe(isSame));
});
