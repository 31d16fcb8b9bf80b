import { describe, expect, it } from 'vitest';
import { MARK_OUTBOUND } from '../../src/capture/frame-marks.js';
import type { Diagnosis, Judgement, Problem } from '../../src/diagnose/diagnosis.js';
import { type NtpExchange, ntpExchange } from '../../test/build/ntp.js';
import { runFrames } from '../../test/build/run-capture.js';
import { type Endpoint, timeline } from '../../test/build/scenario.js';
import { echoStreams, icmpErrors } from '../icmp/correlator.js';
import icmp from '../icmp/dissector.js';
import { ntpAssociations } from './correlator.js';
import kiss from './diagnoses/ntp-kiss.js';
import noResponse from './diagnoses/ntp-no-response.js';
import offset from './diagnoses/ntp-offset.js';
import unsynchronised from './diagnoses/ntp-unsynchronised.js';
import zoneShift from './diagnoses/zone-shift.js';
import ntpDissector from './dissector.js';

const START_NS = 1_700_000_000_000_000_000n;
const client: Endpoint = { address: '192.0.2.1', mac: '02:00:00:00:00:01', ttl: 64 };
const server: Endpoint = { address: '192.0.2.123', mac: '02:00:00:00:00:02', ttl: 63 };
const other: Endpoint = { ...server, address: '192.0.2.124' };
const parts = {
  dissectors: [ntpDissector, icmp],
  correlators: [ntpAssociations, icmpErrors, echoStreams],
};

interface Question extends NtpExchange {
  to?: Endpoint;
  from?: Endpoint;
}

async function judge(diagnosis: Diagnosis, questions: readonly Question[], marks = 0): Promise<Judgement[]> {
  const t = timeline(START_NS);
  for (const { to = server, from = client, ...exchange } of questions) ntpExchange(t, from, to, exchange);
  const frames = t.frames().map((frame) => ({ ...frame, marks }));
  return (await runFrames(frames, parts)).judge(diagnosis);
}

function every(count: number, seconds: number, exchange: Partial<Question>, from = 0): Question[] {
  return Array.from({ length: count }, (_, index) => ({ at: from + index * seconds, ...exchange }));
}

const results = (judgements: readonly Judgement[]): string[] => judgements.map(({ result }) => result);

function problems(judgements: readonly Judgement[]): Problem[] {
  return judgements.filter((one): one is Problem => one.result === 'problem');
}

describe('time.ntp-offset', () => {
  it('names the host whose clock is off, whatever the clock of the capture', async () => {
    for (const capture of [0, 5000, -3_000_000]) {
      const [problem] = problems(
        await judge(offset, every(4, 64, { server: capture + 2, client: capture - 0.5 })),
      );
      expect(problem.subject).toEqual({ kind: 'host', endpoints: ['192.0.2.1'] });
      expect(problem.counts).toMatchObject({ exchanges: 4, off: 4, servers: 1, offsetMilliseconds: 2500 });
      expect(problem.explanation).toContain('2.5 s behind');
    }
  });

  it('blames the capture where client and server agree', async () => {
    const judgements = await judge(offset, every(3, 64, { server: 40, client: 40 }));
    expect(results(judgements)).toEqual(['healthy', 'problem']);
    expect(problems(judgements)[0]).toMatchObject({
      subject: { kind: 'capture' },
      severity: 'info',
      confidence: 'high',
    });
  });

  it('says no more than it knows where the client sends random bits', async () => {
    const judgements = await judge(offset, every(6, 64, { server: 40, client: null }));
    expect(judgements).toMatchObject([{ result: 'problem', subject: { kind: 'capture' }, severity: 'info' }]);
    expect(results(await judge(offset, every(6, 64, { server: 0.01, client: null })))).toEqual(['healthy']);
  });

  it('takes the clock of the capture for that of the host it was taken on', async () => {
    const [problem] = problems(
      await judge(offset, every(3, 64, { server: -1, client: null, request: { stratum: 3 } }), MARK_OUTBOUND),
    );
    expect(problem.subject).toEqual({ kind: 'host', endpoints: ['192.0.2.1'] });
    expect(problem.explanation).toContain('1.0 s ahead');
  });

  it('leaves out what the delay explains, and a single exchange', async () => {
    const slow = every(4, 64, { server: 0.3, client: 0, roundTripSeconds: 0.5 });
    expect(results(await judge(offset, slow))).toEqual(['healthy', 'healthy']);
    expect(problems(await judge(offset, every(1, 64, { server: 30, client: 0 })))).toEqual([]);
  });

  it('allows for the way to the capture point where that is not beside the client', async () => {
    const far = { ...client, ttl: 61 };
    expect(results(await judge(offset, every(4, 64, { server: 0.3, client: 0, from: far })))).toContain(
      'healthy',
    );
    const near = await judge(offset, every(4, 64, { server: 0.3, client: 0 }));
    expect(problems(near)).toHaveLength(1);
  });

  it('waits for a host that is setting its clock', async () => {
    const starting = { server: 9, client: 0, request: { leap: 3, stratum: 0 } };
    expect(results(await judge(offset, every(4, 2, starting)))).toEqual(['insufficient-data']);
    expect(problems(await judge(offset, every(8, 64, starting)))).toHaveLength(1);
    const set = every(2, 64, { server: 9, client: 9 }, 300);
    const [host] = await judge(offset, [...every(4, 64, starting), ...set]);
    expect(host).toMatchObject({ result: 'healthy', subject: { kind: 'host' } });
  });

  it('goes by the majority of the servers', async () => {
    const wrong = every(4, 64, { server: 7, client: 0 }, 1);
    const right = [other, { ...other, address: '192.0.2.125' }].flatMap((to, index) =>
      every(4, 64, { server: 0.002, client: 0, to }, 2 + index),
    );
    expect(problems(await judge(offset, [...wrong, ...right]))).toEqual([]);
  });

  it('reckons across the end of the first era', async () => {
    const t = timeline(2_085_978_490_000_000_000n);
    for (let at = 0; at < 4; at++) ntpExchange(t, client, server, { at: at * 16, server: 3, client: 0 });
    const [problem] = (await runFrames(t.frames(), parts))
      .judge(offset)
      .filter(({ result }) => result === 'problem');
    expect(problem).toMatchObject({ counts: { offsetMilliseconds: 3000 } });
  });
});

describe('time.zone-shift', () => {
  it('knows a multiple of 15 minutes, and only that', async () => {
    const judged = async (seconds: number): Promise<string[]> =>
      results(await judge(zoneShift, every(3, 64, { server: seconds, client: 0 })));
    expect(await judged(7201.5)).toEqual(['problem']);
    expect(await judged(-5 * 3600 - 45 * 60)).toEqual(['problem']);
    expect(await judged(7210)).toEqual(['healthy']);
    expect(await judged(0.1)).toEqual(['healthy']);
    expect(await judged(30 * 3600)).toEqual(['healthy']);
  });
});

describe('time.ntp-unsynchronised', () => {
  const bad = { reply: { leap: 3, stratum: 16, referenceId: 0 } };

  it('goes by the newest answers', async () => {
    expect(results(await judge(unsynchronised, every(3, 64, {})))).toEqual(['healthy']);
    expect(results(await judge(unsynchronised, every(3, 64, bad)))).toEqual(['problem']);
    expect(results(await judge(unsynchronised, [...every(3, 64, bad), ...every(1, 1, {}, 300)]))).toEqual([
      'healthy',
    ]);
    expect(results(await judge(unsynchronised, every(1, 1, bad)))).toEqual(['insufficient-data']);
  });

  it('waits for a server that has just started', async () => {
    const starting = { reply: { leap: 3, stratum: 0, referenceId: 'INIT' } };
    expect(results(await judge(unsynchronised, every(4, 2, starting)))).toEqual(['insufficient-data']);
  });

  it('is information where the clients have another server', async () => {
    const both = [...every(3, 64, bad), ...every(3, 64, { to: other }, 1)];
    expect(problems(await judge(unsynchronised, both))).toMatchObject([{ severity: 'info' }]);
    expect(problems(await judge(unsynchronised, every(3, 64, bad)))).toMatchObject([{ severity: 'warning' }]);
  });

  it('takes no client at its word', async () => {
    const asking = every(3, 64, { answered: false, request: { leap: 3, stratum: 16 } });
    expect(await judge(unsynchronised, asking)).toEqual([]);
  });
});

describe('time.ntp-kiss', () => {
  const refusal = { reply: { leap: 3, stratum: 0, referenceId: 'RATE', receive: 0n, transmit: 0n } };

  it('reports a refusal with its code', async () => {
    const [problem] = problems(await judge(kiss, every(4, 64, refusal)));
    expect(problem).toMatchObject({ severity: 'warning', counts: { refused: 4, clients: 1 } });
    expect(problem.explanation).toContain('RATE: the client asks too often');
  });

  it('is information where the server answers afterwards', async () => {
    const judgements = await judge(kiss, [...every(4, 64, refusal), ...every(2, 64, {}, 400)]);
    expect(problems(judgements)).toMatchObject([{ severity: 'info', ongoingAtEnd: false }]);
    expect(results(await judge(kiss, every(2, 64, {})))).toEqual(['healthy']);
  });
});

describe('time.ntp-no-response', () => {
  const tail = every(1, 1, { from: { ...client, address: '192.0.2.9' } }, 900);

  it('needs several requests and time for an answer', async () => {
    const judged = async (questions: readonly Question[]): Promise<string[]> =>
      results((await judge(noResponse, [...questions, ...tail])).slice(0, 1));
    const silent = { answered: false, to: other };
    expect(await judged(every(6, 2, silent))).toEqual(['problem']);
    expect(await judged(every(4, 64, silent))).toEqual(['problem']);
    // Nothing at all was captured after the third: it may have been answered.
    expect(await judged(every(3, 64, silent))).toEqual(['insufficient-data']);
    expect(await judged(every(3, 2, silent))).toEqual(['insufficient-data']);
    expect(await judged([...every(6, 2, silent), ...every(1, 1, { to: other }, 20)])).toEqual(['healthy']);
  });

  it('is information where the host reaches another server', async () => {
    const questions = [...every(5, 64, { answered: false, to: other }), ...every(5, 64, {}, 1)];
    const [problem] = problems(await judge(noResponse, [...questions, ...tail]));
    // The last one was asked 2 s before nothing at all was captured for a while: its answer may be missing with the rest.
    expect(problem).toMatchObject({ severity: 'info', counts: { unanswered: 4, replies: 0 } });
  });

  it('says nothing where the capture ends too early', async () => {
    expect(results(await judge(noResponse, every(5, 2, { answered: false })))).toEqual(['insufficient-data']);
  });

  it('judges by the requests that had time, although the newest one had none', async () => {
    const [problem] = problems(await judge(noResponse, every(8, 2, { answered: false })));
    expect(problem.counts).toMatchObject({ unanswered: 6, replies: 0 });
  });
});
