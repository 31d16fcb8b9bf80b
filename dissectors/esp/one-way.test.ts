import { describe, expect, it } from 'vitest';
import { MARK_INBOUND, MARK_OUTBOUND } from '../../src/capture/frame-marks.js';
import type { Judgement, Problem } from '../../src/diagnose/diagnosis.js';
import type { TestFrame } from '../../test/build/frame-source.js';
import { runFrames } from '../../test/build/run-capture.js';
import { type EspSa, espExchange, espPacket, type Timeline, timeline } from '../../test/build/scenario.js';
import { espPairs } from './correlator.js';
import lossDiagnosis from './diagnoses/loss.js';
import oneWay from './diagnoses/one-way-spi.js';
import { esp } from './dissector.js';

const START_NS = 1_700_000_000_000_000_000n;
const here = { address: '192.0.2.1', mac: '02:00:00:00:00:01', ttl: 64 };
const there = { address: '198.51.100.7', mac: '02:00:00:00:00:02', ttl: 57 };
const parts = { dissectors: [esp], correlators: [espPairs] };
/** ESP lengths of a ping, and of messages that nobody answers. */
const PING = 128;
const MESSAGE = 288;

function tunnel(spi = 0x1000): { forth: EspSa; back: EspSa } {
  return {
    forth: { from: here, to: there, spi, nextSequence: 1 },
    back: { from: there, to: here, spi: spi + 1, nextSequence: 1 },
  };
}

async function judge(frames: readonly TestFrame[], diagnosis = oneWay): Promise<Judgement[]> {
  return (await runFrames(frames, parts)).judge(diagnosis);
}

function capture(build: (t: Timeline, forth: EspSa, back: EspSa) => void): Promise<Judgement[]> {
  const t = timeline(START_NS);
  const { forth, back } = tunnel();
  build(t, forth, back);
  return judge(t.frames());
}

function send(t: Timeline, sa: EspSa, from: number, to: number, everySeconds: number, size: number): void {
  for (let at = from; at < to; at += everySeconds) espPacket(t, at, sa, size);
}

function pings(t: Timeline, forth: EspSa, back: EspSa, at: number, seconds: number, everyMs = 500): void {
  espExchange(t, { forth, back }, { at, seconds, intervalMs: everyMs, sizes: [PING] });
}

function problems(judgements: readonly Judgement[]): Problem[] {
  return judgements.filter((judgement) => judgement.result === 'problem');
}

describe('esp.one-way-spi', () => {
  it.each([
    ['behind', 0.0004],
    ['before', -0.0004],
  ])('begins behind the last answer, wherever that stands: %s its request', async (_, delaySeconds) => {
    const [problem, ...rest] = await capture((t, forth, back) => {
      pings(t, forth, back, 0, 20);
      espPacket(t, 20 + Math.min(0, delaySeconds), delaySeconds < 0 ? forth : back, PING);
      espPacket(t, 20 + Math.max(0, delaySeconds), delaySeconds < 0 ? back : forth, PING);
      send(t, forth, 35, 43, 0.5, PING);
    });
    expect(rest).toEqual([]);
    expect(problem).toMatchObject({ result: 'problem', counts: { packets: 16 } });
  });

  it('needs more than a burst, which is one loss', async () => {
    const judged = await capture((t, forth, back) => {
      pings(t, forth, back, 0, 20);
      send(t, forth, 35, 38, 0.1, PING);
    });
    expect(problems(judged)).toEqual([]);
  });

  it('reports a direction that dies', async () => {
    const [problem, ...rest] = await capture((t, forth, back) => {
      pings(t, forth, back, 0, 20);
      send(t, forth, 20, 40, 0.5, PING);
    });
    expect(rest).toEqual([]);
    expect(problem).toMatchObject({
      result: 'problem',
      severity: 'error',
      confidence: 'medium',
      subject: { endpoints: ['192.0.2.1', '198.51.100.7'], silent: '198.51.100.7' },
      counts: { packets: 40, answersBefore: 40, answersAfter: 0, intervals: 1, missingSequences: 0 },
      ongoingAtEnd: true,
    });
    expect((problem as Problem).first.timeNs / 1e9).toBeCloseTo(20, 0);
  });

  it('is sure where sequence numbers show that the answers were sent', async () => {
    const [problem] = await capture((t, forth, back) => {
      pings(t, forth, back, 0, 20);
      send(t, forth, 20, 40, 0.5, PING);
      for (let answer = 0; answer < 40; answer++) espPacket(t, 20, back, PING, { lost: true });
      pings(t, forth, back, 40, 20);
    });
    expect(problem).toMatchObject({
      severity: 'error',
      confidence: 'high',
      direction: { from: '198.51.100.7', to: '192.0.2.1' },
      where: 'path',
      counts: { missingSequences: 40, answersAfter: 40 },
      ongoingAtEnd: false,
    });
  });

  it('leaves the numbers of a dead direction out of esp.loss', async () => {
    const t = timeline(START_NS);
    const { forth, back } = tunnel();
    pings(t, forth, back, 0, 20);
    send(t, forth, 20, 40, 0.5, PING);
    for (let answer = 0; answer < 40; answer++) espPacket(t, 20, back, PING, { lost: true });
    pings(t, forth, back, 40, 20);
    expect((await judge(t.frames(), lossDiagnosis)).map(({ result }) => result)).toEqual([
      'healthy',
      'healthy',
    ]);
  });

  it('only warns where the silent side provably sent nothing', async () => {
    const [problem] = await capture((t, forth, back) => {
      pings(t, forth, back, 0, 20);
      send(t, forth, 20, 40, 0.5, PING);
      pings(t, forth, back, 40, 20);
    });
    expect(problem).toMatchObject({ severity: 'warning', counts: { missingSequences: 0 } });
  });

  it('goes by the pair of gateways where the silence includes a rekey', async () => {
    const [problem, ...rest] = await capture((t, forth, back) => {
      pings(t, forth, back, 0, 20);
      send(t, forth, 20, 30, 0.5, PING);
      const next = tunnel(0x2000);
      send(t, next.forth, 30, 40, 0.5, PING);
      pings(t, next.forth, next.back, 40, 10);
    });
    expect(problem).toMatchObject({ severity: 'error', counts: { packets: 40 + 1 } });
    expect(rest).toEqual([]);
  });

  it('says no more than info where the silent side was never heard', async () => {
    const [problem] = await capture((t, forth) => send(t, forth, 0, 30, 1, PING));
    expect(problem).toMatchObject({ severity: 'info', confidence: 'low', counts: { answersBefore: 0 } });
  });

  it('says no more than info where the traffic is another one than was answered', async () => {
    const [problem] = await capture((t, forth, back) => {
      pings(t, forth, back, 0, 20);
      send(t, forth, 20, 60, 0.5, MESSAGE);
    });
    expect(problem).toMatchObject({ severity: 'info', confidence: 'low' });
  });
});

describe('esp.one-way-spi is silent', () => {
  it('on pings both ways', async () => {
    expect(await capture((t, forth, back) => pings(t, forth, back, 0, 60))).toMatchObject([
      { result: 'healthy' },
    ]);
  });

  it('on messages that want no answer, with pings now and then', async () => {
    const judgements = await capture((t, forth, back) => {
      send(t, forth, 0.25, 120, 1, MESSAGE);
      for (const at of [20, 60, 100]) pings(t, forth, back, at, 6);
    });
    expect(problems(judgements)).toEqual([]);
  });

  it('on a media stream whose control packets are answered every 30 s', async () => {
    const judgements = await capture((t, forth, back) => {
      send(t, forth, 0, 120, 0.05, 1200);
      for (let at = 5; at < 120; at += 30)
        espExchange(t, { forth, back }, { at, seconds: 1, intervalMs: 1000, sizes: [PING] });
    });
    expect(problems(judgements)).toEqual([]);
  });

  it('on a few packets, on a short time, on an idle tunnel', async () => {
    const unanswered = async (count: number, every: number): Promise<Problem[]> =>
      problems(
        await capture((t, forth, back) => {
          pings(t, forth, back, 0, 20);
          send(t, forth, 20, 20 + count * every - every / 2, every, PING);
        }),
      );
    expect(await unanswered(9, 2)).toEqual([]);
    expect(await unanswered(90, 0.1)).toEqual([]);
    expect(await unanswered(0, 1)).toEqual([]);
  });

  it('on a capture that provably holds one direction of everything', async () => {
    const t = timeline(START_NS);
    for (let host = 1; host <= 4; host++) {
      const to = { ...there, address: `198.51.100.${host}` };
      const sa: EspSa = { from: here, to, spi: 0x1000 + host, nextSequence: 1 };
      for (let at = 0; at < 30; at++) espPacket(t, at + host / 10, sa, PING);
    }
    const frames = t.frames().map((frame) => ({ ...frame, marks: MARK_OUTBOUND }));
    expect((await judge(frames)).map(({ result }) => result)).toEqual(Array(4).fill('insufficient-data'));
    const mixed = frames.map((frame, index) => (index === 0 ? { ...frame, marks: MARK_INBOUND } : frame));
    expect(problems(await judge(mixed)).length).toBe(4);
  });

  it('on frames without times', async () => {
    const t = timeline(START_NS);
    const { forth, back } = tunnel();
    pings(t, forth, back, 0, 20);
    send(t, forth, 20, 40, 0.5, PING);
    const frames = t.frames().map((frame) => ({ ...frame, timeNs: START_NS }));
    expect(problems(await judge(frames))).toEqual([]);
  });
});

describe('several tunnels between two gateways', () => {
  function parallel(t: Timeline, one: ReturnType<typeof tunnel>, other: ReturnType<typeof tunnel>): void {
    pings(t, one.forth, one.back, 0, 120, 1000);
    pings(t, other.forth, other.back, 30.4, 50, 1000);
    send(t, other.forth, 80.4, 120, 1, PING);
  }

  it('finds the one that died beside one that works', async () => {
    const t = timeline(START_NS);
    parallel(t, tunnel(0x1000), tunnel(0x2000));
    const [problem, ...rest] = await judge(t.frames());
    expect(problem).toMatchObject({ result: 'problem', counts: { packets: 40 } });
    expect(rest).toEqual([]);
  });

  it('is silent while both work', async () => {
    const t = timeline(START_NS);
    const [one, other] = [tunnel(0x1000), tunnel(0x2000)];
    pings(t, one.forth, one.back, 0, 120, 1000);
    pings(t, other.forth, other.back, 30.4, 90, 1000);
    expect(problems(await judge(t.frames()))).toEqual([]);
  });
});

describe('the same result however frames are cut into chunks', () => {
  it('holds for pairs and their SAs', async () => {
    const t = timeline(START_NS);
    const { forth, back } = tunnel();
    pings(t, forth, back, 0, 20);
    send(t, forth, 20, 40, 0.5, PING);
    pings(t, forth, back, 40, 5);
    const frames = t.frames();
    const whole = (await runFrames(frames, parts)).sessions(espPairs);
    for (const framesPerChunk of [1, 7, 50]) {
      expect((await runFrames(frames, parts, framesPerChunk)).sessions(espPairs)).toEqual(whole);
    }
  });
});
