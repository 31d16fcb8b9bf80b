import { describe, expect, it } from 'vitest';
import { concat, random } from '../../test/build/bytes.js';
import type { TestFrame } from '../../test/build/frame-source.js';
import { fragmentIpv4, fragmentIpv6, IP_PROTOCOL, ip, ipv4 } from '../../test/build/ip.js';
import { ETHER_TYPE } from '../../test/build/link.js';
import { type CaptureRun, runFrames } from '../../test/build/run-capture.js';
import { ping, reassemblyTimeExceeded, type Timeline, timeline } from '../../test/build/scenario.js';
import { udp } from '../../test/build/udp.js';
import { echoStreams, icmpErrors } from '../icmp/correlator.js';
import icmp from '../icmp/dissector.js';
import { fragmentStreams } from './correlator.js';
import missingFirst from './diagnoses/missing-first.js';
import missingRest from './diagnoses/missing-rest.js';
import overlap from './diagnoses/overlap.js';
import reverseOrder from './diagnoses/reverse-order.js';
import dissector from './dissector.js';

const START_NS = 1_700_000_000_000_000_000n;
const here = { address: '192.0.2.1', mac: '02:00:00:00:00:01', ttl: 64, port: 500 };
const there = { address: '198.51.100.7', mac: '02:00:00:00:00:02', ttl: 57, port: 500 };
const parts = { dissectors: [dissector, icmp], correlators: [fragmentStreams, icmpErrors, echoStreams] };
const MTU = 1500;
/** Four fragments. */
const LARGE = new Uint8Array(5000);

function run(build: (t: Timeline) => void, framesPerChunk?: number): Promise<CaptureRun> {
  const t = timeline(START_NS);
  build(t);
  const frames: readonly TestFrame[] = t.frames();
  return runFrames(frames, parts, framesPerChunk);
}

/** Large datagrams from there to here, one a second from second 5 on; small traffic before and after. */
function datagrams(count: number, lost: readonly number[] | ((index: number) => readonly number[])) {
  return (t: Timeline): void => {
    small(t, 0);
    for (let i = 0; i < count; i++) {
      const lostFragments = typeof lost === 'function' ? lost(i) : lost;
      t.sendUdp(5 + i, there, here, LARGE, { mtu: MTU, lostFragments });
    }
    small(t, 10 + count);
  };
}

function small(t: Timeline, at: number): void {
  ping(t, here, there, { at, count: 1, identifier: 3 });
}

describe('the ledger of datagrams', () => {
  it('counts complete ones with their order and spread', async () => {
    const result = await run(datagrams(6, []));
    expect(result.sessions(fragmentStreams)).toMatchObject([
      {
        source: there.address,
        destination: here.address,
        protocol: 17,
        fragments: 24,
        nonFirst: 18,
        complete: 6,
        arrival: { ascending: 6, reversed: 0, mixed: 0 },
        largestComplete: 5008,
        incompleteCount: { first: 0, middle: 0, tail: 0 },
        incomplete: [],
      },
    ]);
    const spread = result.sessions(fragmentStreams)[0]?.usualSpreadNs ?? 0;
    expect(spread).toBeGreaterThanOrEqual(120_000);
    expect(spread).toBeLessThanOrEqual(262_144);
  });

  it.each([
    [[0], 'first'],
    [[0, 1, 2], 'first'],
    [[1], 'middle'],
    [[1, 2], 'middle'],
    [[3], 'tail'],
    [[1, 2, 3], 'tail'],
  ])('without fragments %j lacks the %s', async (lost, lack) => {
    const result = await run(datagrams(2, lost));
    expect(result.sessions(fragmentStreams)).toMatchObject([
      { complete: 0, incomplete: [{ lack }, { lack }] },
    ]);
  });

  it('is the same for any chunk size', async () => {
    const build = datagrams(20, (index) => (index % 3 === 0 ? [index % 4] : []));
    const whole = await run(build);
    const cut = await run(build, 5);
    expect(cut.sessions(fragmentStreams)).toEqual(whole.sessions(fragmentStreams));
  });

  it('puts IPv6 datagrams together by their 32-bit identification', async () => {
    const source = { ...there, address: '2001:db8::2' };
    const destination = { ...here, address: '2001:db8::1' };
    const packet = ip({
      source: source.address,
      destination: destination.address,
      protocol: IP_PROTOCOL.esp,
      payload: LARGE,
    });
    const result = await run((t) => {
      for (const identification of [0xabcd_0001, 0xabcd_0002]) {
        for (const [i, piece] of fragmentIpv6(packet, MTU, identification).entries()) {
          t.send(1 + i * 1e-5, source, destination, ETHER_TYPE.ipv6, piece);
        }
      }
    });
    expect(result.sessions(fragmentStreams)).toMatchObject([{ family: 6, complete: 2 }]);
  });

  it('tells a repetition from a datagram, and identifications that are used again', async () => {
    const packet = ipv4({
      source: there.address,
      destination: here.address,
      protocol: IP_PROTOCOL.esp,
      payload: LARGE,
      identification: 77,
    });
    const pieces = fragmentIpv4(packet, MTU);
    const result = await run((t) => {
      const send = (at: number, index: number): void => {
        const piece = pieces[index];
        if (piece) t.send(at, there, here, ETHER_TYPE.ipv4, piece);
      };
      for (const [i] of pieces.entries()) send(1 + i * 1e-4, i);
      // A single piece once more, late enough to be no copy of the frame.
      send(1.5, 2);
      for (const [i] of pieces.entries()) send(8 + i * 1e-4, i);
    });
    expect(result.sessions(fragmentStreams)).toMatchObject([
      { complete: 2, repeated: 1, incompleteCount: { first: 0, middle: 0, tail: 0 } },
    ]);
  });

  it('keeps a datagram together of which one piece comes again while the receiver waits', async () => {
    const header = { source: there.address, destination: here.address, protocol: IP_PROTOCOL.esp };
    const pieces = fragmentIpv4(ipv4({ ...header, payload: LARGE, identification: 78 }), MTU);
    const result = await run((t) => {
      for (const [at, index] of [0, 0, 1, 2, 3].entries()) {
        const piece = pieces[index];
        if (piece) t.send(1 + at * 1.5, there, here, ETHER_TYPE.ipv4, piece);
      }
    });
    expect(result.sessions(fragmentStreams)).toMatchObject([
      { complete: 1, repeated: 1, incompleteCount: { first: 0, middle: 0, tail: 0 } },
    ]);
  });

  it('refuses pieces that no sender may cut, and counts them as malformed', async () => {
    const piece = ipv4({
      source: there.address,
      destination: here.address,
      protocol: IP_PROTOCOL.esp,
      payload: new Uint8Array(13),
      moreFragments: true,
    });
    const result = await run((t) => t.send(1, there, here, ETHER_TYPE.ipv4, piece));
    expect(result.sessions(fragmentStreams)).toEqual([]);
    expect(result.evidence.quality.malformedHeaders).toBe(1);
  });

  it('kind: a finding rests on no damaged header: a fragment with a wrong header checksum is missed by nobody', async () => {
    const piece = ipv4({
      source: there.address,
      destination: here.address,
      protocol: IP_PROTOCOL.esp,
      payload: new Uint8Array(16),
      moreFragments: true,
    });
    const send = async (bytes: Uint8Array): Promise<number> =>
      (await run((t) => t.send(1, there, here, ETHER_TYPE.ipv4, bytes))).sessions(fragmentStreams).length;
    expect(await send(piece)).toBe(1);
    const damaged = Uint8Array.from(piece);
    damaged[4] ^= 0x10;
    expect(await send(damaged)).toBe(0);
    // 0: left to the network card.
    damaged.fill(0, 10, 12);
    expect(await send(damaged)).toBe(1);
  });

  it('takes hostile pieces: any offset, any length, any order', async () => {
    const generator = random(5);
    const result = await run((t) => {
      for (let i = 0; i < 600; i++) {
        const piece = ipv4({
          source: there.address,
          destination: here.address,
          protocol: IP_PROTOCOL.esp,
          payload: generator.bytes(8 * Math.floor(generator.between(1, 20))),
          identification: Math.floor(generator.between(0, 3)),
          fragmentOffset: 8 * Math.floor(generator.between(0, 8191)),
          moreFragments: generator.between(0, 1) < 0.9,
        });
        t.send(i * 0.001, there, here, ETHER_TYPE.ipv4, piece);
      }
    });
    const [stream] = result.sessions(fragmentStreams);
    expect(stream?.fragments).toBe(600);
  });

  it('does not need the payload, only what the headers claim', async () => {
    const t = timeline(START_NS);
    datagrams(3, [])(t);
    const cut = t.frames().map((frame) => ({
      ...frame,
      bytes: frame.bytes.subarray(0, 60),
      originalLength: frame.bytes.length,
    }));
    const result = await runFrames(cut, parts);
    expect(result.sessions(fragmentStreams)).toMatchObject([{ complete: 3 }]);
  });
});

describe('frag.missing-rest', () => {
  it('misses no fragment that nobody sends, even where the receiver gives up waiting', async () => {
    const datagram = udp({
      source: there.address,
      destination: here.address,
      sourcePort: 2000,
      destinationPort: 2001,
      payload: new Uint8Array(16),
    });
    const header = { source: there.address, destination: here.address, protocol: IP_PROTOCOL.udp };
    const result = await run((t) => {
      small(t, 0);
      for (let i = 0; i < 5; i++) {
        const packet = ipv4({ ...header, payload: datagram, moreFragments: true, identification: 300 + i });
        t.send(5 + i, there, here, ETHER_TYPE.ipv4, packet);
        t.sendIp(35 + i, here, there, IP_PROTOCOL.icmp, reassemblyTimeExceeded(packet));
      }
      small(t, 50);
    });
    expect(result.judge(missingRest)).toMatchObject([{ result: 'insufficient-data' }]);
    expect(result.sessions(fragmentStreams)).toMatchObject([{ endlessCount: 5 }]);
  });

  it('counts exactly, cites the pieces, and points from sender to receiver', async () => {
    const judged = (await run(datagrams(8, [1, 2, 3]))).judge(missingRest);
    expect(judged).toMatchObject([
      {
        result: 'problem',
        severity: 'error',
        confidence: 'medium',
        direction: { from: there.address, to: here.address },
        counts: { datagrams: 8, complete: 0, atEdges: 0, reassemblyErrors: 0 },
        ongoingAtEnd: true,
      },
    ]);
  });

  it('grades occasional losses among many complete ones as information', async () => {
    const judged = (await run(datagrams(60, (index) => (index === 20 ? [3] : [])))).judge(missingRest);
    expect(judged).toMatchObject([{ result: 'problem', severity: 'info', ongoingAtEnd: false }]);
  });

  it('takes the word of the receiver at the sender, where every datagram is whole', async () => {
    const result = await run((t) => {
      for (let i = 0; i < 4; i++) {
        const packet = t.sendUdp(i, here, there, LARGE, { mtu: MTU });
        t.sendIp(i + 30, there, here, IP_PROTOCOL.icmp, reassemblyTimeExceeded(packet));
      }
    });
    expect(result.judge(missingRest)).toMatchObject([
      {
        result: 'problem',
        confidence: 'high',
        severity: 'error',
        direction: { from: here.address, to: there.address },
        counts: { datagrams: 4, complete: 4, reassemblyErrors: 4 },
      },
    ]);
  });

  it('is silent at the end of the capture, and about pings that are answered all the same', async () => {
    const atEnd = await run((t) => {
      small(t, 0);
      t.sendUdp(5, there, here, LARGE, { mtu: MTU });
      t.sendUdp(6, there, here, LARGE, { mtu: MTU, lostFragments: [3] });
    });
    expect(atEnd.judge(missingRest)).toMatchObject([{ result: 'healthy' }]);
    const answered = await run((t) => {
      const request = { mtu: MTU, lostFragments: [1] };
      ping(t, there, here, { at: 1, count: 5, identifier: 9, dataLength: 2000, request });
      small(t, 20);
    });
    expect(answered.judge(missingRest)).toMatchObject([{ result: 'insufficient-data' }]);
  });

  it('is silent where a port filter hides later fragments', async () => {
    const result = await run((t) => {
      for (let i = 0; i < 20; i++) {
        t.sendUdp(i, here, there, new Uint8Array(100));
        t.sendUdp(i + 0.1, there, here, LARGE, { mtu: MTU, lostFragments: [1, 2, 3] });
      }
    });
    expect(result.judge(missingRest)).toMatchObject([{ result: 'insufficient-data' }]);
  });
});

describe('frag.missing-first', () => {
  it('fires on later fragments alone', async () => {
    const judged = (await run(datagrams(5, [0]))).judge(missingFirst);
    expect(judged).toMatchObject([
      { result: 'problem', severity: 'warning', counts: { datagrams: 5, complete: 0, atEdges: 0 } },
    ]);
  });

  it('is silent at the start of the capture', async () => {
    const result = await run((t) => {
      t.sendUdp(0, there, here, LARGE, { mtu: MTU, lostFragments: [0] });
      t.sendUdp(5, there, here, LARGE, { mtu: MTU });
      small(t, 20);
    });
    expect(result.judge(missingFirst)).toMatchObject([{ result: 'healthy' }]);
  });
});

describe('order and overlap', () => {
  it('tells a sender that emits the last fragment first', async () => {
    const result = await run((t) => {
      for (let i = 0; i < 4; i++) t.sendUdp(i, there, here, LARGE, { mtu: MTU, order: 'reversed' });
    });
    expect(result.judge(reverseOrder)).toMatchObject([
      { result: 'problem', severity: 'info', counts: { reversed: 4, complete: 4 } },
    ]);
    expect(result.judge(missingFirst)).toMatchObject([{ result: 'healthy' }]);
    expect((await run(datagrams(5, []))).judge(reverseOrder)).toMatchObject([{ result: 'healthy' }]);
  });

  it('reports pieces that overlap, and nothing for exact repetitions', async () => {
    const header = {
      source: there.address,
      destination: here.address,
      protocol: IP_PROTOCOL.esp,
      identification: 5,
    };
    const first = ipv4({ ...header, payload: new Uint8Array(1480), moreFragments: true });
    const second = ipv4({ ...header, payload: new Uint8Array(800), fragmentOffset: 1472 });
    const overlapping = await run((t) => {
      t.send(1, there, here, ETHER_TYPE.ipv4, first);
      t.send(1.001, there, here, ETHER_TYPE.ipv4, second);
      small(t, 9);
    });
    expect(overlapping.judge(overlap)).toMatchObject([{ result: 'problem', counts: { datagrams: 1 } }]);
    expect(overlapping.judge(missingRest)).toMatchObject([{ result: 'healthy' }]);
    const repeated = await run((t) => {
      t.send(1, there, here, ETHER_TYPE.ipv4, first);
      t.send(1.1, there, here, ETHER_TYPE.ipv4, first);
      t.send(
        1.2,
        there,
        here,
        ETHER_TYPE.ipv4,
        concat(ipv4({ ...header, payload: new Uint8Array(800), fragmentOffset: 1480 })),
      );
    });
    expect(repeated.judge(overlap)).toMatchObject([{ result: 'healthy' }]);
    expect(repeated.sessions(fragmentStreams)).toMatchObject([{ complete: 1, repeated: 1 }]);
  });
});
