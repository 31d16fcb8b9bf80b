import { describe, expect, it } from 'vitest';
import { distributedRouter, silentHost, staleMac } from '../../captures/cases/overlay-macs.js';
import {
  APP_A,
  APP_B,
  type Container,
  innerConnection,
  innerPing,
  innerSyns,
  sendInner,
} from '../../captures/cases/overlay-network.js';
import { PUBLIC_SITE, siteTimeline } from '../../captures/cases/sites.js';
import type { Judgement } from '../../src/diagnose/diagnosis.js';
import { IP_PROTOCOL } from '../../test/build/ip.js';
import { runFrames } from '../../test/build/run-capture.js';
import type { Timeline } from '../../test/build/scenario.js';
import { tcp as tcpSegment } from '../../test/build/tcp.js';
import arpCorrelators from '../arp/correlator.js';
import arp from '../arp/dissector.js';
import icmpCorrelators from '../icmp/correlator.js';
import icmp from '../icmp/dissector.js';
import tcpCorrelators from '../tcp/correlator.js';
import tcp from '../tcp/dissector.js';
import correlators from './correlator.js';
import diagnosis from './diagnoses/stale-mac.js';
import dissector from './dissector.js';

const parts = {
  dissectors: [dissector, arp, icmp, tcp],
  correlators: [...correlators, ...arpCorrelators, ...icmpCorrelators, ...tcpCorrelators],
};
const STALE = '52:54:00:ab:01:02';

async function judge(build: (t: Timeline) => void, seconds = 30): Promise<Judgement[]> {
  const t = siteTimeline('stale-mac', PUBLIC_SITE, seconds);
  build(t);
  return (await runFrames(t.frames(), parts)).judge(diagnosis);
}

/** The answer of APP_A to a connection attempt of APP_B. */
function synAck(t: Timeline, at: number, macs: { destination: string }): void {
  const payload = tcpSegment({
    source: APP_A.address,
    destination: APP_B.address,
    sourcePort: 443,
    destinationPort: 40_000,
    sequence: 77,
    acknowledgment: 1,
    flags: ['SYN', 'ACK'],
  });
  sendInner(t, at, APP_A, APP_B, IP_PROTOCOL.tcp, payload, { macs });
}

const results = async (build: (t: Timeline) => void): Promise<string[]> => [
  ...new Set((await judge(build)).map(({ result }) => result)),
];

describe('vxlan.stale-mac', () => {
  it('names the address that is used and the one that the hosts send from', async () => {
    const problems = (await judge(staleMac)).filter(({ result }) => result === 'problem');
    expect(problems).toMatchObject([
      {
        confidence: 'high',
        where: 'sender',
        direction: { from: APP_A.cell.underlay.address, to: APP_B.cell.underlay.address },
        counts: { requests: 18, hosts: 1 },
      },
    ]);
    expect(JSON.stringify(problems[0])).toContain(`from ${APP_B.cell.mac}`);
  });

  it('sees it where the hosts behind the endpoint ask, and never hear the SYN-ACK', async () => {
    const macs = { destination: STALE };
    const judged = await judge((t) => {
      innerSyns(t, APP_B, APP_A, { at: 2, clientPort: 40_000, serverPort: 443, repeats: [1, 3, 7] });
      for (const at of [2, 3, 5, 9]) synAck(t, at + 0.02, macs);
    });
    expect(judged.filter(({ result }) => result === 'problem')).toMatchObject([{ counts: { requests: 4 } }]);
  });

  it('sees a wrong entry that replaces a right one in the middle of a conversation', async () => {
    const wrong: Container = { ...APP_B, cell: { ...APP_B.cell, mac: '02:00:de:ad:be:ef' } };
    const judged = await judge((t) => {
      innerPing(t, APP_A, APP_B, { at: 2, count: 6, identifier: 1 });
      innerPing(t, APP_A, wrong, { at: 8, count: 14, identifier: 1, isAnswered: () => false });
    });
    expect(judged.filter(({ result }) => result === 'problem')).toMatchObject([
      { confidence: 'high', counts: { hosts: 1 }, lastGood: { segment: 0 } },
    ]);
  });

  it('tells an address that moved to another endpoint', async () => {
    const third = { ...PUBLIC_SITE.peer, address: '198.51.100.9' };
    const moved: Container = { ...APP_B, cell: { ...APP_B.cell, underlay: third, mac: STALE } };
    const before: Container = { ...APP_B, cell: { ...APP_B.cell, mac: STALE } };
    const judged = await judge((t) => {
      innerPing(t, APP_A, before, { at: 2, count: 4, identifier: 1 });
      innerPing(t, moved, APP_A, { at: 7, count: 12, identifier: 2, isAnswered: () => false });
      innerPing(t, APP_A, before, { at: 8, count: 12, identifier: 3, isAnswered: () => false });
    });
    const problem = judged.find(({ result }) => result === 'problem');
    expect(problem).toMatchObject({ confidence: 'high', lastGood: { segment: 0 } });
    expect(JSON.stringify(problem)).toContain('behind 198.51.100.9');
  });

  it.each([
    ['a distributed router, and a port closed by policy', distributedRouter],
    ['a host that never sent anything', silentHost],
    [
      'a host that moved within seconds',
      (t: Timeline): void => {
        const macs = { destination: STALE };
        innerPing(t, APP_B, APP_A, { at: 2, count: 20, identifier: 4 });
        innerPing(t, APP_A, APP_B, { at: 2.3, count: 4, identifier: 5, macs, isAnswered: () => false });
        innerPing(t, APP_A, APP_B, { at: 7, count: 14, identifier: 5 });
      },
    ],
    [
      'a gateway that receives at its virtual address',
      (t: Timeline): void => {
        const macs = { destination: '00:00:5e:00:01:0a' };
        innerPing(t, APP_A, APP_B, { at: 2, count: 14, identifier: 6, macs, isAnswered: () => false });
        innerPing(t, APP_B, APP_A, { at: 2.3, count: 14, identifier: 7, reply: { macs } });
      },
    ],
  ])('says no fault of %s', async (_what, build) => {
    expect(await results(build)).not.toContain('problem');
  });

  it('says no fault where answers come from another address than the requests went to', async () => {
    const macs = { destination: STALE };
    const judged = await judge((t) => {
      innerPing(t, APP_A, APP_B, { at: 2, count: 14, identifier: 8, macs });
      innerSyns(t, APP_A, APP_B, { at: 3, clientPort: 40_001, serverPort: 22, macs });
      innerConnection(t, APP_A, APP_B, { at: 4, clientPort: 40_002, serverPort: 80, macs });
    });
    expect(judged.map(({ result }) => result)).not.toContain('problem');
  });
});
