import { describe, expect, it } from 'vitest';
import { ipv4 } from '../../test/build/ip.js';
import { ethernet } from '../../test/build/link.js';
import { udp } from '../../test/build/udp.js';
import { DispatchTable } from '../dissect/dispatch-table.js';
import { DissectEngine, slotLayout } from '../dissect/dissect-engine.js';
import { Slot } from '../observe/slot.js';
import { CopyDetector } from './copies.js';

interface Seen {
  readonly ms: number;
  readonly identification: number;
  readonly mac?: string;
  readonly ttl?: number;
  readonly interfaceIndex?: number;
  readonly payload?: number;
}

function frameOf({ identification, mac = '02:00:00:00:00:01', ttl = 64, payload = 1 }: Seen): Uint8Array {
  const source = '192.0.2.1';
  const destination = '192.0.2.2';
  const datagram = udp({
    source,
    destination,
    sourcePort: 1000,
    destinationPort: 2000,
    payload: new Uint8Array(40).fill(payload),
  });
  return ethernet({
    destination: '02:00:00:00:00:02',
    source: mac,
    etherType: 0x0800,
    payload: ipv4({ source, destination, protocol: 17, payload: datagram, identification, ttl }),
  });
}

/** Indices of the frames that are taken for copies; `framesPerChunk` cuts the input. */
function copiesAmong(
  seen: readonly Seen[],
  framesPerChunk = seen.length,
): { copies: number[]; detector: CopyDetector } {
  const layout = slotLayout([], { chunkBytes: 1 << 16, frameCapacity: 256, seed: 1 });
  const slot = new Slot(layout, new ArrayBuffer(Slot.byteLength(layout)));
  const engine = new DissectEngine(new DispatchTable([]), slot);
  const detector = new CopyDetector();
  const copies: number[] = [];
  for (let start = 0; start < seen.length; start += framesPerChunk) {
    const part = seen.slice(start, start + framesPerChunk);
    let at = 0;
    part.forEach((one, index) => {
      const bytes = frameOf(one);
      slot.chunk.bytes.set(bytes, at);
      slot.chunk.frames.offset[index] = at;
      slot.chunk.frames.capturedLength[index] = bytes.length;
      slot.chunk.frames.originalLength[index] = bytes.length;
      slot.chunk.frames.timeNs[index] = one.ms * 1e6;
      slot.chunk.frames.linkType[index] = 1;
      slot.chunk.frames.number[index] = start + index + 1;
      slot.chunk.frames.interfaceIndex[index] = one.interfaceIndex ?? 0;
      at += bytes.length;
    });
    slot.chunk.frameCount = part.length;
    engine.dissectChunk(0);
    const isCopy = detector.detect(slot);
    part.forEach((_, index) => {
      if (isCopy?.[index] === 1) copies.push(start + index);
    });
  }
  return { copies, detector };
}

/** Enough single packets that a repeat is the exception. */
const background: readonly Seen[] = Array.from({ length: 20 }, (_, at) => ({
  ms: at * 100,
  identification: 100 + at,
}));
const later = (ms: number): number => 2000 + ms;

describe('a repeated packet', () => {
  const first: Seen = { ms: later(0), identification: 7 };

  it.each([
    ['other link-layer addresses', { mac: '02:00:00:00:00:09' }],
    ['another TTL', { ttl: 63 }],
    ['another interface', { interfaceIndex: 1 }],
  ])('is a copy where %s prove a second tap', (_, proof) => {
    expect(copiesAmong([...background, first, { ...first, ms: later(1), ...proof }]).copies).toEqual([21]);
  });

  it('is a duplicate on the network where nothing proves a second tap', () => {
    const { copies, detector } = copiesAmong([...background, first, { ...first, ms: later(1) }]);
    expect(copies).toEqual([]);
    expect(detector.repeats).toBe(1);
  });

  it('is none after 20 ms, nor with another payload or identification', () => {
    const proof = { mac: '02:00:00:00:00:09' };
    for (const other of [
      { ...first, ...proof, ms: later(21) },
      { ...first, ...proof, ms: later(1), payload: 2 },
      { ...first, ...proof, ms: later(1), identification: 8 },
    ]) {
      expect(copiesAmong([...background, first, other]).copies).toEqual([]);
    }
  });

  it('is a copy without proof where the whole capture is doubled, cut into chunks or not', () => {
    const doubled = background.flatMap((one) => [one, { ...one, ms: one.ms + 0.01 }]);
    const expected = doubled.flatMap((_, index) => (index % 2 === 1 ? [index] : []));
    for (const framesPerChunk of [1, 3, doubled.length]) {
      expect(copiesAmong(doubled, framesPerChunk).copies).toEqual(expected);
    }
  });

  it('are not what a flood of equal packets is made of', () => {
    const flood = Array.from({ length: 200 }, (_, index) => ({ ms: index / 10, identification: 7 }));
    expect(copiesAmong(flood).detector.copies).toBeLessThan(4);
    const others = Array.from({ length: 20 }, (_, index) => ({
      ms: 30 + index,
      identification: 100 + index,
    }));
    expect(
      copiesAmong([...others, ...flood.map(({ ms }) => ({ ms: ms + 60, identification: 7 }))]).copies,
    ).toEqual([]);
  });
});
