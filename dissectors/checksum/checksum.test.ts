import { describe, expect, it } from 'vitest';
import { MARK_CHECKSUM_PENDING } from '../../src/capture/frame-marks.js';
import { concat, u8, zeros } from '../../test/build/bytes.js';
import type { TestFrame } from '../../test/build/frame-source.js';
import { icmpEcho, icmpError } from '../../test/build/icmp.js';
import { fragmentIpv4, fragmentIpv6, ipv4, ipv6 } from '../../test/build/ip.js';
import { ethernet } from '../../test/build/link.js';
import { runFrames } from '../../test/build/run-capture.js';
import { mssOption, type Tcp, tcp } from '../../test/build/tcp.js';
import { type Checksum, udp } from '../../test/build/udp.js';
import { vxlan } from '../../test/build/vxlan.js';
import vxlanDissector from '../vxlan/dissector.js';
import { checksumFaults } from './correlator.js';
import badChecksum from './diagnoses/bad-checksum.js';
import dissector from './dissector.js';

const PARTS = { dissectors: [dissector, vxlanDissector], correlators: [checksumFaults] };
const START_NS = 1_700_000_000_000_000_000n;
const [A, B, C] = ['192.0.2.1', '192.0.2.2', '192.0.2.3'];
const [A6, B6] = ['2001:db8::1', '2001:db8::2'];
const MACS = { source: '02:00:00:00:00:01', destination: '02:00:00:00:00:02' };

function frame(seconds: number, packet: Uint8Array, more: Partial<TestFrame> = {}): TestFrame {
  const etherType = packet[0] >> 4 === 6 ? 0x86dd : 0x0800;
  const bytes = ethernet({ ...MACS, etherType, payload: packet });
  return { timeNs: START_NS + BigInt(Math.round(seconds * 1e9)), bytes, ...more };
}

interface Segment extends Partial<Tcp> {
  readonly from?: string;
  readonly to?: string;
}

function segment({ from = A, to = B, ...more }: Segment = {}): Uint8Array {
  const header = { sourcePort: 40_000, destinationPort: 80, sequence: 7, flags: ['SYN'] as const, ...more };
  const payload = tcp({ source: from, destination: to, options: mssOption(1460), ...header });
  return ipv4({ source: from, destination: to, protocol: 6, payload });
}

function datagram6(checksum: Checksum, payload = zeros(20)): Uint8Array {
  const inner = udp({
    source: A6,
    destination: B6,
    sourcePort: 5000,
    destinationPort: 5001,
    payload,
    checksum,
  });
  return ipv6({ source: A6, destination: B6, nextHeader: 17, payload: inner });
}

/** A SYN inside VXLAN; the sums of both layers as given. */
function carried(outer: Checksum, inner: Checksum): Uint8Array {
  const inside = ethernet({
    ...MACS,
    etherType: 0x0800,
    payload: segment({ from: '10.0.0.1', to: '10.0.0.2', checksum: inner }),
  });
  const payload = vxlan({ vni: 1, inner: inside });
  const datagram = udp({
    source: A,
    destination: B,
    sourcePort: 50_000,
    destinationPort: 4789,
    payload,
    checksum: outer,
  });
  return ipv4({ source: A, destination: B, protocol: 17, payload: datagram });
}

/** A large datagram of each protocol, with its CHECKSUM_ value. */
function datagrams(checksum: Checksum): (readonly [number, Uint8Array])[] {
  const payload = Uint8Array.from({ length: 1431 }, (_, index) => (index * 37) & 0xff);
  const ports = { sourcePort: 40_000, destinationPort: 4500, payload, checksum };
  const ends = { source: A, destination: B };
  const ends6 = { source: A6, destination: B6 };
  const echo = icmpEcho({ identifier: 1, sequence: 1, data: payload });
  if (checksum !== 'correct') echo[2] ^= 0x55;
  return [
    [1, ipv4({ ...ends, protocol: 17, payload: udp({ ...ends, ...ports }) })],
    [1, ipv6({ ...ends6, nextHeader: 17, payload: udp({ ...ends6, ...ports }) })],
    [2, segment({ payload, flags: ['ACK'], checksum })],
    [3, ipv4({ ...ends, protocol: 1, payload: echo })],
  ];
}

async function faultsOf(packet: Uint8Array, more: Partial<TestFrame> = {}): Promise<string[]> {
  const run = await runFrames([frame(0, packet, more)], PARTS);
  return run
    .sessions(checksumFaults)
    .map(({ kind, sender, expected }) => `${['ip', 'udp', 'tcp', 'icmp'][kind]} ${sender} ${expected}`);
}

describe('which checksums do not fit', () => {
  it('finds wrong sums of every kind, and says what they should be', async () => {
    const right = tcp({
      source: A,
      destination: B,
      sourcePort: 40_000,
      destinationPort: 80,
      sequence: 7,
      flags: ['SYN'],
      options: mssOption(1460),
    });
    const expected = (right[16] << 8) | right[17];
    expect(await faultsOf(segment({ checksum: 0x1234 }))).toEqual([`tcp ${A} ${expected}`]);
    expect(await faultsOf(segment())).toEqual([]);
    const echo = icmpEcho({ identifier: 1, sequence: 1, data: zeros(8) });
    echo[2] ^= 0x55;
    expect(await faultsOf(ipv4({ source: A, destination: B, protocol: 1, payload: echo }))).toHaveLength(1);
    const header = ipv4({
      source: A,
      destination: B,
      protocol: 1,
      payload: icmpEcho({ identifier: 1, sequence: 1, data: zeros(8) }),
      headerChecksum: 0x1111,
    });
    expect((await faultsOf(header))[0]).toMatch(/^ip 192/);
    expect(await faultsOf(datagram6(0x1234))).toHaveLength(1);
    expect(await faultsOf(datagram6('correct'))).toEqual([]);
    expect(await faultsOf(datagram6('correct', zeros(21)))).toEqual([]);
  });

  it('looks into tunnels, and names the layer', async () => {
    expect((await faultsOf(carried(0xffff, 'correct')))[0]).toMatch(`udp ${A}`);
    expect((await faultsOf(carried('none', 0x1234)))[0]).toMatch('tcp 10.0.0.1');
    expect(await faultsOf(carried('none', 'correct'))).toEqual([]);
  });

  it('takes what is left to a network card for no fault, nor the sums around it', async () => {
    expect(await faultsOf(segment({ checksum: 'offload' }))).toEqual([]);
    expect(await faultsOf(segment({ checksum: 0 }))).toEqual([]);
    expect(await faultsOf(datagram6('offload'))).toEqual([]);
    // Local checksum offload: the outer sum already counts on what the card will write inside.
    expect(await faultsOf(carried(0x4321, 'offload'))).toEqual([]);
    expect(await faultsOf(segment({ checksum: 0x1234 }), { marks: MARK_CHECKSUM_PENDING })).toEqual([]);
  });

  it.each(['ascending', 'reversed'] as const)(
    'verifies fragments once their datagram is complete, %s',
    async (order) => {
      for (const [isRight, packets] of [
        [true, datagrams('correct')],
        [false, datagrams(0x1234)],
      ] as const) {
        for (const [kind, packet] of packets) {
          const fragments =
            packet[0] >> 4 === 6
              ? fragmentIpv6(packet, 600, 7, { order })
              : fragmentIpv4(packet, 600, { order });
          expect(fragments.length).toBeGreaterThan(2);
          const frames = fragments.map((one, index) => frame(index / 1000, one));
          for (const framesPerChunk of [1, 100]) {
            const found = (await runFrames(frames, PARTS, framesPerChunk)).sessions(checksumFaults);
            const expected = { kind, packets: 1, conversation: { fromPort: kind === 3 ? 0 : 40_000 } };
            expect(found).toMatchObject(isRight ? [] : [expected]);
          }
        }
      }
    },
  );

  it('does not judge datagrams of which a fragment is missing, comes twice or overlaps', async () => {
    const [[, packet]] = datagrams(0x1234);
    const [first, second, third] = fragmentIpv4(packet, 600);
    for (const some of [
      [first, second],
      [second, third],
      [first, first, second, third],
      [first, ...fragmentIpv4(packet, 500).slice(1), third],
    ]) {
      // Among others, so that a fragment that comes twice is no copy by the capture.
      const others = Array.from({ length: 20 }, (_, sequence) => segment({ sequence }));
      const frames = [...others, ...some].map((one, index) => frame(index / 1000, one));
      expect((await runFrames(frames, PARTS)).sessions(checksumFaults)).toEqual([]);
    }
  });

  it('leaves out what cannot be summed: cuts, fragments, a length of 0, quotes', async () => {
    const bad = segment({ checksum: 0x1234 });
    const cut = frame(0, bad);
    const short = await runFrames(
      [{ ...cut, bytes: cut.bytes.subarray(0, 50), originalLength: cut.bytes.length }],
      PARTS,
    );
    expect(short.sessions(checksumFaults)).toEqual([]);
    const fragment = {
      source: A,
      destination: B,
      protocol: 6,
      payload: bad.subarray(20),
      moreFragments: true,
    };
    expect(await faultsOf(ipv4(fragment))).toEqual([]);
    expect(await faultsOf(ipv4({ ...fragment, moreFragments: false, totalLength: 0 }))).toEqual([]);
    const quoting = ipv4({ source: B, destination: A, protocol: 1, payload: icmpError(3, 3, bad) });
    expect(await faultsOf(quoting)).toEqual([]);
  });

  it('takes the final destination of a routing header and of a source route', async () => {
    const inner = udp({
      source: A6,
      destination: B6,
      sourcePort: 5000,
      destinationPort: 5001,
      payload: zeros(4),
    });
    const via = ipv6({ source: A6, destination: B6, nextHeader: 17, payload: zeros(0) }).subarray(24, 40);
    const routing = { type: 43, body: concat(u8(2), u8(0), u8(1), zeros(4), via) };
    const waypoint = '2001:db8::77';
    const packet = ipv6({
      source: A6,
      destination: waypoint,
      nextHeader: 17,
      payload: inner,
      extensionHeaders: [routing],
    });
    expect(await faultsOf(packet)).toEqual([]);
    const used = { ...routing, body: concat(u8(2), u8(0), u8(0), zeros(4), via) };
    expect(
      await faultsOf(
        ipv6({ source: A6, destination: waypoint, nextHeader: 17, payload: inner, extensionHeaders: [used] }),
      ),
    ).toHaveLength(1);
    const options = concat(u8(131), u8(7), u8(4), Uint8Array.of(192, 0, 2, 2), u8(0));
    const routed = segment();
    expect(
      await faultsOf(ipv4({ source: A, destination: C, protocol: 6, payload: routed.subarray(20), options })),
    ).toEqual([]);
  });

  it('verifies one in 16 of larger packets, the same ones in any chunks', async () => {
    const large = Array.from({ length: 3200 }, (_, index) =>
      frame(index / 100, segment({ sequence: index, flags: ['ACK'], payload: zeros(400), checksum: 0x1234 })),
    );
    const counts = await Promise.all(
      [1000, 77].map(async (framesPerChunk) => {
        const [faults] = (await runFrames(large, PARTS, framesPerChunk)).sessions(checksumFaults);
        return faults.packets;
      }),
    );
    expect(counts[1]).toBe(counts[0]);
    expect(counts[0]).toBeGreaterThan(120);
    expect(counts[0]).toBeLessThan(300);
  });
});

const REPEATS = [0, 1, 3, 7];

function syns(checksum: Checksum, more: Segment = {}): TestFrame[] {
  return REPEATS.map((at) => frame(1 + at, segment({ checksum, ...more })));
}

function answered(from: string, to: string, at = 2): TestFrame[] {
  const ports = { sourcePort: 80, destinationPort: 40_100 };
  return [
    frame(at, segment({ from, to, sourcePort: 40_100 })),
    frame(at + 0.01, segment({ from: to, to: from, ...ports, flags: ['SYN', 'ACK'] })),
  ];
}

async function judged(frames: readonly TestFrame[]): Promise<unknown[]> {
  const inOrder = [...frames].sort((a, b) => Number(a.timeNs - b.timeNs));
  return (await runFrames(inOrder, PARTS)).judge(badChecksum);
}

describe('packet.bad-checksum', () => {
  it('fires where exactly the wrong ones get no answer', async () => {
    expect(await judged([...syns(0x1234), ...answered(A, B)])).toMatchObject([
      { result: 'problem', confidence: 'high', counts: { packets: 4, conversations: 1 } },
    ]);
    expect(await judged([...syns(0x1234), ...answered(A, C)])).toMatchObject([
      { result: 'problem', confidence: 'medium' },
    ]);
  });

  it('says what is missing where nothing of the sender is answered', async () => {
    expect(await judged(syns(0x1234))).toMatchObject([{ result: 'insufficient-data' }]);
    expect(await judged([...syns(0x1234).slice(0, 2), ...answered(A, B)])).toMatchObject([
      { result: 'insufficient-data' },
    ]);
  });

  it('is silent where such packets are answered, here or by another host', async () => {
    const back = { sourcePort: 80, destinationPort: 40_000, flags: ['SYN', 'ACK'] as const };
    const taken = [
      frame(1, segment({ checksum: 0x1234 })),
      frame(1.01, segment({ from: B, to: A, ...back })),
    ];
    expect(await judged([...taken, ...answered(A, C)])).toMatchObject([{ result: 'healthy' }]);
    const other = [
      frame(1, segment({ checksum: 0x1234, to: C })),
      frame(1.01, segment({ from: C, to: A, ...back })),
    ];
    expect(await judged([...syns(0x1234), ...other, ...answered(A, B)])).toMatchObject([
      { result: 'healthy' },
      { result: 'healthy' },
    ]);
  });

  it('is silent on sums left to a network card, whoever does not answer', async () => {
    expect(await judged([...syns('offload'), ...answered(A, B)])).toEqual([]);
  });

  it('needs answers to the rest where UDP over IPv6 has no checksum', async () => {
    const zero = REPEATS.map((at) => frame(1 + at, datagram6('none')));
    expect(await judged(zero)).toMatchObject([{ result: 'insufficient-data' }]);
  });
});
