import { describe, expect, it } from 'vitest';
import { concat, u16, u32 } from '../../test/build/bytes.js';
import { gre } from '../../test/build/gre.js';
import { icmpEcho } from '../../test/build/icmp.js';
import { IP_PROTOCOL, ip } from '../../test/build/ip.js';
import { ETHER_TYPE, ethernet } from '../../test/build/link.js';
import { runFrames } from '../../test/build/run-capture.js';
import { type Endpoint, type Timeline, timeline } from '../../test/build/scenario.js';
import { tcp } from '../../test/build/tcp.js';
import greDissector from '../gre/dissector.js';
import { tcpConnections, tcpServices } from '../tcp/correlator.js';
import synUnanswered from '../tcp/diagnoses/syn-unanswered.js';
import tcpDissector from '../tcp/dissector.js';
import { echoStreams, icmpErrors } from './correlator.js';
import pingLoss from './diagnoses/ping-loss.js';
import icmp from './dissector.js';

/* Tunnels whose key names the receiver: question and answer travel under different keys. */

const here: Endpoint = { address: '192.0.2.1', mac: '02:00:00:00:00:01', ttl: 64 };
const there: Endpoint = { address: '198.51.100.7', mac: '02:00:00:00:00:02', ttl: 57 };
const elsewhere: Endpoint = { ...there, address: '198.51.100.8' };
const [A, B] = ['10.0.1.5', '10.0.2.9'];
const GRE = 47;
const TYPE_ERSPAN = 0x88be;
const parts = {
  dissectors: [icmp, greDissector, tcpDissector],
  correlators: [echoStreams, icmpErrors, tcpConnections, tcpServices],
};

interface Way {
  readonly from: Endpoint;
  readonly to: Endpoint;
  readonly key: number;
}

const forth: Way = { from: here, to: there, key: 11 };
const back: Way = { from: there, to: here, key: 12 };

function inner(t: Timeline, at: number, { from, to, key }: Way, packet: Uint8Array): void {
  t.sendIp(at, from, to, GRE, gre({ protocolType: ETHER_TYPE.ipv4, key, payload: packet }));
}

function echo(t: Timeline, at: number, way: Way, sequence: number, reply = false): void {
  const [source, destination] = reply ? [B, A] : [A, B];
  const payload = icmpEcho({ identifier: 7, sequence, data: new Uint8Array(8), reply });
  inner(t, at, way, ip({ source, destination, protocol: IP_PROTOCOL.icmp, payload }));
}

function pings(count: number, replyWay: Way | null): Timeline {
  const t = timeline(1_700_000_000_000_000_000n);
  for (let at = 0; at < count; at++) {
    echo(t, at, forth, at);
    if (replyWay) echo(t, at + 0.01, replyWay, at, true);
  }
  t.sendUdp(count + 5, { ...here, port: 9 }, { ...there, port: 9 }, new Uint8Array(2));
  return t;
}

async function results(t: Timeline, framesPerChunk?: number): Promise<string[]> {
  const run = await runFrames(t.frames(), parts, framesPerChunk);
  return run.judge(pingLoss).map(({ result }) => result);
}

describe('a ping through a tunnel', () => {
  it.each([1, 2, 3, 1000])(
    'is answered under another key, in chunks of %i frames',
    async (framesPerChunk) => {
      const run = await runFrames(pings(8, back).frames(), parts, framesPerChunk);
      const [stream, ...others] = run.sessions(echoStreams);
      expect(others).toEqual([]);
      expect(stream).toMatchObject({
        source: A,
        destination: B,
        requests: 8,
        replies: 8,
        unmatchedReplies: 0,
      });
      expect(run.judge(pingLoss)).toMatchObject([{ result: 'healthy' }]);
    },
  );

  it('is not answered by nobody, nor from other tunnel endpoints', async () => {
    expect(await results(pings(8, null))).toEqual(['problem']);
    expect(await results(pings(8, { from: elsewhere, to: here, key: 12 }))).toContain('problem');
  });

  it('of two networks with equal addresses belongs to its own where that has asked', async () => {
    const t = pings(8, null);
    for (let at = 0; at < 8; at++) {
      echo(t, at + 0.1, { ...forth, key: 12 }, at);
      echo(t, at + 0.2, back, at, true);
    }
    const run = await runFrames(t.frames(), parts);
    expect(run.sessions(echoStreams).map(({ replies }) => replies)).toEqual([0, 8]);
  });

  it('is not answered in a mirror session', async () => {
    const t = timeline(1_700_000_000_000_000_000n);
    const mirror = (at: number, session: number, sequence: number, reply: boolean): void => {
      const [source, destination] = reply ? [B, A] : [A, B];
      const payload = ip({
        source,
        destination,
        protocol: IP_PROTOCOL.icmp,
        payload: icmpEcho({ identifier: 7, sequence, data: new Uint8Array(8), reply }),
      });
      const frame = ethernet({
        source: here.mac,
        destination: there.mac,
        etherType: ETHER_TYPE.ipv4,
        payload,
      });
      const header = concat(u16(0x1000), u16(session), u32(0));
      const copy = gre({ protocolType: TYPE_ERSPAN, sequence, payload: concat(header, frame) });
      t.sendIp(at, there, here, GRE, copy);
    };
    for (let at = 0; at < 8; at++) {
      mirror(at, 1, at, false);
      mirror(at + 0.1, 2, at, true);
    }
    const run = await runFrames(t.frames(), parts);
    expect(run.sessions(echoStreams).map(({ replies }) => replies)).toEqual([0, 0]);
  });
});

describe('a SYN through a tunnel', () => {
  const syns = (answerWay: Way | null): Timeline => {
    const t = timeline(1_700_000_000_000_000_000n);
    const ends = { source: A, destination: B, sourcePort: 40_000, destinationPort: 80 };
    const answer = { source: B, destination: A, sourcePort: 80, destinationPort: 40_000 };
    for (const at of [0, 1, 3, 7]) {
      const segment = tcp({ ...ends, sequence: 1, flags: ['SYN'] });
      inner(t, at, forth, ip({ ...ends, protocol: IP_PROTOCOL.tcp, payload: segment }));
      if (!answerWay) continue;
      const back = tcp({ ...answer, sequence: 9, acknowledgment: 2, flags: ['SYN', 'ACK'] });
      inner(t, at + 0.01, answerWay, ip({ ...answer, protocol: IP_PROTOCOL.tcp, payload: back }));
    }
    t.sendUdp(20, { ...here, port: 9 }, { ...there, port: 9 }, new Uint8Array(2));
    return t;
  };

  it('is answered where the SYN-ACK comes under another key', async () => {
    const judged = async (t: Timeline): Promise<string[]> =>
      (await runFrames(t.frames(), parts)).judge(synUnanswered).map(({ result }) => result);
    expect(await judged(syns(null))).toEqual(['problem']);
    expect(await judged(syns(back))).not.toContain('problem');
  });
});
