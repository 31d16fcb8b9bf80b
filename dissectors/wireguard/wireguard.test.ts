import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concat, random, zeros } from '../../test/build/bytes.js';
import type { TestFrame } from '../../test/build/frame-source.js';
import { type RecordedRow, rowRecorder } from '../../test/build/recorded-rows.js';
import { runFrames } from '../../test/build/run-capture.js';
import { timeline } from '../../test/build/scenario.js';
import {
  cookieReply,
  initiation,
  response,
  sendInitiation,
  sendTransport,
  transport,
  wireguardHandshake,
  wireguardTalk,
  wireguardTunnel,
} from '../../test/build/wireguard.js';
import { wireguardFlows } from './correlator.js';
import wireguard from './dissector.js';
import view from './tunnel.js';

const PARTS = { dissectors: [wireguard], correlators: [wireguardFlows] };
const START_NS = 1_700_000_000_000_000_000n;
const a = { address: '192.0.2.1', mac: '02:00:00:00:00:01', ttl: 64, port: 43_911 };
const b = { address: '198.51.100.7', mac: '02:00:00:00:00:02', ttl: 57, port: 51_820 };
const OTHER_PORT = 9999;

function datagrams(payloads: readonly Uint8Array[], port = b.port): readonly TestFrame[] {
  const t = timeline(START_NS);
  for (const [index, payload] of payloads.entries()) t.sendUdp(index * 0.01, a, { ...b, port }, payload);
  return t.frames();
}

async function rowsOf(frames: readonly TestFrame[]): Promise<readonly RecordedRow['values'][]> {
  const recorder = rowRecorder(wireguard);
  const run = await runFrames(frames, { dissectors: [wireguard], correlators: [recorder] });
  return run.sessions(recorder).map(({ values }) => values);
}

describe('messages of WireGuard', () => {
  const bytes = random(5);
  const messages = [
    initiation(bytes, 0x11223344),
    response(bytes, 0x55667788, 0x11223344),
    cookieReply(bytes, 0x11223344),
    transport(bytes, 0xf1223344, 0x1_0000_0005n, 84),
    transport(bytes, 0xf1223344, 6n, 0),
  ];

  it('are read with indices and counters', async () => {
    expect(await rowsOf(datagrams(messages))).toMatchObject([
      { type: 1, length: 148, sender: 0x11223344, receiver: 0 },
      { type: 2, length: 92, sender: 0x55667788, receiver: 0x11223344 },
      { type: 3, length: 64, sender: 0, receiver: 0x11223344 },
      { type: 4, length: 128, receiver: 0xf1223344, counterLow: 5, counterHigh: 1 },
      { type: 4, length: 32, receiver: 0xf1223344, counterLow: 6, counterHigh: 0 },
    ]);
  });

  it('have an exact length and three zero bytes', async () => {
    const wrong = [
      messages[0].subarray(0, 147),
      concat(messages[1], zeros(1)),
      concat(messages[2], zeros(16)),
      messages[4].subarray(0, 31),
      messages[3].map((byte, index) => (index === 2 ? 1 : byte)),
      zeros(148),
    ];
    const run = await runFrames(datagrams(wrong), PARTS);
    expect(run.sessions(wireguardFlows)).toEqual([]);
    expect(run.evidence.quality.malformedHeaders).toBe(wrong.length);
  });

  it('are recognised on other ports: a handshake at once, data by a second packet', async () => {
    const onOther = async (payloads: readonly Uint8Array[]): Promise<number> =>
      (await rowsOf(datagrams(payloads, OTHER_PORT))).length;
    expect(await onOther([messages[0]])).toBe(1);
    expect(await onOther([messages[3]])).toBe(0);
    const data = Array.from({ length: 4 }, (_, index) => transport(bytes, 7_000_000, BigInt(index), 1420));
    expect(await onOther(data)).toBe(4);
    const plain = data.map((packet) => concat(packet.subarray(0, 16), zeros(packet.length - 16)));
    expect(await onOther(plain)).toBe(0);
    expect(await onOther([concat(messages[0].subarray(0, 8), zeros(140))])).toBe(0);
  });

  it('survive truncation at every byte and any payload', async () => {
    const cut = messages.flatMap((message) => {
      const [frame] = datagrams([message]);
      return Array.from({ length: frame.bytes.length }, (_, length) => ({
        timeNs: frame.timeNs,
        bytes: frame.bytes.subarray(0, length),
        originalLength: frame.bytes.length,
      }));
    });
    const run = await runFrames(cut, PARTS);
    expect(run.evidence.quality.truncatedHeaders).toBeGreaterThan(0);
    expect(run.evidence.quality.malformedHeaders).toBe(0);
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 160 }),
        fc.constantFrom(b.port, OTHER_PORT),
        async (payload, port) => {
          await runFrames(datagrams([payload], port), PARTS);
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe('flows of WireGuard', () => {
  it('tell handshakes, data and keepalives', async () => {
    const t = timeline(START_NS);
    const tunnel = wireguardTunnel(t, a, b);
    const done = wireguardHandshake(t, 1, tunnel);
    wireguardTalk(t, tunnel, { at: done + 0.1, count: 5 });
    const run = await runFrames(t.frames(), PARTS);
    const [flow] = run.sessions(wireguardFlows);
    expect(flow.handshakes).toMatchObject([
      {
        initiation: { frame: 1 },
        response: { frame: 2 },
        confirmed: { frame: 3 },
        dataBack: { frame: 5 },
        cookie: null,
      },
    ]);
    expect(flow.directions).toMatchObject([
      { from: { port: 43_911 }, dataPackets: 5, keepalives: 1, packets: 7 },
      { from: { port: 51_820 }, dataPackets: 5, keepalives: 0, packets: 6, unanswered: { packets: 1 } },
    ]);
    expect(run.evidence.quality.hearsPeer.find(b.address, a.address)?.via).toContain('WireGuard');
  });

  it('learn the period of keepalives from idle times alone', async () => {
    const t = timeline(START_NS);
    const tunnel = wireguardTunnel(t, a, b);
    wireguardHandshake(t, 1, tunnel);
    for (let index = 1; index < 5; index++) sendTransport(t, 1 + index * 25, tunnel, 'a', 0);
    for (let index = 0; index < 9; index++) {
      // Answers to data leave after 10 s.
      sendTransport(t, 130 + index * 12, tunnel, 'a', 200);
      sendTransport(t, 140 + index * 12, tunnel, 'b', 0);
    }
    const [flow] = (await runFrames(t.frames(), PARTS)).sessions(wireguardFlows);
    const [there, back] = flow.directions.map(({ keepalivePeriodNs }) => keepalivePeriodNs / 1e9);
    expect(there).toBeCloseTo(25, 0);
    expect(back).toBeNaN();
  });

  it('are the same for any chunking', async () => {
    const t = timeline(START_NS);
    const tunnel = wireguardTunnel(t, a, b);
    for (let round = 0; round < 90; round++) sendInitiation(t, round * 5, tunnel, 'a');
    wireguardTalk(t, tunnel, { at: 500, count: 50 });
    const whole = (await runFrames(t.frames(), PARTS)).sessions(wireguardFlows);
    expect((await runFrames(t.frames(), PARTS, 3)).sessions(wireguardFlows)).toEqual(whole);
    expect(whole).toMatchObject([{ handshakesDropped: 26 }]);
    expect(whole[0].handshakes).toHaveLength(64);
  });

  it('make up tunnels, which their peers do not leave by moving', async () => {
    const t = timeline(START_NS);
    const tunnel = wireguardTunnel(t, a, b);
    const done = wireguardHandshake(t, 1, tunnel);
    const left = wireguardTalk(t, tunnel, { at: done + 0.1, count: 5 });
    tunnel.a.socket = { ...a, address: '203.0.113.88', port: 5122 };
    tunnel.b.endpoint = tunnel.a.socket;
    wireguardTalk(t, tunnel, { at: left + 1, count: 5 });
    const { evidence } = await runFrames(t.frames(), PARTS);
    expect([...view.describe(evidence)]).toMatchObject([
      {
        kind: 'wireguard',
        state: 'up',
        endpoints: ['198.51.100.7', '203.0.113.88'],
        directions: [{ packets: 11 }, { packets: 12 }],
        facts: { handshakes: 1, sockets: ['192.0.2.1:43911', '198.51.100.7:51820', '203.0.113.88:5122'] },
      },
    ]);
  });
});
