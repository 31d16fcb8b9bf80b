import { describe, expect, it } from 'vitest';
import { MARK_OUTBOUND } from '../../src/capture/frame-marks.js';
import type { Diagnosis, Judgement, Problem } from '../../src/diagnose/diagnosis.js';
import type { TestFrame } from '../../test/build/frame-source.js';
import { gre } from '../../test/build/gre.js';
import { icmpEcho, icmpError } from '../../test/build/icmp.js';
import { IP_PROTOCOL, ip } from '../../test/build/ip.js';
import { runFrames } from '../../test/build/run-capture.js';
import { type Endpoint, type Timeline, timeline } from '../../test/build/scenario.js';
import { tcp } from '../../test/build/tcp.js';
import icmpCorrelators from '../icmp/correlator.js';
import icmp from '../icmp/dissector.js';
import tcpCorrelators from '../tcp/correlator.js';
import tcpDissector from '../tcp/dissector.js';
import correlators from './correlator.js';
import keyMismatch from './diagnoses/key-mismatch.js';
import noReturn from './diagnoses/no-return.js';
import protoUnreachable from './diagnoses/proto-unreachable.js';
import seqLoss from './diagnoses/seq-loss.js';
import dissector from './dissector.js';
import view from './tunnel.js';

const GRE = 47;
const here: Endpoint = { address: '192.0.2.1', mac: '02:00:00:00:00:01', ttl: 64 };
const there: Endpoint = { address: '198.51.100.7', mac: '02:00:00:00:00:02', ttl: 57 };
const parts = {
  dissectors: [dissector, icmp, tcpDissector],
  correlators: [...correlators, ...icmpCorrelators, ...tcpCorrelators],
};

interface Path {
  from: Endpoint;
  to: Endpoint;
  key?: number;
  type?: number;
}

const forth: Path = { from: here, to: there, key: 5 };
const back: Path = { from: there, to: here, key: 5 };

function send(
  t: Timeline,
  at: number,
  { from, to, key, type = 0x800 }: Path,
  packet: Uint8Array,
): Uint8Array {
  const payload = gre({ protocolType: type, payload: packet, ...(key === undefined ? {} : { key }) });
  return t.sendIp(at, from, to, GRE, payload);
}

interface Pings {
  at: number;
  count: number;
  from?: string;
  to?: string;
  identifier?: number;
  requests?: Path;
  replies?: Path | null;
}

function pings(t: Timeline, options: Pings): Uint8Array[] {
  const { at, count, from = '10.1.0.5', to = '10.2.0.9', identifier = 7 } = options;
  const { requests = forth, replies = back } = options;
  return Array.from({ length: count }, (_, index) => {
    const echo = { identifier, sequence: index + 1, data: new Uint8Array(40) };
    const protocol = IP_PROTOCOL.icmp;
    const request = ip({ source: from, destination: to, protocol, payload: icmpEcho(echo) });
    const outer = send(t, at + index, requests, request);
    if (replies) {
      const payload = icmpEcho({ ...echo, reply: true });
      send(t, at + index + 0.01, replies, ip({ source: to, destination: from, protocol, payload }));
    }
    return outer;
  });
}

/** Something else of the capture, so that it goes on until then. */
function until(t: Timeline, seconds: number): readonly TestFrame[] {
  const echo = icmpEcho({ identifier: 1, sequence: 1, data: new Uint8Array(8) });
  const router = { ...there, address: '203.0.113.1' };
  for (const at of t.beatsUntil(seconds)) {
    t.sendIp(at, here, router, IP_PROTOCOL.icmp, echo);
    t.sendIp(at + 0.001, router, here, IP_PROTOCOL.icmp, echo);
  }
  return t.frames();
}

async function judge(diagnosis: Diagnosis, frames: readonly TestFrame[]): Promise<Judgement[]> {
  return (await runFrames(frames, parts)).judge(diagnosis);
}

async function results(diagnosis: Diagnosis, frames: readonly TestFrame[]): Promise<string[]> {
  return (await judge(diagnosis, frames)).map(({ result }) => result);
}

async function problem(diagnosis: Diagnosis, frames: readonly TestFrame[]): Promise<Problem> {
  const [first, ...others] = await judge(diagnosis, frames);
  expect(others.filter(({ result }) => result === 'problem')).toEqual([]);
  if (first?.result !== 'problem') throw new Error(`not a problem: ${JSON.stringify(first)}`);
  return first;
}

const begin = (): Timeline => timeline(1_700_000_000_000_000_000n);

describe('gre.no-return', () => {
  it('fires where answers stop, with the last packet that came back', async () => {
    const t = begin();
    pings(t, { at: 0, count: 5 });
    pings(t, { at: 6, count: 10, identifier: 8, replies: null });
    const found = await problem(noReturn, until(t, 30));
    expect(found.counts).toEqual({ unanswered: 10, conversations: 1, sentPackets: 15, returnedPackets: 5 });
    expect(found.direction).toEqual({ from: here.address, to: there.address });
    expect(found.lastGood?.frame).toBe(10);
    expect(found.first.timeNs).toBe(6e9);
    expect(found.confidence).toBe('medium');
  });

  it('fires where two inner conversations never work, one of them TCP', async () => {
    const t = begin();
    pings(t, { at: 0, count: 6, replies: null });
    const segment = {
      source: '10.1.0.6',
      destination: '10.2.0.10',
      sourcePort: 40_000,
      destinationPort: 443,
    };
    for (const at of [1, 2, 4, 8]) {
      const syn = tcp({ ...segment, flags: ['SYN'], sequence: 1000 });
      send(t, at, forth, ip({ ...segment, protocol: IP_PROTOCOL.tcp, payload: syn }));
    }
    const found = await problem(noReturn, until(t, 30));
    expect(found.counts).toMatchObject({ conversations: 2, returnedPackets: 0 });
    expect(found.confidence).toBe('low');
  });

  it('fires, unsure, on the pings of one host where the tunnel carries nothing at all back', async () => {
    const t = begin();
    pings(t, { at: 0, count: 10, replies: null });
    const found = await problem(noReturn, until(t, 30));
    expect(found).toMatchObject({ confidence: 'low', counts: { conversations: 1, returnedPackets: 0 } });
    expect(found.severity).toBeUndefined();
  });

  it('stays silent on one inner conversation that never worked, while other packets come back', async () => {
    const t = begin();
    pings(t, { at: 0, count: 10, replies: null });
    pings(t, { at: 0, count: 3, from: '10.2.0.9', to: '10.1.0.6', requests: back, replies: null });
    expect(await results(noReturn, until(t, 30))).toEqual(['insufficient-data']);
  });

  it('stays silent where the tunnel answers others meanwhile', async () => {
    const t = begin();
    pings(t, { at: 0, count: 20, to: '10.2.0.77', identifier: 9, replies: null });
    pings(t, { at: 0.5, count: 20, to: '10.2.0.78', identifier: 10, replies: null });
    pings(t, { at: 0.2, count: 22 });
    expect(await results(noReturn, until(t, 40))).toEqual(['healthy']);
  });

  it('stays silent where answers come with another key', async () => {
    const t = begin();
    pings(t, { at: 0, count: 10, replies: { ...back, key: 99 } });
    expect(await results(noReturn, until(t, 30))).toEqual(['healthy']);
  });

  it('stays silent on mirrored traffic, also without ERSPAN', async () => {
    const t = begin();
    pings(t, { at: 0, count: 10, replies: forth });
    pings(t, { at: 0.3, count: 10, to: '10.2.0.77', identifier: 9, replies: null });
    pings(t, { at: 0.6, count: 10, to: '10.2.0.78', identifier: 10, replies: null });
    expect(await results(noReturn, until(t, 30))).toEqual([]);
  });

  it('stays silent where a host inside proves that it hears the other side', async () => {
    const t = begin();
    pings(t, { at: 0, count: 6, replies: null });
    pings(t, { at: 0.3, count: 6, identifier: 9, to: '10.2.0.10', replies: null });
    const segment = { source: '10.1.0.5', destination: '10.2.0.9', sourcePort: 40_000, destinationPort: 443 };
    for (const acknowledgment of [1000, 2000, 3000]) {
      const ack = tcp({ ...segment, flags: ['ACK'], sequence: 1, acknowledgment });
      send(t, 2 + acknowledgment / 1000, forth, ip({ ...segment, protocol: IP_PROTOCOL.tcp, payload: ack }));
    }
    expect(await results(noReturn, until(t, 30))).toEqual(['insufficient-data']);
  });

  it('asks for a longer capture where it ends too soon', async () => {
    const t = begin();
    pings(t, { at: 0, count: 2, replies: null });
    expect(await results(noReturn, t.frames())).toEqual(['insufficient-data']);
  });
});

describe('gre.key-mismatch', () => {
  const theirs: Path = { ...back, key: 6 };
  const mutual = (t: Timeline, own: Path, other: Path): readonly TestFrame[] => {
    pings(t, { at: 0, count: 6, requests: own, replies: null });
    pings(t, {
      at: 0.4,
      count: 6,
      from: '10.2.0.9',
      to: '10.1.0.5',
      identifier: 9,
      requests: other,
      replies: null,
    });
    return until(t, 20);
  };

  it('fires where each end uses a key of its own and nothing is answered', async () => {
    const found = await problem(keyMismatch, mutual(begin(), forth, theirs));
    expect(found.counts).toEqual({ unanswered: 12, packetsFromFirst: 6, packetsFromSecond: 6, keys: 2 });
    expect(found.explanation).toContain('192.0.2.1 sends key 5; 198.51.100.7 sends key 6');
  });

  it('fires where one end uses no key', async () => {
    const found = await problem(keyMismatch, mutual(begin(), forth, { from: there, to: here }));
    expect(found.explanation).toContain('198.51.100.7 sends no key');
  });

  it('fires where the end without a key is answered to, and never gets an answer itself', async () => {
    const plain: Path = { from: there, to: here };
    const t = begin();
    pings(t, { at: 0, count: 6, replies: plain });
    pings(t, {
      at: 8,
      count: 6,
      from: '10.2.0.9',
      to: '10.1.0.5',
      identifier: 9,
      requests: plain,
      replies: null,
    });
    const found = await problem(keyMismatch, until(t, 20));
    expect(found).toMatchObject({
      counts: { unanswered: 6 },
      direction: { from: there.address, to: here.address },
    });
    // With keys of their own that may be by design, and a policy.
    const keyed = begin();
    pings(keyed, { at: 0, count: 6, replies: theirs });
    pings(keyed, {
      at: 8,
      count: 6,
      from: '10.2.0.9',
      to: '10.1.0.5',
      identifier: 9,
      requests: theirs,
      replies: null,
    });
    expect(await results(keyMismatch, until(keyed, 20))).toEqual(['healthy']);
  });

  it('stays silent where keys differ and answers come', async () => {
    const t = begin();
    pings(t, { at: 0, count: 6, replies: theirs });
    expect(await results(keyMismatch, until(t, 20))).toEqual(['healthy']);
  });

  it('stays silent where only the flow id of bridged traffic differs, and on the same key', async () => {
    const bridged = { type: 0x6558 };
    const nvgre = mutual(
      begin(),
      { ...forth, ...bridged, key: 0x1234_5601 },
      { ...back, ...bridged, key: 0x1234_5602 },
    );
    expect(await results(keyMismatch, nvgre)).toEqual(['healthy']);
    expect(await results(keyMismatch, mutual(begin(), forth, back))).toEqual(['healthy']);
  });

  it('does not apply to MidoNet, which its flow state packets give away', async () => {
    const t = begin();
    send(t, 0.1, { ...forth, key: 0xff_ffff }, new Uint8Array(40));
    expect(await results(keyMismatch, mutual(t, forth, theirs))).toEqual([]);
  });
});

describe('gre.proto-unreachable', () => {
  const refused = (code: number): readonly TestFrame[] => {
    const t = begin();
    for (const [index, packet] of pings(t, { at: 0, count: 5, replies: null }).entries()) {
      t.sendIp(index + 0.02, there, here, IP_PROTOCOL.icmp, icmpError(3, code, packet));
    }
    return until(t, 20);
  };

  it('fires on protocol unreachable and on port unreachable, with different titles', async () => {
    const noGre = await problem(protoUnreachable, refused(2));
    expect(noGre).toMatchObject({ severity: 'error', confidence: 'high', counts: { errors: 5 } });
    expect(noGre.title).toBeUndefined();
    expect((await problem(protoUnreachable, refused(3))).title).toBe('Peer has no GRE tunnel that matches');
  });

  it('is healthy on a tunnel that works', async () => {
    const t = begin();
    pings(t, { at: 0, count: 5 });
    expect(await results(protoUnreachable, until(t, 20))).toEqual(['healthy']);
  });
});

describe('gre.seq-loss', () => {
  const stream = (count: number, lost: (sequence: number) => boolean, type = 0x800): readonly TestFrame[] => {
    const t = begin();
    for (let sequence = 0; sequence < count; sequence++) {
      const packet = gre({ protocolType: type, sequence, payload: new Uint8Array(40) });
      if (!lost(sequence)) t.sendIp(sequence / 10, there, here, GRE, packet);
    }
    return t.frames();
  };

  it('fires on gaps above 1 %, exactly counted', async () => {
    const found = await problem(
      seqLoss,
      stream(200, (sequence) => sequence === 50 || sequence % 40 === 11),
    );
    expect(found.counts).toEqual({ received: 194, missing: 6, gaps: 5, reordered: 0, duplicates: 0 });
    expect(found.severity).toBe('warning');
  });

  it('is information for a mirror session', async () => {
    expect(
      (
        await problem(
          seqLoss,
          stream(200, (n) => n % 20 === 7, 0x88be),
        )
      ).severity,
    ).toBe('info');
  });

  it('stays silent on single losses, on short streams, and where the capture is the sender', async () => {
    expect(
      await results(
        seqLoss,
        stream(200, (n) => n === 70),
      ),
    ).toEqual(['healthy']);
    expect(
      await results(
        seqLoss,
        stream(60, (n) => n % 6 === 3),
      ),
    ).toEqual(['insufficient-data']);
    const own = stream(200, (n) => n % 20 === 7).map((frame) => ({ ...frame, marks: MARK_OUTBOUND }));
    expect(await results(seqLoss, own)).toEqual(['insufficient-data']);
  });
});

describe('GRE in the list of tunnels', () => {
  it('puts keys that go one way together, and leaves others apart', async () => {
    const t = begin();
    pings(t, { at: 0, count: 3, requests: { ...forth, key: 1 }, replies: { ...back, key: 2 } });
    pings(t, { at: 5, count: 3 });
    const { evidence } = await runFrames(t.frames(), parts);
    const rows = [...view.describe(evidence)];
    expect(rows.map(({ key, directions }) => ({ key, ways: directions.length }))).toEqual([
      { key: 5, ways: 2 },
      { key: ['1', '2'], ways: 2 },
    ]);
    expect(rows[0].facts).toEqual({ protocolTypes: ['0x0800'], mtu: { largestInner: 68, largestOuter: 96 } });
  });
});
