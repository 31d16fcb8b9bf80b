import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concat, u8, u16 } from '../../test/build/bytes.js';
import { ChunkFeed, type FedFrame, type FeedOptions } from '../../test/build/feed-chunks.js';
import { ipv4 } from '../../test/build/ip.js';
import { udp } from '../../test/build/udp.js';
import { type Dissector, defineDissector } from '../dissect/dissector.js';
import { CLAIM_PORT, CLAIM_STRONG, CLAIM_WEAK } from '../dissect/frame-context.js';
import { frameNumberOf } from '../units.js';
import type { ClaimCounts } from './claims.js';
import { defineCorrelator } from './correlator.js';

const NAMES = ['first', 'second', 'third'] as const;
const PRIORITIES = [10, 30, 20];

/** Takes payloads that begin with its letter: upper case strongly, lower case weakly; a row for each byte that follows. */
function claimant(index: number) {
  const strong = 'A'.charCodeAt(0) + index;
  const weak = 'a'.charCodeAt(0) + index;
  return defineDissector({
    protocol: NAMES[index],
    carriedBy: {
      udpPort: [9000 + index],
      udpHeuristic: {
        priority: PRIORITIES[index],
        recognise(frame, offset, end) {
          if (end - offset < 3) return 0;
          const letter = frame.view.getUint8(offset);
          return letter === strong ? CLAIM_STRONG : letter === weak ? CLAIM_WEAK : 0;
        },
      },
    },
    observes: { number: 'u16', part: 'u8' },
    rowsPerChunk: 64,
    bind: (table) => (frame, offset, end) => {
      for (let part = offset + 3; part < end; part++) {
        const row = table.rows.append(frame);
        table.number[row] = frame.view.getUint16(offset + 1);
        table.part[row] = part - offset - 3;
      }
    },
  });
}

const CLAIMANTS = NAMES.map((_, index) => claimant(index));
const FEED = new ChunkFeed(CLAIMANTS as unknown as readonly Dissector[]);

interface Packet {
  readonly letter: string;
  /** Flow, by its client. */
  readonly client?: number;
  readonly isBack?: boolean;
  readonly parts?: number;
  readonly port?: number;
  readonly segment?: number;
}

function frameOf(
  { letter, client = 1, isBack = false, parts = 1, port = 4321, segment }: Packet,
  index: number,
): FedFrame {
  const near = { address: `10.1.${client >> 8}.${client & 255}`, port: 50_000 };
  const far = { address: '192.0.2.1', port };
  const [from, to] = isBack ? [far, near] : [near, far];
  const ends = { source: from.address, destination: to.address };
  const payload = concat(u8(letter.charCodeAt(0)), u16(index + 1), new Uint8Array(parts));
  const datagram = udp({ ...ends, sourcePort: from.port, destinationPort: to.port, payload });
  const bytes = ipv4({ ...ends, protocol: 17, identification: index, payload: datagram });
  return { bytes, timeNs: index * 1000, ...(segment === undefined ? {} : { segment }) };
}

interface Seen {
  readonly protocol: string;
  /** Number in the packet: equals the frame's. */
  readonly number: number;
  readonly part: number;
  readonly frame: number;
  readonly timeNs: number;
  readonly frameLength: number;
  readonly flow: number;
  readonly direction: number;
}

interface Outcome {
  readonly seen: Seen[];
  readonly perFlow: Seen[];
  readonly counts: ClaimCounts;
  readonly waiting: number;
}

function run(packets: readonly Packet[], options: FeedOptions = {}): Outcome {
  const seen: Seen[] = [];
  const perFlow: Seen[] = [];
  const correlators = CLAIMANTS.flatMap((reads) =>
    (['capture', 'flow'] as const).map((order) =>
      defineCorrelator({
        name: `${reads.protocol}-${order}`,
        reads,
        order,
        create: () => ({
          consume(batch, _flow, from, to) {
            for (let at = from; at < to; at++) {
              const row = batch.order[at];
              const frame = batch.columns.rows.frame[row];
              (order === 'flow' ? perFlow : seen).push({
                protocol: reads.protocol,
                number: batch.columns.number[row],
                part: batch.columns.part[row],
                frame: frameNumberOf(batch.frameIdOf(frame)),
                timeNs: batch.timeNs[frame],
                frameLength: batch.frameLength[frame],
                flow: batch.flowOf(row),
                direction: batch.columns.rows.direction[row],
              });
            }
          },
          sessions: () => [],
        }),
      }),
    ),
  );
  const runner = FEED.run(packets.map(frameOf), correlators as never, options);
  return { seen, perFlow, counts: runner.claims.counts, waiting: runner.claims.waitingCount };
}

function letters(text: string): Packet[] {
  return [...text].map((letter) => ({ letter }));
}

/** Frames that each protocol's correlators saw, in order. */
function framesOf(seen: readonly Seen[]): Record<string, number[]> {
  const protocols = new Set(seen.map(({ protocol }) => protocol));
  const of = (name: string) => seen.filter(({ protocol }) => protocol === name).map(({ frame }) => frame);
  return Object.fromEntries([...protocols].map((name) => [name, of(name)]));
}

describe('claims', () => {
  it('by port pass', () => {
    expect(CLAIM_PORT).toBe(0);
    expect(framesOf(run([{ letter: '?', port: 9001 }]).seen)).toEqual({ second: [1] });
  });

  it('that are strong own their flow, both ways', () => {
    const { seen, counts } = run([
      { letter: 'A' },
      { letter: 'a', isBack: true },
      { letter: 'a', client: 2 },
    ]);
    expect(framesOf(seen)).toEqual({ first: [1, 2] });
    expect(counts).toEqual({ disputed: 0, unconfirmed: 0 });
  });

  it('that are weak wait for a second packet, of either direction, and come in order', () => {
    expect(run(letters('a'))).toMatchObject({ seen: [], waiting: 1 });
    const { seen, waiting } = run([
      { letter: 'a', parts: 2 },
      { letter: 'a', client: 2 },
      { letter: 'a', isBack: true },
      { letter: 'a' },
    ]);
    expect(seen.map(({ frame, part, direction }) => [frame, part, direction])).toEqual([
      [1, 0, 0],
      [1, 1, 0],
      [3, 0, 1],
      [4, 0, 0],
    ]);
    expect(waiting).toBe(1);
  });

  it('that wait are released by a strong one of the same dissector', () => {
    expect(framesOf(run(letters('aA')).seen)).toEqual({ first: [1, 2] });
  });

  it('of two dissectors: strong before weak, then the higher priority, then the first', () => {
    expect(run(letters('aaBbaab'))).toMatchObject({ counts: { disputed: 2, unconfirmed: 0 } });
    expect(framesOf(run(letters('aaBbaab')).seen)).toEqual({ first: [1, 2], second: [3, 4, 7] });
    // The second and third of the catalogue: priority 30 and 20.
    expect(framesOf(run(letters('CBC')).seen)).toEqual({ third: [1], second: [2] });
    expect(framesOf(run(letters('BCB')).seen)).toEqual({ second: [1, 3] });
    expect(run(letters('BCB')).counts).toEqual({ disputed: 1, unconfirmed: 0 });
    expect(framesOf(run(letters('aabb')).seen)).toEqual({ first: [1, 2], second: [3, 4] });
    expect(framesOf(run(letters('bbaa')).seen)).toEqual({ second: [1, 2] });
    expect(framesOf(run(letters('aba')).seen)).toEqual({ first: [1, 3] });
    expect(framesOf(run(letters('abab')).seen)).toEqual({ first: [1, 3], second: [2, 4] });
  });

  it('hold at most four rows a flow', () => {
    const { seen, counts } = run([
      { letter: 'a', parts: 7 },
      { letter: 'a', parts: 7 },
    ]);
    expect(seen.map(({ frame, part }) => `${frame}.${part}`)).toEqual([
      ...['1.0', '1.1', '1.2', '1.3'],
      ...Array.from({ length: 7 }, (_, part) => `2.${part}`),
    ]);
    expect(counts.unconfirmed).toBe(3);
  });

  it('do not wait beyond their segment, but stay owners', () => {
    const halves = (first: string, second: string) =>
      [...first]
        .map((letter): Packet => ({ letter, segment: 0 }))
        .concat([...second].map((letter): Packet => ({ letter, segment: 1 })));
    expect(run(halves('a', 'aa'))).toMatchObject({ counts: { unconfirmed: 1 } });
    expect(framesOf(run(halves('a', 'aa')).seen)).toEqual({ first: [2, 3] });
    expect(framesOf(run(halves('A', 'a')).seen)).toEqual({ first: [1, 2] });
  });

  it('wait in 4,096 rows in all; the longest waiting are given up', () => {
    const once = Array.from({ length: 4100 }, (_, client): Packet => ({ letter: 'a', client }));
    const packets = [...once, { letter: 'a', client: 3 }, { letter: 'a', client: 5 }];
    const { seen, counts, waiting } = run(packets, { cuts: [4000] });
    expect(framesOf(seen)).toEqual({ first: [6, 4102] });
    // Clients 0 to 3 went; the second packet of 3 waits as a first one and sends 4 away.
    expect(counts.unconfirmed).toBe(5);
    expect(waiting).toBe(4095);
  });

  it('released by the thousand in one chunk', () => {
    const clients = Array.from({ length: 250 }, (_, client) => client);
    const packets = ['a', 'a'].flatMap((letter) => clients.map((client): Packet => ({ letter, client })));
    const { seen } = run(packets, { cuts: [250], isPooled: true });
    expect(framesOf(seen).first).toEqual(clients.flatMap((client) => [client + 1, client + 251]));
  });

  it('do not depend on how frames are cut into chunks, and rows keep their frame', () => {
    const packet = fc.record({
      letter: fc.constantFrom('a', 'b', 'c', 'a', 'b', 'c', 'A', 'B', 'C', '?'),
      client: fc.integer({ min: 1, max: 6 }),
      isBack: fc.boolean(),
      parts: fc.integer({ min: 0, max: 3 }),
    });
    fc.assert(
      fc.property(
        fc.array(packet, { minLength: 1, maxLength: 40 }),
        fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 40 }),
        fc.boolean(),
        (packets, cuts, isPooled) => {
          const whole = run(packets);
          const cut = run(packets, { cuts, isPooled });
          expect(byProtocol(cut.seen)).toEqual(byProtocol(whole.seen));
          expect(byFlow(cut.perFlow)).toEqual(byFlow(whole.perFlow));
          expect([cut.counts, cut.waiting]).toEqual([whole.counts, whole.waiting]);
          for (const { frame, number, timeNs, frameLength } of cut.seen) {
            expect(frame).toBe(number);
            expect(timeNs).toBe((frame - 1) * 1000);
            expect(frameLength).toBe(31 + (packets[frame - 1].parts ?? 1));
          }
        },
      ),
      { numRuns: 150 },
    );
  });
});

function byProtocol(seen: readonly Seen[]): Seen[][] {
  return NAMES.map((name) => seen.filter(({ protocol }) => protocol === name));
}

/** Stable: rows of one protocol and flow keep their order. */
function byFlow(seen: readonly Seen[]): Seen[] {
  return [...seen].sort((a, b) => a.flow - b.flow || a.protocol.localeCompare(b.protocol));
}
