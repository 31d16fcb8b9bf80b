import { describe, expect, it } from 'vitest';
import type { Diagnosis, Judgement, Problem } from '../../src/diagnose/diagnosis.js';
import { concat, u16, u64, zeros } from '../../test/build/bytes.js';
import type { TestFrame } from '../../test/build/frame-source.js';
import { LINK_TYPE } from '../../test/build/link.js';
import { type CaptureRun, runFrames } from '../../test/build/run-capture.js';
import { ping, type Timeline, timeline } from '../../test/build/scenario.js';
import {
  type Beat,
  beacons,
  bfdUp,
  keepalives,
  oldEcho,
  type Router,
  rawFraming,
  registrations,
  sendOldScmp,
  sendScion,
} from '../../test/build/scenario-scion.js';
import { NEXT, type ScionPacket, scionPacket, scionUdp, scmp, scmpEcho } from '../../test/build/scion.js';
import { keepaliveLinks } from '../keepalive/correlator.js';
import { unclaimedUdp } from '../keepalive/dissector.js';
import { scionLinks } from './correlator.js';
import echoLoss from './diagnoses/echo-loss.js';
import foreignTraffic from './diagnoses/foreign-traffic.js';
import keepaliveGap from './diagnoses/keepalive-gap.js';
import keepaliveMissing from './diagnoses/keepalive-missing.js';
import mixedHeader from './diagnoses/mixed-header.js';
import mtuExceeded from './diagnoses/mtu-exceeded.js';
import pathExpired from './diagnoses/path-expired.js';
import pcbSilence from './diagnoses/pcb-silence.js';
import registrationSilence from './diagnoses/registration-silence.js';
import scmpError from './diagnoses/scmp-error.js';
import dissector from './dissector.js';
import tunnel from './tunnel.js';

const START_SECONDS = 1_700_000_000;
const parts = { dissectors: [dissector, unclaimedUdp], correlators: [scionLinks, keepaliveLinks] };
const EVERY: readonly Diagnosis[] = [
  echoLoss,
  foreignTraffic,
  keepaliveGap,
  keepaliveMissing,
  mixedHeader,
  mtuExceeded,
  pathExpired,
  pcbSilence,
  registrationSilence,
  scmpError,
];

const end = (address: string, port: number): Router['socket'] => ({
  address,
  port,
  mac: '02:00:00:00:00:01',
  ttl: 64,
});
const CHILD: Router = { isdAs: '17-ffaa:1:64', socket: end('10.0.8.8', 50_000) };
const PARENT: Router = { isdAs: '17-ffaa:0:1107', socket: end('10.0.8.1', 50_015) };

const start = (): Timeline => timeline(BigInt(START_SECONDS) * 1_000_000_000n, 5, rawFraming);
const up = (beat: Partial<Beat>): Beat => ({ from: CHILD, to: PARENT, at: 0.3, until: 30, ...beat });
const down = (beat: Partial<Beat>): Beat => ({ from: PARENT, to: CHILD, at: 0.7, until: 30, ...beat });

async function run(t: Timeline, linkType: number = LINK_TYPE.raw): Promise<CaptureRun> {
  const frames = t.frames().map((frame): TestFrame => ({ ...frame, linkType }));
  return runFrames(frames, parts);
}

async function loud(t: Timeline): Promise<string[]> {
  const evidence = await run(t);
  return EVERY.flatMap((diagnosis) =>
    evidence
      .judge(diagnosis)
      .filter((one) => one.result === 'problem' && (one.severity ?? diagnosis.severity) !== 'info')
      .map(() => diagnosis.id),
  );
}

async function judge(t: Timeline, diagnosis: Diagnosis): Promise<Judgement[]> {
  return (await run(t)).judge(diagnosis);
}

async function problem(t: Timeline, diagnosis: Diagnosis): Promise<Problem> {
  const problems = (await judge(t, diagnosis)).filter((one): one is Problem => one.result === 'problem');
  expect(problems).toHaveLength(1);
  return problems[0];
}

async function results(t: Timeline, diagnosis: Diagnosis): Promise<string[]> {
  return (await judge(t, diagnosis)).map(({ result }) => result);
}

/** After the first frame, which comes at 0.3 s. */
const seconds = (at: { readonly timeNs: number }): number => at.timeNs / 1e9 + 0.3;

describe('a link of 2018', () => {
  it('is healthy with keepalives both ways, a single one lost', async () => {
    const t = start();
    keepalives(t, up({ lost: (beat) => beat === 12 }));
    keepalives(t, down({}));
    beacons(t, down({ at: 2 }));
    registrations(t, up({ at: 3 }), []);
    expect(await loud(t)).toEqual([]);
    expect(await results(t, keepaliveGap)).toEqual(['healthy', 'healthy']);
    expect(await results(t, keepaliveMissing)).toEqual(['healthy', 'healthy']);
    expect(await results(t, pcbSilence)).toEqual(['insufficient-data']);
  });

  it('is healthy as the SCIONLab guide shows it: 10 s, eleven keepalives each way', async () => {
    const t = start();
    keepalives(t, up({ at: 0, until: 10.5 }));
    keepalives(t, down({ at: 0.4, until: 10.9 }));
    beacons(t, down({ at: 2, until: 9 }));
    expect(await loud(t)).toEqual([]);
    expect(await results(t, keepaliveMissing)).toEqual(['healthy', 'healthy']);
    const [short] = await judge(t, pcbSilence);
    expect(short).toMatchObject({ result: 'insufficient-data', neededSeconds: 600 });
  });

  it('never reaches the learner of keepalives without a format', async () => {
    const t = start();
    keepalives(t, up({}));
    keepalives(t, down({ until: 15 }));
    expect((await run(t)).sessions(keepaliveLinks)).toEqual([]);
  });

  it('reports two missing keepalives as a warning and four as an error, from when the first was due', async () => {
    const warned = start();
    keepalives(warned, up({ lost: (beat) => beat === 14 || beat === 15 }));
    keepalives(warned, down({}));
    expect((await problem(warned, keepaliveGap)).severity).toBe('warning');
    const t = start();
    keepalives(t, up({ lost: (beat) => beat >= 14 && beat < 18 }));
    keepalives(t, down({}));
    const found = await problem(t, keepaliveGap);
    expect(found).toMatchObject({ severity: 'error', confidence: 'medium', counts: { missed: 4, gaps: 1 } });
    expect(found.direction).toEqual({ from: '10.0.8.8', to: '10.0.8.1' });
    expect(seconds(found.first)).toBeCloseTo(14.3, 1);
    expect(seconds(found.last)).toBeCloseTo(18.3, 1);
    expect(await results(t, keepaliveMissing)).toEqual(['healthy', 'healthy']);
  });

  it('does not call a silence of the whole capture a gap', async () => {
    const t = start();
    const asleep = (beat: number): boolean => beat >= 14 && beat < 20;
    keepalives(t, up({ lost: asleep }));
    keepalives(t, down({ lost: asleep }));
    expect(await loud(t)).toEqual([]);
  });

  it('reports a direction that ends while the other goes on', async () => {
    const t = start();
    keepalives(t, up({}));
    keepalives(t, down({ until: 18 }));
    const found = await problem(t, keepaliveMissing);
    expect(found).toMatchObject({
      severity: 'error',
      ongoingAtEnd: true,
      direction: { from: '10.0.8.1', to: '10.0.8.8' },
    });
    expect(seconds(found.first)).toBeCloseTo(18.7, 1);
  });

  it('waits for 5 s before it calls a direction missing', async () => {
    const t = start();
    keepalives(t, up({ until: 22 }));
    keepalives(t, down({ until: 18 }));
    expect(await loud(t)).toEqual([]);
  });

  it('reports a direction that never had any: on the tunnel interface, or where other packets come back', async () => {
    const t = start();
    keepalives(t, up({}));
    expect(await problem(t, keepaliveMissing)).toMatchObject({ severity: 'error', confidence: 'low' });
    ping(t, CHILD.socket, PARENT.socket, { at: 9, count: 2, intervalSeconds: 1, identifier: 1 });
    expect(await problem(t, keepaliveMissing)).toMatchObject({ severity: 'error', confidence: 'medium' });
  });

  it('does not judge one direction of a capture elsewhere', async () => {
    const t = timeline(BigInt(START_SECONDS) * 1_000_000_000n, 5);
    keepalives(t, up({}));
    const evidence = await run(t, LINK_TYPE.ethernet);
    const judged = evidence.judge(keepaliveMissing).map(({ result }) => result);
    expect(judged.filter((result) => result === 'problem')).toEqual([]);
    expect(judged).toContain('insufficient-data');
    expect(evidence.judge(foreignTraffic)).toEqual([]);
  });

  it('takes a move to another port for what it is', async () => {
    const t = start();
    keepalives(t, up({}));
    keepalives(t, down({ until: 12 }));
    const moved = { ...PARENT, socket: { ...PARENT.socket, port: 50_202 } };
    keepalives(t, up({ to: moved, at: 12.3 }));
    keepalives(t, down({ from: moved, at: 12.7 }));
    expect((await loud(t)).filter((id) => id === 'scion.keepalive-missing')).toEqual([]);
  });

  it('does not call either direction missing where each has ports of its own', async () => {
    const t = start();
    keepalives(t, up({ to: { ...PARENT, socket: { ...PARENT.socket, port: 50_202 } } }));
    keepalives(t, down({}));
    expect(await loud(t)).toEqual([]);
    expect(await results(t, keepaliveMissing)).toContain('insufficient-data');
  });

  it('is not misled by a second link between the same hosts', async () => {
    const t = start();
    const second = { ...PARENT, socket: { ...PARENT.socket, port: 50_016 } };
    keepalives(t, up({}));
    keepalives(t, down({ until: 15 }));
    keepalives(t, up({ to: second, at: 0.5 }));
    keepalives(t, down({ from: second, at: 0.9 }));
    expect(await problem(t, keepaliveMissing)).toMatchObject({ severity: 'error', ongoingAtEnd: true });
  });

  it('does not take the way from the beacon service to its router for a link', async () => {
    const t = timeline(BigInt(START_SECONDS) * 1_000_000_000n, 5);
    keepalives(t, up({ isOneHop: true }));
    const evidence = await run(t, LINK_TYPE.ethernet);
    const judged = evidence.judge(keepaliveMissing).map(({ result }) => result);
    // The direction that is there comes in time; of the other one nothing can be said.
    expect(judged.sort()).toEqual(['healthy', 'insufficient-data']);
  });

  it('mentions keepalives that began late', async () => {
    const t = start();
    keepalives(t, up({}));
    keepalives(t, down({ at: 10.7 }));
    expect(await problem(t, keepaliveMissing)).toMatchObject({ severity: 'info', ongoingAtEnd: false });
  });
});

describe('beacons and registrations', () => {
  const long = 650;

  function alive(): Timeline {
    const t = start();
    keepalives(t, up({ until: long }));
    keepalives(t, down({ until: long }));
    return t;
  }

  it('are healthy over ten minutes', async () => {
    const t = alive();
    beacons(t, down({ at: 2, until: long, period: 60 }));
    registrations(t, up({ at: 3, until: long, period: 60 }), []);
    expect(await results(t, pcbSilence)).toEqual(['healthy']);
    expect(await results(t, registrationSilence)).toEqual(['healthy']);
  });

  it('are missed after five minutes, and badly after ten', async () => {
    const warned = alive();
    beacons(warned, down({ at: 2, until: 300 }));
    expect(await problem(warned, pcbSilence)).toMatchObject({ severity: 'warning', confidence: 'medium' });
    const t = alive();
    beacons(t, down({ at: 2, until: 20 }));
    registrations(t, up({ at: 3, until: 20 }), []);
    expect(await problem(t, pcbSilence)).toMatchObject({
      severity: 'error',
      direction: { from: '10.0.8.1', to: '10.0.8.8' },
    });
    expect((await problem(t, registrationSilence)).severity).toBe('error');
  });

  it('that never pass are owed by the role of the link alone', async () => {
    const child = alive();
    beacons(child, down({ at: 2, until: long, period: 60 }));
    expect((await problem(child, registrationSilence)).severity).toBe('warning');
    const orphan = alive();
    registrations(orphan, up({ at: 3, until: long, period: 60 }), []);
    expect(await problem(orphan, pcbSilence)).toMatchObject({
      severity: 'error',
      direction: { from: '10.0.8.1', to: '10.0.8.8' },
    });
    expect(await results(alive(), pcbSilence)).toEqual(['insufficient-data']);
    const core = alive();
    beacons(core, down({ at: 2, until: long, period: 60 }));
    beacons(core, up({ at: 3, until: long, period: 60 }));
    expect(await results(core, registrationSilence)).toEqual(['insufficient-data']);
  });
});

const HOST = { isdAs: CHILD.isdAs, host: '10.0.2.15' };
const FAR = { isdAs: '19-ffaa:0:1303', host: '192.0.2.7' };

function path(ageSeconds: number): NonNullable<ScionPacket['segments']> {
  const hop = { expiry: 63, ingress: 1, egress: 2 };
  return [{ timestamp: START_SECONDS - ageSeconds, hops: [hop, hop] }];
}

const there = (nextHeader: number, payload: Uint8Array, age = 60): ScionPacket => ({
  source: HOST,
  destination: FAR,
  segments: path(age),
  nextHeader,
  payload,
});
const back = (nextHeader: number, payload: Uint8Array, age = 60): ScionPacket => ({
  ...there(nextHeader, payload, age),
  source: FAR,
  destination: HOST,
});

describe('SCMP', () => {
  function talk(count: number, replies: (index: number) => boolean): Timeline {
    const t = start();
    for (let index = 0; index < count; index++) {
      sendScion(t, 1 + index, CHILD, PARENT, there(NEXT.scmp, scmpEcho(false, 9, index)));
      if (replies(index))
        sendScion(t, 1.03 + index, PARENT, CHILD, back(NEXT.scmp, scmpEcho(true, 9, index)));
    }
    for (const at of t.beatsUntil(20))
      sendScion(t, at, PARENT, CHILD, back(NEXT.udp, scionUdp(1, 2, zeros(30))));
    return t;
  }

  it('counts echoes that have no reply', async () => {
    expect(
      await results(
        talk(6, () => true),
        echoLoss,
      ),
    ).toEqual(['healthy']);
    expect(
      (
        await problem(
          talk(6, () => false),
          echoLoss,
        )
      ).severity,
    ).toBe('error');
    expect(
      await problem(
        talk(9, (index) => index < 3),
        echoLoss,
      ),
    ).toMatchObject({
      severity: 'warning',
      counts: { sent: 9, answered: 3, unanswered: 6 },
    });
    expect(
      (
        await problem(
          talk(9, (index) => index !== 4),
          echoLoss,
        )
      ).severity,
    ).toBe('info');
  });

  it('does not judge requests of which the other direction is not captured, nor replies alone', async () => {
    const requests = start();
    const replies = start();
    for (let index = 0; index < 8; index++) {
      sendScion(requests, 1 + index, CHILD, PARENT, there(NEXT.scmp, scmpEcho(false, 9, index)));
      sendScion(replies, 1 + index, PARENT, CHILD, back(NEXT.scmp, scmpEcho(true, 9, index)));
    }
    expect(await results(requests, echoLoss)).toEqual(['insufficient-data']);
    expect(await results(replies, echoLoss)).toEqual([]);
  });

  it('reads the pings of 2018', async () => {
    const t = start();
    for (let index = 0; index < 4; index++) {
      sendOldScmp(t, 1 + index, CHILD, PARENT, [0, 1, oldEcho(7, index)]);
      if (index < 2) sendOldScmp(t, 1.02 + index, PARENT, CHILD, [0, 2, oldEcho(7, index)]);
    }
    sendOldScmp(t, 9, PARENT, CHILD, [3, 4, concat(u16(14), u16(16), u16(22), zeros(10))]);
    expect(await problem(t, echoLoss)).toMatchObject({ severity: 'info', counts: { sent: 4, answered: 2 } });
    expect(await problem(t, scmpError)).toMatchObject({ severity: 'warning', subject: { interface: 22 } });
  });

  it('is loud about an interface that stays down, quiet about a host that is not there', async () => {
    const down5 = scmp(5, 0, concat(u64(0x0011_ffaa_0000_1107n), u64(8n), zeros(40)));
    const t = start();
    for (let index = 0; index < 8; index++)
      sendScion(t, 1 + index * 2, PARENT, CHILD, back(NEXT.scmp, down5));
    const found = await problem(t, scmpError);
    expect(found).toMatchObject({ severity: 'error', confidence: 'high', counts: { errors: 8 } });
    expect(found.explanation).toContain('external interface 8 down');
    const port = start();
    sendScion(port, 1, PARENT, CHILD, back(NEXT.scmp, scmp(1, 4, zeros(44))));
    expect((await problem(port, scmpError)).severity).toBe('info');
  });

  it('reports a size that the sender does not give up', async () => {
    const big = scmp(2, 0, concat(u16(0), u16(1400), zeros(40)));
    const heeded = start();
    sendScion(heeded, 1, PARENT, CHILD, back(NEXT.scmp, big));
    expect((await problem(heeded, mtuExceeded)).severity).toBe('info');
    const t = start();
    for (let index = 0; index < 6; index++) sendScion(t, 1 + index * 3, PARENT, CHILD, back(NEXT.scmp, big));
    expect(await problem(t, mtuExceeded)).toMatchObject({
      severity: 'error',
      counts: { errors: 6, mtuBytes: 1400 },
    });
  });
});

describe('paths', () => {
  const sixHours = 6 * 3600;
  const data = scionUdp(1, 2, zeros(100));

  it('are healthy within their time', async () => {
    const t = start();
    for (let index = 0; index < 6; index++) sendScion(t, 1 + index, CHILD, PARENT, there(NEXT.udp, data));
    expect(await results(t, pathExpired)).toEqual(['healthy']);
  });

  it('that have expired are reported by a router, or where answers end with them', async () => {
    const said = start();
    sendScion(said, 1, PARENT, CHILD, back(NEXT.scmp, scmp(4, 52, zeros(44))));
    expect(await problem(said, pathExpired)).toMatchObject({ severity: 'warning', confidence: 'high' });
    const t = start();
    sendScion(t, 1, PARENT, CHILD, back(NEXT.udp, data));
    for (let index = 0; index < 6; index++)
      sendScion(t, 2 + index, CHILD, PARENT, there(NEXT.udp, data, sixHours + 60));
    expect(await problem(t, pathExpired)).toMatchObject({
      severity: 'warning',
      confidence: 'low',
      counts: { packets: 6 },
    });
  });

  it('that are answered, or a month old, blame the clock of the capture', async () => {
    const answered = start();
    const replayed = start();
    for (let index = 0; index < 20; index++) {
      sendScion(answered, 2 + index, CHILD, PARENT, there(NEXT.udp, data, sixHours + 60));
      sendScion(answered, 2.1 + index, PARENT, CHILD, back(NEXT.udp, data));
      sendScion(replayed, 2 + index, CHILD, PARENT, there(NEXT.udp, data, 30 * 86_400));
    }
    expect(await results(answered, pathExpired)).toEqual(['healthy', 'insufficient-data']);
    expect(await results(replayed, pathExpired)).toEqual(['insufficient-data']);
  });
});

describe('generations', () => {
  it('side by side are an error, one after the other an upgrade', async () => {
    const t = start();
    keepalives(t, up({}));
    bfdUp(t, down({}), START_SECONDS);
    expect(await problem(t, mixedHeader)).toMatchObject({ confidence: 'high' });
    const upgrade = start();
    keepalives(upgrade, up({ until: 12 }));
    keepalives(upgrade, down({ until: 12 }));
    bfdUp(upgrade, up({ at: 14 }), START_SECONDS);
    bfdUp(upgrade, down({ at: 14 }), START_SECONDS);
    expect((await judge(upgrade, mixedHeader)).map(({ result }) => result)).toEqual(['healthy']);
  });

  it('of which a router knows only one', async () => {
    const t = start();
    sendScion(t, 1, PARENT, CHILD, back(NEXT.scmp, scmp(4, 17, zeros(44))));
    expect(await problem(t, mixedHeader)).toMatchObject({ confidence: 'high', counts: { errors: 1 } });
    expect(await results(t, scmpError)).toEqual(['healthy']);
  });
});

describe('what else is on the tunnel', () => {
  it('is mentioned', async () => {
    const t = start();
    keepalives(t, up({}));
    keepalives(t, down({}));
    expect(await results(t, foreignTraffic)).toEqual(['healthy']);
    ping(t, CHILD.socket, end('203.0.113.9', 0), { at: 9, count: 2, intervalSeconds: 1, identifier: 1 });
    const found = await problem(t, foreignTraffic);
    expect(found.displayFilter).toBe('ip.addr == 203.0.113.9');
    expect(found.counts).toEqual({ pairs: 1, packets: 4 });
  });
});

describe('sessions and tunnels', () => {
  it('name endpoints, ports and neighbours', async () => {
    const t = start();
    keepalives(t, up({}));
    keepalives(t, down({}));
    const evidence = await run(t);
    const [link] = evidence.sessions(scionLinks);
    expect(link).toMatchObject({ low: '10.0.8.1', lowPort: 50_015, high: '10.0.8.8', highPort: 50_000 });
    expect(link.directions[0].neighbours).toEqual({ from: PARENT.isdAs, to: CHILD.isdAs });
    expect([...tunnel.describe(evidence.evidence)]).toMatchObject([
      {
        kind: 'scion',
        facts: { generation: '2018', isdAs: [PARENT.isdAs, CHILD.isdAs], keepalive: { periodMs: 1000 } },
      },
    ]);
  });

  it('are the same however the chunks are cut', async () => {
    const t = start();
    keepalives(t, up({ lost: (beat) => beat > 14 && beat < 19 }));
    keepalives(t, down({}));
    beacons(t, down({ at: 2 }));
    const frames = t.frames().map((frame): TestFrame => ({ ...frame, linkType: LINK_TYPE.raw }));
    const whole = (await runFrames(frames, parts)).sessions(scionLinks);
    for (const cut of [1, 7])
      expect((await runFrames(frames, parts, cut)).sessions(scionLinks)).toEqual(whole);
  });

  it('put the fragments of a full packet together', async () => {
    const t = start();
    const packet = scionPacket(there(NEXT.udp, scionUdp(1, 2, zeros(1376))));
    for (let index = 0; index < 4; index++) {
      t.sendUdp(1 + index, CHILD.socket, PARENT.socket, packet, { mtu: 1476 });
    }
    expect(t.frames().length).toBe(8);
    const [link] = (await run(t)).sessions(scionLinks);
    expect(link.directions[1]).toMatchObject({ packets: 4, largestPacket: packet.length });
  });
});
