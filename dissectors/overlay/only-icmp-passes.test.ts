import { describe, expect, it } from 'vitest';
import {
  APP_A,
  APP_B,
  innerConnection,
  innerPing,
  innerSyns,
  sendInner,
} from '../../captures/cases/overlay-network.js';
import { noMoreConnections, OTHER_B, onlyPings } from '../../captures/cases/overlay-passage.js';
import { PUBLIC_SITE, siteTimeline } from '../../captures/cases/sites.js';
import type { Judgement } from '../../src/diagnose/diagnosis.js';
import { dnsQuery } from '../../test/build/dns.js';
import { IP_PROTOCOL } from '../../test/build/ip.js';
import { runFrames } from '../../test/build/run-capture.js';
import type { Timeline } from '../../test/build/scenario.js';
import { udp } from '../../test/build/udp.js';
import dnsCorrelators from '../dns/correlator.js';
import dns from '../dns/dissector.js';
import icmpCorrelators from '../icmp/correlator.js';
import icmp from '../icmp/dissector.js';
import tcpCorrelators from '../tcp/correlator.js';
import tcp from '../tcp/dissector.js';
import vxlanCorrelators from '../vxlan/correlator.js';
import vxlan from '../vxlan/dissector.js';
import diagnosis from './diagnoses/only-icmp-passes.js';

async function judge(build: (t: Timeline) => void, local: readonly string[] = []): Promise<Judgement[]> {
  const t = siteTimeline('only-icmp-passes', PUBLIC_SITE, 34);
  build(t);
  const correlators = [...icmpCorrelators, ...vxlanCorrelators, ...tcpCorrelators, ...dnsCorrelators];
  const dissectors = [icmp, vxlan, tcp, dns];
  const { evidence } = await runFrames(t.frames(), { dissectors, correlators });
  return [...diagnosis.diagnose({ ...evidence, quality: { ...evidence.quality, local } })];
}

describe('overlay.only-icmp-passes', () => {
  it('fires where two hosts answer pings through the tunnel and no connection comes about', async () => {
    expect(await judge((t) => onlyPings(t))).toMatchObject([
      {
        result: 'problem',
        confidence: 'medium',
        direction: { from: PUBLIC_SITE.local.address, to: PUBLIC_SITE.peer.address },
        counts: { tries: 16, conversations: 4, hosts: 2 },
      },
    ]);
  });

  it('fires for one host where connections came about before', async () => {
    expect(await judge(noMoreConnections)).toMatchObject([
      { result: 'problem', counts: { hosts: 1, conversations: 2 }, lastGood: { segment: 0 } },
    ]);
  });

  it('fires where the answers arrive and nobody takes them', async () => {
    const unheard = (t: Timeline): void => {
      innerPing(t, APP_A, APP_B, { at: 2, count: 28, identifier: 0x2f31 });
      innerConnection(t, APP_A, APP_B, { at: 2.2, clientPort: 58_099, serverPort: 8080 });
      for (const clientPort of [58_100, 58_101]) {
        innerSyns(t, APP_A, APP_B, { at: 5, clientPort, serverPort: 8080, isTaken: false });
      }
    };
    expect(await judge(unheard, [PUBLIC_SITE.local.address])).toMatchObject([
      { result: 'problem', counts: { tries: 8 } },
    ]);
    expect(await judge(unheard)).toMatchObject([{ result: 'insufficient-data' }]);
  });

  it('cannot tell whether answers that leave here get through, unless a ping went that way', async () => {
    const served = (pingsBack: boolean) =>
      judge((t) => {
        innerPing(t, APP_B, APP_A, { at: 2, count: 28, identifier: 0x2f31 });
        if (pingsBack) innerPing(t, APP_A, APP_B, { at: 2.5, count: 28, identifier: 0x2f32 });
        innerConnection(t, APP_B, APP_A, { at: 2.2, clientPort: 58_099, serverPort: 8080 });
        for (const clientPort of [58_100, 58_101]) {
          innerSyns(t, APP_B, APP_A, { at: 5, clientPort, serverPort: 8080, isTaken: false });
        }
      });
    expect(await served(false)).toMatchObject([{ result: 'insufficient-data' }]);
    expect(await served(true)).toMatchObject([{ result: 'problem' }]);
  });

  it('counts names that nobody resolves', async () => {
    const question = (id: number): Uint8Array => dnsQuery({ id, name: `app-${id}.apps.internal` });
    const judgements = await judge((t) => {
      onlyPings(t, [APP_B]);
      for (const at of [5, 10]) {
        const asked = udp({
          source: APP_A.address,
          destination: OTHER_B.address,
          sourcePort: 40_053,
          destinationPort: 53,
          payload: question(7),
        });
        sendInner(t, at, APP_A, OTHER_B, IP_PROTOCOL.udp, asked);
      }
    });
    expect(judgements).toMatchObject([{ result: 'problem', counts: { hosts: 2, tries: 10 } }]);
  });

  it('cannot tell one closed host that never worked from the tunnel', async () => {
    expect(await judge((t) => onlyPings(t, [APP_B]))).toMatchObject([{ result: 'insufficient-data' }]);
  });

  it('is silent about a policy for some services, and about rejections', async () => {
    const forSome = await judge((t) => {
      onlyPings(t);
      innerConnection(t, APP_A, APP_B, { at: 20.2, clientPort: 58_120, serverPort: 443 });
    });
    expect(forSome).toMatchObject([{ result: 'healthy' }]);
    const rejected = await judge((t) => {
      innerPing(t, APP_A, APP_B, { at: 2, count: 28, identifier: 0x2f31 });
      for (const serverPort of [8080, 5432]) {
        innerSyns(t, APP_A, APP_B, { at: 5, clientPort: serverPort + 1, serverPort, isRejected: true });
      }
    });
    expect(rejected).toEqual([]);
  });

  it('says nothing where pings fail too', async () => {
    const judgements = await judge((t) => {
      innerPing(t, APP_A, APP_B, { at: 2, count: 28, identifier: 0x2f31, isAnswered: () => false });
      innerSyns(t, APP_A, APP_B, { at: 5, clientPort: 58_100, serverPort: 8080 });
    });
    expect(judgements).toEqual([]);
  });
});
