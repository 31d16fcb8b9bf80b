import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hex } from '../../test/build/bytes.js';
import type { TestFrame } from '../../test/build/frame-source.js';
import { fragmentIpv4, IP_PROTOCOL, ip } from '../../test/build/ip.js';
import { ETHER_TYPE, ethernet } from '../../test/build/link.js';
import { type CaptureRun, runFrames } from '../../test/build/run-capture.js';
import { tcp as segmentBytes, type Tcp } from '../../test/build/tcp.js';
import correlators, { type TcpConnection, tcpChecksums, tcpConnections } from './correlator.js';
import tcp from './dissector.js';

const PARTS = { dissectors: [tcp], correlators };
const MACS = { source: '00:00:5e:00:53:01', destination: '00:00:5e:00:53:02' };
const START_NS = 1_772_489_645_000_000_000n;
const CLIENT = { address: '192.0.2.1', port: 49_152 };
const SERVER = { address: '198.51.100.7', port: 443 };
const CLIENT_ISN = 1000;
const SERVER_ISN = 0xffff_ff00;

/** Segments of one connection, 10 ms apart. */
class Exchange {
  readonly frames: TestFrame[] = [];

  send(from: 'client' | 'server', segment: Partial<Tcp> & { length?: number }): this {
    const [source, destination] = from === 'client' ? [CLIENT, SERVER] : [SERVER, CLIENT];
    const bytes = segmentBytes({
      source: source.address,
      destination: destination.address,
      sourcePort: source.port,
      destinationPort: destination.port,
      sequence: 0,
      flags: ['ACK'],
      payload: new Uint8Array(segment.length ?? 0).fill(7),
      ...segment,
    });
    const addresses = { source: source.address, destination: destination.address };
    return this.sendIp(ip({ ...addresses, protocol: IP_PROTOCOL.tcp, payload: bytes }));
  }

  sendIp(packet: Uint8Array): this {
    const timeNs = START_NS + BigInt(this.frames.length) * 10_000_000n;
    const etherType = (packet[0] ?? 0) >> 4 === 6 ? ETHER_TYPE.ipv6 : ETHER_TYPE.ipv4;
    this.frames.push({ timeNs, bytes: ethernet({ ...MACS, etherType, payload: packet }) });
    return this;
  }

  handshake(): this {
    return this.send('client', { sequence: CLIENT_ISN, flags: ['SYN'] })
      .send('server', { sequence: SERVER_ISN, acknowledgment: CLIENT_ISN + 1, flags: ['SYN', 'ACK'] })
      .send('client', { sequence: CLIENT_ISN + 1, acknowledgment: SERVER_ISN + 1 });
  }

  /** Data of the server at an offset of its stream; the numbers wrap around in its middle. */
  data(offset: number, length: number): this {
    return this.send('server', { sequence: serverNumber(offset), acknowledgment: CLIENT_ISN + 1, length });
  }

  ack(offset: number): this {
    return this.send('client', { sequence: CLIENT_ISN + 1, acknowledgment: serverNumber(offset) });
  }

  run(): Promise<CaptureRun> {
    return runFrames(this.frames, PARTS);
  }

  async connection(): Promise<TcpConnection> {
    const [connection, ...others] = (await this.run()).sessions(tcpConnections);
    expect(others).toEqual([]);
    if (!connection) throw new Error('no connection');
    return connection;
  }
}

function serverNumber(offset: number): number {
  return (SERVER_ISN + 1 + offset) >>> 0;
}

describe('the dissector', () => {
  // Source 443, destination 49152, sequence 0xFFFFFF01, acknowledgment 1001, 32 bytes of header, PSH ACK, window 502.
  const HEADER = hex(`
    01bb c000 ffffff01 000003e9 8018 01f6 1234 0000
    0101080a 00000001 00000002  // options: timestamps
    68656c6c6f                  // payload
  `);

  const packet = (payload: Uint8Array): Uint8Array =>
    ip({ source: SERVER.address, destination: CLIENT.address, protocol: IP_PROTOCOL.tcp, payload });

  it('counts payload without header and options', async () => {
    const { a, b, firstFrame } = await new Exchange().sendIp(packet(HEADER)).connection();
    expect(firstFrame).toBe(1);
    expect(a).toMatchObject({ address: CLIENT.address, port: 49_152, segments: 0 });
    expect(b).toMatchObject({ address: SERVER.address, port: 443, segments: 1, payloadBytes: 5 });
  });

  it('tells a truncated header from a contradictory one at every length', async () => {
    for (let length = 0; length < 20; length++) {
      const cut = await new Exchange().sendIp(packet(HEADER.slice(0, length))).run();
      expect(cut.sessions(tcpConnections), `${length} bytes`).toEqual([]);
      expect(cut.evidence.quality.malformedHeaders, `${length} bytes`).toBe(1);
    }
    const whole = packet(HEADER);
    for (let length = 34; length < 14 + whole.length; length++) {
      const frame = new Exchange().sendIp(whole).frames[0];
      const bytes = frame?.bytes.slice(0, length) ?? new Uint8Array();
      const { evidence } = await runFrames(
        [{ timeNs: START_NS, bytes, originalLength: 14 + whole.length }],
        PARTS,
      );
      expect(evidence.quality.malformedHeaders, `${length} bytes`).toBe(0);
      expect(evidence.quality.truncatedHeaders, `${length} bytes`).toBe(length < 54 ? 1 : 0);
    }
  });

  it('refuses a data offset beyond the segment', async () => {
    const contradictory = HEADER.slice();
    contradictory[12] = 0xf0;
    const { evidence } = await new Exchange().sendIp(packet(contradictory)).run();
    expect(evidence.quality.malformedHeaders).toBe(1);
  });

  it('never throws on random bytes', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ maxLength: 80 }), { minLength: 1, maxLength: 20 }),
        async (packets) => {
          const exchange = new Exchange();
          for (const bytes of packets) exchange.sendIp(packet(bytes));
          await exchange.run();
        },
      ),
      { numRuns: 30 },
    );
  });

  it.each([
    ['IPv4', '192.0.2.1', '198.51.100.7'],
    ['IPv6', '2001:db8::1', '2001:db8:ffff::7'],
  ])(
    'knows the pseudo-header sum that offload leaves in the checksum over %s',
    async (_, source, destination) => {
      const exchange = new Exchange();
      for (const checksum of ['offload', 'correct', 'offload'] as const) {
        const payload = segmentBytes({
          source,
          destination,
          sourcePort: 1,
          destinationPort: 2,
          sequence: 3,
          flags: ['ACK'],
          payload: hex('010203'),
          checksum,
        });
        exchange.sendIp(ip({ source, destination, protocol: IP_PROTOCOL.tcp, payload }));
      }
      const [checksums] = (await exchange.run()).sessions(tcpChecksums);
      expect(checksums).toMatchObject({ segments: 3, pending: 2 });
      expect(checksums?.examples.map(({ frame }) => frame)).toEqual([1, 3]);
    },
  );
});

describe('a connection', () => {
  it('keeps both directions and what opened and closed it', async () => {
    const connection = await new Exchange()
      .handshake()
      .data(0, 600)
      .ack(600)
      .send('server', { sequence: serverNumber(600), acknowledgment: CLIENT_ISN + 1, flags: ['FIN', 'ACK'] })
      .send('client', { sequence: CLIENT_ISN + 1, acknowledgment: serverNumber(601), flags: ['RST'] })
      .connection();
    expect(connection.a).toMatchObject({ sentSyn: true, sentFin: false, sentRst: true, ackAdvanced: true });
    expect(connection.b).toMatchObject({ sentSyn: true, sentFin: true, sentRst: false, payloadBytes: 600 });
    expect(connection.b.uncapturedAcks + connection.a.uncapturedAcks).toBe(0);
  });

  it('begins anew where a SYN with another number uses its ports again', async () => {
    const run = await new Exchange()
      .handshake()
      .data(0, 100)
      .ack(100)
      .send('client', { sequence: CLIENT_ISN, flags: ['SYN'] })
      .send('client', { sequence: 77_000, flags: ['SYN'] })
      .send('client', { sequence: 77_000, flags: ['SYN'] })
      .run();
    const counts = run.sessions(tcpConnections).map(({ a, b }) => [a.segments, b.segments]);
    expect(counts).toEqual([
      [4, 2],
      [2, 0],
    ]);
  });

  it('takes no number from what an older connection of its ports still says', async () => {
    const old = { sequence: 0x9b00_0000, acknowledgment: 0x6600_0000 };
    for (const stale of [old, { ...old, length: 20 }]) {
      const [connection] = (
        await new Exchange()
          .send('client', { sequence: CLIENT_ISN, flags: ['SYN'] })
          .send('server', stale)
          .send('client', { sequence: old.acknowledgment, flags: ['RST'] })
          .handshake()
          .data(0, 100)
          .ack(100)
          .run()
      ).sessions(tcpConnections);
      expect(connection.a).toMatchObject({ uncapturedAcks: 0, uncapturedBytes: 0, ackAdvanced: true });
      expect(connection.b).toMatchObject({ uncapturedAcks: 0, uncapturedBytes: 0 });
    }
    const fromTheMiddle = await new Exchange()
      .send('server', { ...old, length: 20 })
      .send('client', { sequence: old.acknowledgment, acknowledgment: old.sequence + 20 })
      .send('server', { sequence: SERVER_ISN, acknowledgment: CLIENT_ISN + 1, flags: ['SYN', 'ACK'] })
      .send('client', { sequence: CLIENT_ISN + 1, acknowledgment: SERVER_ISN + 1 })
      .data(0, 100)
      .ack(100)
      .connection();
    expect(fromTheMiddle.b).toMatchObject({ uncapturedAcks: 0, uncapturedBytes: 0 });
  });

  it('proves once a direction that a host hears its peer', async () => {
    const { evidence } = await new Exchange().handshake().data(0, 10).ack(10).data(10, 10).ack(20).run();
    const hearing = evidence.quality.hearsPeer.find(CLIENT.address, SERVER.address);
    expect(hearing).toMatchObject({ count: 1, first: { frame: 5 } });
    expect(evidence.quality.hearsPeer.find(SERVER.address, CLIENT.address)).toBeNull();
  });
});

describe('ACKs of data that the capture does not hold', () => {
  it('are counted where data is missing at the front, in the middle and across the wrap of the numbers', async () => {
    const { b } = await new Exchange()
      .handshake()
      .data(0, 200)
      .ack(400)
      .data(400, 100)
      .data(600, 100)
      .ack(700)
      .ack(900)
      .connection();
    expect(b).toMatchObject({ uncapturedAcks: 3, uncapturedBytes: 500 });
    expect(b.uncapturedAt.map(({ frame }) => frame)).toEqual([5, 8, 9]);
  });

  it('are taken back where the data stands behind its ACK', async () => {
    const { b } = await new Exchange().handshake().ack(500).data(0, 500).ack(500).connection();
    expect(b).toMatchObject({ uncapturedAcks: 0, uncapturedBytes: 0, uncapturedAt: [] });
  });

  it.each([
    [
      'loss that the sender repairs',
      (t: Exchange) => t.data(0, 100).data(200, 100).ack(100).data(100, 100).ack(300),
    ],
    ['loss that nobody repairs', (t: Exchange) => t.data(0, 100).data(200, 100).ack(100).ack(100)],
    ['reordering', (t: Exchange) => t.data(100, 100).data(0, 100).ack(200)],
    ['a retransmission', (t: Exchange) => t.data(0, 100).data(0, 100).ack(100)],
    [
      'the probe of a keepalive, without and with its byte',
      (t: Exchange) => t.data(0, 100).ack(100).data(99, 0).ack(100).data(99, 1).ack(100),
    ],
  ])('are not seen in %s', async (_, send) => {
    const exchange = new Exchange().handshake();
    send(exchange);
    expect((await exchange.connection()).b.uncapturedAcks).toBe(0);
  });

  it('are not seen where the capture began in the middle', async () => {
    const { b } = await new Exchange()
      .ack(5000)
      .data(4999, 0)
      .ack(5000)
      .data(5000, 10)
      .ack(5010)
      .connection();
    expect(b.uncapturedAcks).toBe(0);
  });

  it('are not seen where the numbers jump further than any window', async () => {
    const { b } = await new Exchange()
      .handshake()
      .data(0, 10)
      .ack(1 << 28)
      .data(1 << 28, 10)
      .ack(1 << 29)
      .connection();
    expect(b.uncapturedAcks).toBe(0);
  });

  it('are not counted for a direction that sends fragmented segments', async () => {
    const payload = segmentBytes({
      source: SERVER.address,
      destination: CLIENT.address,
      sourcePort: SERVER.port,
      destinationPort: CLIENT.port,
      sequence: serverNumber(0),
      acknowledgment: CLIENT_ISN + 1,
      flags: ['ACK'],
      payload: new Uint8Array(1400),
    });
    const addresses = { source: SERVER.address, destination: CLIENT.address };
    const exchange = new Exchange().handshake();
    for (const fragment of fragmentIpv4(ip({ ...addresses, protocol: IP_PROTOCOL.tcp, payload }), 600)) {
      exchange.sendIp(fragment);
    }
    const run = await exchange.ack(1400).run();
    expect(run.sessions(tcpConnections).map(({ a, b }) => a.uncapturedAcks + b.uncapturedAcks)).toEqual([0]);
  });

  it('come to the same for any cut into chunks', async () => {
    const { frames } = new Exchange().handshake().data(0, 200).ack(400).data(600, 100).ack(700).ack(900);
    const whole = (await runFrames(frames, PARTS)).sessions(tcpConnections);
    for (const size of [1, 2, 3]) {
      expect((await runFrames(frames, PARTS, size)).sessions(tcpConnections)).toEqual(whole);
    }
  });
});
