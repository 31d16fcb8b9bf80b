import { describe, expect, it } from 'vitest';
import type { Diagnosis, Problem } from '../../src/diagnose/diagnosis.js';
import { type CaptureRun, runFrames } from '../../test/build/run-capture.js';
import {
  type EspTunnel,
  espExchange,
  espPacket,
  type Timeline,
  timeline,
} from '../../test/build/scenario.js';
import { ikev2Handshake } from '../../test/build/scenario-ike.js';
import { ike } from '../isakmp/correlator.js';
import isakmp from '../isakmp/dissector.js';
import udpencap from '../udpencap/dissector.js';
import { espPairs } from './correlator.js';
import clientsShareNat from './diagnoses/clients-share-nat.js';
import oneWaySpi from './diagnoses/one-way-spi.js';
import esp from './dissector.js';

const A = { mac: '00:00:5e:00:53:0a', address: '192.0.2.1', ttl: 64 };
const B = { mac: '00:00:5e:00:53:fe', address: '198.51.100.7', ttl: 57 };

async function run(build: (t: Timeline) => void): Promise<CaptureRun> {
  const t = timeline(1_772_489_645_128_461_000n, 5);
  build(t);
  return runFrames(t.frames(), { dissectors: [isakmp, udpencap, esp], correlators: [ike, espPairs] });
}

function problems(capture: CaptureRun, diagnosis: Diagnosis): Problem[] {
  return capture.judge(diagnosis).filter((one): one is Problem => one.result === 'problem');
}

function tunnel(forth: number, back: number, port = 0): EspTunnel {
  const there = port > 0 ? { ports: { source: port, destination: 4500 } } : {};
  const answer = port > 0 ? { ports: { source: 4500, destination: port } } : {};
  return {
    forth: { from: A, to: B, spi: forth, nextSequence: 1, ...there },
    back: { from: B, to: A, spi: back, nextSequence: 1, ...answer },
  };
}

/** Three tunnels whose SAs begin together, each with a ping of its own; `silent` gets no answer from second 15 on. */
function three(t: Timeline, silent: number | null): void {
  const tunnels = [tunnel(0x1001, 0x2001), tunnel(0x1002, 0x2002), tunnel(0x1003, 0x2003)];
  for (const { forth } of tunnels) espPacket(t, 1, forth, 100);
  for (const { back } of tunnels) espPacket(t, 1.1, back, 100);
  for (let at = 2; at < 40; at += 0.5) {
    for (const [index, { forth, back }] of tunnels.entries()) {
      espPacket(t, at + index * 0.1, forth, 100);
      if (index !== silent || at < 15) espPacket(t, at + index * 0.1 + 0.02, back, 100);
    }
  }
}

describe('tunnels in parallel', () => {
  it('are told apart by who answers whom, and the one that falls silent is named', async () => {
    const capture = await run((t) => three(t, 1));
    const [{ directions }] = capture.sessions(espPairs);
    const partners = directions.flatMap(({ sas }) => sas.map(({ spi, partnerSpi }) => [spi, partnerSpi]));
    expect(partners).toContainEqual([0x1002, 0x2002]);
    expect(problems(capture, oneWaySpi)).toMatchObject([
      { severity: 'error', subject: { spi: '0x00002002', silent: B.address } },
    ]);
  });

  it('are well where all are answered', async () => {
    expect(problems(await run((t) => three(t, null)), oneWaySpi)).toEqual([]);
  });

  it('a rekey is none, whichever side goes over first', async () => {
    const capture = await run((t) => {
      const old = tunnel(0x1001, 0x2001);
      espExchange(t, old, { at: 1, seconds: 30, intervalMs: 500 });
      const mixed = { forth: old.forth, back: tunnel(0x1002, 0x2002).back };
      espExchange(t, mixed, { at: 31, seconds: 12, intervalMs: 500 });
      espExchange(
        t,
        { forth: tunnel(0x1002, 0).forth, back: mixed.back },
        { at: 43, seconds: 30, intervalMs: 500 },
      );
    });
    expect(problems(capture, oneWaySpi)).toEqual([]);
  });
});

describe('two clients behind one NAT', () => {
  const clients = (answersBoth: boolean) => (t: Timeline) => {
    const [first, second] = [tunnel(0xc1000001, 0x0a00aaaa, 4500), tunnel(0xc2000002, 0x0b00bbbb, 1034)];
    espExchange(t, first, { at: 1, seconds: 30, intervalMs: 500 });
    espExchange(t, second, { at: 31, seconds: 40, intervalMs: 500 });
    if (answersBoth) espExchange(t, first, { at: 31.2, seconds: 40, intervalMs: 500 });
    else for (let at = 31.2; at < 71; at += 0.5) espPacket(t, at, first.forth, 100);
  };

  it('of which the second takes over the answers of the first', async () => {
    const capture = await run(clients(false));
    expect(problems(capture, clientsShareNat)).toMatchObject([
      { confidence: 'high', lastGood: expect.anything(), counts: { answersBefore: 60 } },
    ]);
    expect(problems(capture, oneWaySpi)).toMatchObject([{ severity: 'error' }]);
  });

  it('are fine where both get answers', async () => {
    const capture = await run(clients(true));
    expect(problems(capture, clientsShareNat)).toEqual([]);
    expect(problems(capture, oneWaySpi)).toEqual([]);
    expect(capture.judge(clientsShareNat).map(({ result }) => result)).toEqual(['healthy']);
  });
});

describe('ESP that was never answered', () => {
  const asked = (size: (at: number) => number, withIke: boolean) => (t: Timeline) => {
    if (withIke) ikev2Handshake(t, { initiator: A, responder: B }, { at: 1 });
    const { forth } = tunnel(0x1001, 0x2001);
    for (let at = 2; at < 62; at++) espPacket(t, at, forth, size(at));
  };

  it('is a warning of low confidence where IKE is alive and the packets look like pings', async () => {
    const [found] = problems(await run(asked(() => 100, true)), oneWaySpi);
    expect(found).toMatchObject({ severity: 'warning', confidence: 'low' });
    expect(found.explanation).toContain('wants no answer');
  });

  it('is information without IKE, and where lengths differ as those of logs do', async () => {
    expect(problems(await run(asked(() => 100, false)), oneWaySpi)).toMatchObject([{ severity: 'info' }]);
    const logs = await run(asked((at) => 100 + (at % 7) * 40, true));
    expect(problems(logs, oneWaySpi)).toMatchObject([{ severity: 'info' }]);
  });
});
