import { describe, expect, it } from 'vitest';
import { TcpTalk } from '../../captures/cases/tcp-talk.js';
import type { Judgement } from '../../src/diagnose/diagnosis.js';
import { bgpIpv6Update, bgpKeepalive, bgpOpen, bgpRoute } from '../../test/build/bgp.js';
import { hex } from '../../test/build/bytes.js';
import { IP_PROTOCOL } from '../../test/build/ip.js';
import { runFrames } from '../../test/build/run-capture.js';
import { timeline } from '../../test/build/scenario.js';
import tcpCorrelators from '../tcp/correlator.js';
import tcpDissector from '../tcp/dissector.js';
import correlators from './correlator.js';
import routeFlap from './diagnoses/route-flap.js';
import dissector from './dissector.js';

const parts = { dissectors: [tcpDissector, dissector], correlators: [...tcpCorrelators, ...correlators] };
const A = { address: '10.0.0.1', mac: '02:00:00:00:00:01', ttl: 1 };
const B = { address: '10.0.0.2', mac: '02:00:00:00:00:02', ttl: 1 };
const PREFIX = hex('0a6601');

interface Said {
  readonly at: number;
  readonly bytes: Uint8Array;
}

/** Sessions, each with what the server says in it; the client repeats it half a second later. */
async function judge(sessions: readonly (readonly Said[])[], framesPerChunk?: number): Promise<Judgement[]> {
  const t = timeline(1_700_000_000_000_000_000n, 3);
  sessions.forEach((said, index) => {
    const client = { address: A.address, port: 40_000 + index };
    const talk = new TcpTalk(
      { client, server: { address: B.address, port: 179 }, roundTripSeconds: 0.001 },
      (at, side, segment) => {
        const [source, destination] = side === 'client' ? [A, B] : [B, A];
        t.sendIp(at, source, destination, IP_PROTOCOL.tcp, segment);
      },
      { client: 1, server: 2 },
    );
    const start = (said[0]?.at ?? 1) - 0.5;
    talk.handshake(start);
    const open = { as: 65_001, holdTime: 90, identifier: 1 };
    talk.segment(start + 0.1, 'client', ['PSH', 'ACK'], bgpOpen(open));
    talk.segment(start + 0.2, 'server', ['PSH', 'ACK'], bgpOpen({ ...open, identifier: 2 }));
    talk.segment(start + 0.3, 'client', ['PSH', 'ACK'], bgpKeepalive());
    talk.segment(start + 0.4, 'server', ['PSH', 'ACK'], bgpKeepalive());
    for (const { at, bytes } of said) {
      talk.segment(at, 'server', ['PSH', 'ACK'], bytes);
      talk.segment(at + 0.5, 'client', ['PSH', 'ACK'], bytes);
    }
  });
  return (await runFrames(t.frames(), parts, framesPerChunk)).judge(routeFlap);
}

function cycles(count: number, every: number, from = 2, route = bgpRoute): Said[] {
  return Array.from({ length: count }, (_, at) => [
    { at: from + at * every, bytes: route(PREFIX, true) },
    { at: from + (at + 0.4) * every, bytes: route(PREFIX, false) },
  ]).flat();
}

describe('bgp.route-flap', () => {
  it('names the prefix, the speaker where it begins, and how often', async () => {
    const [problem] = await judge([cycles(3, 5)]);
    expect(problem).toMatchObject({
      result: 'problem',
      counts: { prefixes: 1, cycles: 3 },
      direction: { from: B.address, to: A.address },
      ongoingAtEnd: true,
    });
    expect(JSON.stringify(problem)).toContain('withdrew 10.102.1.0/24 and announced it again 3 times');
    expect(await judge([cycles(3, 5)], 2)).toEqual([problem]);
  });

  it('reads IPv6 routes', async () => {
    const [problem] = await judge([cycles(4, 5, 2, bgpIpv6Update)]);
    expect(JSON.stringify(problem)).toContain('withdrew a66:100::/24 and announced it again 4 times');
  });

  it('is silent about two cycles, cycles that are far apart, and a new session each time', async () => {
    expect(await judge([cycles(2, 5)])).toMatchObject([{ result: 'healthy' }]);
    expect(await judge([cycles(4, 400)])).toMatchObject([{ result: 'healthy' }]);
    expect(await judge([1, 2, 3, 4].map((one) => cycles(1, 5, one * 20)))).toMatchObject([
      { result: 'healthy' },
    ]);
  });

  it('is silent about other attributes and about withdrawals that are said twice', async () => {
    const metrics = [2, 4, 6, 8, 10].map((at) => ({ at, bytes: bgpRoute(PREFIX, false, at) }));
    expect(await judge([metrics])).toMatchObject([{ result: 'healthy' }]);
    const twice = [2, 4, 6, 8].map((at) => ({ at, bytes: bgpRoute(PREFIX, true) }));
    expect(await judge([twice])).toMatchObject([{ result: 'healthy' }]);
  });

  it('says nothing of sessions without routes', async () => {
    expect(await judge([[]])).toEqual([]);
  });
});
