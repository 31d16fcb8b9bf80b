import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concat, random, u8, u16 } from '../../test/build/bytes.js';
import { ChunkFeed, type FedFrame, type FeedOptions } from '../../test/build/feed-chunks.js';
import { fragmentIpv4, fragmentIpv6, IP_PROTOCOL, ip, ipv4, ipv6 } from '../../test/build/ip.js';
import { type TcpFlag, tcp } from '../../test/build/tcp.js';
import { udp } from '../../test/build/udp.js';
import { type Dissector, defineDissector } from '../dissect/dissector.js';
import { ORIGIN_FIRST_FRAGMENT } from '../observe/table.js';
import { frameNumberOf } from '../units.js';
import type { AssemblerCounts } from './assembler.js';
import { defineCorrelator } from './correlator.js';

const ENDS = { source: '192.0.2.9', destination: '192.0.2.1' };
const ENDS_V6 = { source: '2001:db8::1', destination: '2001:db8::2' };
const WHOLE_PORT = 5000;
const FRAMED_PORT = 6000;
const TUNNEL_PORT = 7000;
const SECOND = 1_000_000_000;

const COLUMNS = {
  length: 'u32',
  hash: 'i32',
  sourcePort: 'u16',
  destinationPort: 'u16',
  sourceEnd: 'u8',
  protocol: 'u8',
  family: 'u8',
} as const;

function hashOf(view: DataView, offset: number, end: number): number {
  let hash = 0x811c9dc5;
  for (let at = offset; at < end; at++) hash = Math.imul(hash ^ view.getUint8(at), 0x01000193);
  return hash;
}

function hashBytes(bytes: Uint8Array): number {
  return hashOf(new DataView(bytes.buffer, bytes.byteOffset, bytes.length), 0, bytes.length);
}

const bind: Dissector<typeof COLUMNS>['bind'] = (table) => (frame, offset, end) => {
  const row = table.rows.append(frame);
  table.length[row] = end - offset;
  table.hash[row] = hashOf(frame.view, offset, end);
  table.sourcePort[row] = frame.sourcePort;
  table.destinationPort[row] = frame.destinationPort;
  table.sourceEnd[row] = frame.source[3] & 0xff;
  table.protocol[row] = frame.protocol;
  table.family[row] = frame.family;
};

/** Reads UDP datagrams as a whole. */
const whole = defineDissector({
  protocol: 'whole',
  carriedBy: { udpPort: [WHOLE_PORT] },
  observes: COLUMNS,
  rowsPerChunk: 256,
  assembles: true,
  bind,
});

/** Messages of a stream: A5 5A, 16 bits of payload length, payload. */
const framed = defineDissector({
  protocol: 'framed',
  carriedBy: { tcpPort: [FRAMED_PORT], udpPort: [FRAMED_PORT] },
  observes: COLUMNS,
  rowsPerChunk: 256,
  stream: {
    messageLength(view, offset, end) {
      if (view.getUint8(offset) !== 0xa5) return -1;
      if (end - offset < 2) return 0;
      if (view.getUint8(offset + 1) !== 0x5a) return -1;
      return end - offset < 4 ? 0 : 4 + view.getUint16(offset + 2);
    },
  },
  bind,
});

/** An inner IP packet right in the UDP payload. */
const tunnel = defineDissector({
  protocol: 'tunnel',
  carriedBy: { udpPort: [TUNNEL_PORT] },
  observes: {},
  rowsPerChunk: 256,
  assembles: true,
  bind: (_table, binding) => (frame, offset, end) => {
    if (!frame.enterTunnel(1, 42)) return;
    binding.innerIp(frame, offset, end);
    frame.leaveTunnel();
  },
});

const DISSECTORS: readonly Dissector[] = [whole, framed, tunnel] as unknown as readonly Dissector[];
const FEED = new ChunkFeed(DISSECTORS);

interface Seen {
  readonly frame: number;
  readonly length: number;
  readonly hash: number;
  readonly from: string;
  readonly tunnels: number;
  readonly sourceEnd: number;
  readonly protocol: number;
  readonly family: number;
}

function observeRows(reads: typeof whole | typeof framed, seen: Seen[]) {
  return defineCorrelator({
    name: `seen-${reads.protocol}`,
    reads,
    order: 'capture',
    create: ({ flows }) => ({
      consume(batch, _flow, from, to) {
        const { columns, order } = batch;
        for (let at = from; at < to; at++) {
          const row = order[at];
          if (columns.rows.origin[row] === ORIGIN_FIRST_FRAGMENT) continue;
          const flow = batch.flowOf(row);
          const direction = columns.rows.direction[row];
          // The ports of the context and those of the flow are told apart only by a mistake.
          expect(flows.ports(flow, direction)).toEqual({
            from: columns.sourcePort[row],
            to: columns.destinationPort[row],
          });
          seen.push({
            frame: frameNumberOf(batch.frameIdOf(columns.rows.frame[row])),
            length: columns.length[row],
            hash: columns.hash[row],
            from: flows.addresses(flow, direction).from,
            tunnels: flows.tunnelLayers(flows.stack(flow)).length,
            sourceEnd: columns.sourceEnd[row],
            protocol: columns.protocol[row],
            family: columns.family[row],
          });
        }
      },
      sessions: () => [],
    }),
  });
}

function run(
  frames: readonly FedFrame[],
  options: FeedOptions = {},
): { seen: Seen[]; counts: AssemblerCounts } {
  const seen: Seen[] = [];
  const correlators = [observeRows(whole, seen), observeRows(framed, seen)];
  const runner = FEED.run(frames, correlators as never, options);
  return { seen, counts: runner.assembler.counts };
}

function frame(bytes: Uint8Array, more: Partial<FedFrame> = {}): FedFrame {
  return { bytes, ...more };
}

/** Shuffles by a seed: equal seeds, equal orders. */
function shuffled<T>(items: readonly T[], seed: number): T[] {
  const dice = random(seed);
  return items
    .map((item) => ({ item, at: dice.next() }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item);
}

const cutsArb = fc.record({
  cuts: fc.array(fc.integer({ min: 1, max: 60 }), { maxLength: 20 }),
  isPooled: fc.boolean(),
});

describe('datagrams', () => {
  const payload = random(7).bytes(5003);
  const ports = { sourcePort: 40_000, destinationPort: WHOLE_PORT };
  const datagram = udp({ ...ENDS, ...ports, payload });
  const packet = ipv4({ ...ENDS, protocol: IP_PROTOCOL.udp, identification: 77, payload: datagram });

  it('come once, with the right bytes, from any order, duplication and cut into chunks', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 100, max: 3000 }),
        fc.integer({ min: 1, max: 1e6 }),
        fc.integer({ min: 0, max: 10 }),
        fc.boolean(),
        cutsArb,
        (mtu, seed, duplicates, isIpv6, options) => {
          const fragments = isIpv6
            ? fragmentIpv6(
                ipv6({ ...ENDS_V6, nextHeader: 17, payload: udp({ ...ENDS_V6, ...ports, payload }) }),
                mtu,
                0xfedcba98,
              )
            : fragmentIpv4(packet, mtu);
          const dice = random(seed);
          const repeated = Array.from(
            { length: duplicates },
            () => fragments[dice.next() % fragments.length],
          );
          const arrival = shuffled([...fragments, ...repeated], seed);
          const completing =
            arrival.findIndex((_, at) => fragments.every((f) => arrival.indexOf(f) <= at)) + 1;
          const { seen, counts } = run(
            arrival.map((bytes) => frame(bytes)),
            options,
          );
          expect(seen).toEqual([
            {
              frame: completing,
              length: payload.length,
              hash: hashBytes(payload),
              from: isIpv6 ? ENDS_V6.source : ENDS.source,
              tunnels: 0,
              sourceEnd: isIpv6 ? 1 : 9,
              protocol: 17,
              family: isIpv6 ? 6 : 4,
            },
          ]);
          expect(counts).toMatchObject({ completed: 1, abandoned: 0, refusedBytes: 0 });
        },
      ),
      { numRuns: 60 },
    );
  });

  it('of several pairs, identifications and directions do not mix', () => {
    const packets = [
      { ...ENDS, identification: 1 },
      { ...ENDS, identification: 2 },
      { source: ENDS.destination, destination: ENDS.source, identification: 1 },
      { source: '192.0.2.77', destination: ENDS.destination, identification: 1 },
    ].map((header, index) => {
      const body = random(index + 100).bytes(3000);
      const whole = udp({
        ...header,
        sourcePort: WHOLE_PORT,
        destinationPort: WHOLE_PORT + 1,
        payload: body,
      });
      return { body, bytes: ipv4({ ...header, protocol: 17, payload: whole }), source: header.source };
    });
    const arrival = shuffled(
      packets.flatMap(({ bytes }) => fragmentIpv4(bytes, 500)),
      3,
    );
    const { seen } = run(
      arrival.map((bytes) => frame(bytes)),
      { cuts: [5, 9] },
    );
    const expected = packets.map(({ body, source }) => ({ hash: hashBytes(body), from: source }));
    expect(seen.map(({ hash, from }) => ({ hash, from })).sort(byHash)).toEqual(expected.sort(byHash));
  });

  it('stay incomplete for 30 s at most and never beyond their segment', () => {
    const [first, ...rest] = fragmentIpv4(packet, 1500);
    const late = rest.map((bytes) => frame(bytes, { timeNs: 31 * SECOND }));
    expect(run([frame(first, { timeNs: 0 }), ...late])).toMatchObject({ seen: [], counts: { abandoned: 2 } });
    const inTime = rest.map((bytes) => frame(bytes, { timeNs: 29 * SECOND }));
    expect(run([frame(first, { timeNs: 0 }), ...inTime]).seen).toHaveLength(1);
    const beyond = rest.map((bytes) => frame(bytes, { timeNs: 1000, segment: 1 }));
    expect(run([frame(first, { timeNs: 0 }), ...beyond])).toMatchObject({
      seen: [],
      counts: { abandoned: 2 },
    });
  });

  it('without times wait as well', () => {
    const frames = fragmentIpv4(packet, 1500).map((bytes) => frame(bytes, { timeNs: Number.NaN }));
    expect(run(frames).seen).toHaveLength(1);
  });

  it('that the capture cut are counted, not read', () => {
    const fragments = fragmentIpv4(packet, 1500);
    const frames = fragments.map((bytes, index) =>
      index === 1 ? frame(bytes.subarray(0, 96), { originalLength: bytes.length }) : frame(bytes),
    );
    const { seen, counts } = run(frames);
    expect(seen).toEqual([]);
    expect(counts.datagrams).toMatchObject({ completed: 0, cut: 1 });
    // More than a piece of the blob holds.
    expect(run(fragmentIpv4(packet, 4600).map((bytes) => frame(bytes))).counts.datagrams.cut).toBe(1);
  });

  it('keep the bytes that came first where fragments overlap, and are given up where they contradict each other', () => {
    const fragments = fragmentIpv4(packet, 1500);
    const forged = fragments[1].slice().fill(0xff, 20);
    const { seen } = run(
      [fragments[0], fragments[1], forged, ...fragments.slice(2)].map((bytes) => frame(bytes)),
    );
    expect(seen.map(({ hash }) => hash)).toEqual([hashBytes(payload)]);
    const last = fragments[fragments.length - 1];
    const beyond = fragments[1].slice();
    beyond.set(u16(0x2000 | 900), 6);
    const { counts } = run([fragments[0], last, beyond].map((bytes) => frame(bytes)));
    expect(counts.datagrams).toMatchObject({ malformed: 1, completed: 0 });
  });

  it('with a wrong UDP length are malformed; of ports that nobody reads, unclaimed', () => {
    const wrong = udp({ ...ENDS, ...ports, payload, length: payload.length + 9 });
    const asPacket = (body: Uint8Array) => ipv4({ ...ENDS, protocol: 17, identification: 5, payload: body });
    const malformed = run(fragmentIpv4(asPacket(wrong), 1500).map((bytes) => frame(bytes)));
    expect(malformed.counts.datagrams).toMatchObject({ malformed: 1, completed: 0 });
    const other = udp({ ...ENDS, sourcePort: 9, destinationPort: 10, payload });
    const unclaimed = run(fragmentIpv4(asPacket(other), 1500).map((bytes) => frame(bytes)));
    expect(unclaimed.counts.datagrams).toMatchObject({ unclaimed: 1, completed: 0, abandoned: 0 });
  });

  it('stand on the flow of their first fragment, also where another thread dissected it', () => {
    const calls: number[] = [];
    const perFlow = defineCorrelator({
      name: 'per-flow',
      reads: whole,
      order: 'flow',
      create: () => ({
        consume(_batch, _flow, from, to) {
          calls.push(to - from);
        },
        sessions: () => [],
      }),
    });
    const frames = fragmentIpv4(packet, 1500).map((bytes) => frame(bytes));
    for (const isPooled of [false, true, false]) FEED.run(frames, [perFlow] as never, { isPooled });
    // One call a chunk: the first fragment alone, and the whole.
    expect(calls).toEqual([2, 2, 2]);
  });

  it('open at once are bounded; those that began first go', () => {
    const frames = Array.from({ length: 4200 }, (_, index) => {
      const header = { source: '192.0.2.9', destination: `198.51.${index >> 8}.${index & 255}` };
      const body = udp({ ...header, ...ports, payload: payload.subarray(0, 100) });
      return frame(fragmentIpv4(ipv4({ ...header, protocol: 17, payload: body }), 60)[0], { timeNs: 0 });
    });
    const { counts } = run(frames);
    expect(counts.datagrams).toMatchObject({ refused: 4200 - 4096 });
    expect(counts.refusedBytes).toBe((4200 - 4096) * 40);
    expect(run(frames, { cuts: [7, 100, 4100] }).counts).toEqual(counts);
  });

  it('inside a fragmented datagram are put together as well', () => {
    const inner = ipv4({
      source: '10.0.0.3',
      destination: '10.0.0.2',
      protocol: 17,
      identification: 9,
      payload: datagram,
    });
    const outer = fragmentIpv4(inner, 2000).flatMap((payloadPacket, index) => {
      const carrier = udp({
        ...ENDS,
        sourcePort: 1234,
        destinationPort: TUNNEL_PORT,
        payload: payloadPacket,
      });
      return fragmentIpv4(ipv4({ ...ENDS, protocol: 17, identification: index, payload: carrier }), 700);
    });
    for (const cuts of [[], [1, 2, 3, 4, 5, 6, 7, 8]]) {
      const { seen } = run(
        shuffled(outer, 11).map((bytes) => frame(bytes)),
        { cuts, isPooled: cuts.length > 0 },
      );
      expect(seen).toMatchObject([{ hash: hashBytes(payload), from: '10.0.0.3', tunnels: 1 }]);
    }
  });
});

interface Segment {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

function message(bytes: Uint8Array): Uint8Array {
  return concat(u8(0xa5), u8(0x5a), u16(bytes.length), bytes);
}

describe('streams', () => {
  const dice = random(99);
  /** Payloads without the first byte of a message, so that a search cannot find a start where there is none. */
  const messages = Array.from({ length: 12 }, (_, index) =>
    message(dice.bytes(index === 5 ? 6000 : dice.next() % 400).map((byte) => (byte === 0xa5 ? 0 : byte))),
  );
  const stream = concat(...messages);
  const hashes = messages.map(hashBytes);

  function segmentFrame(
    { offset, bytes }: Segment,
    start: number,
    flags: readonly TcpFlag[] = ['ACK'],
    more: Partial<FedFrame> = {},
  ): FedFrame {
    const header = { ...ENDS, sourcePort: 33_000, destinationPort: FRAMED_PORT };
    const segment = tcp({ ...header, sequence: (start + offset) >>> 0, flags, payload: bytes });
    return frame(ip({ ...ENDS, protocol: IP_PROTOCOL.tcp, payload: segment }), more);
  }

  function cutStream(bytes: Uint8Array, seed: number, largest: number): Segment[] {
    const cut = random(seed);
    const segments: Segment[] = [];
    for (let offset = 0; offset < bytes.length; ) {
      const length = 1 + (cut.next() % largest);
      segments.push({ offset, bytes: bytes.subarray(offset, offset + length) });
      offset += length;
    }
    return segments;
  }

  const nothing = { offset: -1, bytes: new Uint8Array(0) };

  it('give the same messages for any segmentation, order, retransmission, start and cut into chunks', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 200, max: 1500 }),
        fc.integer({ min: 1, max: 1e6 }),
        fc.constantFrom(1, 0xffff_f000, 0x7fff_ff00),
        fc.integer({ min: 1, max: 12 }),
        cutsArb,
        (largest, seed, start, reach, options) => {
          const dice = random(seed);
          const segments = cutStream(stream, seed, largest);
          // Retransmissions are cut otherwise than the first time.
          const again = cutStream(stream, seed + 1, largest).filter(() => dice.next() % 3 === 0);
          const arrival = [...segments, ...again]
            .map((segment) => ({ segment, at: segment.offset + (dice.next() % reach) * 1000 }))
            .sort((a, b) => a.at - b.at);
          const frames = [
            segmentFrame(nothing, start, ['SYN']),
            ...arrival.map(({ segment }) => segmentFrame(segment, start)),
            segmentFrame({ offset: stream.length, bytes: nothing.bytes }, start, ['FIN', 'ACK']),
          ];
          const { seen, counts } = run(frames, options);
          // Each once; in the order in which they became whole, which is another one where segments overtake each other.
          expect(seen.map(({ hash }) => hash).sort()).toEqual([...hashes].sort());
          expect(new Set(seen.map(({ from, protocol }) => `${from} ${protocol}`))).toEqual(
            new Set([`${ENDS.source} 6`]),
          );
          expect(seen.map((row) => row.frame)).toEqual(
            [...seen.map((row) => row.frame)].sort((a, b) => a - b),
          );
          expect(counts.streams).toMatchObject({ messages: 12, gaps: 0, incomplete: 0, abandonedBytes: 0 });
          expect(run(frames)).toEqual({ seen, counts });
        },
      ),
      { numRuns: 60 },
    );
  });

  it('start in the middle of a message with the next one', () => {
    const segments = cutStream(stream.subarray(3), 5, 900);
    const { seen, counts } = run(segments.map((segment) => segmentFrame(segment, 3)));
    expect(seen.map(({ hash }) => hash)).toEqual(hashes.slice(1));
    expect(counts.streams.messages).toBe(11);
  });

  it('go on after a gap of 3 s, and at once where 64 KiB wait behind it', () => {
    const segments = cutStream(stream, 8, 100);
    const lost = segments.findIndex(({ offset }) => offset > messages[0].length + messages[1].length);
    const rest = segments.filter((_, index) => index !== lost);
    const at = (timeNs: number) =>
      [segmentFrame(nothing, 0, ['SYN'], { timeNs: 0 })].concat(
        rest.map((segment, index) =>
          segmentFrame(segment, 0, ['ACK'], { timeNs: index === rest.length - 1 ? timeNs : 1000 }),
        ),
      );
    const waiting = run(at(2.9 * SECOND));
    expect(waiting.counts.streams.gaps).toBe(0);
    const over = run(at(3.1 * SECOND));
    expect(over.seen.map(({ hash }) => hash)).toEqual(expect.arrayContaining(hashes.slice(4)));
    expect(over.seen.every(({ hash }) => hashes.includes(hash))).toBe(true);
    expect(over.counts.streams).toMatchObject({ gaps: 1, incomplete: 1 });

    const long = concat(...Array.from({ length: 12 }, () => stream));
    const many = cutStream(long, 8, 1400).filter((_, index) => index !== 4);
    const full = run([segmentFrame(nothing, 0, ['SYN']), ...many.map((segment) => segmentFrame(segment, 0))]);
    expect(full.counts.streams.gaps).toBe(1);
    expect(full.seen.length).toBeGreaterThan(12 * 12 - 20);
  });

  it('pass over what the capture cut, to the end of a message whose length is known', () => {
    const body = random(4)
      .bytes(9000)
      .map((byte) => byte & 0x7f);
    const bytes = concat(messages[0], message(body), messages[1], messages[2]);
    const large = [
      { offset: 0, bytes: bytes.subarray(0, 6000) },
      { offset: 6000, bytes: bytes.subarray(6000) },
    ];
    const { seen, counts } = run([
      segmentFrame(nothing, 0, ['SYN']),
      ...large.map((segment) => segmentFrame(segment, 0)),
    ]);
    // The blob holds 4,096 bytes of a segment.
    expect(seen.map(({ hash }) => hash)).toEqual([hashes[0], hashes[1], hashes[2]]);
    expect(counts.streams).toMatchObject({ incomplete: 1, gaps: 0, resynchronised: 0 });
  });

  it('find the next message after garbage', () => {
    const bytes = concat(
      messages[0],
      random(2)
        .bytes(50)
        .map((byte) => byte & 0x3f),
      messages[1],
      messages[2],
    );
    const { seen, counts } = run([
      segmentFrame(nothing, 0, ['SYN']),
      ...cutStream(bytes, 3, 120).map((segment) => segmentFrame(segment, 0)),
    ]);
    expect(seen.map(({ hash }) => hash)).toEqual(hashes.slice(0, 3));
    expect(counts.streams.resynchronised).toBe(1);
  });

  it('of another connection of the same ports start anew', () => {
    const once = cutStream(stream, 3, 1000);
    const starts = [1000, 3_000_000_000];
    const { seen } = run(
      starts.flatMap((start) => [
        segmentFrame(nothing, start, ['SYN']),
        ...once.map((segment) => segmentFrame(segment, start)),
      ]),
    );
    expect(seen.map(({ hash }) => hash)).toEqual([...hashes, ...hashes]);
  });

  it('give more messages in a chunk than its tables hold, in order among rows of single frames', () => {
    const tiny = Array.from({ length: 3000 }, (_, index) => message(u16(index)));
    const segments = cutStream(concat(...tiny), 1, 1400);
    const single = (index: number) => {
      const ports = { sourcePort: FRAMED_PORT, destinationPort: FRAMED_PORT };
      return frame(ipv4({ ...ENDS, protocol: 17, payload: udp({ ...ENDS, ...ports, payload: u16(index) }) }));
    };
    const [first, ...others] = segments;
    // Nearly all of it waits behind the first segment, so that one frame completes most messages.
    const frames = [
      segmentFrame(nothing, 0, ['SYN']),
      ...others.flatMap((segment, index) => [segmentFrame(segment, 0), single(index)]),
      segmentFrame(first, 0),
      ...Array.from({ length: 150 }, (_, index) => single(1000 + index)),
    ];
    const { seen } = run(frames);
    const messagesSeen = seen.filter(({ protocol }) => protocol === 6).map(({ hash }) => ({ hash }));
    expect(messagesSeen.sort(byHash)).toEqual(tiny.map((bytes) => ({ hash: hashBytes(bytes) })).sort(byHash));
    expect(seen).toHaveLength(tiny.length + others.length + 150);
    expect(seen.map((row) => row.frame)).toEqual([...seen.map((row) => row.frame)].sort((a, b) => a - b));
    expect(run(frames, { cuts: [3, 5, 9, 40], isPooled: true }).seen).toEqual(seen);
  });

  it('are read behind a gap where they are the last words, and only once where the gap is filled', () => {
    const [first, lost, last] = [message(u16(1)), message(u16(2)), message(concat(u16(3), u16(4)))];
    const at = (offset: number, bytes: Uint8Array) => segmentFrame({ offset, bytes }, 0);
    const beforeGap = [segmentFrame(nothing, 0, ['SYN']), at(0, first)];
    const behind = at(first.length + lost.length, last);
    const { seen, counts } = run([...beforeGap, behind]);
    expect(seen.map(({ hash }) => hash)).toEqual([first, last].map(hashBytes));
    expect(counts.streams.messages).toBe(2);
    const filled = run([
      ...beforeGap,
      behind,
      behind,
      at(first.length, lost),
      at(first.length + lost.length + last.length, first),
    ]);
    expect(filled.seen.map(({ hash }) => hash)).toEqual([first, last, lost, first].map(hashBytes));
    expect(filled.counts.streams).toMatchObject({ messages: 4, gaps: 0, incomplete: 0, abandonedBytes: 0 });
  });

  it('are read behind a gap at once where a segment begins with the end of a lost message, once only', () => {
    const [first, lost, second, third] = [
      message(u16(1)),
      message(dice.bytes(60)),
      message(u16(2)),
      message(u16(3)),
    ];
    const bytes = concat(first, lost, second, third);
    const at = (from: number, to: number) =>
      segmentFrame({ offset: from, bytes: bytes.subarray(from, to) }, 0);
    const gapAt = first.length + 20;
    const behindAt = gapAt + 30;
    const beforeGap = [segmentFrame(nothing, 0, ['SYN']), at(0, gapAt)];
    const behind = at(behindAt, bytes.length);
    const { seen, counts } = run([...beforeGap, behind]);
    expect(seen.map(({ hash }) => hash)).toEqual([first, second, third].map(hashBytes));
    expect(counts.streams).toMatchObject({ messages: 3, gaps: 0 });
    const filled = run([...beforeGap, behind, behind, at(gapAt, behindAt)]);
    expect(filled.seen.map(({ hash }) => hash)).toEqual([first, second, third, lost].map(hashBytes));
    expect(filled.counts.streams).toMatchObject({ messages: 4, gaps: 0, incomplete: 0, abandonedBytes: 0 });

    // The message stands in two segments behind the gap, in either order.
    const middle = bytes.length - third.length + 2;
    for (const parts of [
      [at(behindAt, middle), at(middle, bytes.length)],
      [at(middle, bytes.length), at(behindAt, middle)],
    ]) {
      const split = run([...beforeGap, ...parts]);
      expect(split.seen.map(({ hash }) => hash)).toEqual([first, second, third].map(hashBytes));
    }
  });

  it('of a stream captured from its middle on are read behind a gap too', () => {
    const [first, last] = [message(dice.bytes(60)), message(u16(2))];
    const bytes = concat(first, last);
    const { seen } = run([
      segmentFrame({ offset: 5, bytes: bytes.subarray(5, 20) }, 0),
      segmentFrame({ offset: 30, bytes: bytes.subarray(30) }, 0),
    ]);
    expect(seen.map(({ hash }) => hash)).toEqual([hashBytes(last)]);
  });

  it('of a direction that ends leave nothing behind', () => {
    const part = messages[5].subarray(0, 500);
    const { counts } = run([
      segmentFrame(nothing, 0, ['SYN']),
      segmentFrame({ offset: 0, bytes: part }, 0),
      segmentFrame({ offset: part.length, bytes: nothing.bytes }, 0, ['FIN', 'ACK']),
    ]);
    expect(counts.streams).toMatchObject({ messages: 0, incomplete: 1, abandonedBytes: 0 });
  });

  it('hold 16 MiB in all', () => {
    const part = concat(u8(0xa5), u8(0x5a), u16(65_000), random(1).bytes(3990));
    const frames = Array.from({ length: 4500 }, (_, index) => {
      const ends = { source: `10.9.${index >> 8}.${index & 255}`, destination: ENDS.destination };
      const header = { ...ends, sourcePort: 33_000, destinationPort: FRAMED_PORT, sequence: 1 };
      const segment = tcp({ ...header, flags: ['ACK'], payload: part });
      return frame(ip({ ...ends, protocol: 6, payload: segment }), { timeNs: 0 });
    });
    const { counts } = run(frames, { cuts: [50] });
    const over = Math.ceil((4500 * part.length - 2 ** 24) / part.length);
    expect(counts.refusedBytes).toBe(over * part.length);
  });
});

function byHash(a: { hash: number }, b: { hash: number }): number {
  return a.hash - b.hash;
}
