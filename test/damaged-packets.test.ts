import { join, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { analyze } from '../src/commands/run-analysis.js';
import type { Report } from '../src/report/report.js';
import { type CaptureFrame, writePcap } from './build/capture-file.js';
import { readFrames } from './build/read-frames.js';
import { SAMPLE, sampleOf } from './sampling.js';

const captures = resolve(import.meta.dirname, '../captures');
const ETHERNET = 14;
const UDP = 17;
const TCP = 6;
const TCP_FLAGS = 13;
const RST_ACK = 0x14;
/** Of larger packets one in 16 is verified. */
const VERIFIED_BYTES_MAX = 256;

/** Of Ethernet and IPv4, whole, with a checksum: where the transport header begins; -1 for other frames. */
function transportOf({ bytes }: CaptureFrame): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (bytes.length < ETHERNET + 28 || view.getUint16(12) !== 0x0800) return -1;
  const at = ETHERNET + (bytes[ETHERNET] & 0x0f) * 4;
  const protocol = bytes[ETHERNET + 9];
  if ((view.getUint16(ETHERNET + 6) & 0x3fff) !== 0) return -1;
  if (protocol === TCP) return bytes.length >= at + 20 ? at : -1;
  return protocol === UDP && bytes.length >= at + 16 && view.getUint16(at + 6) !== 0 ? at : -1;
}

/** The packet once more, with other words and the old checksum. */
function damaged(frame: CaptureFrame, at: number): CaptureFrame {
  const bytes = frame.bytes.slice();
  if (bytes[ETHERNET + 9] === TCP) bytes[at + TCP_FLAGS] = RST_ACK;
  else for (let byte = at + 8; byte < Math.min(bytes.length, at + 20); byte += 3) bytes[byte] ^= 0x5a;
  return { ...frame, timeNs: frame.timeNs + 100_000n, bytes };
}

/** One small damaged packet in every direction of a conversation that has sent four packets before. */
function withDamage(frames: readonly CaptureFrame[]): { frames: CaptureFrame[]; count: number } {
  const sent = new Map<string, number>();
  const hurt = new Set<string>();
  const result: CaptureFrame[] = [];
  let count = 0;
  for (const frame of frames) {
    result.push(frame);
    const at = transportOf(frame);
    if (at < 0) continue;
    const key = Buffer.from(frame.bytes.subarray(ETHERNET + 12, at + 4)).toString('hex');
    const packets = (sent.get(key) ?? 0) + 1;
    sent.set(key, packets);
    if (packets < 5 || hurt.has(key) || frame.bytes.length > ETHERNET + VERIFIED_BYTES_MAX) continue;
    hurt.add(key);
    result.push(damaged(frame, at));
    count++;
  }
  return { frames: result, count };
}

async function verdictOf(frames: readonly CaptureFrame[]): Promise<Pick<Report, 'findings' | 'tunnels'>> {
  const stream = Readable.from([Buffer.from(writePcap(frames))]);
  return analyze([{ name: 'damaged', stream }], { threads: 0 });
}

/** Without what tells of the damage itself, and without frame numbers. */
function words({ findings, tunnels }: Pick<Report, 'findings' | 'tunnels'>) {
  return {
    findings: findings
      .filter(({ id }) => id !== 'packet.corrupted')
      .map(({ id, severity, confidence, counts }) => ({ id, severity, confidence, counts })),
    tunnels: tunnels.map(({ kind, endpoints, state }) => ({ kind, endpoints, state })),
  };
}

const CASES = [
  'bfd-healthy.pcap',
  'bfd-flap.pcap',
  'bgp-healthy.pcap',
  'esp-healthy-nat.pcap',
  'ike-v1-healthy.pcap',
  'ike-dpd-unanswered.pcap',
  'openvpn-healthy.pcap',
  'openvpn-tcp-healthy.pcap',
  'tcp-healthy.pcap',
  'time-ntp-healthy.pcap',
  'wireguard-healthy.pcap',
  'zk-healthy.pcap',
];

describe(`nothing rests on a packet that its receiver drops for its checksum (${SAMPLE})`, () => {
  it.each(sampleOf(CASES, 6, 'damaged packets'))('%s', async (file) => {
    const { frames } = await readFrames(join(captures, file));
    const changed = withDamage(frames);
    expect(changed.count).toBeGreaterThan(0);
    expect(words(await verdictOf(changed.frames))).toEqual(words(await verdictOf(frames)));
  });

  it('believes a conversation whose checksums are all wrong: its sums were changed in the file', async () => {
    const { frames } = await readFrames(join(captures, 'bgp-healthy.pcap'));
    const anonymised = frames.map((frame) => {
      const bytes = frame.bytes.slice();
      if (transportOf(frame) >= 0) bytes[ETHERNET + 15] ^= 1;
      return { ...frame, bytes };
    });
    const { findings } = await verdictOf(anonymised);
    expect(findings.filter(({ severity }) => severity !== 'info')).toEqual([]);
  });
});
