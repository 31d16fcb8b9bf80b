import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { HEALTHY_TEXT } from '../../captures/cases/vpp-text.js';
import { analyze } from '../../src/commands/run-analysis.js';
import type { Report } from '../../src/report/report.js';

const folder = mkdtempSync(join(tmpdir(), 'capan-vpp-'));
afterAll(() => rmSync(folder, { recursive: true }));

async function reportOf(text: string): Promise<Report> {
  const file = join(folder, 'trace.txt');
  writeFileSync(file, text);
  const report = await analyze([file], { threads: 0 });
  expect(report.errors).toEqual([]);
  return report;
}

const vppFindings = ({ findings }: Report) => findings.filter(({ id }) => id.startsWith('vpp.'));

/** `HH:MM:SS:UUUUUU` of a time in microseconds. */
function clock(us: number): string {
  const seconds = Math.floor(us / 1e6);
  const two = (value: number): string => String(value).padStart(2, '0');
  const micros = String(us % 1_000_000).padStart(6, '0');
  return `${two(Math.floor(seconds / 3600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}:${micros}`;
}

interface Traced {
  readonly atUs: number;
  readonly header?: string;
  readonly nodes: readonly (readonly [string, ...string[]])[];
}

const header = ({
  from = '10.244.1.5',
  to = '10.244.2.9',
  protocol = 'TCP',
  ports = '34112 -> 80',
  length = 60,
  ttl = 64,
} = {}): string =>
  `  ${protocol}: ${from} -> ${to}\n    tos 0x00, ttl ${ttl}, length ${length}, checksum 0x1bc5 dscp CS0 ecn NON_ECN\n` +
  `    fragment id 0x56fd, flags DONT_FRAGMENT\n  ${protocol}: ${ports}`;

/** The text of packets; the nodes of a packet are 2 us apart. */
function traceText(packets: readonly Traced[]): string {
  const blocks = packets.map(({ atUs, nodes }, index) => {
    const lines = nodes.flatMap(([node, ...body], step) => [`${clock(atUs + 2 * step)}: ${node}`, ...body]);
    return `Packet ${index + 1}\n\n${lines.join('\n')}\n`;
  });
  return `------------------- Start of thread 1 vpp_wk_0 -------------------\n${blocks.join('\n')}`;
}

const RX = ['virtio-input', '  virtio: hw_if_index 2 next-index 4 vring 0 len 60'] as const;
const SENT = [['ip4-lookup'], ['ip4-rewrite'], ['tun4-output'], ['tun4-tx']] as const;
const dropped = (reason: string) =>
  [['ip4-drop'], ['error-drop', '  rx:tun3'], ['drop', `  ${reason}`]] as const;

const good = (atUs: number, to = '10.244.2.10'): Traced => ({
  atUs,
  nodes: [RX, ['ip4-input', header({ to })], ...SENT],
});

describe('show trace as text', () => {
  it('of a packet that leaves is healthy', async () => {
    const report = await reportOf(HEALTHY_TEXT);
    expect(vppFindings(report)).toEqual([]);
    expect(report.captures[0]).toMatchObject({
      format: 'vpp-text',
      clock: 'relative',
      bytes: HEALTHY_TEXT.length,
    });
    expect(report.captures[0]?.firstTime ?? null).toBeNull();
    const healthy = report.checked.filter(({ result }) => result === 'healthy').map(({ id }) => id);
    for (const id of ['drop', 'mtu-drop', 'no-tx', 'trace-incomplete', 'no-buffers', 'error-counter'])
      expect(healthy).toContain(`vpp.${id}`);
  });

  it.each([
    ['ip4-input: ip4 source lookup miss', 'error', /reverse path/i],
    ['ip4-local: bad udp checksum', 'error', /checksum/i],
    ['acl-plugin-in-ip4-fa: ACL deny packets', 'warning', /policy|access list/i],
    ['ip4-input: ip4 ttl <= 1', 'warning', /circle/i],
  ])('says why VPP drops: %s', async (reason, severity, cause) => {
    const packets = [0, 1e6, 3e6].map(
      (atUs): Traced => ({
        atUs,
        nodes: [RX, ['ip4-input', header()], ['ip4-lookup'], ...dropped(reason)],
      }),
    );
    const [finding, ...others] = vppFindings(await reportOf(traceText([...packets, good(4e6)])));
    expect(others).toEqual([]);
    expect(finding).toMatchObject({
      ...{ id: 'vpp.drop', severity, confidence: 'high', counts: { dropped: 3, through: 0, packets: 3 } },
      subject: { kind: 'flow', endpoints: ['10.244.1.5', '10.244.2.9'], destinationPort: 80 },
      displayFilter: 'ip.src == 10.244.1.5 && ip.dst == 10.244.2.9 && tcp.port == 80',
    });
    expect(finding?.evidence[0]?.summary).toContain('line 4, packet 1 of thread 1: virtio-input > ip4-input');
    expect(finding?.causes.join()).toMatch(cause);
    expect(finding?.explanation).toContain(reason.slice(reason.indexOf(': ') + 2));
  });

  it('is silent about groups, neighbours and what VPP takes for itself', async () => {
    const forGroup = header({ to: '224.0.0.5', protocol: 'OSPF', ports: '' });
    const echoReply = header({ to: '192.0.2.20', protocol: 'ICMP', ports: '' });
    const bfd = header({ to: '192.0.2.20', protocol: 'UDP', ports: '49152 -> 3784' });
    const report = await reportOf(
      traceText([
        {
          atUs: 0,
          nodes: [RX, ['ip4-input', forGroup], ['ip4-mfib-forward-lookup'], ...dropped('ip4-input: drop')],
        },
        {
          atUs: 10,
          nodes: [
            ...([RX, ['ip4-input', echoReply], ['ip4-lookup'], ['ip4-local', echoReply]] as const),
            ...([
              ['ip4-icmp-input', echoReply],
              ['ip4-icmp-echo-reply'],
              ...dropped('ip4-icmp-input: unknown type'),
            ] as const),
          ],
        },
        {
          atUs: 20,
          nodes: [
            RX,
            ['ip4-input', bfd],
            ['ip4-local'],
            ['ip4-udp-lookup'],
            ['bfd-udp4-input'],
            ['error-drop'],
            ['drop', '  null-node: x'],
          ],
        },
        { atUs: 30, nodes: [RX, ['ethernet-input'], ['arp-input'], ['arp-reply'], ['error-drop']] },
        good(40),
      ]),
    );
    expect(vppFindings(report)).toEqual([]);
  });

  it('waits for a next hop that is being resolved, and tells one that is not', async () => {
    const waiting = (atUs: number): Traced => ({
      atUs,
      nodes: [
        RX,
        ['ip4-input', header()],
        ['ip4-lookup'],
        ['ip4-arp'],
        ...dropped('ip4-arp: ARP requests sent'),
      ],
    });
    const resolved = await reportOf(traceText([waiting(0), good(1e6, '10.244.2.9')]));
    expect(vppFindings(resolved)).toEqual([]);
    const open = await reportOf(traceText([waiting(0)]));
    expect(vppFindings(open)).toEqual([]);
    expect(open.checked.find(({ id }) => id === 'vpp.drop')?.result).toBe('insufficient-data');
    const never = await reportOf(traceText([waiting(0), waiting(1e6), waiting(3e6)]));
    expect(vppFindings(never)).toMatchObject([{ id: 'vpp.drop', severity: 'warning' }]);
  });

  it('tells a packet too large for the egress adjacency', async () => {
    const large = header({ length: 1488 });
    const rewrite = [
      'ip4-rewrite',
      '  tx_sw_if_index 9 dpo-idx 7 : ipv4 via 192.0.2.30 vxlan_tunnel0: mtu:1450 next:8',
    ] as const;
    const refused = (atUs: number): Traced => ({
      atUs,
      nodes: [
        RX,
        ['ip4-input', large],
        ['ip4-lookup', large],
        rewrite,
        ['ip4-icmp-error', large],
        ['ip4-lookup'],
        ['ip4-rewrite'],
        ['tun4-tx'],
      ],
    });
    const stuck = await reportOf(traceText([refused(0), refused(2e5), refused(6e5)]));
    expect(vppFindings(stuck)).toMatchObject([
      { id: 'vpp.mtu-drop', severity: 'error', counts: { tooLarge: 3, packetBytes: 1488, mtuBytes: 1450 } },
    ]);
    const adapts = await reportOf(
      traceText([refused(0), good(1000, '10.244.2.9'), good(2000, '10.244.2.9')]),
    );
    expect(vppFindings(adapts)).toMatchObject([{ id: 'vpp.mtu-drop', severity: 'info' }]);
  });

  it('leaves giants of segmentation offload alone', async () => {
    const virtio = [
      'virtio-input',
      '  virtio: hw_if_index 2 vring 0 len 20000',
      '    hdr: flags 0x01 gso_type 0x01 hdr_len 66 gso_size 1400',
    ] as const;
    const large = header({ length: 20_000 });
    const rewrite = ['ip4-rewrite', '  ipv4 via 0.0.0.0 tun4: mtu:1500 next:8'] as const;
    const nodes = [
      virtio,
      ['ip4-input', large],
      ['ip4-lookup'],
      rewrite,
      ['tun4-output'],
      ['tun4-tx'],
    ] as const;
    expect(vppFindings(await reportOf(traceText([{ atUs: 0, nodes }, good(100)])))).toEqual([]);
  });

  it('tells a packet whose path stops, but not the newest one', async () => {
    const stops = (atUs: number): Traced => ({
      atUs,
      nodes: [RX, ['ip4-input', header()], ['ip4-lookup'], ['ip4-rewrite']],
    });
    const told = await reportOf(traceText([stops(0), good(1e6)]));
    expect(vppFindings(told)).toMatchObject([{ id: 'vpp.no-tx', severity: 'warning', confidence: 'low' }]);
    const newest = await reportOf(traceText([good(0), stops(1e6)]));
    expect(vppFindings(newest)).toEqual([]);
    expect(newest.checked.find(({ id }) => id === 'vpp.no-tx')?.result).toBe('insufficient-data');
  });

  it('expects a tx node behind an output node only where such drivers trace it', async () => {
    const atOutput = (atUs: number): Traced => ({
      atUs,
      nodes: [RX, ['ip4-input', header()], ['ip4-lookup'], ['ip4-rewrite'], ['tun7-output']],
    });
    expect(vppFindings(await reportOf(traceText([atOutput(0), atOutput(1e6)])))).toEqual([]);
    expect(vppFindings(await reportOf(traceText([atOutput(0), good(1e6)])))).toMatchObject([
      { id: 'vpp.no-tx' },
    ]);
  });

  it('judges no excerpt whose lines are missing', async () => {
    const text = traceText([good(1e6), good(2e6)]);
    const excerpt = text.replace(/.*ip4-rewrite\n.*tun4-output\n.*tun4-tx\n/, '--\n');
    expect(excerpt).not.toBe(text);
    expect(vppFindings(await reportOf(excerpt))).toEqual([]);
  });

  it('tells a packet that cnat drops without a session', async () => {
    const missed = (atUs: number): Traced => ({
      atUs,
      nodes: [
        RX,
        ['ip4-input', header({ to: '10.96.0.1' })],
        ['ip4-lookup'],
        ['ip4-cnat-tx', '  session not found'],
        ['ip4-drop'],
        ['error-drop', '  rx:tun3'],
      ],
    });
    const report = await reportOf(traceText([missed(0), missed(1e6), good(2e6)]));
    expect(vppFindings(report)).toMatchObject([
      { id: 'vpp.cnat-miss', severity: 'error', counts: { notTranslated: 2 } },
    ]);
    // The address of a pod itself: cnat knows nothing, and the packet goes on.
    const pod = [
      RX,
      ['ip4-input', header()],
      ['ip4-lookup'],
      ['ip4-cnat-tx', '  not found'],
      ...SENT,
    ] as const;
    expect(vppFindings(await reportOf(traceText([{ atUs: 0, nodes: pod }, good(1e6)])))).toEqual([]);
  });

  it('tells what is not punted only where VPP punts at all', async () => {
    const toNode = header({ to: '192.0.2.20', ports: '51000 -> 10250' });
    const lost = {
      atUs: 1e6,
      nodes: [
        RX,
        ['ip4-input', toNode],
        ['ip4-lookup'],
        ['ip4-local', toNode],
        ...dropped('ip4-local: unknown ip protocol'),
      ],
    } as const;
    const punted = {
      atUs: 0,
      nodes: [
        RX,
        ['ip4-input', toNode],
        ['ip4-lookup'],
        ['ip4-punt'],
        ['ip4-punt-redirect'],
        ['tap0-output'],
        ['tap0-tx'],
      ],
    } as const;
    const both = vppFindings(await reportOf(traceText([punted, lost, { ...lost, atUs: 2e6 }])));
    expect(both).toMatchObject([{ id: 'vpp.punt-missing' }]);
    const alone = vppFindings(await reportOf(traceText([lost, good(2e6)])));
    expect(alone).toMatchObject([{ id: 'vpp.drop', severity: 'warning' }]);
  });

  it('says where a trace was cut', async () => {
    const limited = `${traceText([good(0)])}\nLimiting display to 1 packets. To display more specify max.\n`;
    expect(vppFindings(await reportOf(limited))).toMatchObject([
      { id: 'vpp.trace-incomplete', confidence: 'high' },
    ]);
    const fifty = Array.from({ length: 50 }, (_, index) => good(index * 1000));
    expect(vppFindings(await reportOf(traceText(fifty)))).toMatchObject([
      { id: 'vpp.trace-incomplete', confidence: 'low', severity: 'info' },
    ]);
  });
});
