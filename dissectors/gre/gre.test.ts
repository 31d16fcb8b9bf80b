import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { innerWays } from '../../src/diagnose/carried-tunnel.js';
import { slotLayout } from '../../src/dissect/dissect-engine.js';
import { FrameContext } from '../../src/dissect/frame-context.js';
import { STACK_KEY, STACK_KIND, TUNNEL_KINDS } from '../../src/observe/flow-key.js';
import { KEY_WORDS } from '../../src/observe/key-table.js';
import { Slot } from '../../src/observe/slot.js';
import type { ObservationTable } from '../../src/observe/table.js';
import { concat, hex, u16, u32 } from '../../test/build/bytes.js';
import type { TestFrame } from '../../test/build/frame-source.js';
import { gre } from '../../test/build/gre.js';
import { icmpEcho } from '../../test/build/icmp.js';
import { IP_PROTOCOL, ip } from '../../test/build/ip.js';
import { ethernet } from '../../test/build/link.js';
import { runFrames } from '../../test/build/run-capture.js';
import { timeline } from '../../test/build/scenario.js';
import { udp } from '../../test/build/udp.js';
import { echoStreams } from '../icmp/correlator.js';
import icmp from '../icmp/dissector.js';
import { greSequences, greTunnels } from './correlator.js';
import dissector from './dissector.js';

const GRE = 47;
const START_NS = 1_700_000_000_000_000_000n;
const here = { address: '192.0.2.1', mac: '02:00:00:00:00:01', ttl: 64 };
const there = { address: '198.51.100.7', mac: '02:00:00:00:00:02', ttl: 57 };

const layout = slotLayout([dissector], { chunkBytes: 4096, frameCapacity: 64, seed: 1 });
const slot = new Slot(layout, new ArrayBuffer(Slot.byteLength(layout)));
const table = slot.tables[0] as unknown as ObservationTable<typeof dissector.observes>;

interface Dissected {
  readonly rows: number;
  /** What was handed on, from the outside in: `ethernet`, `ip`, or an EtherType; with the offset. */
  readonly inner: string[];
  readonly unreadableHeaders: number;
}

/** Dissects a packet that fills its view, so that a read outside of it throws. */
function dissect(packet: Uint8Array, protocol = GRE): Dissected {
  slot.clearTables();
  const frame = new FrameContext(slot);
  frame.begin(new DataView(packet.slice().buffer), 0, 0, packet.length, false);
  frame.protocol = protocol;
  frame.payloadLength = packet.length;
  frame.networkLength = packet.length + 20;
  const inner: string[] = [];
  const bound = dissector.bind(table, {
    protocolIndex: 3,
    subDissector: () => () => {},
    innerEthernet: (_frame, offset) => inner.push(`ethernet ${offset}`),
    innerIp: (_frame, offset) => inner.push(`ip ${offset}`),
    innerEtherType: (_frame, type, offset) => inner.push(`${type.toString(16)} ${offset}`),
  });
  bound(frame, 0, packet.length);
  expect(frame.depth).toBe(0);
  return { rows: table.rows.length, inner, unreadableHeaders: slot.unreadableHeaders.rows.length };
}

function stackOfRow(): { kind: string; key: number } {
  const at = (slot.stacks.length - 1) * KEY_WORDS;
  const { words } = slot.stacks;
  return { kind: TUNNEL_KINDS[words[at + STACK_KIND]], key: words[at + STACK_KEY] >>> 0 };
}

describe('GRE header', () => {
  it('reads the plain header', () => {
    const { rows, inner } = dissect(hex('0000 0800 4500'));
    expect({ rows, inner }).toEqual({ rows: 1, inner: ['800 4'] });
    expect([table.flags[0], table.protocolType[0], table.key[0], table.outerLength[0]]).toEqual([
      0, 0x800, 0, 26,
    ]);
  });

  it('reads checksum, key and sequence number in their order', () => {
    //                  C K S   type  checksum+offset  key      sequence
    const { inner } = dissect(hex('b000 86dd  1234 0000        fedcba98 80000001  60'));
    expect(inner).toEqual(['86dd 16']);
    expect([table.key[0], table.sequence[0]]).toEqual([0xfedcba98, 0x80000001]);
    expect(stackOfRow()).toEqual({ kind: 'gre', key: 0xfedcba98 });
  });

  it('enters bridged frames', () => {
    expect(dissect(concat(hex('2000 6558 00000007'), new Uint8Array(20))).inner).toEqual(['ethernet 8']);
  });

  it('takes the call id of PPTP as the key and does not follow its payload', () => {
    //                            K S ver 1 A   PPP  length call  sequence acknowledgment
    const { rows, inner } = dissect(hex('3081 880b 0004 c001 00000009 00000008 ff030021'));
    expect({ rows, inner }).toEqual({ rows: 1, inner: [] });
    expect([table.key[0], table.sequence[0]]).toEqual([0xc001, 9]);
  });

  it('keeps mirror sessions apart: ERSPAN I, II and III', () => {
    expect(dissect(concat(hex('0000 88be'), new Uint8Array(20))).inner).toEqual(['ethernet 4']);
    expect(stackOfRow()).toEqual({ kind: 'erspan', key: 0 });
    expect(dissect(concat(hex('1000 88be 00000005 1001 1864 00000007'), new Uint8Array(20))).inner).toEqual([
      'ethernet 16',
    ]);
    expect(stackOfRow()).toEqual({ kind: 'erspan', key: 0x64 });
    const typeIii = (flags: string): Uint8Array =>
      concat(hex(`1000 22eb 00000005 2001 0011 00000000 0000 ${flags}`), new Uint8Array(30));
    expect(dissect(typeIii('0000')).inner).toEqual(['ethernet 20']);
    expect(dissect(typeIii('0001')).inner).toEqual(['ethernet 28']);
    expect(dissect(typeIii('0800')).inner).toEqual(['ip 20']);
    expect(stackOfRow()).toEqual({ kind: 'erspan', key: 0x11 });
  });

  it('does not follow keepalives, source routes and unknown versions', () => {
    for (const packet of ['0000 0000', '4000 0800 0000 0000', '0002 0800']) {
      expect(dissect(hex(packet)), packet).toMatchObject({ rows: 1, inner: [] });
    }
  });

  it('takes nothing on the port of GRE in UDP that has reserved bits', () => {
    expect(dissect(hex('2000 0800 00000001 45'), IP_PROTOCOL.udp).rows).toBe(1);
    expect(dissect(hex('0f00 0800 00000001 45'), IP_PROTOCOL.udp).rows).toBe(0);
  });

  it('notes a unreadableHeader wherever the header is cut', () => {
    const headers = ['b000 0800 1234 0000 00000001 00000002', '3081 880b 0004 c001 00000009 00000008'];
    for (const header of headers.map(hex)) {
      for (let length = 0; length < header.length; length++) {
        expect(dissect(header.subarray(0, length)), `${length}`).toMatchObject({
          rows: 0,
          unreadableHeaders: 1,
        });
      }
    }
    const mirror = hex('1000 22eb 00000005 2001 0011 00000000 0000 0001 0000000000000000');
    for (let length = 8; length < mirror.length; length++) {
      expect(dissect(mirror.subarray(0, length)), `${length}`).toMatchObject({
        rows: 1,
        unreadableHeaders: 1,
      });
    }
  });

  it('reads any bytes without leaving them', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 64 }),
        fc.constantFrom(GRE, IP_PROTOCOL.udp),
        (bytes, protocol) => {
          dissect(bytes, protocol);
        },
      ),
      { numRuns: 500 },
    );
  });
});

const parts = { dissectors: [dissector, icmp], correlators: [greTunnels, greSequences, echoStreams] };

function echo(from: string, to: string, sequence: number, reply = false): Uint8Array {
  const payload = icmpEcho({ identifier: 7, sequence, data: new Uint8Array(32), reply });
  return ip({ source: from, destination: to, protocol: IP_PROTOCOL.icmp, payload });
}

function pings(keys: readonly [number, number], count = 4): readonly TestFrame[] {
  const t = timeline(START_NS);
  for (let sequence = 1; sequence <= count; sequence++) {
    const [forth, back] = keys;
    const request = {
      protocolType: 0x800,
      key: forth,
      sequence,
      payload: echo('10.1.0.5', '10.2.0.9', sequence),
    };
    const answer = { protocolType: 0x800, key: back, payload: echo('10.2.0.9', '10.1.0.5', sequence, true) };
    t.sendIp(sequence, here, there, GRE, gre(request));
    t.sendIp(sequence + 0.01, there, here, GRE, gre(answer));
  }
  return t.frames();
}

describe('GRE tunnels', () => {
  it('follows directions, keys and the inner hosts', async () => {
    const run = await runFrames(pings([5, 5]), parts);
    const [tunnel, ...others] = run.sessions(greTunnels);
    expect(others).toEqual([]);
    expect(tunnel).toMatchObject({ kind: 'gre', key: 5, low: '192.0.2.1', high: '198.51.100.7' });
    expect(tunnel.directions).toMatchObject([
      { packets: 4, keyed: 4, plain: 0, largestInner: 60, largestOuter: 92, bytes: 368 },
      { packets: 4, keyed: 4, plain: 0, largestInner: 60, largestOuter: 88, bytes: 352 },
    ]);
    expect(innerWays(run.evidence.quality, tunnel.stack)).toEqual([
      { from: '10.1.0.5', to: '10.2.0.9', outerDirection: 0 },
      { from: '10.2.0.9', to: '10.1.0.5', outerDirection: 1 },
    ]);
    expect(run.sessions(echoStreams)).toMatchObject([{ requests: 4, replies: 4, stack: tunnel.stack }]);
  });

  it('keeps equal inner addresses in tunnels with other keys apart', async () => {
    const run = await runFrames([...pings([5, 5]), ...pings([6, 6])], parts);
    expect(run.sessions(greTunnels).map(({ key }) => key)).toEqual([5, 6]);
    expect(run.sessions(echoStreams)).toHaveLength(2);
  });

  it('gives the same sessions for any chunk size', async () => {
    const frames = pings([5, 9], 12);
    const whole = await runFrames(frames, parts);
    for (const framesPerChunk of [1, 5]) {
      const cut = await runFrames(frames, parts, framesPerChunk);
      expect(cut.sessions(greTunnels)).toEqual(whole.sessions(greTunnels));
      expect(cut.sessions(greSequences)).toEqual(whole.sessions(greSequences));
    }
  });

  it('counts sequence numbers over all inner flows of a tunnel, late ones included', async () => {
    const t = timeline(START_NS);
    const order = [0, 1, 2, 4, 3, 5, 8, 9, 9];
    for (const [index, sequence] of order.entries()) {
      const payload = echo('10.1.0.5', `10.2.0.${1 + (index % 3)}`, index);
      t.sendIp(index, here, there, GRE, gre({ protocolType: 0x800, sequence, payload }));
    }
    const run = await runFrames(t.frames(), parts);
    expect(run.sessions(greSequences)).toMatchObject([
      { from: '192.0.2.1', distinct: 8, missing: 2, duplicates: 1, reordered: 1, key: 0 },
    ]);
  });

  it('reads GRE in UDP, and bridged frames', async () => {
    const t = timeline(START_NS);
    const frame = ethernet({
      source: here.mac,
      destination: there.mac,
      etherType: 0x800,
      payload: echo('10.1.0.5', '10.2.0.9', 1),
    });
    const payload = gre({ protocolType: 0x6558, key: 3, payload: frame });
    t.sendUdp(0, { ...here, port: 50_000 }, { ...there, port: 4754 }, payload);
    const run = await runFrames(t.frames(), parts);
    expect(run.sessions(greTunnels)).toMatchObject([
      { key: 3, directions: [{ packets: 1 }, { packets: 0 }] },
    ]);
    expect(run.sessions(echoStreams)).toMatchObject([{ source: '10.1.0.5' }]);
  });

  it('survives any payload behind its header', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 80 }),
        fc.constantFrom(0x0800, 0x86dd, 0x6558, 0x88be, 0x22eb, 0x880b, 0x8847, 0x0000),
        async (payload, protocolType) => {
          const t = timeline(START_NS);
          t.sendIp(0, here, there, GRE, gre({ protocolType, key: 1, sequence: 1, payload }));
          const run = await runFrames(t.frames(), parts);
          expect(run.sessions(greTunnels)).toHaveLength(1);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('does not mistake ordinary UDP for GRE', async () => {
    const t = timeline(START_NS);
    const datagram = udp({
      source: here.address,
      destination: there.address,
      sourcePort: 4754,
      destinationPort: 9000,
      payload: concat(u16(0xffff), u32(1)),
    });
    t.sendIp(0, here, there, IP_PROTOCOL.udp, datagram);
    const run = await runFrames(t.frames(), parts);
    expect(run.sessions(greTunnels)).toEqual([]);
  });
});
