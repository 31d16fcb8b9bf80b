import { describe, expect, it } from 'vitest';
import { APP_A, APP_B, innerPing, sendInner } from '../../captures/cases/overlay-network.js';
import { PUBLIC_SITE, siteTimeline } from '../../captures/cases/sites.js';
import type { Judgement } from '../../src/diagnose/diagnosis.js';
import { IP_PROTOCOL } from '../../test/build/ip.js';
import { runFrames } from '../../test/build/run-capture.js';
import type { Timeline } from '../../test/build/scenario.js';
import { udp } from '../../test/build/udp.js';
import correlators from './correlator.js';
import diagnosis from './diagnoses/gbp-changed.js';
import dissector from './dissector.js';

async function judge(build: (t: Timeline) => void): Promise<Judgement[]> {
  const t = siteTimeline('gbp-changed', PUBLIC_SITE, 20);
  build(t);
  return (await runFrames(t.frames(), { dissectors: [dissector], correlators })).judge(diagnosis);
}

const problems = async (build: (t: Timeline) => void): Promise<Judgement[]> =>
  (await judge(build)).filter(({ result }) => result === 'problem');

interface Stream {
  readonly clientPort?: number;
  /** Group policy id by packet; undefined: none. */
  readonly tag: (index: number) => number | undefined;
  readonly isAnswered: (index: number) => boolean;
}

function stream(t: Timeline, { clientPort = 40_000, tag, isAnswered }: Stream): void {
  const ends = { source: APP_A.address, destination: APP_B.address };
  const back = { source: APP_B.address, destination: APP_A.address };
  for (let i = 0; i < 24; i += 1) {
    const payload = t.random.bytes(100);
    const id = tag(i);
    const there = udp({ ...ends, sourcePort: clientPort, destinationPort: 5004, payload });
    sendInner(t, 2 + i * 0.5, APP_A, APP_B, IP_PROTOCOL.udp, there, id === undefined ? {} : { tag: id });
    if (!isAnswered(i)) continue;
    const answer = udp({ ...back, sourcePort: 5004, destinationPort: clientPort, payload });
    sendInner(t, 2.1 + i * 0.5, APP_B, APP_A, IP_PROTOCOL.udp, answer, { tag: 3 });
  }
}

const changed = (i: number): number => (i < 12 ? 3 : 7);
const before = (i: number): boolean => i < 12;

describe('vxlan.gbp-changed', () => {
  it('names both ids and the packet with which they change', async () => {
    expect(await problems((t) => stream(t, { tag: changed, isAnswered: before }))).toMatchObject([
      {
        direction: { from: APP_A.address, to: APP_B.address },
        counts: { packets: 12, packetsBefore: 12, idBefore: 3, idAfter: 7 },
      },
    ]);
  });

  it('takes a missing id for another one', async () => {
    const tag = (i: number): number | undefined => (i < 12 ? 3 : undefined);
    const [problem] = await problems((t) => stream(t, { tag, isAnswered: before }));
    expect(JSON.stringify(problem)).toContain('no group policy id');
  });

  it.each([
    [
      'answers go on after the change',
      (t: Timeline): void => stream(t, { tag: changed, isAnswered: (i) => i < 16 }),
    ],
    [
      'the id stays and the answers end',
      (t: Timeline): void => stream(t, { tag: () => 3, isAnswered: before }),
    ],
    [
      'others get answers with the new id',
      (t: Timeline): void => {
        stream(t, { tag: changed, isAnswered: before });
        stream(t, { clientPort: 40_010, tag: () => 7, isAnswered: () => true });
      },
    ],
    [
      'pings carry no id and connections do',
      (t: Timeline): void => {
        innerPing(t, APP_A, APP_B, { at: 2, count: 6, identifier: 1 });
        stream(t, { tag: () => 3, isAnswered: () => true });
      },
    ],
  ])('is silent where %s', async (_what, build) => expect(await problems(build)).toEqual([]));
});
