import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ascii } from '../../test/build/bytes.js';
import { IP_PROTOCOL, ip } from '../../test/build/ip.js';
import { runBytes } from '../../test/build/run-bytes.js';
import { runFrames } from '../../test/build/run-capture.js';
import { timeline } from '../../test/build/scenario.js';
import { udp } from '../../test/build/udp.js';
import { LINK_TYPE_VPP, type VppStep, vppPath } from '../../test/build/vpp.js';
import { vppTraces } from './correlator.js';
import vpp from './dissector.js';
import type { VppTrace } from './session.js';

const PARTS = { dissectors: [vpp], correlators: [vppTraces] };

async function traceOf(text: string): Promise<VppTrace> {
  const [trace] = (await runBytes([ascii(text)], PARTS)).sessions(vppTraces);
  if (!trace) throw new Error('no trace');
  return trace;
}

function datagram(
  source: string,
  destination: string,
  identification: number,
  destinationPort = 7777,
): Uint8Array {
  const payload = udp({
    source,
    destination,
    sourcePort: 40_000,
    destinationPort,
    payload: ascii('question'),
  });
  return ip({ source, destination, protocol: IP_PROTOCOL.udp, payload, identification });
}

async function dispatched(
  paths: readonly { at: number; buffer: number; packet: Uint8Array; steps: readonly VppStep[] }[],
): Promise<VppTrace> {
  const t = timeline(586_518_858_000n);
  for (const { at, buffer, packet, steps } of paths) vppPath(t, at, buffer, packet, steps);
  const frames = t.frames().map((frame) => ({ ...frame, linkType: LINK_TYPE_VPP }));
  const [trace] = (await runFrames(frames, PARTS)).sessions(vppTraces);
  if (!trace) throw new Error('no trace');
  return trace;
}

const REWRITTEN = '450002b056fd40003f0625650b6000010b00a68501bb8540a1f93599818eb1c1';
const GUIDE_PACKET = `Packet 1

00:09:46:518858: virtio-input
# a comment that somebody wrote into the text
  virtio: hw_if_index 2 next-index 1 vring 0 len 688
    hdr: flags 0x00 gso_type 0x00 hdr_len 0 gso_size 0 csum_start 0 csum_offset 0 num_buffers 1
00:09:46:518866: ip4-input
  TCP: 20.0.0.1 -> 11.0.166.133
    tos 0x00, ttl 64, length 688, checksum 0x1bc5 dscp CS0 ecn NON_ECN
    fragment id 0x56fd, flags DONT_FRAGMENT
  TCP: 6443 -> 34112
    seq. 0xa1f93599 ack 0x818eb1c1
00:09:46:518870: ip4-lookup
  fib 0 dpo-idx 5 flow hash: 0x00000000
00:09:46:518873: ip4-cnat-tx
  found: session:[20.0.0.1;6443 -> 11.0.166.133;34112, TCP] => 11.96.0.1;443 -> 11.0.166.133;34112 lb:-1 age:4190
00:09:46:518879: ip4-rewrite
  tx_sw_if_index 6 dpo-idx 7 : ipv4 via 0.0.0.0 tun4: mtu:9000 next:8 flow hash: 0x00000000
  00000000: ${REWRITTEN}
00:09:46:518880: tun4-output
  tun4
00:09:46:518881: tun4-tx
  0x0b60: 40:00:3f:06:25:65 -> 45:00:02:b0:56:fd
`;

function expectGuidePacket(trace: VppTrace): void {
  const [path] = trace.paths;
  expect(path).toMatchObject({
    nodes: [
      'virtio-input',
      'ip4-input',
      'ip4-lookup',
      'ip4-cnat-tx',
      'ip4-rewrite',
      'tun4-output',
      'tun4-tx',
    ],
    ...{ outcome: 'sent', mtu: 9000, cnat: 1, isGso: false },
    received: {
      ...{ source: '20.0.0.1', sourcePort: 6443, destination: '11.0.166.133', destinationPort: 34_112 },
      ...{ totalLength: 688, timeToLive: 64, identification: 0x56fd, dontFragment: true },
    },
    sent: {
      source: '11.96.0.1',
      sourcePort: 443,
      destination: '11.0.166.133',
      destinationPort: 34_112,
      timeToLive: 63,
    },
    translation: { before: { source: '20.0.0.1' }, after: { source: '11.96.0.1' } },
  });
  expect((path?.last.timeNs ?? 0) - (path?.first.timeNs ?? 0)).toBe(23_000);
  expect([...trace.answeringServices]).toEqual(['6 11.96.0.1 443']);
}

describe('a packet of show trace', () => {
  it('is a path with its packet as received and as sent', async () => {
    expectGuidePacket(await traceOf(GUIDE_PACKET));
  });

  const guide = resolve(import.meta.dirname, '../../../shared/guides/002_3429e7385ed4f518.txt');
  it.skipIf(!existsSync(guide))('is found in the whole guide (skipped where that is not there)', async () => {
    expectGuidePacket(await traceOf(readFileSync(guide, 'latin1')));
  });

  it.each([
    ['1700000586.518858', '1700000586.518881'],
    ['2023-11-14T22:23:06.518858', '2023-11-14T22:23:06.518881'],
  ])('may have other clocks: %s', async (first, last) => {
    const text = `Packet 1\n\n${first}: ip4-input\n  x\n${last}: tun4-tx\n`;
    const run = await runBytes([ascii(text)], PARTS);
    const [path] = run.sessions(vppTraces)[0]?.paths ?? [];
    expect((path?.last.timeNs ?? 0) - (path?.first.timeNs ?? 0)).toBe(23_000);
    expect(run.evidence.quality.segments[0]?.clock).toBe('absolute');
  });

  it('of several threads stands in order of time', async () => {
    const packet = (at: string) =>
      `Packet 1\n\n00:00:${at}:000001: ip4-input\n00:00:${at}:000003: tun4-tx\n\n`;
    const thread = (number: number) =>
      `------------------- Start of thread ${number} vpp_wk -------------------\n`;
    const text = `${thread(1)}${packet('50')}${thread(2)}${packet('10')}`;
    const run = await runBytes([ascii(text)], PARTS);
    expect(run.sessions(vppTraces)[0]?.paths.map(({ thread: one, number }) => [one, number])).toEqual([
      [2, 1],
      [1, 1],
    ]);
    expect(run.evidence.quality.stepsBack.count).toBe(0);
    expect(run.evidence.quality.segments).toHaveLength(1);
  });

  it('is read from text cut at any place', async () => {
    for (let length = GUIDE_PACKET.indexOf('virtio-input') + 13; length < GUIDE_PACKET.length; length += 7) {
      const trace = await traceOf(GUIDE_PACKET.slice(0, length));
      expect(trace.pathCount).toBe(1);
    }
  });
});

describe('records of a dispatch capture', () => {
  const packet = datagram('10.244.1.5', '192.0.2.53', 1);
  const sent = ['ip4-input', 'ip4-lookup', 'ip4-rewrite', 'tun4-output', 'tun4-tx'];

  it('of a buffer used again at once are two paths', async () => {
    const other = datagram('10.244.1.6', '192.0.2.53', 2);
    const trace = await dispatched([
      { at: 0, buffer: 7, packet, steps: sent },
      { at: 0.000_02, buffer: 7, packet: other, steps: sent },
      { at: 0.000_04, buffer: 7, packet, steps: ['ip4-input', 'ip4-local', 'ip4-udp-lookup', 'udp4-input'] },
      {
        at: 0.000_06,
        buffer: 7,
        packet: other,
        steps: ['ip4-input', 'ip4-lookup', 'ip4-drop', 'error-drop', 'drop'],
      },
    ]);
    expect(trace.paths.map(({ outcome }) => outcome)).toEqual(['sent', 'sent', 'consumed', 'dropped']);
    expect(trace.paths[1]?.received?.source).toBe('10.244.1.6');
    expect(trace.paths[3]?.decidedBy).toBe('ip4-lookup');
  });

  it('of a buffer that rested are two paths', async () => {
    const trace = await dispatched([
      { at: 0, buffer: 7, packet, steps: ['ip4-input', 'ip4-lookup'] },
      { at: 0.06, buffer: 7, packet, steps: ['ip4-rewrite', 'tun4-output', 'tun4-tx'] },
    ]);
    expect(trace.paths.map(({ nodes }) => nodes.length)).toEqual([2, 3]);
  });

  it('follow the packet inside a tunnel', async () => {
    const outer = datagram('192.0.2.30', '192.0.2.20', 3, 4789);
    const trace = await dispatched([
      {
        ...{ at: 0, buffer: 7, packet: outer },
        steps: [
          ...['ip4-input-no-checksum', 'ip4-lookup', 'ip4-local', 'ip4-udp-lookup', 'vxlan4-input'],
          { node: 'ip4-input', packet },
          ...['ip4-lookup', 'ip4-drop', 'error-drop', 'drop'],
        ],
      },
    ]);
    expect(trace.pathCount).toBe(1);
    expect(trace.flows).toMatchObject([
      {
        source: '10.244.1.5',
        destination: '192.0.2.53',
        port: 7777,
        faults: [{ kind: 'drop', node: 'ip4-lookup' }],
      },
    ]);
  });

  it('learn a service from what cnat changes, and not from encapsulation', async () => {
    const backend = datagram('10.244.1.5', '10.244.9.9', 1, 8080);
    const outer = datagram('192.0.2.20', '192.0.2.30', 9, 4789);
    const trace = await dispatched([
      {
        ...{ at: 0, buffer: 7, packet },
        steps: [
          ...['ip4-input', 'ip4-lookup', 'ip4-cnat-tx'],
          { node: 'ip4-lookup', packet: backend },
          { node: 'ip4-lookup', packet: outer },
          ...['ip4-rewrite', 'tun4-output', 'tun4-tx'],
        ],
      },
      {
        ...{ at: 0.1, buffer: 8, packet: backend },
        steps: [
          ...['ip4-input', 'ip4-lookup', 'ip4-cnat-tx'],
          { node: 'ip4-lookup', packet: outer },
          'tun4-tx',
        ],
      },
    ]);
    expect([...trace.services]).toEqual(['17 192.0.2.53 7777']);
  });

  it('give the same paths however often they are asked for', async () => {
    const t = timeline(586_518_858_000n);
    vppPath(t, 0, 7, packet, ['ip4-input', 'ip4-lookup', 'ip4-rewrite']);
    vppPath(t, 0.000_01, 7, packet, ['tun4-output', 'tun4-tx']);
    const frames = t.frames().map((frame) => ({ ...frame, linkType: LINK_TYPE_VPP }));
    for (const framesPerChunk of [1, 2, 5]) {
      const [trace] = (await runFrames(frames, PARTS, framesPerChunk)).sessions(vppTraces);
      expect(trace?.paths.map(({ nodes }) => nodes.length)).toEqual([5]);
    }
  });
});
