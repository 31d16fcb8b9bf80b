import { describe, expect, it } from 'vitest';
import type { Diagnosis, Problem } from '../../src/diagnose/diagnosis.js';
import { concat, u32, zeros } from '../../test/build/bytes.js';
import { icmpEcho } from '../../test/build/icmp.js';
import { encryptedV2 } from '../../test/build/ikev2.js';
import { IP_PROTOCOL } from '../../test/build/ip.js';
import { type CaptureRun, runFrames } from '../../test/build/run-capture.js';
import {
  type EspTunnel,
  espExchange,
  espPacket,
  type Timeline,
  timeline,
} from '../../test/build/scenario.js';
import { type IkePeers, ikev2Handshake, ikev2Liveness } from '../../test/build/scenario-ike.js';
import { espPairs } from '../esp/correlator.js';
import { esp } from '../esp/dissector.js';
import { ike } from '../isakmp/correlator.js';
import isakmp from '../isakmp/dissector.js';
import { nattConversations } from './correlator.js';
import keepaliveMissing from './diagnoses/keepalive-missing.js';
import markerMissing from './diagnoses/marker-missing.js';
import { udpencap } from './dissector.js';

const CLIENT = { mac: '00:00:5e:00:53:0a', address: '192.0.2.1', ttl: 57 };
const SERVER = { mac: '00:00:5e:00:53:fe', address: '198.51.100.7', ttl: 64 };
const NAT = { inside: '10.0.0.2', outside: '192.0.2.1', port500: 1027, port4500: 61_244 } as const;
const OUTSIDE: IkePeers = { initiator: CLIENT, responder: SERVER, nat: { ...NAT, capturedAt: 'outside' } };

async function run(build: (t: Timeline) => void): Promise<CaptureRun> {
  const t = timeline(1_772_489_645_128_461_000n, 5);
  build(t);
  const correlators = [ike, espPairs, nattConversations];
  return runFrames(t.frames(), { dissectors: [isakmp, udpencap, esp], correlators });
}

function problems(capture: CaptureRun, diagnosis: Diagnosis): Problem[] {
  return capture.judge(diagnosis).filter((one): one is Problem => one.result === 'problem');
}

function send(t: Timeline, at: number, payload: Uint8Array, back = false): void {
  const [from, to] = back ? [SERVER, CLIENT] : [CLIENT, SERVER];
  t.sendUdp(at, { ...from, port: 4500 }, { ...to, port: 4500 }, payload);
}

describe('the framing on port 4500', () => {
  const draft = (t: Timeline, sequence: number): Uint8Array =>
    concat(zeros(8), u32(0xc300_0001), u32(sequence), t.random.bytes(120));

  it('without the marker is a mismatch, and its bytes are no ESP', async () => {
    const capture = await run((t) => {
      const { spis } = ikev2Handshake(t, { initiator: CLIENT, responder: SERVER }, { at: 1 });
      const request = { exchangeType: 37, messageId: 2, originalInitiator: true, response: false };
      const message = encryptedV2(spis, { ...request, encrypted: t.random.bytes(60) });
      for (const at of [2, 3, 5, 9, 17]) send(t, at, message);
      for (let n = 1; n <= 30; n++) send(t, 20 + n, draft(t, n));
    });
    expect(capture.sessions(espPairs)).toEqual([]);
    expect(problems(capture, markerMissing)).toMatchObject([
      { confidence: 'high', counts: { ikeWithoutMarker: 5, espOfDraft: 30, ofPeer: 0 } },
    ]);
  });

  it('of ESP behind the marker is told where it counts up behind one SPI', async () => {
    const marked = (n: number, spi: number) => (t: Timeline, sequence: number) =>
      send(t, 1 + n / 10, concat(zeros(4), u32(spi), u32(sequence), t.random.bytes(120)));
    const counting = await run((t) => {
      for (let n = 0; n < 40; n++) marked(n, 0xc300_0001)(t, 7 + n * 3);
    });
    expect(problems(counting, markerMissing)).toMatchObject([
      { confidence: 'high', counts: { ikeWithoutMarker: 0, espOfDraft: 0, espBehindMarker: 39 } },
    ]);
    const garbage = await run((t) => {
      for (let n = 0; n < 40; n++) marked(n, t.random.next())(t, t.random.next());
    });
    expect(problems(garbage, markerMissing)).toEqual([]);
  });

  it('of the old draft on both sides is information', async () => {
    const capture = await run((t) => {
      for (let n = 1; n <= 5; n++) {
        send(t, n, draft(t, n));
        send(t, n + 0.02, draft(t, n), true);
      }
    });
    const found = problems(capture, markerMissing);
    expect(found.map(({ severity }) => severity)).toEqual(['info', 'info']);
  });

  it('that is right is healthy: IKE, liveness, ESP', async () => {
    const capture = await run((t) => {
      const session = ikev2Handshake(t, OUTSIDE, { at: 1 });
      espExchange(t, tunnelOf(61_244), { at: 2, seconds: 10, intervalMs: 500 });
      ikev2Liveness(t, session, 15, 'initiator');
    });
    expect(problems(capture, markerMissing)).toEqual([]);
    expect(capture.judge(markerMissing).length).toBeGreaterThan(0);
  });
});

function tunnelOf(port: number): EspTunnel {
  return {
    forth: {
      from: CLIENT,
      to: SERVER,
      spi: 0xed7b3e51,
      nextSequence: 1,
      ports: { source: port, destination: 4500 },
    },
    back: {
      from: SERVER,
      to: CLIENT,
      spi: 0x80d328,
      nextSequence: 1,
      ports: { source: 4500, destination: port },
    },
  };
}

describe('a NAT mapping that expires', () => {
  const moves = (pause: number) => (t: Timeline) => {
    ikev2Handshake(t, OUTSIDE, { at: 1 });
    const tunnel = tunnelOf(61_244);
    espExchange(t, tunnel, { at: 2, seconds: 5, intervalMs: 500 });
    espExchange(t, tunnel, { at: 10, seconds: 5, intervalMs: 500 });
    // The capture goes on meanwhile, as others show.
    const echo = icmpEcho({ identifier: 7, sequence: 1, data: new Uint8Array(8) });
    for (const at of t.beatsUntil(15 + pause))
      t.sendIp(
        at,
        { ...CLIENT, address: '192.0.2.9' },
        { ...SERVER, address: '198.51.100.9' },
        IP_PROTOCOL.icmp,
        echo,
      );
    const moved = { ...tunnel.forth, ports: { source: 24_436, destination: 4500 } };
    for (let n = 0; n < 12; n++) {
      espPacket(t, 15 + pause + n * 0.5, moved, 100);
      espPacket(t, 15 + pause + n * 0.5 + 0.02, tunnel.back, 100);
    }
  };

  it('is known by the SA that goes on from another port, and its timer is bounded from both sides', async () => {
    const [found] = problems(await run(moves(22)), keepaliveMissing);
    expect(found).toMatchObject({ confidence: 'high', counts: { portChanges: 1, keepalives: 0 } });
    expect(found.explanation).toMatch(/more than 3\.\d s \(survived\) and at most 22\.\d s/);
  });

  it('is none where the port changes while packets flow', async () => {
    expect(problems(await run(moves(0)), keepaliveMissing)).toEqual([]);
  });
});
