import { describe, expect, it } from 'vitest';
import { wrongSource } from '../../captures/cases/detours.js';
import { PUBLIC_SITE, siteTimeline } from '../../captures/cases/sites.js';
import type { Judgement } from '../../src/diagnose/diagnosis.js';
import { BFD_PORT, BFD_STATE, bfdControl } from '../../test/build/bfd.js';
import { dnsQuery, dnsResponse } from '../../test/build/dns.js';
import { IP_PROTOCOL } from '../../test/build/ip.js';
import { runFrames } from '../../test/build/run-capture.js';
import type { Timeline } from '../../test/build/scenario.js';
import { tcp as segment } from '../../test/build/tcp.js';
import bfdCorrelators from '../bfd/correlator.js';
import bfd from '../bfd/dissector.js';
import dnsCorrelators from '../dns/correlator.js';
import dns from '../dns/dissector.js';
import oneSided from '../frame/diagnoses/one-sided.js';
import openvpnCorrelators from '../openvpn/correlator.js';
import openvpn from '../openvpn/dissector.js';
import tcpCorrelators from '../tcp/correlator.js';
import tcp from '../tcp/dissector.js';
import diagnosis from './diagnoses/wrong-source-answer.js';

const { local, peer } = PUBLIC_SITE;
const other = { ...peer, address: '198.51.100.8' };

async function judge(build: (t: Timeline) => void): Promise<{ own: Judgement[]; oneSided: Judgement[] }> {
  const t = siteTimeline('wrong-source', PUBLIC_SITE, 40);
  build(t);
  const correlators = [...bfdCorrelators, ...dnsCorrelators, ...openvpnCorrelators, ...tcpCorrelators];
  const run = await runFrames(t.frames(), { dissectors: [bfd, dns, openvpn, tcp], correlators });
  return { own: run.judge(diagnosis), oneSided: run.judge(oneSided) };
}

/** SYNs of one port to the peer, answered by another address; `acknowledgment` of its SYN-ACK. */
function connect(t: Timeline, acknowledgment: number, repeats: readonly number[] = [0, 1, 3]): void {
  for (const after of repeats) {
    const ends = {
      source: local.address,
      destination: peer.address,
      sourcePort: 50_001,
      destinationPort: 443,
    };
    const syn = segment({ ...ends, sequence: 1000, flags: ['SYN'] });
    t.sendIp(2 + after, local, peer, IP_PROTOCOL.tcp, syn);
    const back = {
      source: other.address,
      destination: local.address,
      sourcePort: 443,
      destinationPort: 50_001,
    };
    const answer = segment({ ...back, sequence: 7, acknowledgment, flags: ['SYN', 'ACK'] });
    t.sendIp(2.02 + after, other, local, IP_PROTOCOL.tcp, answer);
  }
}

/** A question asked three times; the answer of the other server. `id`: of that answer. */
function resolve(t: Timeline, id: number, isAsked = false): void {
  const question = { id: 7, name: 'www.example' };
  for (const after of [0, 5, 10]) {
    const client = { ...local, port: 40_001 };
    t.sendUdp(2 + after, client, { ...peer, port: 53 }, dnsQuery(question));
    if (isAsked) t.sendUdp(2.001 + after, client, { ...other, port: 53 }, dnsQuery(question));
    t.sendUdp(2.02 + after, { ...other, port: 53 }, client, dnsResponse({ ...question, id }));
  }
}

interface Heard {
  /** The discriminator by which the other address calls the local system. */
  readonly yours: number;
  readonly state?: number;
  /** The local system asks the other address too. */
  readonly isAsked?: boolean;
}

/** The local system watches the peer and stays in `state`; packets come from the other address. */
function watch(t: Timeline, { yours, state = BFD_STATE.down, isAsked = false }: Heard): void {
  const socket = (end: typeof local): typeof local & { port: number } => ({ ...end, ttl: 255, port: 49_152 });
  const port = BFD_PORT.singleHop;
  for (let at = 2; at < 12; at++) {
    t.sendUdp(at, socket(local), { ...peer, port }, bfdControl({ state, mine: 7, yours: 0 }));
    if (isAsked) {
      t.sendUdp(at + 0.1, socket(local), { ...other, port }, bfdControl({ state, mine: 8, yours: 9 }));
    }
    const { init } = BFD_STATE;
    t.sendUdp(at + 0.3, socket(other), { ...local, port }, bfdControl({ state: init, mine: 9, yours }));
  }
}

describe('underlay.wrong-source-answer', () => {
  it('names the address that answers for the one that was asked, and nothing is called one-sided', async () => {
    const { own, oneSided: sided } = await judge((t) => wrongSource(t));
    expect(own).toMatchObject([
      {
        result: 'problem',
        subject: { endpoints: [local.address, peer.address], answeredBy: other.address },
        counts: { requests: 5, answers: 5 },
      },
    ]);
    expect(own[0]).not.toHaveProperty('severity');
    expect(sided.filter(({ result }) => result === 'problem')).toEqual([]);
  });

  it('knows a SYN-ACK by the number that it acknowledges', async () => {
    const { own, oneSided: sided } = await judge((t) => connect(t, 1001));
    expect(own).toMatchObject([
      { result: 'problem', severity: 'warning', counts: { requests: 3, answers: 3 } },
    ]);
    expect(sided.filter(({ result }) => result === 'problem')).toEqual([]);
  });

  it('knows a DNS answer by its id', async () => {
    expect((await judge((t) => resolve(t, 7))).own).toMatchObject([
      { result: 'problem', counts: { requests: 3 } },
    ]);
  });

  it('knows a BFD packet by the discriminator of a system that stays Down', async () => {
    const { own } = await judge((t) => watch(t, { yours: 7 }));
    expect(own).toMatchObject([
      {
        result: 'problem',
        severity: 'warning',
        subject: { endpoints: [local.address, peer.address], answeredBy: other.address },
        counts: { requests: 10, answers: 10 },
      },
    ]);
    expect(JSON.stringify(own)).not.toContain('undefined');
  });

  it.each([
    ['a BFD packet with another discriminator', (t: Timeline): void => watch(t, { yours: 8 })],
    ['BFD sessions with both addresses', (t: Timeline): void => watch(t, { yours: 7, isAsked: true })],
    ['a BFD session that comes up', (t: Timeline): void => watch(t, { yours: 7, state: BFD_STATE.init })],
    ['a SYN-ACK of another connection', (t: Timeline): void => connect(t, 4001)],
    ['a client that does not ask again', (t: Timeline): void => connect(t, 1001, [0])],
    ['an answer with another id', (t: Timeline): void => resolve(t, 8)],
    ['two servers that are both asked', (t: Timeline): void => resolve(t, 7, true)],
    ['both legs of a translation', (t: Timeline): void => wrongSource(t, true)],
  ])('is silent about %s', async (_what, build) => {
    expect((await judge(build)).own.filter(({ result }) => result === 'problem')).toEqual([]);
  });
});
