import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Judgement } from '../../src/diagnose/diagnosis.js';
import { concat, hex, u32, zeros } from '../../test/build/bytes.js';
import { type CaptureRun, runFrames } from '../../test/build/run-capture.js';
import { Talk } from '../../test/build/talk.js';
import { CQL_READY, cql, cqlError, cqlStartup } from '../../test/build/zookeeper.js';
import { tcpConnections } from '../tcp/correlator.js';
import tcpDissector from '../tcp/dissector.js';
import { cassandraClients } from './correlator.js';
import error from './diagnoses/error.js';
import cassandraDissector from './dissector.js';

const client = { address: '192.0.2.1', mac: '02:00:00:00:00:01', ttl: 64, port: 40_000 };
const server = { address: '192.0.2.40', mac: '02:00:00:00:00:02', ttl: 64, port: 9042 };
const parts = {
  dissectors: [cassandraDissector, tcpDissector],
  correlators: [cassandraClients, tcpConnections],
};

const talk = (): Talk => new Talk(client, server).handshake(0);
const run = (given: Talk, framesPerChunk?: number): Promise<CaptureRun> =>
  runFrames(given.frames(), parts, framesPerChunk);
const results = (judgements: readonly Judgement[]): string[] => judgements.map(({ result }) => result);

/** A frame of version 5 around envelopes; the CRC-24 is given, the CRC-32 is not looked at. */
function framed(header: string, envelopes: Uint8Array): Uint8Array {
  return concat(hex(header), envelopes, zeros(4));
}

describe('messages of the CQL protocol', () => {
  it('are read in segments of any length', async () => {
    const bytes = concat(cql(5, zeros(0)), cqlStartup());
    for (let at = 1; at < bytes.length; at++) {
      const given = talk().data(0.1, 'client', bytes.slice(0, at)).data(0.2, 'client', bytes.slice(at));
      const [session] = (await run(given, 2)).sessions(cassandraClients);
      expect(session.startups, `${at}`).toBe(1);
    }
  });

  it('have a shorter header in versions 1 and 2', async () => {
    const old = concat(hex('82 00 00 00 00000006'), u32(0x1001), hex('0000'));
    const [session] = (await run(talk().data(0.1, 'server', old))).sessions(cassandraClients);
    expect(session.errors).toMatchObject([{ code: 0x1001, count: 1 }]);
  });

  it('are found in the frames of version 5', async () => {
    const unavailable = cql(0, concat(u32(0x1000), hex('0000')), true, 5);
    // 15 bytes, self-contained: 0f 00 02, and its CRC-24 by the definition (polynomial 1974f0b, start 875060).
    const header = concat(hex('0f 00 02'), crc24(hex('0f 00 02')));
    const given = talk()
      .data(0.1, 'client', cql(1, zeros(0), false, 5))
      .data(0.2, 'server', cql(2, zeros(0), true, 5))
      .data(0.3, 'server', framed(Buffer.from(header).toString('hex'), unavailable));
    const [session] = (await run(given)).sessions(cassandraClients);
    expect(session).toMatchObject({ startups: 1, accepted: 1 });
    expect(session.errors).toMatchObject([{ code: 0x1000, count: 1 }]);
  });

  it('may be any bytes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 200 }), async (bytes) => {
        const { evidence } = await run(talk().data(0.1, 'client', bytes).data(0.2, 'server', bytes));
        expect(evidence.sessions(cassandraClients).length).toBeLessThanOrEqual(1);
      }),
      { numRuns: 50 },
    );
  });
});

/** Bit by bit, most significant bit of each byte first; least significant byte first in the frame. */
function crc24(bytes: Uint8Array): Uint8Array {
  let crc = 0x875060;
  for (const byte of bytes) {
    for (let bit = 7; bit >= 0; bit--) {
      const top = ((crc >> 23) & 1) ^ ((byte >> bit) & 1);
      crc = ((crc << 1) & 0xff_ffff) ^ (top === 1 ? 0x974f0b : 0);
    }
  }
  return Uint8Array.of(crc & 0xff, (crc >> 8) & 0xff, crc >> 16);
}

describe('cassandra.error', () => {
  const opened = (): Talk => talk().data(0.1, 'client', cqlStartup()).data(0.2, 'server', CQL_READY);
  const judge = async (given: Talk): Promise<Judgement[]> => (await run(given)).judge(error);

  it('is silent on a connection that opens', async () => {
    expect(results(await judge(opened().until(60)))).toEqual(['healthy']);
  });

  it('tells errors of the server from those of a query', async () => {
    const unavailable = opened();
    for (const at of [1, 2, 3]) unavailable.data(at, 'server', cqlError(0x1000, 'no'));
    expect(await judge(unavailable)).toMatchObject([{ severity: 'warning', counts: { errors: 3 } }]);
    const syntax = opened();
    for (const at of [1, 2, 3]) syntax.data(at, 'server', cqlError(0x2000, 'no'));
    expect(await judge(syntax)).toMatchObject([{ severity: 'info', counts: { errors: 3 } }]);
    expect(await judge(opened().data(1, 'server', cqlError(0x1001, 'no')))).toMatchObject([
      { severity: 'info' },
    ]);
  });

  it('lets drivers try versions', async () => {
    const trial = talk()
      .data(0.1, 'client', cqlStartup())
      .data(0.2, 'server', cqlError(0x000a, 'Invalid or unsupported protocol version'))
      .data(0.3, 'client', cqlStartup())
      .data(0.4, 'server', CQL_READY);
    expect(results(await judge(trial))).toEqual(['healthy']);
  });

  it('reports that nobody gets in', async () => {
    const wrong = talk().data(0.1, 'client', cqlStartup()).data(0.2, 'server', cqlError(0x0100, 'no'));
    expect(await judge(wrong)).toMatchObject([{ severity: 'warning', counts: { errors: 1 } }]);
    const silent = talk().data(0.1, 'client', cqlStartup());
    expect(results(await judge(silent))).toEqual(['insufficient-data']);
    expect(await judge(silent.until(6))).toMatchObject([
      { result: 'problem', counts: { startupsWithoutAnswer: 1 } },
    ]);
  });
});
