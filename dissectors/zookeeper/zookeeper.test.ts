import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Diagnosis, Judgement } from '../../src/diagnose/diagnosis.js';
import { ascii, concat } from '../../test/build/bytes.js';
import { type CaptureRun, reportFrames, runFrames } from '../../test/build/run-capture.js';
import { Talk } from '../../test/build/talk.js';
import {
  ZK_PING,
  zkClose,
  zkConnectRequest,
  zkConnectResponse,
  zkReply,
  zkRequest,
} from '../../test/build/zookeeper.js';
import { icmpErrors } from '../icmp/correlator.js';
import icmp from '../icmp/dissector.js';
import { catalogue } from '../index.js';
import { tcpConnections, tcpServices } from '../tcp/correlator.js';
import tcpDissector from '../tcp/dissector.js';
import { zookeeperConversations } from './correlator.js';
import notOk from './diagnoses/not-ok.js';
import sessionExpired from './diagnoses/session-expired.js';
import unreachable from './diagnoses/unreachable.js';
import zookeeperDissector from './dissector.js';

const client = { address: '192.0.2.1', mac: '02:00:00:00:00:01', ttl: 64, port: 40_000 };
const server = { address: '192.0.2.40', mac: '02:00:00:00:00:02', ttl: 64, port: 2181 };
const parts = {
  dissectors: [zookeeperDissector, tcpDissector, icmp],
  correlators: [zookeeperConversations, tcpConnections, tcpServices, icmpErrors],
};

const talk = (port = 2181): Talk => new Talk(client, { ...server, port });
const run = (given: Talk, framesPerChunk?: number): Promise<CaptureRun> =>
  runFrames(given.frames(), parts, framesPerChunk);

async function judge(diagnosis: Diagnosis, given: Talk): Promise<Judgement[]> {
  return (await run(given)).judge(diagnosis);
}

const results = (judgements: readonly Judgement[]): string[] => judgements.map(({ result }) => result);

describe('ZooKeeper messages', () => {
  const session = (): Talk =>
    talk()
      .handshake(0)
      .data(0.01, 'client', zkConnectRequest(30_000))
      .data(0.02, 'server', zkConnectResponse(20_000, 0x1234n))
      .data(0.03, 'client', concat(zkRequest(1), ZK_PING))
      .data(0.04, 'server', concat(zkReply(1), zkReply(-2)))
      .data(0.05, 'client', zkClose(7));

  it('open and keep a session', async () => {
    const [conversation] = (await run(session())).sessions(zookeeperConversations);
    expect(conversation).toMatchObject({
      client: '192.0.2.1',
      clientPort: 40_000,
      server: '192.0.2.40',
      timeoutMs: 20_000,
      connects: 1,
      pings: 1,
      pingReplies: 1,
      refused: [],
      expired: [],
      openSilence: null,
    });
  });

  it('may be cut into segments anywhere, as the capture into chunks', async () => {
    const bytes = concat(zkConnectRequest(30_000), zkRequest(1), ZK_PING);
    for (let at = 1; at < bytes.length; at++) {
      const split = talk()
        .handshake(0)
        .data(0.01, 'client', bytes.slice(0, at))
        .data(0.02, 'client', bytes.slice(at));
      const [conversation] = (await run(split, 2)).sessions(zookeeperConversations);
      expect([conversation.connects, conversation.pings], `${at}`).toEqual([1, 1]);
    }
  });

  it('may be any bytes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 200 }), async (bytes) => {
        const given = talk().handshake(0).data(0.01, 'client', bytes).data(0.02, 'server', bytes);
        const { evidence } = await run(given);
        expect(evidence.sessions(zookeeperConversations).length).toBeLessThanOrEqual(1);
      }),
      { numRuns: 50 },
    );
  });
});

describe('zk.not-ok', () => {
  const asked = (answer: string | null): Talk => {
    const given = talk().handshake(0).data(0.01, 'client', ascii('ruok\n'));
    return answer === null ? given : given.data(0.02, 'server', ascii(answer));
  };

  it.each([
    ['imok', 'healthy'],
    ['ruok is not executed because it is not in the whitelist.\n', 'healthy'],
    ['This ZooKeeper instance is not currently serving requests\n', 'problem'],
    ['HTTP/1.1 400 Bad Request\r\n', 'problem'],
  ])('judges the answer %s', async (answer, result) => {
    expect(results(await judge(notOk, asked(answer)))).toEqual([result]);
  });

  it('gives the server five seconds', async () => {
    expect(results(await judge(notOk, asked(null)))).toEqual(['insufficient-data']);
    expect(results(await judge(notOk, asked(null).until(4)))).toEqual(['insufficient-data']);
    expect(results(await judge(notOk, asked(null).until(6)))).toEqual(['problem']);
  });

  it('takes a connection that is closed without answer for one', async () => {
    expect(results(await judge(notOk, asked(null).say(0.02, 'server', ['FIN', 'ACK'])))).toEqual(['problem']);
    expect(results(await judge(notOk, asked('imok').say(0.03, 'server', ['FIN', 'ACK'])))).toEqual([
      'healthy',
    ]);
  });

  it('knows nothing of a server that nobody asked', async () => {
    expect(await judge(notOk, talk().handshake(0).data(0.1, 'client', ascii('stat\n')))).toEqual([]);
  });
});

describe('zk.session-expired', () => {
  const open = (): Talk =>
    talk()
      .handshake(0)
      .data(0.01, 'client', zkConnectRequest(30_000))
      .data(0.02, 'server', zkConnectResponse(30_000, 0x1234n));

  it('believes the server', async () => {
    const refused = talk()
      .handshake(0)
      .data(0.01, 'client', zkConnectRequest(30_000, 0x1234n))
      .data(0.02, 'server', zkConnectResponse(0, 0n));
    expect(results(await judge(sessionExpired, refused))).toEqual(['problem']);
    const expired = open().data(1, 'client', zkRequest(2)).data(1.1, 'server', zkReply(2, -112));
    expect(results(await judge(sessionExpired, expired))).toEqual(['problem']);
    const missing = open().data(1, 'client', zkRequest(2)).data(1.1, 'server', zkReply(2, -101));
    expect(results(await judge(sessionExpired, missing))).toEqual(['healthy']);
  });

  it('measures silence against the timeout of the session', async () => {
    const silent = open().data(10, 'client', ZK_PING).data(20, 'client', ZK_PING);
    expect(results(await judge(sessionExpired, silent.until(29)))).toEqual(['healthy']);
    const longer = open().data(10, 'client', ZK_PING).data(20, 'client', ZK_PING);
    expect(results(await judge(sessionExpired, longer.until(31)))).toEqual(['problem']);
    const late = open().data(10, 'client', ZK_PING).data(32, 'server', zkReply(-2));
    expect(results(await judge(sessionExpired, late))).toEqual(['problem']);
    const inTime = open().data(10, 'client', ZK_PING).data(11, 'server', zkReply(-2));
    expect(results(await judge(sessionExpired, inTime.until(60)))).toEqual(['healthy']);
  });

  it('does not guess the timeout', async () => {
    const middle = talk().data(10, 'client', ZK_PING).data(20, 'client', ZK_PING).until(90);
    expect(results(await judge(sessionExpired, middle))).toEqual(['insufficient-data']);
  });

  it('lets a client go', async () => {
    const closed = open().data(10, 'client', ZK_PING).data(10.1, 'client', zkClose(7)).until(90);
    expect(results(await judge(sessionExpired, closed))).toEqual(['healthy']);
  });
});

describe('nsdb.unreachable', () => {
  const refused = (port: number, times: readonly number[]): Talk => {
    const given = talk(port);
    for (const at of times) given.say(at, 'client', ['SYN']).say(at + 0.001, 'server', ['RST', 'ACK']);
    return given;
  };

  it.each([2181, 9042])('reports port %i that refuses or does not answer', async (port) => {
    expect(
      await judge(unreachable, talk(port).say(0, 'client', ['SYN']).say(1, 'client', ['SYN']).until(9)),
    ).toMatchObject([{ result: 'problem', severity: 'info' }]);
    expect(results(await judge(unreachable, talk(port).handshake(0)))).toEqual(['healthy']);
  });

  it('leaves other ports to other rules', async () => {
    expect(await judge(unreachable, refused(8080, [0, 4, 8]))).toEqual([]);
  });

  it('waits for an answer', async () => {
    expect(results(await judge(unreachable, talk().say(0, 'client', ['SYN']).until(2)))).toEqual([
      'insufficient-data',
    ]);
  });

  it('has what TCP says of the same endpoint as its consequence, though that is the protocol’s own word', async () => {
    const { findings } = await reportFrames(refused(2181, [0]).until(9).frames(), catalogue);
    const own = findings.find(({ id }) => id === 'nsdb.unreachable');
    expect(findings.find(({ id }) => id === 'tcp.refused')?.causedBy).toEqual([own?.key]);
    const elsewhere = await reportFrames(refused(8080, [0]).until(9).frames(), catalogue);
    expect(elsewhere.findings.find(({ id }) => id === 'tcp.refused')?.causedBy).toBeUndefined();
  });
});
