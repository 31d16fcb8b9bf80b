import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { type CaptureOrder, KINDS, type KindName, makeCapture } from './make-capture.js';
import { checksum } from './traffic/headers.js';

const folder = mkdtempSync(join(tmpdir(), 'capan-bench-kinds-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** A capture of exactly `frames` frames. */
function captureOf(kind: KindName, frames: number, order: Partial<CaptureOrder> = {}): Buffer {
  const file = join(folder, `${kind}.pcap`);
  makeCapture(file, { kind, size: { frames }, seed: 1, ...order });
  return readFileSync(file);
}

/** Each frame without its record header. */
function framesOf(capture: Buffer): Buffer[] {
  const frames: Buffer[] = [];
  for (let at = 24; at < capture.length; ) {
    const end = at + 16 + capture.readUInt32LE(at + 8);
    frames.push(capture.subarray(at + 16, end));
    at = end;
  }
  return frames;
}

function meanLength(frames: readonly Buffer[]): number {
  return frames.reduce((sum, { length }) => sum + length, 0) / frames.length;
}

const isUdp = (frame: Buffer): boolean => frame[23] === 17;

describe.each(Object.keys(KINDS) as KindName[])('a capture of the kind %s', (kind) => {
  const capture = captureOf(kind, 4_000);

  it('has exactly the frames asked for, over 20 minutes, in time order', () => {
    const frames = framesOf(capture);
    expect(frames).toHaveLength(4_000);
    let lastUs = 0;
    for (const [index, frame] of frames.entries()) {
      const at = frame.byteOffset - capture.byteOffset - 16;
      const timeUs = (capture.readUInt32LE(at) - 1_760_000_000) * 1e6 + capture.readUInt32LE(at + 4);
      expect(timeUs, `frame ${index + 1}`).toBeGreaterThanOrEqual(lastUs);
      lastUs = timeUs;
    }
    expect(lastUs / 60e6).toBeCloseTo(20, 0);
  });

  it('is the same for the same seed, and another for another', () => {
    expect(captureOf(kind, 4_000).equals(capture)).toBe(true);
    expect(captureOf(kind, 4_000, { seed: 2 }).equals(capture)).toBe(false);
  });

  it('has correct IPv4 headers and frame lengths near the mean that it states', () => {
    const frames = framesOf(capture);
    for (const frame of frames) {
      expect(checksum(frame, 14, 34)).toBe(0);
      expect(frame.readUInt16BE(16)).toBe(frame.length - 14);
      if (isUdp(frame)) expect(frame.readUInt16BE(38)).toBe(frame.length - 34);
    }
    const mean = meanLength(frames);
    expect(mean / KINDS[kind].frameBytesMean).toBeGreaterThan(0.85);
    expect(mean / KINDS[kind].frameBytesMean).toBeLessThan(1.2);
  });
});

describe('small frames', () => {
  it('are 90 bytes long on average', () => {
    const mean = meanLength(framesOf(captureOf('small-frames', 50_000)));
    expect(mean).toBeGreaterThan(88);
    expect(mean).toBeLessThan(92);
  });
});

describe('fat tunnels', () => {
  it.each([1, 3])('of VXLAN are %i pairs of VTEPs, each one VNI and one five-tuple each way', (tunnels) => {
    const frames = framesOf(captureOf('fat-vxlan', 20_000, { tunnels }));
    expect(frames.every((frame) => isUdp(frame) && frame.readUInt16BE(36) === 4789)).toBe(true);
    expect(new Set(frames.map((frame) => frame.toString('hex', 26, 38))).size).toBe(2 * tunnels);
    expect(new Set(frames.map((frame) => frame.readUIntBE(46, 3))).size).toBe(tunnels);
    const innerTuples = new Set(frames.map((frame) => frame.toString('hex', 76, 88)));
    expect(innerTuples.size).toBeGreaterThan(1_000);
  });

  it.each([1, 3])('of ESP are %i pairs of SAs without a gap', (tunnels) => {
    const lastSequence = new Map<string, number>();
    for (const frame of framesOf(captureOf('fat-esp', 5_000, { tunnels }))) {
      expect(frame.readUInt16BE(34) === 4500 || frame.readUInt16BE(36) === 4500).toBe(true);
      const sa = `${frame.toString('hex', 26, 34)} ${frame.toString('hex', 42, 46)}`;
      const before = lastSequence.get(sa);
      if (before !== undefined) expect(frame.readUInt32BE(46)).toBe(before + 1);
      lastSequence.set(sa, frame.readUInt32BE(46));
    }
    expect(lastSequence.size).toBe(2 * tunnels);
  });

  it('are refused where addresses would run out', () => {
    expect(() => captureOf('fat-vxlan', 10, { tunnels: 60_001 })).toThrow('at most 60000');
  });
});

describe('plain TCP', () => {
  it('has as many clients as it is asked for', () => {
    const frames = framesOf(captureOf('plain-tcp', 5_000, { tunnels: 70_000 }));
    const clients = new Set(frames.map((frame) => frame.toString('hex', 26, 30)));
    expect(clients.size).toBeGreaterThan(400);
    const few = framesOf(captureOf('plain-tcp', 5_000, { tunnels: 16 }));
    const hosts = few.flatMap((frame) => [frame.toString('hex', 26, 30), frame.toString('hex', 30, 34)]);
    expect(new Set(hosts.filter((host) => !host.startsWith('0afa'))).size).toBe(16);
  });
});

describe('hostile captures', () => {
  it('have a five-tuple of its own for every frame, half TCP SYN, half UDP', () => {
    const frames = framesOf(captureOf('distinct-tuples', 50_000));
    expect(new Set(frames.map(fiveTuple)).size).toBe(50_000);
    expect(frames.filter(isUdp).length / 50_000).toBeCloseTo(0.5, 1);
    for (const frame of frames.slice(0, 1_000)) {
      const addressSum = ~checksum(frame, 26, 34) & 0xffff;
      expect(checksum(frame, 34, frame.length, addressSum + frame[23] + frame.length - 34)).toBe(0);
      if (!isUdp(frame)) expect(frame[47]).toBe(0x02);
    }
  });

  it('have an SPI of its own for every frame, half native ESP, half in UDP', () => {
    const frames = framesOf(captureOf('distinct-spis', 50_000));
    const spis = frames.map((frame) => frame.readUInt32BE(isUdp(frame) ? 42 : 34));
    expect(new Set(spis).size).toBe(50_000);
    expect(Math.min(...spis.slice(0, 1_000))).toBeGreaterThan(255);
    expect(frames.filter(isUdp).length / 50_000).toBeCloseTo(0.5, 1);
    expect(frames.every((frame) => isUdp(frame) || frame[23] === 50)).toBe(true);
  });
});

function fiveTuple(frame: Buffer): string {
  return `${frame[23]} ${frame.toString('hex', 26, 38)}`;
}
