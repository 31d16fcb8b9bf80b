import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sectionsOfText } from '../../../src/capture/text-capture.js';
import { readPacketText } from '../packet-text.js';
import { type TracedPacket, TraceTextReader, type Visit } from '../trace-text.js';
import showTrace from './show-trace.js';

const hexOf = (bytes: Uint8Array | null): string => Buffer.from(bytes ?? []).toString('hex');

const kinds = { captures: [showTrace], lines: [] };
const isVppText = (text: string): boolean => sectionsOfText(text, kinds).length > 0;

function readTraceText(text: string) {
  const packets: (Omit<TracedPacket, 'visits'> & { visits: Visit[] })[] = [];
  let visits: Visit[] = [];
  const reader = new TraceTextReader({
    visit: (_, visit) => visits.push(visit),
    packet(packet) {
      packets.push({ ...packet, visits });
      visits = [];
    },
  });
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    reader.take(line.slice(0, 4096), index + 1, line.length > 4096);
  }
  reader.end();
  return { packets, notes: reader.notes, longLines: reader.longLines, leftOut: reader.leftOut };
}

describe('what VPP prints', () => {
  it.each([
    'vpp# show trace\n------------------- Start of thread 0 vpp_main -------------------\nNo packets in trace buffer\n',
    'Packet 1\n\n00:09:46:518858: virtio-input\n  virtio: hw_if_index 2\n',
    '  00:17:04:099260: af-packet-input\n',
    '1700000586.518858: dpdk-input\n',
    '   Count                  Node                              Reason               Severity\n',
    'Pool Name            Index NUMA  Size  Data Size  Total  Avail  Cached   Used\n',
  ])('is recognised: %j', (text) => {
    expect(isVppText(text)).toBe(true);
  });

  it.each([
    '',
    'Start of thread 1 of the discussion',
    '12:00:01.123456 IP 10.0.0.1.80 > 10.0.0.2.90: Flags [S], seq 1, win 64240, length 0\n',
    'Mar  2 22:14:05 host pluto[812]: "conn" #1: initiating Main Mode\n',
    '{"tags": [{"id": "a", "tag": "0001"}]}',
    '2024-01-31T00:09:46.518858: two words\n',
  ])('is not: %j', (text) => {
    expect(isVppText(text)).toBe(false);
  });

  it('is never random bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        fc.pre(!bytes.some((byte) => byte === 0x3a));
        expect(isVppText(Buffer.from(bytes).toString('latin1'))).toBe(false);
      }),
    );
  });
});

describe('the reader of text', () => {
  it('keeps threads, numbers, lines and bodies apart', () => {
    const text = [
      '------------------- Start of thread 3 vpp_wk_2 -------------------',
      'Packet 1',
      '',
      '00:00:01:000002: ip4-input',
      '# said by somebody',
      '  body',
      '00:00:01:000004: drop\r',
      '',
      'Packet 2',
      '[...]',
      'Limiting display to 2 packets. To display more specify max.',
    ].join('\n');
    const { packets, notes } = readTraceText(text);
    expect(packets).toEqual([
      {
        ...{ thread: 3, number: 1, isCut: false },
        visits: [
          { node: 'ip4-input', timeNs: 1_000_002_000n, line: 4, body: ['  body'] },
          { node: 'drop', timeNs: 1_000_004_000n, line: 7, body: [] },
        ],
      },
      { thread: 3, number: 2, isCut: true, visits: [] },
    ]);
    expect(notes).toEqual([{ kind: 'limited', packets: 2, thread: 3, line: 11 }]);
  });

  it('counts what is beyond its bounds', () => {
    const long = `00:00:01:000002: ip4-input\n  ${'x'.repeat(5000)}\n${'  y\n'.repeat(200)}`;
    const { packets, longLines, leftOut } = readTraceText(long);
    expect(packets[0]?.visits[0]?.body).toHaveLength(128);
    expect([longLines, leftOut]).toEqual([1, 73]);
  });

  it('reads tables of errors with and without severities, and pools of buffers', () => {
    const { notes } = readTraceText(
      [
        'vpp# show errors',
        '   Count                    Node                  Reason',
        '        25               arp-reply               ARP replies received',
        'vpp# show errors',
        '   Count                  Node                              Reason               Severity',
        'Thread 1 (vpp_wk_0):',
        '        26               arp-reply               ARP replies received    info ',
        '',
        'vpp# show buffers',
        'Pool Name            Index NUMA  Size  Data Size  Total  Avail  Cached   Used',
        'default-numa-0         0     0   2496     2048    16800  14731   1024    1045',
      ].join('\n'),
    );
    const counter = { kind: 'error-counter', node: 'arp-reply', reason: 'ARP replies received' };
    expect(notes).toEqual([
      { ...counter, count: 25, severity: 0, table: 1, line: 3 },
      { ...counter, count: 26, severity: 1, table: 2, line: 7 },
      { kind: 'buffer-pool', name: 'default-numa-0', free: 15_755, line: 11 },
    ]);
  });

  it('survives any text', () => {
    const piece = fc.constantFrom(
      'Packet 1\n',
      '00:00:01:000002: ip4-input\n',
      '  00000000: 45',
      'vpp# ',
      '--\n',
      ' -> ',
      '\r\n',
      'Count Node Reason\n',
      '  9 a b\n',
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(piece, fc.string()), { maxLength: 30 }), (pieces) => {
        const { packets } = readTraceText(pieces.join(''));
        for (const { visits } of packets) for (const { body } of visits) readPacketText(body);
      }),
    );
  });
});

describe('the packet of a node', () => {
  it('is made of its IPv4 header in words', () => {
    const bytes = readPacketText([
      '  UDP: 10.0.0.1 -> 10.0.0.2',
      '    tos 0x00, ttl 61, length 1428, checksum 0x1bc5 dscp CS0 ecn NON_ECN',
      '    fragment id 0x56fd offset 1480, flags MORE_FRAGMENTS',
    ]);
    expect(hexOf(bytes)).toBe(`4500059456fd20b93d111bc50a0000010a000002${'00'.repeat(4)}`);
  });

  it('is made of its IPv6 header in words', () => {
    const bytes = readPacketText([
      '  fib 0 dpo-idx 5 flow hash: 0x00000000',
      '  ICMP6: fe80::1 -> 2001:db8::5:0:1',
      '    tos 0x00, flow label 0x0, hop limit 255, payload length 32',
      '  ICMP echo_request checksum 0x1',
    ]);
    expect(hexOf(bytes)).toBe(
      `6000000000203aff${'fe80000000000000'}${'0000000000000001'}${'20010db800000000'}${'0000000500000001'}00000000`,
    );
  });

  it('is its hex dump where that shows a packet', () => {
    const dump = ['  00000000: 4500003c1f4640003f06', '  0000000a: c5c30a6000010af40105'];
    expect(hexOf(readPacketText(['  tun4', ...dump]))).toBe('4500003c1f4640003f06c5c30a6000010af40105');
    expect(readPacketText(['  00000000: ffffffffffff00005e00530a0806000108000604'])).toBeNull();
    expect(readPacketText(['  rx:tun3'])).toBeNull();
  });
});
