import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { analyze } from '../../src/commands/run-analysis.js';
import type { Diagnosis, Judgement, Problem } from '../../src/diagnose/diagnosis.js';
import { ascii } from '../../test/build/bytes.js';
import type { TestFrame } from '../../test/build/frame-source.js';
import { IP_PROTOCOL, ip } from '../../test/build/ip.js';
import { ETHER_TYPE, ethernet } from '../../test/build/link.js';
import { type CaptureRun, runFrames } from '../../test/build/run-capture.js';
import { mssOption, tcp as segmentBytes, type Tcp, type TcpFlag } from '../../test/build/tcp.js';
import icmpCorrelators from '../icmp/correlator.js';
import icmp from '../icmp/dissector.js';
import correlators, { type TcpService, tcpServices } from './correlator.js';
import blackhole from './diagnoses/blackhole.js';
import breakdown from './diagnoses/breakdown.js';
import dataMissing from './diagnoses/data-missing.js';
import halfOpen from './diagnoses/half-open.js';
import highRtt from './diagnoses/high-rtt.js';
import mismatch from './diagnoses/mismatch.js';
import refused from './diagnoses/refused.js';
import reset from './diagnoses/reset.js';
import retransmissions from './diagnoses/retransmissions.js';
import slowResponse from './diagnoses/slow-response.js';
import synUnanswered from './diagnoses/syn-unanswered.js';
import zeroWindow from './diagnoses/zero-window.js';
import tcp from './dissector.js';

const ALL: readonly Diagnosis[] = [
  blackhole,
  halfOpen,
  highRtt,
  mismatch,
  refused,
  reset,
  retransmissions,
  slowResponse,
  synUnanswered,
  zeroWindow,
];
const PARTS = { dissectors: [icmp, tcp], correlators: [...icmpCorrelators, ...correlators] };
const MACS = { source: '00:00:5e:00:53:01', destination: '00:00:5e:00:53:02' };
const START_NS = 1_772_489_645_000_000_000n;
const SERVER = { address: '198.51.100.7', port: 80 };

type Segment = Partial<Tcp> & { length?: number };

/** Segments of connections with one server, at times in milliseconds. */
class Talk {
  readonly frames: TestFrame[] = [];
  private clientSequence = 0;
  private serverSequence = 0;

  constructor(
    readonly client = '192.0.2.1',
    readonly clientPort = 49_152,
    readonly serverPort = SERVER.port,
  ) {}

  on(clientPort: number, client = this.client): Talk {
    const next = new Talk(client, clientPort);
    Object.assign(next, { frames: this.frames });
    return next;
  }

  send(ms: number, from: 'client' | 'server', segment: Segment): this {
    const [source, destination] =
      from === 'client'
        ? [
            { address: this.client, port: this.clientPort },
            { ...SERVER, port: this.serverPort },
          ]
        : [
            { ...SERVER, port: this.serverPort },
            { address: this.client, port: this.clientPort },
          ];
    const payload = segmentBytes({
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
    const packet = ip({ ...addresses, protocol: IP_PROTOCOL.tcp, payload });
    const timeNs = START_NS + BigInt(Math.round(ms * 1e6));
    this.frames.push({ timeNs, bytes: ethernet({ ...MACS, etherType: ETHER_TYPE.ipv4, payload: packet }) });
    return this;
  }

  syn(ms: number): this {
    this.clientSequence = 1001;
    return this.send(ms, 'client', { sequence: 1000, flags: ['SYN'], options: mssOption(1460) });
  }

  handshake(ms: number, roundTripMs = 1): this {
    this.syn(ms);
    this.serverSequence = 5001;
    return this.send(ms + roundTripMs / 2, 'server', {
      sequence: 5000,
      acknowledgment: 1001,
      flags: ['SYN', 'ACK'],
      options: mssOption(1460),
    }).send(ms + roundTripMs, 'client', { sequence: 1001, acknowledgment: 5001 });
  }

  /** Data in order, acknowledged by the other side 0.1 ms later. */
  say(ms: number, from: 'client' | 'server', payload: Uint8Array | number, isAcknowledged = true): this {
    const bytes = typeof payload === 'number' ? new Uint8Array(payload).fill(7) : payload;
    const [sequence, acknowledgment] =
      from === 'client'
        ? [this.clientSequence, this.serverSequence]
        : [this.serverSequence, this.clientSequence];
    this.send(ms, from, { sequence, acknowledgment, payload: bytes });
    if (from === 'client') this.clientSequence += bytes.length;
    else this.serverSequence += bytes.length;
    return isAcknowledged ? this.ack(ms + 0.1, from === 'client' ? 'server' : 'client') : this;
  }

  ack(ms: number, from: 'client' | 'server', more: Segment = {}): this {
    return this.send(ms, from, {
      sequence: from === 'client' ? this.clientSequence : this.serverSequence,
      acknowledgment: from === 'client' ? this.serverSequence : this.clientSequence,
      ...more,
    });
  }

  /** The last `length` bytes that a side sent, once more. */
  repeat(ms: number, from: 'client' | 'server', length: number): this {
    const end = from === 'client' ? this.clientSequence : this.serverSequence;
    return this.ack(ms, from, { sequence: end - length, length });
  }

  get(ms: number, waitMs: number, path = '/'): this {
    return this.say(ms, 'client', ascii(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`)).say(
      ms + waitMs,
      'server',
      ascii('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'),
    );
  }

  close(ms: number): this {
    this.ack(ms, 'client', { flags: ['FIN', 'ACK'] });
    return this.ack(ms + 0.2, 'server', { flags: ['FIN', 'ACK'] });
  }

  /** Times in the order of the frames. */
  run(): Promise<CaptureRun> {
    this.frames.sort((a, b) => (a.timeNs < b.timeNs ? -1 : a.timeNs > b.timeNs ? 1 : 0));
    return runFrames(this.frames, PARTS);
  }
}

async function serviceOf(talk: Talk): Promise<TcpService> {
  const [service, ...others] = (await talk.run()).sessions(tcpServices);
  expect(others).toEqual([]);
  if (!service) throw new Error('no service');
  return service;
}

async function problemsOf(talk: Talk, diagnosis: Diagnosis): Promise<Problem[]> {
  return (await talk.run()).judge(diagnosis).filter(isProblem);
}

function isProblem(judgement: Judgement): judgement is Problem {
  return judgement.result === 'problem';
}

async function silent(talk: Talk): Promise<string[]> {
  const run = await talk.run();
  return ALL.flatMap((diagnosis) =>
    run
      .judge(diagnosis)
      .filter(isProblem)
      .map(() => diagnosis.id),
  );
}

function healthyTalk(): Talk {
  const talk = new Talk();
  for (let i = 0; i < 6; i++) {
    const one = talk.on(50_000 + i).handshake(i * 100, 2);
    one
      .get(i * 100 + 5, 3)
      .say(i * 100 + 10, 'server', 1400)
      .say(i * 100 + 11, 'client', 700)
      .close(i * 100 + 20);
  }
  return talk;
}

describe('healthy connections', () => {
  it('give no problem', async () => {
    expect(await silent(healthyTalk())).toEqual([]);
  });

  it('are measured', async () => {
    const service = await serviceOf(healthyTalk());
    expect(service).toMatchObject({ client: '192.0.2.1', server: '198.51.100.7', port: 80, connections: 6 });
    expect(service.attempts).toBe(6);
    expect(service.established.count).toBe(6);
    expect(service.roundTrip.quantile(0.5)).toBe(2_000_000);
    expect(service.serverHalf.quantile(0.5)).toBe(1_000_000);
    expect(service.http?.waited.quantile(0.5)).toBe(3_000_000);
    const [finding] = await problemsOf(healthyTalk(), breakdown);
    expect(finding).toMatchObject({
      severity: 'info',
      counts: { requests: 6, handshakeMicroseconds: 2000, waitMicroseconds: 3000, serverMicroseconds: 2000 },
    });
  });

  it('give the same services however the frames are cut into chunks', async () => {
    const { frames } = healthyTalk();
    frames.sort((a, b) => Number(a.timeNs - b.timeNs));
    const whole = await runFrames(frames, PARTS);
    const cut = await runFrames(frames, PARTS, 3);
    expect(cut.sessions(tcpServices)).toEqual(whole.sessions(tcpServices));
  });
});

describe('kind: the wrong host named as server', () => {
  it('a connection without SYN is not served from the port that FTP servers open theirs from', async () => {
    const talk = new Talk('192.0.2.1', 20);
    for (let i = 0; i < 5; i++) {
      talk.send(10 + i * 10, 'client', { sequence: 1 + i * 100, acknowledgment: 1, length: 100 });
      talk.send(11 + i * 10, 'server', { sequence: 1, acknowledgment: 101 + i * 100 });
    }
    expect(await serviceOf(talk)).toMatchObject({ server: SERVER.address, port: 80, client: '192.0.2.1' });
  });

  it.each(
    [22, 80, 179, 443, 3306, 8080].flatMap((port) =>
      [32_768, 49_152, 60_999].flatMap((ephemeral) =>
        (['client', 'server'] as const).map((first) => ({ port, ephemeral, first })),
      ),
    ),
  )(
    'port $port serves, not $ephemeral, without SYN and the $first first',
    async ({ port, ephemeral, first }) => {
      const talk = new Talk('192.0.2.1', ephemeral, port);
      const second = first === 'client' ? 'server' : 'client';
      for (let i = 0; i < 5; i++) {
        talk.send(10 + i * 10, first, { sequence: 1 + i * 100, acknowledgment: 1, length: 100 });
        talk.send(11 + i * 10, second, { sequence: 1, acknowledgment: 101 + i * 100 });
      }
      expect(await serviceOf(talk)).toMatchObject({ server: SERVER.address, port, client: '192.0.2.1' });
    },
  );
});

describe('tcp.syn-unanswered', () => {
  const repeated = (): Talk => {
    const talk = new Talk();
    for (const at of [0, 1000, 3000, 7000]) talk.syn(at);
    return talk;
  };

  it('fires for SYNs that nobody answers', async () => {
    const [problem] = await problemsOf(repeated(), synUnanswered);
    expect(problem).toMatchObject({
      severity: 'warning',
      subject: { kind: 'server', endpoints: ['198.51.100.7'], port: 80 },
      counts: { attempts: 1, unanswered: 1, syns: 4, established: 0 },
      ongoingAtEnd: true,
    });
    expect(problem?.evidence.map(({ frame }) => frame)).toEqual([1, 4]);
  });

  it('is information where the endpoint answers others', async () => {
    const talk = repeated();
    talk.on(50_000).handshake(8000).close(8100);
    expect((await problemsOf(talk, synUnanswered)).map(({ severity }) => severity)).toEqual(['info']);
  });

  it('is a warning where three clients fail at an endpoint that answered before', async () => {
    const talk = new Talk().handshake(0).close(100);
    for (let i = 0; i < 3; i++)
      talk
        .on(50_000 + i, `192.0.2.${10 + i}`)
        .syn(1000 + i)
        .syn(2000 + i);
    const [problem] = await problemsOf(talk, synUnanswered);
    expect(problem).toMatchObject({
      severity: 'warning',
      counts: { clients: 3, unanswered: 3, established: 1 },
    });
  });

  it.each([
    { spacingMs: 6000, failing: 3, isBack: false, severity: 'warning' },
    { spacingMs: 6000, failing: 2, isBack: false, severity: 'info' },
    { spacingMs: 1000, failing: 3, isBack: false, severity: 'info' },
    { spacingMs: 6000, failing: 3, isBack: true, severity: 'info' },
  ])('an endpoint stopped: $failing attempts every $spacingMs ms, back: $isBack', async (stop) => {
    const talk = new Talk().handshake(0).close(100);
    const at = (attempt: number): number => 1000 + attempt * stop.spacingMs;
    for (let i = 0; i < stop.failing; i++) {
      talk
        .on(50_000 + i)
        .syn(at(i))
        .syn(at(i) + 800);
    }
    if (stop.isBack)
      talk
        .on(50_100)
        .handshake(at(stop.failing))
        .close(at(stop.failing) + 100);
    expect(await problemsOf(talk, synUnanswered)).toMatchObject([{ severity: stop.severity }]);
  });

  it('waits 3 s for an answer to a single SYN', async () => {
    const run = await new Talk().syn(0).on(50_000).syn(100).run();
    expect(run.judge(synUnanswered).map(({ result }) => result)).toEqual(['insufficient-data']);
    const later = new Talk().syn(0);
    later.on(50_000).handshake(4000);
    expect(await problemsOf(later, synUnanswered)).toHaveLength(1);
  });

  it('counts connections that start late because SYNs are lost', async () => {
    const late = (count: number, of: number, everyMs = 1000): Talk => {
      const talk = new Talk();
      for (let i = 0; i < of; i++) {
        const one = talk.on(50_000 + i);
        if (i < count) one.syn(i * 100);
        one.handshake(i * 100 + (i < count ? everyMs : 0), 2).close(i * 100 + 9000);
      }
      return talk;
    };
    const [problem] = await problemsOf(late(3, 20), synUnanswered);
    expect(problem).toMatchObject({
      severity: 'warning',
      title: 'TCP connections start late: SYNs are lost',
      counts: { late: 3, established: 20, lostSyns: 3, syns: 23 },
    });
    expect(problem?.explanation).toContain('3 of 23 (13.0 %)');
    expect(await problemsOf(late(2, 20), synUnanswered)).toEqual([]);
    expect(await problemsOf(late(3, 150), synUnanswered)).toEqual([]);
    // Sooner than any timer: the network doubled the SYN, or the client is impatient.
    expect(await problemsOf(late(3, 20, 300), synUnanswered)).toEqual([]);
  });

  it('sees SYN-ACKs that do not reach the client', async () => {
    const talk = new Talk();
    for (const at of [0, 1000, 3000]) {
      talk.syn(at).send(at + 1, 'server', { sequence: 5000, acknowledgment: 1001, flags: ['SYN', 'ACK'] });
    }
    const [problem] = await problemsOf(talk, synUnanswered);
    expect(problem).toMatchObject({ counts: { answerLost: 1, unanswered: 1 } });
  });

  it('is silent where the answers pass elsewhere', async () => {
    const talk = new Talk().syn(0).ack(1, 'client', { acknowledgment: 5001 });
    talk.ack(5, 'client', { acknowledgment: 5801 });
    expect(await silent(talk)).toEqual([]);
  });

  it('folds a port scan into one piece of information', async () => {
    const talk = new Talk();
    const scan = await runFrames(
      Array.from({ length: 40 }, (_, i) => {
        const one = new Talk();
        one.send(i * 50, 'client', { sequence: 1, flags: ['SYN'], destinationPort: 1000 + i });
        return one.frames[0];
      }).concat(talk.syn(9000).frames),
      PARTS,
    );
    const problems = scan.judge(synUnanswered).filter(isProblem);
    expect(problems).toMatchObject([
      { severity: 'info', subject: { kind: 'scanner' }, counts: { endpoints: 41 } },
    ]);
  });
});

describe('tcp.refused and tcp.reset', () => {
  const refuse = (talk: Talk, ms: number): Talk =>
    talk.syn(ms).send(ms + 1, 'server', { acknowledgment: 1001, flags: ['RST', 'ACK'], window: 0 });

  it('reports RST to SYN', async () => {
    const talk = new Talk();
    for (let i = 0; i < 4; i++) refuse(talk.on(50_000 + i), i * 2000);
    const [problem] = await problemsOf(talk, refused);
    expect(problem).toMatchObject({
      severity: 'warning',
      counts: { attempts: 4, refused: 4, established: 0 },
    });
    expect(await problemsOf(talk, synUnanswered)).toEqual([]);
    expect(await problemsOf(talk, reset)).toEqual([]);
  });

  it('keeps one refusal quiet', async () => {
    expect((await problemsOf(refuse(new Talk(), 0), refused)).map(({ severity }) => severity)).toEqual([
      'info',
    ]);
  });

  it('tells a RST that leaves a request unanswered from an abrupt end', async () => {
    const talk = new Talk();
    for (let i = 0; i < 3; i++) {
      const one = talk.on(50_000 + i).handshake(i * 1000);
      one.say(i * 1000 + 5, 'client', ascii('GET / HTTP/1.1\r\nHost: a\r\n\r\n'));
      one.ack(i * 1000 + 9, 'server', { flags: ['RST', 'ACK'] });
    }
    const [problem] = await problemsOf(talk, reset);
    expect(problem).toMatchObject({ severity: 'warning', counts: { resets: 3, byServer: 3, unanswered: 3 } });
    const abrupt = new Talk()
      .handshake(0)
      .get(5, 1)
      .ack(50, 'client', { flags: ['RST', 'ACK'] });
    const [quiet] = await problemsOf(abrupt, reset);
    expect(quiet).toMatchObject({ severity: 'info', counts: { resets: 1, unanswered: 0 } });
  });

  it('takes RST after FIN for ordinary', async () => {
    const talk = new Talk()
      .handshake(0)
      .get(5, 1)
      .close(50)
      .ack(51, 'client', { flags: ['RST'] });
    expect(await silent(talk)).toEqual([]);
  });
});

describe('tcp.retransmissions', () => {
  it('counts segments that were seen before, by timer and fast', async () => {
    const talk = new Talk().handshake(0);
    for (let i = 0; i < 60; i++) talk.say(10 + i * 10, 'server', 1000);
    for (let i = 0; i < 12; i++) {
      talk.say(1000 + i * 1000, 'server', 1000, false).repeat(1300 + i * 1000, 'server', 1000);
      talk.ack(1301 + i * 1000, 'client');
    }
    const [problem] = await problemsOf(talk, retransmissions);
    expect(problem).toMatchObject({
      severity: 'warning',
      counts: { segments: 84, retransmissions: 12, timeouts: 12 },
      direction: { from: '198.51.100.7', to: '192.0.2.1' },
    });
    expect(await problemsOf(talk, blackhole)).toEqual([]);
    expect(await problemsOf(talk, halfOpen)).toEqual([]);
  });

  it('kind: absolute floors: a hole is not overtaken data where the receiver complained of it, however fast it is filled', async () => {
    const round = (complaints: number): Talk => {
      const talk = new Talk().handshake(0).say(5, 'client', 100);
      for (let i = 0; i < 60; i++) {
        const at = 100 + i * 20;
        const sequence = 5001 + i * 5000;
        for (let k = 1; k < 5; k++)
          talk.ack(at + k / 10, 'server', { sequence: sequence + k * 1000, length: 1000 });
        for (let k = 0; k < complaints; k++)
          talk.ack(at + 0.5 + k / 10, 'client', { acknowledgment: sequence });
        talk.ack(at + 2, 'server', { sequence, length: 1000 });
        talk.ack(at + 2.1, 'client', { acknowledgment: sequence + 5000 });
      }
      return talk;
    };
    expect(await problemsOf(round(4), retransmissions)).toMatchObject([{ counts: { retransmissions: 60 } }]);
    expect(await problemsOf(round(0), retransmissions)).toEqual([]);
  });

  it('kind: a claim about what was not captured: what asks for repeats at once is in the direction that is missing', async () => {
    const repeats = (afterMs: number): Talk => {
      const talk = new Talk().handshake(0);
      for (let i = 0; i < 60; i++) {
        talk.say(10 + i * 1000, 'server', 1000, false);
        if (i % 4 === 0) talk.repeat(10 + i * 1000 + afterMs, 'server', 1000);
        // What the server hears of the client stands in its own segments alone.
        talk.ack(900 + i * 1000, 'server', { acknowledgment: 1001 + i });
      }
      const isOfServer = ({ bytes }: TestFrame): boolean => bytes[29] === 7;
      talk.frames.splice(0, talk.frames.length, ...talk.frames.filter(isOfServer));
      return talk;
    };
    expect(await problemsOf(repeats(50), retransmissions)).toMatchObject([
      { severity: 'info', confidence: 'medium', limitedBy: ['capture.one-sided'] },
    ]);
    expect(await problemsOf(repeats(400), retransmissions)).toMatchObject([{ severity: 'warning' }]);
  });

  it('takes overtaken segments, keepalives and doubled segments for none', async () => {
    const talk = new Talk().handshake(0, 4).say(10, 'client', 100);
    for (let i = 0; i < 8; i++) {
      const at = 100 + i * 100;
      // The second of two comes first, the first 2 ms later.
      talk.ack(at, 'server', { sequence: 5001 + i * 2000 + 1000, length: 1000 });
      talk.ack(at + 2, 'server', { sequence: 5001 + i * 2000, length: 1000 });
    }
    talk.send(2000, 'client', { sequence: 1100, acknowledgment: 21_001, length: 1 });
    talk.send(3000, 'client', { sequence: 1100, acknowledgment: 21_001, length: 1 });
    talk.send(4000, 'client', { sequence: 1100, acknowledgment: 21_001, length: 1 });
    expect(await silent(talk)).toEqual([]);
  });
});

describe('tcp.zero-window, tcp.half-open, tcp.high-rtt', () => {
  it('measures how long a window stays closed', async () => {
    const talk = new Talk().handshake(0).get(5, 1).say(10, 'server', 1400);
    talk.ack(20, 'client', { window: 0 });
    for (const at of [300, 900, 2100, 4500])
      talk.repeat(at, 'server', 1).ack(at + 0.1, 'client', { window: 0 });
    talk.ack(6020, 'client', { window: 5000 });
    const [problem] = await problemsOf(talk, zeroWindow);
    expect(problem).toMatchObject({
      severity: 'warning',
      where: 'receiver',
      direction: { from: '198.51.100.7', to: '192.0.2.1' },
      counts: { zeroWindows: 1, longestMilliseconds: 6000 },
      ongoingAtEnd: false,
    });
    expect(await problemsOf(talk, retransmissions)).toEqual([]);
  });

  it('finds a peer that has gone', async () => {
    const talk = new Talk().handshake(0).say(5, 'client', 700).say(100, 'client', 300, false);
    for (const at of [300, 700, 1500, 3100, 6300, 12_700]) talk.repeat(at, 'client', 300);
    const [problem] = await problemsOf(talk, halfOpen);
    expect(problem).toMatchObject({ severity: 'warning', counts: { repeats: 6 } });
    expect(await problemsOf(talk, blackhole)).toEqual([]);
  });

  it('compares handshakes with their median', async () => {
    const talk = new Talk();
    for (let i = 0; i < 10; i++)
      talk
        .on(50_000 + i)
        .handshake(i * 1000, i > 7 ? 300 : 4)
        .close(i * 1000 + 400);
    const [problem] = await problemsOf(talk, highRtt);
    expect(problem).toMatchObject({
      severity: 'warning',
      counts: { handshakes: 10, largestMilliseconds: 300 },
    });
    const far = new Talk();
    for (let i = 0; i < 10; i++)
      far
        .on(50_000 + i)
        .handshake(i * 1000, 250)
        .close(i * 1000 + 600);
    expect((await problemsOf(far, highRtt)).map(({ severity }) => severity)).toEqual(['info']);
  });
});

describe('app.slow-response', () => {
  it('compares waits with the median of the server', async () => {
    const talk = new Talk().handshake(0);
    for (let i = 0; i < 9; i++) talk.get(100 + i * 3000, i % 3 === 2 ? 1500 : 4, `/${i % 3}`);
    const [problem] = await problemsOf(talk, slowResponse);
    expect(problem).toMatchObject({
      severity: 'warning',
      where: 'receiver',
      counts: { requests: 9, slow: 3, medianMilliseconds: 4, largestMilliseconds: 1500 },
    });
  });

  it('leaves out long polls, event streams, uploads, losses and upgrades', async () => {
    const poll = new Talk().handshake(0);
    for (let i = 0; i < 5; i++) poll.get(100 + i * 2010, 2000, '/poll?n=1');
    expect(await problemsOf(poll, slowResponse)).toEqual([]);
    const events = new Talk().handshake(0);
    for (let i = 0; i < 3; i++) {
      events.say(i * 5000, 'client', ascii('GET /e HTTP/1.1\r\nAccept: text/event-stream\r\n\r\n'));
      events.say(i * 5000 + 3000, 'server', ascii('HTTP/1.1 200 OK\r\n\r\n'));
    }
    expect(await problemsOf(events, slowResponse)).toEqual([]);
    const upload = new Talk().handshake(0).say(10, 'client', ascii('POST /u HTTP/1.1\r\nHost: a\r\n\r\n'));
    for (let i = 0; i < 30; i++) upload.say(100 + i * 200, 'client', 1400);
    upload.say(5910, 'server', ascii('HTTP/1.1 200 OK\r\n\r\n'));
    expect(await problemsOf(upload, slowResponse)).toEqual([]);
    const lossy = new Talk().handshake(0);
    for (let i = 0; i < 3; i++) {
      const request = ascii('GET /l HTTP/1.1\r\nHost: a\r\n\r\n');
      lossy.say(i * 5000 + 10, 'client', request, false);
      lossy.ack(i * 5000 + 1100, 'client', { sequence: 1001 + i * request.length, payload: request });
      lossy.say(i * 5000 + 1110, 'server', ascii('HTTP/1.1 200 OK\r\n\r\n'));
    }
    expect(await problemsOf(lossy, slowResponse)).toEqual([]);
  });
});

describe('mtu.blackhole', () => {
  const stuck = (size: number): Talk => {
    const talk = new Talk().handshake(0).say(5, 'server', 200).say(10, 'server', size, false);
    for (const at of [250, 700, 1500, 3100]) talk.repeat(at, 'server', size);
    return talk;
  };

  it('fires where large segments are repeated and small ones pass', async () => {
    const talk = stuck(1400);
    talk.on(50_000).handshake(2000).close(2100);
    const [problem] = await problemsOf(talk, blackhole);
    expect(problem).toMatchObject({
      severity: 'warning',
      direction: { from: '198.51.100.7', to: '192.0.2.1' },
      counts: { repeats: 4, smallestLostBytes: 1400, largestDeliveredBytes: 200 },
    });
    expect(await problemsOf(talk, halfOpen)).toEqual([]);
  });

  it('cannot tell where the peer is heard no more', async () => {
    const run = await stuck(1400).run();
    expect(run.judge(blackhole).map(({ result }) => result)).toContain('insufficient-data');
    expect(run.judge(blackhole).filter(isProblem)).toEqual([]);
  });

  it('is silent where a segment of that size was acknowledged', async () => {
    const talk = new Talk().handshake(0).say(5, 'server', 1400).say(10, 'server', 1400, false);
    for (const at of [250, 700, 1500, 3100]) talk.repeat(at, 'server', 1400);
    talk.on(50_000).handshake(2000).close(2100);
    expect(await problemsOf(talk, blackhole)).toEqual([]);
  });

  /** 1460 bytes of the server never appear; what follows them does, and the client asks for them each time. */
  const missing = (seenBefore: number, times: readonly number[], lost = 1460, port = 80): Talk => {
    const talk = new Talk('192.0.2.1', 49_152, port).handshake(0).say(5, 'server', seenBefore);
    const asksFor = { acknowledgment: 5001 + seenBefore };
    const behind = { sequence: 5001 + seenBefore + lost, acknowledgment: 1001, length: 600 };
    for (const at of times) talk.send(at, 'server', behind).ack(at + 0.1, 'client', asksFor);
    return talk;
  };
  const BY_TIMER = [10, 250, 700, 1500, 3100, 6300];

  it('fires at the receiver, where they never arrive', async () => {
    const [problem] = await problemsOf(missing(200, BY_TIMER), blackhole);
    expect(problem).toMatchObject({
      severity: 'warning',
      direction: { from: '198.51.100.7', to: '192.0.2.1' },
      where: 'unknown',
      counts: { repeats: 6, smallestLostBytes: 1460, largestDeliveredBytes: 600 },
    });
    expect(problem.explanation).toContain('lost before this point');
  });

  it('kind: one truth: is one finding of all services between the two, since the first of them', async () => {
    const talk = missing(200, BY_TIMER);
    const later = missing(200, [...BY_TIMER, 9000], 1460, 179);
    talk.frames.push(...later.frames.map((frame) => ({ ...frame, timeNs: frame.timeNs + 20_000_000_000n })));
    const [problem, ...others] = await problemsOf(talk, blackhole);
    expect(others).toEqual([]);
    expect(problem).toMatchObject({ counts: { segments: 2, repeats: 13 } });
    expect(problem.evidence[0].frame).toBeLessThan(later.frames.length);
    expect(problem.displayFilter).not.toContain('tcp.port');
  });

  it('is silent there where they come after all, where as large ones came, and where it is soon over', async () => {
    const filled = missing(200, BY_TIMER).send(6400, 'server', { sequence: 5201, length: 1460 });
    expect(await problemsOf(filled, blackhole)).toEqual([]);
    const dropped = missing(200, BY_TIMER).ack(6400, 'client', { acknowledgment: 5201 + 1460 + 600 });
    expect(await problemsOf(dropped, blackhole)).toEqual([]);
    expect(await problemsOf(missing(1448, BY_TIMER), blackhole)).toEqual([]);
    expect(await problemsOf(missing(200, BY_TIMER, 400), blackhole)).toEqual([]);
    expect(await problemsOf(missing(200, BY_TIMER.slice(0, 4)), blackhole)).toEqual([]);
  });
});

describe('tcp.data-missing', () => {
  interface Transfers {
    readonly count: number;
    /** Bytes of the segment that arrives before the hole, and of the hole. */
    readonly seen?: number;
    readonly times?: readonly number[];
    /** The hole is filled, or acknowledged, after all. */
    readonly comes?: 'segment' | 'acknowledgment';
  }

  function transfers({ count, seen = 1400, times = [10, 300, 700, 1500, 3200], comes }: Transfers): Talk {
    const first = new Talk();
    for (let i = 0; i < count; i++) {
      const at = i * 8000;
      const talk = (i === 0 ? first : first.on(50_000 + i)).handshake(at).say(at + 5, 'server', seen);
      const hole = 5001 + seen;
      const behind = { sequence: hole + 1400, acknowledgment: 1001, length: 600 };
      talk.send(at + 8, 'server', behind);
      for (const later of times) talk.ack(at + later, 'client', { acknowledgment: hole });
      if (comes === 'segment') talk.send(at + 6000, 'server', { ...behind, sequence: hole, length: 1400 });
      if (comes === 'acknowledgment') talk.ack(at + 6000, 'client', { acknowledgment: hole + 2000 });
    }
    return first;
  }

  it('fires where segments of a size that passes are missing in three connections', async () => {
    const [problem] = await problemsOf(transfers({ count: 3 }), dataMissing);
    expect(problem).toMatchObject({
      direction: { from: '198.51.100.7', to: '192.0.2.1' },
      counts: { connections: 3, missingBytes: 4200, waits: 15 },
    });
  });

  interface Answers {
    readonly count?: number;
    readonly flags?: readonly TcpFlag[];
    readonly goesOn?: boolean;
    /** The answer, or its acknowledgment, is seen after all: in each connection, or in one of them. */
    readonly comes?: 'data' | 'acknowledgment' | 'one acknowledgment';
  }

  /** A small answer passes; then the client gives up waiting, and the server's next number stands behind a whole answer. */
  function answers({ count = 3, flags = ['ACK'], goesOn = true, comes }: Answers): Talk {
    const first = new Talk();
    for (let i = 0; i < count; i++) {
      const at = i * 8000;
      const talk = (i === 0 ? first : first.on(50_000 + i)).handshake(at).say(at + 5, 'server', 300);
      talk.ack(at + 6, 'client', { acknowledgment: 5301 });
      talk.send(at + 4000, 'server', { sequence: 8301, acknowledgment: 1001, flags });
      if (comes === 'data')
        talk.send(at + 4001, 'server', { sequence: 5301, acknowledgment: 1001, length: 3000 });
      if (comes === 'acknowledgment' || (comes === 'one acknowledgment' && i === 0))
        talk.ack(at + 4002, 'client', { acknowledgment: 8301 });
    }
    if (goesOn) first.on(50_100).handshake(count * 8000);
    return first;
  }

  it('fires where the numbers of the server stand behind answers of which nothing comes', async () => {
    const [problem, ...others] = await problemsOf(answers({}), dataMissing);
    expect(others).toEqual([]);
    expect(problem).toMatchObject({
      direction: { from: '198.51.100.7', to: '192.0.2.1' },
      counts: { connections: 3, missingBytes: 9000, waits: 0 },
    });
  });

  it.each<[string, Answers]>([
    ['answers that come in another order', { comes: 'data' }],
    ['answers that the capture alone lost', { comes: 'acknowledgment' }],
    ['a capture that lost one for certain', { count: 4, comes: 'one acknowledgment' }],
    ["numbers of a RST, which may be anybody's", { flags: ['RST', 'ACK'] }],
    ['two connections, and one at the end of the capture', { goesOn: false }],
  ])('is silent on %s', async (_, how) => {
    expect(await problemsOf(answers(how), dataMissing)).toEqual([]);
  });

  it.each<[string, Transfers]>([
    ['two connections', { count: 2 }],
    ['what comes after all', { count: 4, comes: 'segment' }],
    ['what the capture alone lost', { count: 4, comes: 'acknowledgment' }],
    ['what is soon over', { count: 4, times: [10, 300, 700, 1500] }],
    ['sizes that nothing shows to pass', { count: 4, seen: 200 }],
  ])('is silent on %s', async (_, how) => {
    expect(await problemsOf(transfers(how), dataMissing)).toEqual([]);
  });
});

describe('captures of the laboratory', () => {
  const lab = resolve(import.meta.dirname, '../../../shared/captures/lab');
  const findings = async (file: string): Promise<string[]> => {
    const report = await analyze([resolve(lab, file)], { threads: 0 });
    return report.findings.filter(({ severity }) => severity !== 'info').map(({ id }) => id);
  };

  it.runIf(existsSync(lab))('names the slow application, and nothing on a healthy one', async () => {
    expect(await findings('app-slow/a.pcap')).toContain('app.slow-response');
    expect(await findings('app-slow/b-back.pcap')).toContain('app.slow-response');
    for (const file of ['a.pcap', 'b.pcap', 'b-back.pcap']) {
      expect(await findings(`latency-healthy/${file}`), file).toEqual([]);
    }
  });
});
