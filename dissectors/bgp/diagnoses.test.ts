import { describe, expect, it } from 'vitest';
import { type Side, TcpTalk } from '../../captures/cases/tcp-talk.js';
import type { Diagnosis, Judgement, Problem } from '../../src/diagnose/diagnosis.js';
import {
  bgpKeepalive,
  bgpNotification,
  bgpOpen,
  bgpUpdate,
  md5Option,
  shutdownText,
} from '../../test/build/bgp.js';
import { concat, hex, zeros } from '../../test/build/bytes.js';
import { icmpEcho, icmpError } from '../../test/build/icmp.js';
import { IP_PROTOCOL, ipv4 } from '../../test/build/ip.js';
import { runFrames } from '../../test/build/run-capture.js';
import { type Timeline, timeline } from '../../test/build/scenario.js';
import { mssOption, tcp as tcpSegment } from '../../test/build/tcp.js';
import icmpCorrelators from '../icmp/correlator.js';
import icmpDissector from '../icmp/dissector.js';
import tcpCorrelators from '../tcp/correlator.js';
import tcpDissector from '../tcp/dissector.js';
import correlators, { bgpConnections, bgpConversations } from './correlator.js';
import flap from './diagnoses/flap.js';
import holdExpiry from './diagnoses/hold-expiry.js';
import keepaliveGap from './diagnoses/keepalive-gap.js';
import md5Mismatch from './diagnoses/md5-mismatch.js';
import mtu from './diagnoses/mtu.js';
import noSession from './diagnoses/no-session.js';
import notification from './diagnoses/notification.js';
import openRejected from './diagnoses/open-rejected.js';
import refused from './diagnoses/refused.js';
import dissector from './dissector.js';

const parts = {
  dissectors: [tcpDissector, dissector, icmpDissector],
  correlators: [...tcpCorrelators, ...correlators, ...icmpCorrelators],
};
const ALL = [
  noSession,
  refused,
  md5Mismatch,
  openRejected,
  notification,
  holdExpiry,
  keepaliveGap,
  flap,
  mtu,
];
const A = { address: '10.0.0.1', mac: '02:00:00:00:00:01', ttl: 64 };
const B = { address: '10.0.0.2', mac: '02:00:00:00:00:02', ttl: 64 };
const HALF = 0.005;
const SIDES: readonly Side[] = ['client', 'server'];

interface TalkOptions {
  readonly port?: number;
  /** Segments that do not reach the capture point. */
  readonly hides?: (from: Side, at: number) => boolean;
  readonly isReversed?: boolean;
}

function connect(
  t: Timeline,
  { port = 40_001, hides = () => false, isReversed = false }: TalkOptions = {},
): TcpTalk {
  const [from, to] = isReversed ? [B, A] : [A, B];
  return new TcpTalk(
    {
      client: { address: from.address, port },
      server: { address: to.address, port: 179 },
      roundTripSeconds: 2 * HALF,
    },
    (at, side, segment) => {
      const [source, destination] = side === 'client' ? [from, to] : [to, from];
      if (!hides(side, at))
        t.sendIp(at, source, destination, IP_PROTOCOL.tcp, segment, { dontFragment: true });
    },
    { client: 1000, server: 9000 },
  );
}

function message(talk: TcpTalk, at: number, from: Side, bytes: Uint8Array): void {
  talk.segment(at, from, ['PSH', 'ACK'], bytes);
  talk.segment(at + HALF, from === 'client' ? 'server' : 'client', ['ACK']);
}

/** Handshake, OPENs and the first KEEPALIVEs. */
function open(talk: TcpTalk, at: number, { hold = 15, confirm = true } = {}): void {
  talk.handshake(at);
  for (const [i, from] of SIDES.entries()) {
    message(
      talk,
      at + 0.02 + i * 0.02,
      from,
      bgpOpen({ as: 65_001 + i, holdTime: hold, identifier: 0x0a000001 + i }),
    );
  }
  if (confirm)
    for (const [i, from] of SIDES.entries()) message(talk, at + 0.06 + i * 0.02, from, bgpKeepalive());
}

function keepalives(talk: TcpTalk, at: number, until: number, silent: readonly Side[] = [], every = 5): void {
  for (let now = at; now < until; now += every) {
    for (const [i, from] of SIDES.entries()) {
      if (!silent.includes(from)) message(talk, now + i * 0.1, from, bgpKeepalive());
    }
  }
}

function start(until: number): Timeline {
  const t = timeline(1_700_000_000_000_000_000n, 5);
  const echo = icmpEcho({ identifier: 1, sequence: 1, data: new Uint8Array(8) });
  for (let at = 0; at < until; at += 0.5) {
    t.sendIp(at, { ...A, address: '10.0.9.1' }, { ...B, address: '10.0.9.2' }, IP_PROTOCOL.icmp, echo);
  }
  return t;
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

async function loud(t: Timeline): Promise<string[]> {
  const run = await runFrames(t.frames(), parts);
  return ALL.flatMap((one) =>
    run
      .judge(one)
      .flatMap((judged) => (judged.result === 'problem' && judged.severity !== 'info' ? [one.id] : [])),
  );
}

describe('a healthy session', () => {
  function healthy(): Timeline {
    const t = start(60);
    const talk = connect(t);
    open(talk, 1);
    message(talk, 2, 'server', bgpUpdate({ announced: 5 }));
    keepalives(talk, 6, 60);
    return t;
  }

  it('is healthy by every rule that applies', async () => {
    const t = healthy();
    for (const one of ALL) {
      expect(
        (await results(t, one)).filter((result) => result !== 'healthy'),
        one.id,
      ).toEqual([]);
    }
  });

  it('is the same for any size of chunk', async () => {
    const frames = healthy().frames();
    const whole = await runFrames(frames, parts);
    const pieces = await runFrames(frames, parts, 3);
    expect(pieces.sessions(bgpConnections)).toEqual(whole.sessions(bgpConnections));
    expect(pieces.sessions(bgpConversations)).toEqual(whole.sessions(bgpConversations));
  });

  it('counts its messages', async () => {
    const [conversation] = (await runFrames(healthy().frames(), parts)).sessions(bgpConversations);
    const [a, b] = conversation.speakers;
    expect(a).toMatchObject({ address: A.address, updates: 0, keepalives: 12 });
    expect(b).toMatchObject({ address: B.address, updates: 1, announced: 5, keepalives: 12 });
  });

  it('may have begun before the capture', async () => {
    const t = start(60);
    const talk = connect(t, { hides: (_, at) => at < 20 });
    open(talk, 1);
    keepalives(talk, 6, 60);
    expect(await loud(t)).toEqual([]);
    expect(await results(t, holdExpiry)).toEqual(['healthy']);
  });

  it('may begin with a KEEPALIVE that overtakes the OPEN', async () => {
    const t = start(60);
    const talk = connect(t);
    talk.handshake(1);
    message(talk, 1.02, 'client', bgpOpen({ as: 65_001, holdTime: 15, identifier: 0x0a000001 }));
    talk.segment(
      1.041,
      'server',
      ['PSH', 'ACK'],
      bgpOpen({ as: 65_002, holdTime: 15, identifier: 0x0a000002 }),
    );
    talk.segment(1.0405, 'server', ['PSH', 'ACK'], bgpKeepalive());
    message(talk, 1.06, 'client', bgpKeepalive());
    keepalives(talk, 6, 60);
    const run = await runFrames(t.frames(), parts);
    expect(run.sessions(bgpConversations)).toHaveLength(1);
    expect(await results(t, holdExpiry)).toEqual(['healthy']);
  });

  it('may show one direction alone', async () => {
    const t = start(60);
    const talk = connect(t, { hides: (from) => from === 'server' });
    open(talk, 1);
    keepalives(talk, 6, 60);
    expect(await loud(t)).toEqual([]);
  });

  it('may send no keepalives at all', async () => {
    const t = start(200);
    const talk = connect(t);
    open(talk, 1, { hold: 0 });
    expect(await loud(t)).toEqual([]);
  });

  it('may come of two connections, one of which is given up', async () => {
    const t = start(40);
    const kept = connect(t);
    open(kept, 1);
    const given = connect(t, { isReversed: true, port: 40_002 });
    given.handshake(1.01);
    message(given, 1.03, 'client', bgpOpen({ as: 65_002, holdTime: 15, identifier: 0x0a000002 }));
    message(given, 1.05, 'server', bgpNotification(6, 7));
    given.close(1.07);
    keepalives(kept, 6, 40);
    expect(await loud(t)).toEqual([]);
    expect(await results(t, notification)).toEqual(['healthy']);
  });
});

describe('bgp.no-session', () => {
  function silent(t: Timeline, times: readonly number[], options: TalkOptions = {}): void {
    connect(t, options).syns(times);
  }

  it('needs three SYNs and ten seconds', async () => {
    const t = start(20);
    silent(t, [1, 2, 4, 8]);
    const found = await problem(t, noSession);
    expect(found.counts).toEqual({ syns: 4, attempts: 1 });
    expect(found.severity).toBe('error');
    const short = start(8);
    silent(short, [1, 2, 4]);
    expect(await results(short, noSession)).toEqual(['insufficient-data']);
    const probe = start(30);
    silent(probe, [1, 2]);
    expect(await results(probe, noSession)).toEqual(['insufficient-data']);
  });

  it('kind: an answer of something else is no answer: a SYN-ACK that comes when nobody waits any more, and is reset', async () => {
    const t = start(40);
    const talk = connect(t);
    talk.syns([1, 2, 4, 8]);
    talk.segment(22, 'server', ['SYN', 'ACK']);
    talk.segment(22 + HALF, 'client', ['RST']);
    expect((await problem(t, noSession)).counts).toEqual({ syns: 4, attempts: 1 });
  });

  it('is a warning where a session comes about later', async () => {
    const t = start(90);
    silent(t, [1, 2, 4, 8]);
    const talk = connect(t, { port: 40_002 });
    open(talk, 40);
    keepalives(talk, 45, 90);
    const found = await problem(t, noSession);
    expect(found.severity).toBe('warning');
    expect(found.ongoingAtEnd).toBe(false);
  });

  it('minds no attempts beside a session that stands', async () => {
    const t = start(60);
    const talk = connect(t);
    open(talk, 1);
    keepalives(talk, 6, 60);
    silent(t, [20, 21, 23, 27, 35], { isReversed: true, port: 40_002 });
    expect(await results(t, noSession)).toEqual(['healthy']);
  });

  it('leaves it to ICMP where a router says no', async () => {
    const t = start(20);
    silent(t, [1, 2, 4, 8]);
    const syn = tcpSegment({
      source: A.address,
      destination: B.address,
      sourcePort: 40_001,
      destinationPort: 179,
      sequence: 1000,
      flags: ['SYN'],
    });
    const packet = ipv4({
      source: A.address,
      destination: B.address,
      protocol: IP_PROTOCOL.tcp,
      payload: syn,
    });
    t.sendIp(1.01, { ...B, address: '10.0.0.254' }, A, IP_PROTOCOL.icmp, icmpError(3, 13, packet));
    expect(await results(t, noSession)).toEqual([]);
  });

  it('takes a port scan for no session', async () => {
    const t = start(30);
    silent(t, [1, 2, 4, 8]);
    for (let host = 0; host < 25; host++) {
      const to = { ...B, address: `10.0.1.${host}` };
      const syn = tcpSegment({
        source: A.address,
        destination: to.address,
        sourcePort: 50_000 + host,
        destinationPort: 179,
        sequence: 7,
        flags: ['SYN'],
      });
      t.sendIp(1.5 + host * 0.1, A, to, IP_PROTOCOL.tcp, syn);
    }
    expect(await results(t, noSession)).toEqual([]);
  });
});

describe('bgp.refused', () => {
  function refuse(t: Timeline, at: number, port: number): void {
    connect(t, { port })
      .segment(at, 'client', ['SYN'])
      .segment(at + HALF, 'server', ['RST', 'ACK']);
  }

  it('is information once, an error when it lasts, a warning when it ends', async () => {
    const once = start(20);
    refuse(once, 1, 40_001);
    expect((await problem(once, refused)).severity).toBe('info');
    const lasting = start(40);
    refuse(lasting, 1, 40_001);
    refuse(lasting, 11, 40_002);
    expect((await problem(lasting, refused)).severity).toBe('error');
    const ended = start(60);
    refuse(ended, 1, 40_001);
    refuse(ended, 11, 40_002);
    const talk = connect(ended, { port: 40_003 });
    open(talk, 30);
    keepalives(talk, 35, 60);
    expect((await problem(ended, refused)).severity).toBe('warning');
  });

  it('knows a peer that accepts and closes without a word', async () => {
    const t = start(30);
    for (const [i, at] of [1, 11].entries()) {
      const talk = connect(t, { port: 40_001 + i }).handshake(at);
      message(talk, at + 0.02, 'client', bgpOpen({ as: 65_001, holdTime: 15, identifier: 1 }));
      talk.segment(at + 0.03, 'server', ['FIN', 'ACK']).segment(at + 0.04, 'client', ['FIN', 'ACK']);
    }
    expect((await problem(t, refused)).counts).toEqual({ attempts: 2, syns: 2, reset: 0, closed: 2 });
  });
});

describe('notifications', () => {
  it('kind: last words behind a loss are read, where their segment begins with the end of a lost message', async () => {
    const t = start(30);
    const talk = connect(t);
    open(talk, 1);
    keepalives(talk, 6, 20);
    const update = bgpUpdate({ announced: 12 });
    talk.skip('server', 30);
    talk.segment(20, 'server', ['PSH', 'ACK'], concat(update.subarray(30), bgpNotification(6, 8)));
    expect((await problem(t, notification)).explanation).toContain('6/8');
  });

  it('name the AS of both sides where the OPEN is rejected', async () => {
    const t = start(20);
    const talk = connect(t);
    open(talk, 1, { confirm: false });
    message(talk, 1.1, 'server', bgpNotification(2, 2, hex('fdeb')));
    const found = await problem(t, openRejected);
    expect(found.explanation).toMatch(/2\/2 \(OPEN message error, bad peer AS\).*AS 65001.*AS 65002/);
    expect(found.direction).toEqual({ from: A.address, to: B.address });
    expect(await results(t, notification)).toEqual(['healthy']);
  });

  it('are information where somebody ordered them, with what he wrote', async () => {
    const t = start(30);
    const talk = connect(t);
    open(talk, 1);
    message(talk, 10, 'server', bgpNotification(6, 2, shutdownText('back at noon')));
    talk.close(10.1);
    const found = await problem(t, notification);
    expect(found.severity).toBe('info');
    expect(found.explanation).toContain('"back at noon"');
    expect(await loud(t)).toEqual([]);
  });

  it('warn of the reason inside a hard reset', async () => {
    const t = start(30);
    const talk = connect(t);
    open(talk, 1);
    message(talk, 10, 'server', bgpNotification(6, 9, hex('060a')));
    const found = await problem(t, notification);
    expect(found.severity).toBe('warning');
    expect(found.explanation).toMatch(/6\/9 \(cease, hard reset\) because of 6\/10 \(cease, BFD down\)/);
  });
});

describe('bgp.hold-expiry', () => {
  it('tells a hanging process by its acknowledgments, and the onset', async () => {
    const t = start(60);
    const talk = connect(t);
    open(talk, 1);
    keepalives(talk, 6, 20);
    keepalives(talk, 21, 35, ['server']);
    message(talk, 31.4, 'client', bgpNotification(4, 0));
    const found = await problem(t, holdExpiry);
    expect(found.direction).toEqual({ from: B.address, to: A.address });
    expect(found.explanation).toMatch(/the path works, the process hangs/);
    expect(found.counts).toEqual({ expirations: 1, notifications: 1, holdSeconds: 15 });
    expect(found.first.timeNs / 1e9).toBeCloseTo(16.1 + 5, 2);
  });

  it('concludes it from a side that goes on alone, but not past the hold time', async () => {
    const t = start(60);
    const talk = connect(t);
    open(talk, 1);
    keepalives(talk, 6, 20);
    keepalives(talk, 21, 30, ['server']);
    const found = await problem(t, holdExpiry);
    expect(found.confidence).toBe('medium');
    expect(found.counts).toEqual({ expirations: 1, notifications: 0, holdSeconds: 15 });
    const heard = start(60);
    const goesOn = connect(heard);
    open(goesOn, 1);
    keepalives(goesOn, 6, 20);
    keepalives(goesOn, 21, 60, ['server']);
    expect(await results(heard, holdExpiry)).toEqual(['insufficient-data']);
  });

  it('does not mind that the capture ends first', async () => {
    const t = start(28);
    const talk = connect(t);
    open(talk, 1);
    keepalives(talk, 6, 20);
    keepalives(talk, 21, 27, ['server']);
    expect(await results(t, holdExpiry)).toEqual(['healthy']);
  });

  it('asks for another capture where both sides fall silent', async () => {
    const t = start(90);
    const talk = connect(t);
    open(talk, 1);
    keepalives(talk, 6, 20);
    expect(await results(t, holdExpiry)).toEqual(['insufficient-data']);
    expect(await loud(t)).toEqual([]);
  });
});

describe('kind: remnants of a dead connection are no life', () => {
  /** The path carries nothing between 20 s and 41 s; both hold timers expire, and no NOTIFICATION gets out. */
  function outage(rest: (t: Timeline, talk: TcpTalk) => void): Timeline {
    const t = start(80);
    const talk = connect(t);
    open(talk, 1);
    keepalives(talk, 6, 20);
    talk.segment(21, 'client', ['PSH', 'ACK'], bgpKeepalive(), { isLost: true });
    for (const at of [21.4, 22.2, 23.8, 27, 33.4]) talk.repeat(at, 'client', bgpKeepalive());
    rest(t, talk);
    return t;
  }

  function comesBack(t: Timeline): void {
    const again = connect(t, { port: 40_002 });
    open(again, 42);
    keepalives(again, 47, 80);
  }

  it.each<[string, (talk: TcpTalk) => void]>([
    [
      'a repeat that is met by a RST after the next session stands',
      (talk) => talk.repeat(46.2, 'client', bgpKeepalive()).segment(46.21, 'server', ['RST']),
    ],
    ['nothing at all', () => {}],
    [
      'a keepalive of the silent side that waited, and is met by a RST',
      (talk) =>
        talk
          .segment(45, 'server', ['PSH', 'ACK'], bgpKeepalive(), { isLost: true })
          .segment(45.01, 'client', ['RST']),
    ],
  ])('%s', async (_, remnant) => {
    const t = outage((t, talk) => {
      comesBack(t);
      remnant(talk);
    });
    const expired = await problem(t, holdExpiry);
    expect(expired.counts).toEqual({ expirations: 1, notifications: 0, holdSeconds: 15 });
    expect(expired.direction).toEqual({ from: B.address, to: A.address });
    expect(expired.ongoingAtEnd).toBe(false);
    const flaps = await problem(t, flap);
    expect(flaps.counts).toEqual({ sessions: 2, ends: 1 });
    expect(flaps.first.timeNs / 1e9).toBeLessThan(22);
  });

  it('but two sessions that both go on are no flap', async () => {
    const t = start(80);
    const talks = [1, 42].map((at, index) => {
      const talk = connect(t, { port: 40_001 + index });
      open(talk, at);
      return talk;
    });
    keepalives(talks[0], 6, 80);
    keepalives(talks[1], 47, 80);
    expect(await results(t, flap)).toEqual(['healthy']);
  });
});

describe('bgp.keepalive-gap', () => {
  function paused(hold: number): Timeline {
    const t = start(80);
    const talk = connect(t);
    open(talk, 1, { hold });
    keepalives(talk, 6, 40);
    keepalives(talk, 41, 44, ['server']);
    keepalives(talk, 46, 80);
    return t;
  }

  it('needs more than half of the hold time, then a message', async () => {
    const found = await problem(paused(15), keepaliveGap);
    expect(found.counts).toEqual({ gaps: 1, longestSeconds: 10 });
    expect(found.direction).toEqual({ from: B.address, to: A.address });
    expect(await results(paused(180), keepaliveGap)).toEqual(['healthy']);
  });

  it('minds no keepalives that are the capture’s own loss', async () => {
    const t = start(80);
    const talk = connect(t, { hides: (from, at) => from === 'server' && at > 40.5 && at < 44 });
    open(talk, 1);
    keepalives(talk, 6, 80);
    expect(await results(t, keepaliveGap)).toEqual(['healthy']);
  });

  it('minds no operator who chose long intervals', async () => {
    const t = start(400);
    const talk = connect(t);
    open(talk, 1, { hold: 100 });
    keepalives(talk, 61, 400, [], 60);
    expect(await results(t, keepaliveGap)).toEqual(['healthy']);
  });
});

describe('bgp.flap', () => {
  it('is established twice within ten minutes', async () => {
    const t = start(90);
    for (const [i, at] of [1, 41].entries()) {
      const talk = connect(t, { port: 40_001 + i });
      open(talk, at);
      keepalives(talk, at + 5, at + 20);
      if (i === 0) talk.segment(22, 'server', ['RST', 'ACK']);
    }
    const found = await problem(t, flap);
    expect(found.counts).toEqual({ sessions: 2, ends: 1 });
    expect(found.first.timeNs / 1e9).toBeCloseTo(22, 3);
    expect(found.severity).toBe('error');
  });
});

describe('bgp.md5-mismatch', () => {
  const signed = { options: concat(mssOption(1460), md5Option()) };

  function attempts(t: Timeline, isReversed: boolean, isSigned: boolean): void {
    for (const [i, at] of [1, 5, 13].entries()) {
      const talk = connect(t, { port: 40_001 + i + (isReversed ? 100 : 0), isReversed });
      const options = isSigned ? signed : { options: mssOption(1460) };
      talk.segment(at + (isReversed ? 1 : 0), 'client', ['SYN'], zeros(0), options);
    }
  }

  it('is sure where one side signs and the other does not', async () => {
    const t = start(30);
    attempts(t, false, true);
    attempts(t, true, false);
    expect((await problem(t, md5Mismatch)).confidence).toBe('high');
  });

  it('is likely where both sign and neither answers', async () => {
    const t = start(30);
    attempts(t, false, true);
    attempts(t, true, true);
    expect((await problem(t, md5Mismatch)).confidence).toBe('medium');
  });

  it('needs a sign of life of the other side', async () => {
    const t = start(30);
    attempts(t, false, true);
    expect(await results(t, md5Mismatch)).toEqual(['insufficient-data']);
    t.sendIp(3, B, A, IP_PROTOCOL.icmp, icmpEcho({ identifier: 2, sequence: 1, data: new Uint8Array(8) }));
    const found = await problem(t, md5Mismatch);
    expect([found.severity, found.confidence]).toEqual(['warning', 'low']);
  });

  it('does not apply where nobody signs', async () => {
    const t = start(30);
    attempts(t, false, false);
    attempts(t, true, false);
    expect(await results(t, md5Mismatch)).toEqual([]);
  });
});

describe('bgp.mtu', () => {
  function large(t: Timeline, isAcknowledgedBefore: boolean): void {
    const talk = connect(t);
    open(talk, 1);
    keepalives(talk, 6, 12);
    const routes = bgpUpdate({ announced: 350 });
    if (isAcknowledgedBefore) message(talk, 12, 'client', routes);
    talk.segment(13, 'client', ['PSH', 'ACK'], routes, { isLost: true });
    for (const at of [13.3, 13.9, 15.1, 17.5, 22.3]) talk.repeat(at, 'client', routes);
    talk.segment(16, 'server', ['PSH', 'ACK'], bgpKeepalive());
    talk.segment(28, 'server', ['PSH', 'ACK'], bgpNotification(4, 0));
  }

  it('needs a segment larger than all that passed', async () => {
    const t = start(40);
    large(t, false);
    const found = await problem(t, mtu);
    expect(found.direction).toEqual({ from: A.address, to: B.address });
    expect(found.counts).toMatchObject({ segments: 1, repeats: 5 });
    const passed = start(40);
    large(passed, true);
    expect(await results(passed, mtu)).toEqual(['healthy']);
  });
});
