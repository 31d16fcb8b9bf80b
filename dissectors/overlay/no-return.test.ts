import { describe, expect, it } from 'vitest';
import type { Judgement } from '../../src/diagnose/diagnosis.js';
import { icmpEcho } from '../../test/build/icmp.js';
import { IP_PROTOCOL, ip } from '../../test/build/ip.js';
import { runFrames } from '../../test/build/run-capture.js';
import { type Timeline, timeline } from '../../test/build/scenario.js';
import { type TcpFlag, tcp } from '../../test/build/tcp.js';
import { echoStreams } from '../icmp/correlator.js';
import icmp from '../icmp/dissector.js';
import { ipipTunnels } from '../ipip/correlator.js';
import noReturn from '../ipip/diagnoses/no-return.js';
import ipip from '../ipip/dissector.js';
import { tcpConnections } from '../tcp/correlator.js';
import tcpDissector from '../tcp/dissector.js';

const IP_IN_IP = 4;
const START_NS = 1_700_000_000_000_000_000n;
const here = { address: '192.0.2.1', mac: '02:00:00:00:00:01', ttl: 64 };
const there = { address: '198.51.100.7', mac: '02:00:00:00:00:02', ttl: 57 };
const client = '10.1.0.5';
const servers = ['10.2.0.9', '10.2.0.10'];
const parts = {
  dissectors: [icmp, ipip, tcpDissector],
  correlators: [echoStreams, ipipTunnels, tcpConnections],
};

function echo(t: Timeline, at: number, sequence: number, server = servers[0], isReply = false): void {
  const payload = icmpEcho({ identifier: 7, sequence, data: new Uint8Array(32), reply: isReply });
  const [source, destination] = isReply ? [server, client] : [client, server];
  const packet = ip({ source, destination, protocol: IP_PROTOCOL.icmp, payload });
  t.sendIp(at, isReply ? there : here, isReply ? here : there, IP_IN_IP, packet);
}

function segment(
  flags: readonly TcpFlag[],
  { port = 40_000, server = servers[0], isAnswer = false, acknowledgment = 0 } = {},
): Uint8Array {
  const [source, destination] = isAnswer ? [server, client] : [client, server];
  const [sourcePort, destinationPort] = isAnswer ? [80, port] : [port, 80];
  const sequence = isAnswer ? 9000 : 1000;
  const ends = { source, destination };
  const payload = tcp({ ...ends, sourcePort, destinationPort, sequence, acknowledgment, flags });
  return ip({ ...ends, protocol: IP_PROTOCOL.tcp, payload });
}

/** Connection attempts from five ports to one server, each sent at 0, 1 and 3 s. */
function attempts(t: Timeline, times: readonly number[] = [0, 1, 3]): void {
  for (let i = 0; i < 5; i++) {
    for (const at of times) t.sendIp(i + at, here, there, IP_IN_IP, segment(['SYN'], { port: 40_000 + i }));
  }
  t.sendIp(15, here, there, IP_PROTOCOL.udp, new Uint8Array(8));
}

async function judge(build: (t: Timeline) => void): Promise<Judgement[]> {
  const t = timeline(START_NS);
  build(t);
  return (await runFrames(t.frames(), parts)).judge(noReturn);
}

describe('no return through a tunnel', () => {
  it('is an error with the onset at the first unanswered request where the tunnel worked before', async () => {
    const judged = await judge((t) => {
      for (let i = 0; i < 12; i++) {
        echo(t, i, i);
        if (i < 5) echo(t, i + 0.01, i, servers[0], true);
      }
    });
    expect(judged).toMatchObject([
      {
        result: 'problem',
        confidence: 'medium',
        direction: { from: here.address, to: there.address },
        counts: { unanswered: 5, sentPackets: 12, returnedPackets: 5 },
      },
    ]);
    const [problem] = judged;
    if (problem?.result === 'problem') {
      expect(problem.severity).toBeUndefined();
      expect(problem.first.timeNs).toBeCloseTo(5e9, -6);
      expect(problem.lastGood?.timeNs).toBeCloseTo(4.01e9, -6);
    }
  });

  it('tells behind which end an inner host stands while packets go both ways', async () => {
    const judged = await judge((t) => {
      for (let i = 0; i < 8; i++) {
        for (const server of servers) echo(t, i, i, server);
        // The other side asks as well, and is heard: its packets come back, but answer nothing.
        t.sendIp(i + 0.4, there, here, IP_IN_IP, segment(['SYN'], { isAnswer: true, port: 50_000 }));
      }
    });
    expect(judged).toMatchObject([
      { result: 'problem', confidence: 'low', direction: { from: here.address, to: there.address } },
    ]);
  });

  it('is a warning where one host alone never answered attempts to connect', async () => {
    expect(await judge((t) => attempts(t))).toMatchObject([
      { result: 'problem', severity: 'warning', confidence: 'low', counts: { unanswered: 15 } },
    ]);
  });

  it('is silent where nobody asks again: one way by design', async () => {
    expect((await judge((t) => attempts(t, [0]))).map(({ result }) => result)).toEqual(['insufficient-data']);
  });

  it('is silent where the answer comes outside the tunnel (direct server return)', async () => {
    const judged = await judge((t) => {
      attempts(t);
      for (let i = 0; i < 5; i++) {
        const answer = segment(['SYN', 'ACK'], { port: 40_000 + i, isAnswer: true, acknowledgment: 1001 });
        t.sendIp(
          i + 3.1,
          { ...there, address: servers[0] },
          { ...here, address: client },
          6,
          answer.subarray(20),
        );
      }
    });
    expect(judged.some(({ result }) => result === 'problem')).toBe(false);
  });

  it('is silent about mirrored traffic: both directions of a conversation come through one of the tunnel', async () => {
    const judged = await judge((t) => {
      for (let i = 0; i < 8; i++) {
        echo(t, i, i);
        const payload = icmpEcho({ identifier: 9, sequence: i, data: new Uint8Array(32), reply: true });
        const packet = ip({ source: servers[0], destination: client, protocol: IP_PROTOCOL.icmp, payload });
        t.sendIp(i + 0.01, here, there, IP_IN_IP, packet);
      }
    });
    expect(judged).toEqual([]);
  });

  it('is healthy where requests are answered', async () => {
    const judged = await judge((t) => {
      for (let i = 0; i < 6; i++) {
        echo(t, i, i);
        echo(t, i + 0.01, i, servers[0], true);
      }
    });
    expect(judged.map(({ result }) => result)).toEqual(['healthy']);
  });
});
