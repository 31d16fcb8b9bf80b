import { describe, expect, it } from 'vitest';
import type { Diagnosis, Judgement } from '../../src/diagnose/diagnosis.js';
import { type CaptureRun, runFrames } from '../../test/build/run-capture.js';
import { type Timeline, timeline } from '../../test/build/scenario.js';
import {
  sendInitiation,
  sendResponse,
  sendTransport,
  type WireguardTunnel,
  wireguardHandshake,
  wireguardSession,
  wireguardTalk,
  wireguardTunnel,
} from '../../test/build/wireguard.js';
import { wireguardFlows } from './correlator.js';
import endpointStale from './diagnoses/endpoint-stale.js';
import handshakeLoop from './diagnoses/handshake-loop.js';
import keepaliveMissing from './diagnoses/keepalive-missing.js';
import noResponse from './diagnoses/no-response.js';
import wireguard from './dissector.js';
import view from './tunnel.js';

const PARTS = { dissectors: [wireguard], correlators: [wireguardFlows] };
const ALL: readonly Diagnosis[] = [endpointStale, handshakeLoop, keepaliveMissing, noResponse];
const client = { address: '192.0.2.1', mac: '02:00:00:00:00:01', ttl: 64, port: 43_911 };
const server = { address: '198.51.100.7', mac: '02:00:00:00:00:02', ttl: 57, port: 51_820 };
const REKEY = 5.1;

type Talk = (t: Timeline, tunnel: WireguardTunnel) => void;

/** What the two said, beside other traffic that goes on for `untilSeconds`. */
async function runOf(talk: Talk, untilSeconds = 0): Promise<CaptureRun> {
  const t = timeline(1_700_000_000_000_000_000n);
  talk(t, wireguardTunnel(t, client, server));
  for (let at = 0; at < untilSeconds; at += 5) {
    t.sendUdp(
      at,
      { ...client, port: 5000 },
      { ...server, address: '192.0.2.9', port: 5000 },
      new Uint8Array(30),
    );
  }
  return runFrames(t.frames(), PARTS);
}

async function problemsOf(talk: Talk, untilSeconds?: number): Promise<Record<string, string | undefined>> {
  const run = await runOf(talk, untilSeconds);
  const found: Record<string, string | undefined> = {};
  for (const diagnosis of ALL) {
    for (const judgement of run.judge(diagnosis)) {
      if (judgement.result === 'problem') found[diagnosis.id] = judgement.severity ?? diagnosis.severity;
    }
  }
  return found;
}

async function judged(diagnosis: Diagnosis, talk: Talk, untilSeconds?: number): Promise<Judgement[]> {
  return (await runOf(talk, untilSeconds)).judge(diagnosis);
}

function initiations(
  t: Timeline,
  tunnel: WireguardTunnel,
  from: 'a' | 'b',
  at: number,
  count: number,
): number {
  for (let index = 0; index < count; index++) sendInitiation(t, at + index * REKEY, tunnel, from);
  return at + count * REKEY;
}

describe('healthy tunnels', () => {
  it.each<[string, Talk]>([
    ['with a new handshake every 120 s', (t, tunnel) => wireguardSession(t, tunnel, 1, 600)],
    [
      'captured from the middle',
      (t, tunnel) => {
        wireguardTalk(t, tunnel, { at: 0, count: 60 });
      },
    ],
    [
      'whose initiation got lost twice',
      (t, tunnel) => {
        wireguardTalk(t, tunnel, {
          at: wireguardHandshake(t, initiations(t, tunnel, 'a', 1, 2), tunnel),
          count: 9,
        });
      },
    ],
    [
      'that only one side uses: keepalives come back',
      (t, tunnel) => {
        const done = wireguardHandshake(t, 1, tunnel);
        for (let index = 0; index < 20; index++) {
          sendTransport(t, done + index * 4, tunnel, 'a', 300);
          if (index % 3 === 2) sendTransport(t, done + index * 4 + 2, tunnel, 'b', 0);
        }
      },
    ],
    [
      'that are idle but for keepalives of one side, with handshakes that nothing else follows',
      (t, tunnel) => {
        for (let round = 0; round < 5; round++) {
          wireguardHandshake(t, 1 + round * 125, tunnel);
          for (let index = 1; index < 5; index++)
            sendTransport(t, 1 + round * 125 + index * 25, tunnel, 'a', 0);
        }
      },
    ],
    [
      'whose client moves and is followed',
      (t, tunnel) => {
        const left = wireguardTalk(t, tunnel, { at: wireguardHandshake(t, 1, tunnel), count: 20 });
        tunnel.a.socket = { ...client, port: 5122 };
        // A packet to the old socket was on its way.
        sendTransport(t, left + 0.99, tunnel, 'b', 80);
        tunnel.b.endpoint = tunnel.a.socket;
        wireguardTalk(t, tunnel, { at: left + 1, count: 40 });
      },
    ],
    [
      'of two clients behind one NAT, one of which ends',
      (t, tunnel) => {
        wireguardTalk(t, tunnel, { at: wireguardHandshake(t, 1, tunnel), count: 20 });
        for (let index = 0; index < 5; index++) sendTransport(t, 20 + index * 4, tunnel, 'b', 80);
        const other = wireguardTunnel(t, { ...client, port: 40_404 }, server);
        wireguardTalk(t, other, { at: wireguardHandshake(t, 22, other), count: 40 });
      },
    ],
  ])('%s are silent', async (_, talk) => {
    expect(await problemsOf(talk, 640)).toEqual({});
  });
});

describe('wireguard.no-response', () => {
  it('is an error where nothing ever answers', async () => {
    const [problem] = await judged(noResponse, (t, tunnel) => initiations(t, tunnel, 'a', 1, 6));
    expect(problem).toMatchObject({
      result: 'problem',
      severity: 'error',
      counts: { initiations: 6, packetsBack: 0 },
      direction: { from: client.address, to: server.address },
      ongoingAtEnd: true,
    });
  });

  it('needs three over ten seconds', async () => {
    expect(await problemsOf((t, tunnel) => initiations(t, tunnel, 'a', 1, 2))).toEqual({});
  });

  it('is a warning where the tunnel works later, information where a client may be off', async () => {
    const recovered: Talk = (t, tunnel) => {
      wireguardTalk(t, tunnel, {
        at: wireguardHandshake(t, initiations(t, tunnel, 'a', 1, 4), tunnel),
        count: 9,
      });
    };
    expect(await problemsOf(recovered)).toEqual({ [noResponse.id]: 'warning' });
    const off: Talk = (t, tunnel) => {
      wireguardTalk(t, tunnel, { at: wireguardHandshake(t, 1, tunnel), count: 9 });
      initiations(t, tunnel, 'b', 40, 6);
    };
    expect(await problemsOf(off)).toEqual({ [noResponse.id]: 'info' });
  });

  it('is none where the initiator has got a response that the capture lacks', async () => {
    const oneSided: Talk = (t, tunnel) => {
      for (let round = 0; round < 4; round++) {
        sendInitiation(t, 1 + round * REKEY, tunnel, 'a');
        tunnel.b.index = t.random.next();
        tunnel.a.counter = 0n;
        for (let index = 0; index < 5; index++)
          sendTransport(t, 1.1 + round * REKEY + index, tunnel, 'a', 100);
      }
    };
    expect(await problemsOf(oneSided)).toEqual({});
  });
});

describe('wireguard.endpoint-stale', () => {
  const moved = (t: Timeline, tunnel: WireguardTunnel): void => {
    const left = wireguardTalk(t, tunnel, { at: wireguardHandshake(t, 1, tunnel), count: 20 });
    tunnel.a.socket = { ...client, port: 49_379 };
    for (let at = left + 10; at < left + 60; at += REKEY) {
      sendInitiation(t, at, tunnel, 'a');
      sendInitiation(t, at + 0.6, tunnel, 'b');
    }
  };

  it('finds a peer by its address, and by an index of the session for sure', async () => {
    expect(await judged(endpointStale, moved)).toMatchObject([
      {
        result: 'problem',
        confidence: 'medium',
        counts: { packetsToOld: 11, packetsFromNew: 10, packetsToNew: 0 },
        lastGood: { frame: 42 },
      },
    ]);
    const withData: Talk = (t, tunnel) => {
      const left = wireguardTalk(t, tunnel, { at: wireguardHandshake(t, 1, tunnel), count: 20 });
      tunnel.a.socket = { ...client, address: '203.0.113.88', port: 5122 };
      for (let index = 0; index < 12; index++) {
        sendTransport(t, left + 1 + index * 2, tunnel, 'a', 90);
        sendTransport(t, left + 1.4 + index * 2, tunnel, 'b', 90);
      }
    };
    expect(await judged(endpointStale, withData)).toMatchObject([{ result: 'problem', confidence: 'high' }]);
  });

  it('is a warning where the other peer follows late', async () => {
    const late: Talk = (t, tunnel) => {
      moved(t, tunnel);
      tunnel.b.endpoint = tunnel.a.socket;
      wireguardTalk(t, tunnel, { at: wireguardHandshake(t, 100, tunnel), count: 20 });
    };
    expect((await problemsOf(late))[endpointStale.id]).toBe('warning');
  });
});

describe('wireguard.handshake-loop', () => {
  it('tells responses that are not taken from data that does not come back', async () => {
    const refused: Talk = (t, tunnel) => {
      for (let index = 0; index < 6; index++) {
        sendInitiation(t, 1 + index * REKEY, tunnel, 'a');
        sendResponse(t, 1.02 + index * REKEY, tunnel, 'b');
      }
    };
    expect(await judged(handshakeLoop, refused)).toMatchObject([
      { result: 'problem', counts: { handshakes: 6, confirmed: 0 } },
    ]);
    expect(await problemsOf(refused)).toEqual({ [handshakeLoop.id]: 'error' });
    const filtered: Talk = (t, tunnel) => {
      for (let index = 0; index < 4; index++) {
        const done = wireguardHandshake(t, 1 + index * 15, tunnel);
        sendTransport(t, done, tunnel, 'a', 100);
      }
    };
    expect(await judged(handshakeLoop, filtered)).toMatchObject([
      { result: 'problem', counts: { handshakes: 4, confirmed: 4 } },
    ]);
  });

  it('is none of three restarts that worked', async () => {
    const restarts: Talk = (t, tunnel) => {
      for (let index = 0; index < 4; index++) {
        wireguardTalk(t, tunnel, { at: wireguardHandshake(t, 1 + index * 20, tunnel), count: 3 });
      }
    };
    expect(await problemsOf(restarts)).toEqual({});
  });
});

describe('wireguard.keepalive-missing', () => {
  const keepalives = (t: Timeline, tunnel: WireguardTunnel, at: number, count: number): void => {
    wireguardHandshake(t, at, tunnel);
    for (let index = 1; index < count; index++) sendTransport(t, at + index * 25, tunnel, 'a', 0);
  };
  const paused: Talk = (t, tunnel) => {
    keepalives(t, tunnel, 1, 6);
    keepalives(t, tunnel, 300, 4);
  };

  it('counts those that are missing', async () => {
    expect(await judged(keepaliveMissing, paused, 400)).toMatchObject([
      { result: 'problem', counts: { pauses: 1, missed: 6, periodSeconds: 25 }, confidence: 'medium' },
    ]);
  });

  it('does not judge a pause of the whole capture', async () => {
    expect(await judged(keepaliveMissing, paused)).toMatchObject([{ result: 'insufficient-data' }]);
  });

  it('is information where a client ends', async () => {
    expect(await problemsOf((t, tunnel) => keepalives(t, tunnel, 1, 6), 400)).toEqual({
      [keepaliveMissing.id]: 'info',
    });
  });

  it('leaves a peer that asks and gets no answer to others', async () => {
    const asking: Talk = (t, tunnel) => {
      keepalives(t, tunnel, 1, 6);
      initiations(t, tunnel, 'a', 160, 20);
    };
    expect(await problemsOf(asking, 400)).toEqual({ [noResponse.id]: 'error' });
  });
});

describe('the state of a tunnel', () => {
  it.each<[string, Talk]>([
    ['up', (t, tunnel) => wireguardSession(t, tunnel, 1, 60)],
    ['failed', (t, tunnel) => initiations(t, tunnel, 'a', 1, 6)],
    ['negotiating', (t, tunnel) => sendInitiation(t, 1, tunnel, 'a')],
    [
      'one-way',
      (t, tunnel) => {
        for (let index = 0; index < 9; index++) sendTransport(t, index, tunnel, 'a', 100);
      },
    ],
  ])('is %s', async (state, talk) => {
    const { evidence } = await runOf(talk);
    expect([...view.describe(evidence)].map((tunnel) => tunnel.state)).toEqual([state]);
  });
});
