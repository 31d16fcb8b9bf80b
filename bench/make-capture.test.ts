import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeCapture } from './make-capture.js';
import { checksum } from './traffic/headers.js';

const BYTES = 4_000_000;
const folder = mkdtempSync(join(tmpdir(), 'capan-bench-test-'));
let bytes: Buffer;

beforeAll(() => {
  makeCapture(join(folder, 'first.pcap'), { kind: 'mixed', size: { bytes: BYTES }, seed: 1 });
  bytes = readFileSync(join(folder, 'first.pcap'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Calls `visit` for each record with its time and the offset and end of its frame. */
function eachFrame(visit: (timeUs: number, offset: number, end: number) => void): void {
  for (let at = 24; at < bytes.length; ) {
    const end = at + 16 + bytes.readUInt32LE(at + 8);
    visit(bytes.readUInt32LE(at) * 1_000_000 + bytes.readUInt32LE(at + 4), at + 16, end);
    at = end;
  }
}

describe('the capture of the bench', () => {
  it('is the same for the same seed, and another for another', () => {
    makeCapture(join(folder, 'again.pcap'), { kind: 'mixed', size: { bytes: BYTES }, seed: 1 });
    makeCapture(join(folder, 'other.pcap'), { kind: 'mixed', size: { bytes: BYTES }, seed: 2 });
    expect(readFileSync(join(folder, 'again.pcap')).equals(bytes)).toBe(true);
    expect(readFileSync(join(folder, 'other.pcap')).equals(bytes)).toBe(false);
  });

  it('has the size asked for, frames of 400 to 460 bytes on average, and 20 minutes in time order', () => {
    let frames = 0;
    let firstUs = Number.NaN;
    let lastUs = 0;
    eachFrame((timeUs, offset, end) => {
      expect(timeUs).toBeGreaterThanOrEqual(lastUs);
      expect(end - offset).toBeLessThanOrEqual(1_514);
      if (frames === 0) firstUs = timeUs;
      lastUs = timeUs;
      frames += 1;
    });
    expect(bytes.length).toBeGreaterThanOrEqual(BYTES);
    expect(bytes.length).toBeLessThan(BYTES * 1.05);
    expect(bytes.length / frames - 16).toBeGreaterThan(400);
    expect(bytes.length / frames - 16).toBeLessThan(460);
    expect((lastUs - firstUs) / 60e6).toBeCloseTo(20, 0);
  });

  it('has correct IPv4, TCP and UDP checksums, inside tunnels as well', () => {
    let checked = 0;
    eachFrame((_, offset, end) => {
      const vxlan = bytes.readUInt16BE(offset + 36) === 4789 && bytes[offset + 23] === 17;
      for (const ip of vxlan ? [offset + 14, offset + 64] : [offset + 14]) {
        expect(checksum(bytes, ip, ip + 20)).toBe(0);
        expect(bytes.readUInt16BE(ip + 2)).toBe(end - ip);
        const protocol = bytes[ip + 9];
        const absent = protocol === 50 || (protocol === 17 && bytes.readUInt16BE(ip + 26) === 0);
        if (absent) continue;
        const addressSum = ~checksum(bytes, ip + 12, ip + 20) & 0xffff;
        expect(checksum(bytes, ip + 20, end, addressSum + protocol + end - ip - 20)).toBe(0);
        checked += 1;
      }
    });
    expect(checked).toBeGreaterThan(1_000);
  });

  it('has ESP both ways, native and in UDP, without a gap in any SA', () => {
    const lastSequence = new Map<string, number>();
    const directions = { 50: new Set<string>(), 17: new Set<string>() };
    eachFrame((_, offset) => {
      const protocol = bytes[offset + 23];
      const inUdp =
        protocol === 17 &&
        (bytes.readUInt16BE(offset + 34) === 4500 || bytes.readUInt16BE(offset + 36) === 4500);
      if (protocol !== 50 && !inUdp) return;
      const esp = offset + (inUdp ? 42 : 34);
      const sa = `${bytes.toString('hex', offset + 30, offset + 34)} ${bytes.readUInt32BE(esp)}`;
      const before = lastSequence.get(sa);
      const sequence = bytes.readUInt32BE(esp + 4);
      if (before !== undefined) expect(sequence).toBe(before + 1);
      lastSequence.set(sa, sequence);
      directions[protocol === 50 ? 50 : 17].add(bytes.toString('hex', offset + 26, offset + 34));
    });
    for (const pairs of Object.values(directions)) {
      expect(pairs.size).toBeGreaterThan(0);
      for (const pair of pairs) expect(pairs).toContain(pair.slice(8) + pair.slice(0, 8));
    }
  });

  it('has SCION packets whose lengths agree with the UDP datagram around them', () => {
    const ports = new Set<number>();
    eachFrame((_, offset, end) => {
      if (bytes[offset + 23] !== 17) return;
      const sourcePort = bytes.readUInt16BE(offset + 34);
      if (sourcePort !== 30_041 && sourcePort !== 30_042) return;
      const scion = offset + 42;
      expect(4 * bytes[scion + 5] + bytes.readUInt16BE(scion + 6)).toBe(end - scion);
      ports.add(sourcePort);
    });
    expect(ports).toEqual(new Set([30_041, 30_042]));
  });
});
