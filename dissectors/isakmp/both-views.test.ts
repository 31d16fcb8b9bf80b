import { describe, expect, it } from 'vitest';
import type { Diagnosis, Problem } from '../../src/diagnose/diagnosis.js';
import { zeros } from '../../test/build/bytes.js';
import { informationalClear } from '../../test/build/ikev1.js';
import { notifyV2 } from '../../test/build/ikev2.js';
import { NOTIFY_V1 } from '../../test/build/isakmp.js';
import { type CaptureRun, runFrames } from '../../test/build/run-capture.js';
import { espExchange, espPacket, ping, type Timeline, timeline } from '../../test/build/scenario.js';
import {
  espTunnelOf,
  type IkePeers,
  ikev1MainMode,
  ikev1QuickMode,
  ikev2Exchange,
  ikev2Handshake,
  ikev2Liveness,
  sendIke,
} from '../../test/build/scenario-ike.js';
import { espPairs } from '../esp/correlator.js';
import esp from '../esp/dissector.js';
import udpencap from '../udpencap/dissector.js';
import { ike } from './correlator.js';
import authFailure from './diagnoses/auth-failure.js';
import natUndetected from './diagnoses/nat-undetected.js';
import blocked from './diagnoses/natt-4500-blocked.js';
import quickStalled from './diagnoses/quick-stalled.js';
import versionMismatch from './diagnoses/version-mismatch.js';
import dissector from './dissector.js';

const START_NS = 1_772_489_645_128_461_000n;
const CLIENT = { mac: '00:00:5e:00:53:0a', address: '192.0.2.1', ttl: 57 };
const SERVER = { mac: '00:00:5e:00:53:fe', address: '198.51.100.7', ttl: 64 };
const PEERS: IkePeers = { initiator: CLIENT, responder: SERVER };
const NATTED: IkePeers = {
  ...PEERS,
  nat: { inside: '10.0.0.2', outside: '192.0.2.1', port500: 1027, port4500: 61_244, capturedAt: 'outside' },
};
/** RFC 6023, section 3. */
const CHILDLESS_SUPPORTED = 16_418;
const SPIS = { toResponder: 0xaa6fa19a, toInitiator: 0xa2f3b68d };

/** `bystander`: other traffic, without which the capture looks as if a port filter had made it. */
async function run(build: (t: Timeline) => void, until: number, bystander = true): Promise<CaptureRun> {
  const t = timeline(START_NS, 5);
  build(t);
  const other = { ...CLIENT, address: '203.0.113.99' };
  if (bystander) ping(t, SERVER, other, { at: until, count: 1, identifier: 9 });
  return runFrames(t.frames(), { dissectors: [dissector, udpencap, esp], correlators: [ike, espPairs] });
}

function problems(capture: CaptureRun, diagnosis: Diagnosis): Problem[] {
  return capture.judge(diagnosis).filter((one): one is Problem => one.result === 'problem');
}

describe('port 4500 that stays empty, as the answering side sees it', () => {
  const attempts =
    (times: readonly number[], peers = NATTED) =>
    (t: Timeline) => {
      for (const at of times) ikev2Handshake(t, peers, { at, upTo: 'initResponse' });
    };

  it('is blocked where fresh cookies come again and again', async () => {
    const [found] = problems(await run(attempts([1, 31, 61]), 90), blocked);
    expect(found).toMatchObject({
      severity: 'error',
      confidence: 'medium',
      direction: { from: '192.0.2.1', to: '198.51.100.7' },
      counts: { attempts: 3, packetsOn4500: 0 },
    });
  });

  it('is no more than a suspicion where a filter for port 500 may hide it', async () => {
    const judged = async (times: readonly number[]) =>
      problems(await run(attempts(times), 90, false), blocked)[0];
    const limitedBy = ['capture.filter'];
    expect(await judged([1, 31, 61, 91, 121])).toMatchObject({
      severity: 'warning',
      confidence: 'low',
      limitedBy,
    });
    // Fewer packets prove no filter, and none the less nothing shows that there was none.
    expect(await judged([1, 31, 61])).toMatchObject({ severity: 'warning', confidence: 'low' });
  });

  it('says nothing of one attempt, of clients without a NAT, and of attempts that succeed', async () => {
    expect(problems(await run(attempts([1]), 90), blocked)).toEqual([]);
    expect(problems(await run(attempts([1, 31, 61], PEERS), 90), blocked)).toEqual([]);
    const succeeds = (t: Timeline): void => {
      attempts([1, 31, 61])(t);
      ikev2Handshake(t, NATTED, { at: 70 });
    };
    expect(problems(await run(succeeds, 90), blocked)).toEqual([]);
  });
});

describe('an initiator that leaves the SA after the whole answer', () => {
  const refuse = (t: Timeline, at: number): void => {
    const session = ikev2Handshake(t, PEERS, { at });
    ikev2Liveness(t, session, at + 0.05, 'initiator');
  };

  it('does not accept the responder, where it does so again and again', async () => {
    const [found] = problems(
      await run((t) => [1, 6, 11].forEach((at) => void refuse(t, at)), 40),
      authFailure,
    );
    expect(found).toMatchObject({ where: 'sender', confidence: 'medium', counts: { attempts: 3 } });
  });

  it('is fine where it does so once, where the SA goes on, and where ESP follows', async () => {
    expect(problems(await run((t) => refuse(t, 1), 40), authFailure)).toEqual([]);
    const goesOn = (t: Timeline): void => {
      for (const at of [1, 61]) {
        const session = ikev2Handshake(t, PEERS, { at });
        ikev2Liveness(t, session, at + 0.05, 'initiator');
        ikev2Liveness(t, session, at + 30, 'responder');
      }
    };
    expect(problems(await run(goesOn, 120), authFailure)).toEqual([]);
    const carries = (t: Timeline): void => {
      for (const at of [1, 6]) refuse(t, at);
      espExchange(t, espTunnelOf(PEERS, SPIS), { at: 7, seconds: 10, intervalMs: 500 });
    };
    expect(problems(await run(carries, 40), authFailure)).toEqual([]);
  });
});

describe('what one side can do is not what both agreed on', () => {
  it('a refused CHILD_SA is one although the responder could do without', async () => {
    const capture = await run((t) => {
      const sizes = { authRequestLength: 260, authResponseLength: 116 };
      ikev2Handshake(t, PEERS, { at: 1, ...sizes });
    }, 40);
    expect(problems(capture, quickStalled)).toHaveLength(1);
    const announced = await run((t) => {
      const sizes = { authRequestLength: 260, authResponseLength: 116 };
      ikev2Handshake(t, PEERS, { at: 1, ...sizes, initResponseExtra: [notifyV2(CHILDLESS_SUPPORTED)] });
    }, 40);
    expect(problems(announced, quickStalled)).toHaveLength(1);
  });
});

describe('a refusal of the version', () => {
  it('that answers no message of this capture is no verdict', async () => {
    const capture = await run((t) => {
      const spis = { initiatorSpi: zeros(8), responderSpi: zeros(8) };
      sendIke(t, 1, PEERS, 'responder', informationalClear(spis, 7, NOTIFY_V1.invalidMajorVersion));
    }, 40);
    expect(capture.judge(versionMismatch).map(({ result }) => result)).toEqual(['insufficient-data']);
  });
});

describe('native ESP through a NAT that nobody noticed', () => {
  const inside = { ...CLIENT, ttl: 64 };
  const natted: IkePeers = { ...NATTED, initiator: inside };
  const build = (answered: boolean) => (t: Timeline) => {
    const session = ikev1MainMode(t, natted, { at: 1, natTraversal: 'initiator' });
    ikev1QuickMode(t, session, 1.2);
    const tunnel = espTunnelOf(PEERS, SPIS);
    if (answered) espExchange(t, tunnel, { at: 2, seconds: 40, intervalMs: 1000 });
    else for (let at = 2; at < 42; at++) espPacket(t, at, tunnel.forth, 108);
  };

  it('is suspected where IKE comes from another port and ESP finds no way back', async () => {
    const [found] = problems(await run(build(false), 50), natUndetected);
    expect(found).toMatchObject({ confidence: 'medium' });
    expect(found.explanation).toContain('comes from port 1027');
  });

  it('is not where ESP is answered', async () => {
    expect(problems(await run(build(true), 50), natUndetected)).toEqual([]);
  });
});

describe('CHILD_SAs', () => {
  it('count where their answer was seen as a whole', async () => {
    const capture = await run((t) => {
      const session = ikev2Handshake(t, PEERS, { at: 1 });
      const create = { at: 5, from: 'initiator', exchangeType: 36, requestLength: 228 } as const;
      ikev2Exchange(t, session, { ...create, responseLength: 196 });
    }, 40);
    expect(capture.sessions(ike)[0].childEstablished).toHaveLength(2);
    const pieces = timeline(START_NS, 5);
    ikev2Handshake(pieces, PEERS, { at: 1, authResponseLength: 2400, authResponse: { mtu: 1500 } });
    const frames = pieces.frames().slice(0, -1);
    const cut = await runFrames(frames, {
      dissectors: [dissector, udpencap, esp],
      correlators: [ike, espPairs],
    });
    expect(cut.sessions(ike)[0]).toMatchObject({ childEstablished: [] });
    expect(cut.sessions(ike)[0].established).not.toBeNull();
  });
});
