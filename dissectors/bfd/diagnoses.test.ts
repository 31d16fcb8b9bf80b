import { describe, expect, it } from 'vitest';
import type { Diagnosis, Judgement, Problem } from '../../src/diagnose/diagnosis.js';
import { BFD_STATE, bfdControl } from '../../test/build/bfd.js';
import { icmpEcho } from '../../test/build/icmp.js';
import { IP_PROTOCOL } from '../../test/build/ip.js';
import { runFrames } from '../../test/build/run-capture.js';
import { type Timeline, timeline } from '../../test/build/scenario.js';
import correlators, { bfdSessions } from './correlator.js';
import detectExpired from './diagnoses/detect-expired.js';
import flap from './diagnoses/flap.js';
import sessionDown from './diagnoses/session-down.js';
import stuck from './diagnoses/stuck.js';
import ttl from './diagnoses/ttl.js';
import dissector from './dissector.js';
import type { BfdSession } from './session.js';

const parts = { dissectors: [dissector], correlators };
const { adminDown, down, init, up } = BFD_STATE;
const A = { address: '10.0.0.1', mac: '02:00:00:00:00:01', ttl: 255, port: 49_152 };
const B = { address: '10.0.0.2', mac: '02:00:00:00:00:02', ttl: 255, port: 49_153 };
const A_NAME = 0xa1;
const B_NAME = 0xb1;

type System = typeof A;

interface Says {
  readonly from: System;
  readonly at: number;
  readonly until?: number;
  readonly state: number;
  readonly diagnostic?: number;
  /** By which it calls its peer; default: that of the other system. */
  readonly yours?: number;
  readonly mine?: number;
  readonly tx?: number;
  readonly rx?: number;
  readonly every?: number;
  readonly flags?: number;
  readonly port?: number;
  readonly authentication?: number;
}

/** Packets of one system, one a second unless said otherwise, of 1 s × 3. */
function says(t: Timeline, one: Says): void {
  const { from, at, until = at + 0.001, every = 1, port = 3784 } = one;
  const [to, mine, yours] = from.address === A.address ? [B, A_NAME, B_NAME] : [A, B_NAME, A_NAME];
  const packet = bfdControl({
    state: one.state,
    diagnostic: one.diagnostic ?? 0,
    flags: one.flags ?? 0,
    mine: one.mine ?? mine,
    yours: one.yours ?? yours,
    desiredMinTx: one.tx ?? 1_000_000,
    requiredMinRx: one.rx ?? 1_000_000,
    ...(one.authentication === undefined ? {} : { authentication: one.authentication }),
  });
  for (let now = at; now < until; now += every) t.sendUdp(now, from, { ...to, port }, packet);
}

/** Frames of hosts that have nothing to do with it, so that the capture is never silent. */
function bystander(t: Timeline, until: number): void {
  const echo = icmpEcho({ identifier: 1, sequence: 1, data: new Uint8Array(8) });
  for (let at = 0; at < until; at += 0.5) {
    t.sendIp(at, { ...A, address: '10.0.9.1' }, { ...B, address: '10.0.9.2' }, IP_PROTOCOL.icmp, echo);
  }
}

function start(until: number): Timeline {
  const t = timeline(1_700_000_000_000_000_000n, 5);
  bystander(t, until);
  return t;
}

function bothUp(t: Timeline, at: number, until: number): void {
  says(t, { from: A, at, until, state: up });
  says(t, { from: B, at: at + 0.4, until, state: up });
}

async function judge(t: Timeline, diagnosis: Diagnosis): Promise<Judgement[]> {
  return (await runFrames(t.frames(), parts)).judge(diagnosis);
}

async function results(t: Timeline, diagnosis: Diagnosis): Promise<string[]> {
  return (await judge(t, diagnosis)).map(({ result }) => result);
}

async function problem(t: Timeline, diagnosis: Diagnosis): Promise<Problem> {
  const [one, ...more] = await judge(t, diagnosis);
  if (one?.result !== 'problem' || more.length > 0) throw new Error(`${one?.result} and ${more.length} more`);
  return one;
}

async function sessions(t: Timeline): Promise<readonly BfdSession[]> {
  return (await runFrames(t.frames(), parts)).sessions(bfdSessions);
}

const ALL = [detectExpired, sessionDown, flap, stuck, ttl];

describe('sessions', () => {
  it('pair the ends that call each other, though both use the same discriminator', async () => {
    const t = start(5);
    says(t, { from: A, at: 1, until: 4, state: up, mine: 1, yours: 1 });
    says(t, { from: B, at: 1.4, until: 4, state: up, mine: 1, yours: 1 });
    const [session, ...others] = await sessions(t);
    expect(others).toEqual([]);
    expect(session.sides.map(({ ends }) => ends.length)).toEqual([1, 1]);
  });

  it('keep two sessions of one pair of hosts apart', async () => {
    const t = start(5);
    for (const member of [0x10, 0x20]) {
      says(t, {
        from: { ...A, port: 50_000 + member },
        at: 1,
        until: 4,
        state: up,
        mine: member,
        yours: member + 1,
        port: 6784,
      });
      says(t, {
        from: { ...B, port: 50_000 + member },
        at: 1.4,
        until: 4,
        state: up,
        mine: member + 1,
        yours: member,
        port: 6784,
      });
    }
    expect((await sessions(t)).map(({ sides }) => sides.map(({ ends }) => ends[0].discriminator))).toEqual([
      [0x10, 0x11],
      [0x20, 0x21],
    ]);
  });

  it('keep a system that starts anew under another discriminator', async () => {
    const t = start(12);
    bothUp(t, 1, 5);
    says(t, { from: A, at: 6, state: down, mine: 0xa2, yours: 0 });
    says(t, { from: B, at: 6.1, state: down, diagnostic: 3, yours: 0xa2 });
    says(t, { from: A, at: 6.2, until: 10, state: up, mine: 0xa2 });
    says(t, { from: B, at: 6.3, until: 10, state: up, yours: 0xa2 });
    const [session, ...others] = await sessions(t);
    expect(others).toEqual([]);
    expect(session.sides[0].ends.map(({ discriminator }) => discriminator)).toEqual([A_NAME, 0xa2]);
  });

  it('put two ends together that do not hear each other yet', async () => {
    const t = start(5);
    says(t, { from: A, at: 1, until: 4, state: down, yours: 0 });
    says(t, { from: B, at: 1.4, until: 4, state: down, yours: 0 });
    expect(await sessions(t)).toHaveLength(1);
  });

  it('are the same for any size of chunk', async () => {
    const t = start(30);
    bothUp(t, 1, 30);
    const whole = (await runFrames(t.frames(), parts)).sessions(bfdSessions);
    expect((await runFrames(t.frames(), parts, 3)).sessions(bfdSessions)).toEqual(whole);
  });

  it('prove by Init and Up that the peer is heard', async () => {
    const t = start(5);
    says(t, { from: A, at: 1, until: 4, state: up });
    const { evidence } = await runFrames(t.frames(), parts);
    const hearing = evidence.quality.hearsPeer.find(A.address, B.address);
    expect(hearing?.via).toBe('BFD state Up');
    // Each packet anew: the first one alone may speak of what was before the capture.
    expect(hearing?.last.timeNs).toBeGreaterThan(hearing?.first.timeNs ?? Number.POSITIVE_INFINITY);
    expect(evidence.quality.hearsPeer.find(B.address, A.address)).toBeNull();
  });
});

describe('a healthy session', () => {
  it('is healthy by every rule', async () => {
    const t = start(40);
    says(t, { from: A, at: 0.5, until: 2, state: down, yours: 0 });
    says(t, { from: B, at: 2.1, state: down, yours: 0 });
    says(t, { from: A, at: 2.2, state: init });
    bothUp(t, 2.3, 40);
    for (const one of ALL) expect(await results(t, one), one.id).toEqual(['healthy']);
  });

  it('is none of their business where there is no BFD', async () => {
    const t = start(5);
    for (const one of ALL) expect(await results(t, one), one.id).toEqual([]);
  });

  it('may lack one side in the capture', async () => {
    const t = start(40);
    says(t, { from: A, at: 1, until: 40, state: up });
    for (const one of ALL) {
      const found = await results(t, one);
      expect(
        found.filter((result) => result !== 'healthy'),
        one.id,
      ).toEqual([]);
    }
  });

  it('may pause in demand mode', async () => {
    const t = start(40);
    says(t, { from: A, at: 1, until: 40, state: up, flags: 0x02 });
    says(t, { from: B, at: 1.4, until: 6, state: up });
    says(t, { from: B, at: 30, until: 40, state: up });
    expect(await results(t, detectExpired)).toEqual(['healthy']);
  });

  it('uses the slower of what one wants to send and the other to receive', async () => {
    const t = start(40);
    says(t, { from: A, at: 1, until: 40, state: up, tx: 300_000, rx: 2_000_000, every: 0.3 });
    says(t, { from: B, at: 1.4, until: 40, state: up, tx: 300_000, rx: 300_000, every: 2 });
    expect(await results(t, detectExpired)).toEqual(['healthy']);
  });
});

describe('bfd.detect-expired', () => {
  /** B's packets are missing from 10 on; A notices at 13.4. */
  function lost(t: Timeline): void {
    says(t, { from: A, at: 1, until: 13, state: up });
    says(t, { from: B, at: 1.4, until: 11, state: up });
    says(t, { from: A, at: 13.4, until: 18, state: down, diagnostic: 1, yours: 0 });
    says(t, { from: B, at: 17, state: down, diagnostic: 3 });
    bothUp(t, 18.2, 30);
  }

  it('names direction, detection time, missing packets and onset', async () => {
    const t = start(30);
    lost(t);
    const found = await problem(t, detectExpired);
    expect(found.direction).toEqual({ from: B.address, to: A.address });
    expect(found.counts).toEqual({ expirations: 1, missed: 2, detectionMs: 3000 });
    expect(found.first.timeNs / 1e9).toBeCloseTo(11.4, 3);
    expect(found.confidence).toBe('high');
    expect(found.ongoingAtEnd).toBe(false);
  });

  it('says so where the missed packets are in the capture', async () => {
    const t = start(30);
    says(t, { from: A, at: 1, until: 13, state: up });
    says(t, { from: B, at: 1.4, until: 14, state: up });
    says(t, { from: A, at: 13.4, until: 30, state: down, diagnostic: 1, yours: 0 });
    says(t, { from: B, at: 14.4, until: 30, state: down, diagnostic: 3 });
    const found = await problem(t, detectExpired);
    expect(found.counts).toEqual({ expirations: 1, missed: 0 });
    expect(found.explanation).toMatch(/holds the packets that it missed/);
    expect(found.ongoingAtEnd).toBe(true);
  });

  it('is information where both stay Up: the packets are missing in the capture alone', async () => {
    const t = start(40);
    says(t, { from: A, at: 1, until: 40, state: up });
    says(t, { from: B, at: 1.4, until: 10, state: up });
    says(t, { from: B, at: 15.4, until: 40, state: up });
    const found = await problem(t, detectExpired);
    expect(found.severity).toBe('info');
    expect(found.counts).toEqual({ gaps: 1, missed: 5, detectionMs: 3000 });
  });

  it('is silent where the capture slept', async () => {
    const t = start(40);
    bothUp(t, 1, 40);
    const asleep = t.frames().filter(({ timeNs }) => timeNs < t.timeNs(10) || timeNs > t.timeNs(20));
    expect((await runFrames(asleep, parts)).judge(detectExpired).map(({ result }) => result)).toEqual([
      'healthy',
    ]);
  });

  it('asks for another capture where one side is lost from sight', async () => {
    const t = start(40);
    says(t, { from: A, at: 1, until: 40, state: up });
    says(t, { from: B, at: 1.4, until: 10, state: up });
    const [one] = await judge(t, detectExpired);
    expect(one.result).toBe('insufficient-data');
  });
});

describe('bfd.session-down', () => {
  it('is information where an operator did it', async () => {
    const t = start(30);
    bothUp(t, 1, 10);
    says(t, { from: B, at: 10.1, until: 30, state: adminDown, diagnostic: 7 });
    says(t, { from: A, at: 10.2, until: 30, state: down, diagnostic: 3 });
    const found = await problem(t, sessionDown);
    expect(found.severity).toBe('info');
    expect(found.counts).toEqual({ drops: 1, planned: 1 });
    expect(await results(t, detectExpired)).toEqual(['healthy']);
    expect(await results(t, flap)).toEqual(['healthy']);
  });

  it('is a warning where only the side that was told is in the capture', async () => {
    const t = start(30);
    says(t, { from: A, at: 1, until: 10, state: up });
    says(t, { from: A, at: 10.1, until: 30, state: down, diagnostic: 3 });
    expect((await problem(t, sessionDown)).severity).toBe('warning');
  });

  it('is an error with the diagnostic of who went first', async () => {
    const t = start(30);
    bothUp(t, 1, 10);
    says(t, { from: B, at: 10.1, until: 14, state: down, diagnostic: 5 });
    says(t, { from: A, at: 10.2, until: 14, state: down, diagnostic: 3 });
    bothUp(t, 14, 30);
    const found = await problem(t, sessionDown);
    expect(found.severity).toBe('error');
    expect(found.explanation).toMatch(/^10\.0\.0\.2 went from Up to Down, diagnostic 5 \(path down\)/);
    expect(found.ongoingAtEnd).toBe(false);
  });
});

describe('bfd.flap', () => {
  function dropsAt(t: Timeline, times: readonly number[], until: number): void {
    let from = 1;
    for (const at of times) {
      bothUp(t, from, at);
      says(t, { from: A, at, state: down, diagnostic: 1, yours: 0 });
      says(t, { from: A, at: at + 1, state: init });
      from = at + 1.5;
    }
    bothUp(t, from, until);
  }

  it('needs down, up and down again', async () => {
    const once = start(60);
    dropsAt(once, [10], 60);
    expect(await results(once, flap)).toEqual(['healthy']);
    const twice = start(60);
    dropsAt(twice, [10, 20], 60);
    expect((await problem(twice, flap)).counts).toEqual({ transitions: 4, drops: 2 });
  });

  it('needs them within a minute', async () => {
    const t = start(200);
    dropsAt(t, [10, 100], 200);
    expect(await results(t, flap)).toEqual(['healthy']);
  });
});

describe('bfd.stuck', () => {
  it('tells which direction is not heard', async () => {
    const t = start(20);
    says(t, { from: A, at: 1, until: 20, state: down, yours: 0 });
    says(t, { from: B, at: 1.4, until: 20, state: init });
    const found = await problem(t, stuck);
    expect(found.direction).toEqual({ from: B.address, to: A.address });
    expect(found.confidence).toBe('high');
  });

  it('needs five seconds', async () => {
    const t = start(30);
    says(t, { from: A, at: 1, until: 5, state: down, yours: 0 });
    says(t, { from: B, at: 1.4, until: 5, state: init });
    bothUp(t, 5.2, 30);
    expect(await results(t, stuck)).toEqual(['healthy']);
  });

  it('does not mind a system that waited long for its peer to start', async () => {
    const t = start(90);
    says(t, { from: A, at: 1, until: 60, state: down, yours: 0 });
    says(t, { from: B, at: 60.1, state: down, yours: 0 });
    bothUp(t, 60.4, 90);
    expect(await results(t, stuck)).toEqual(['healthy']);
  });

  it('does not mind a peer that is down on purpose', async () => {
    const t = start(30);
    says(t, { from: A, at: 1, until: 30, state: down, yours: 0 });
    says(t, { from: B, at: 1.4, until: 30, state: adminDown, diagnostic: 7, yours: 0 });
    expect(await results(t, stuck)).toEqual(['healthy']);
  });

  it('warns of a peer that is silent, and not before ten seconds', async () => {
    const long = start(20);
    says(long, { from: A, at: 1, until: 20, state: down, yours: 0 });
    expect((await problem(long, stuck)).severity).toBe('warning');
    const short = start(8);
    says(short, { from: A, at: 1, until: 7, state: down, yours: 0 });
    expect(await results(short, stuck)).toEqual(['insufficient-data']);
  });
});

describe('bfd.ttl', () => {
  it('warns where the session is not up, and informs where it is', async () => {
    const t = start(10);
    says(t, { from: { ...A, ttl: 254 }, at: 1, until: 5, state: down, yours: 0 });
    const found = await problem(t, ttl);
    expect(found.severity).toBe('warning');
    expect(found.counts).toEqual({ packets: 4, timeToLive: 254 });
    const works = start(10);
    says(works, { from: { ...A, ttl: 254 }, at: 1, until: 5, state: up });
    expect((await problem(works, ttl)).severity).toBe('info');
  });

  it('lets multihop and authenticated sessions pass', async () => {
    const t = start(10);
    says(t, { from: { ...A, ttl: 61 }, at: 1, until: 5, state: up, port: 4784 });
    expect(await results(t, ttl)).toEqual([]);
    const signed = start(10);
    says(signed, { from: { ...A, ttl: 10 }, at: 1, until: 5, state: down, yours: 0, authentication: 2 });
    expect(await results(signed, ttl)).toEqual(['healthy']);
  });
});
