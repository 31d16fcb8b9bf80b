import { describe, expect, it } from 'vitest';
import { SAMPLE_CAPTURES } from '../../captures/cases/all.js';
import { formatAddress } from '../../src/wire/address.js';
import { runPipeline } from '../../src/workers/pipeline.js';
import { random } from '../../test/build/bytes.js';
import { writePcap } from '../../test/build/capture-file.js';
import { FrameSource, type TestFrame } from '../../test/build/frame-source.js';
import { IP_PROTOCOL, ip } from '../../test/build/ip.js';
import { ETHER_TYPE, ethernet, vlan } from '../../test/build/link.js';
import { readFrames } from '../../test/build/read-frames.js';
import { type RecordedRow, rowRecorder } from '../../test/build/recorded-rows.js';
import { TSHARK_RUNS, tsharkFields, tsharkMissing } from '../../test/build/tshark.js';
import { udp } from '../../test/build/udp.js';
import { LINK_TYPE_VPP, vppRecord } from '../../test/build/vpp.js';
import { vppDissector } from './dissector.js';

/* Node by node: what tshark reads of a dispatch capture, and what capan does. */

const NODES = [
  'ethernet-input',
  'ip4-input',
  'ip4-input-no-checksum',
  'ip4-lookup',
  'ip4-rewrite',
  'ip4-cnat-tx',
  'ip4-punt-redirect',
  'ip4-drop',
  'ip6-input',
  'ip6-lookup',
  'ip6-rewrite',
  'ip6-punt',
  'tap0-output',
  'tap0-tx',
  'avf-0/d8/a/0-tx',
  'error-drop',
  'drop',
] as const;
/** Nodes that see a link header. */
const FRAMED = /^ethernet-input$|-output$|-tx$/;
const RECORDS = 160;

/** Every kind of node with packets of both families, with and without link header, VLAN tag and trace. */
function everyNode(): TestFrame[] {
  const r = random(11);
  return Array.from({ length: RECORDS }, (_, index) => {
    const node = NODES[index % NODES.length];
    const isIpv6 = node.startsWith('ip6') || (!node.startsWith('ip4') && index % 2 === 1);
    const [source, destination] = isIpv6 ? ['fd00:10::5', '2001:db8::9'] : ['10.244.1.5', '192.0.2.9'];
    const ports = { sourcePort: 1024 + (r.next() % 60_000), destinationPort: 40_001 + (index % 7) };
    const payload = udp({ source, destination, ...ports, payload: r.bytes(r.next() % 90) });
    const packet = ip({ source, destination, protocol: IP_PROTOCOL.udp, payload, ttl: 1 + (index % 255) });
    const bytes = vppRecord({
      node,
      buffer: r.next(),
      packet: FRAMED.test(node) && node !== 'ip4-cnat-tx' ? framed(packet, isIpv6, index % 3 === 0) : packet,
      error: index % 5,
      rxInterface: index % 9,
      txInterface: (index % 4) - 1,
      ...(index % 3 === 1 ? { trace: '\n00:09:46:518873: ip4-lookup\n  fib 0 dpo-idx 5' } : {}),
    });
    return { timeNs: 586_518_858_000n + BigInt(index) * 2000n, bytes, linkType: LINK_TYPE_VPP };
  });
}

function framed(packet: Uint8Array, isIpv6: boolean, isTagged: boolean): Uint8Array {
  const etherType = isIpv6 ? ETHER_TYPE.ipv6 : ETHER_TYPE.ipv4;
  return ethernet({
    source: '00:00:5e:00:53:0a',
    destination: '00:00:5e:00:53:fe',
    ...(isTagged
      ? { etherType: ETHER_TYPE.vlan, payload: vlan({ vid: 7, etherType, payload: packet }) }
      : { etherType, payload: packet }),
  });
}

const FIELDS = [
  'frame.number',
  'vpp.NodeName',
  'vpp.BufferIndex',
  'vpp.metadata',
  'vpp.opaque',
  'ip.src',
  'ip.dst',
  'ip.proto',
  'ip.ttl',
  'ipv6.src',
  'ipv6.dst',
  'ipv6.nxt',
  'ipv6.hlim',
  'udp.srcport',
  'udp.dstport',
  'tcp.srcport',
  'tcp.dstport',
] as const;

/** The dispatch captures that ship, in one: tshark takes half a second to start. */
async function samples(): Promise<TestFrame[]> {
  const all: TestFrame[] = [];
  for (const { file } of SAMPLE_CAPTURES.filter(({ file }) => /^vpp-.*\.pcap$/.test(file))) {
    const { frames, linkType } = await readFrames(
      new URL(`../../captures/${file}`, import.meta.url).pathname,
    );
    if (linkType === LINK_TYPE_VPP) all.push(...frames.map((frame) => ({ ...frame, linkType })));
  }
  return all.toSorted((a, b) => Number(a.timeNs - b.timeNs));
}

async function rowsOf(frames: readonly TestFrame[]): Promise<readonly RecordedRow[]> {
  const recorder = rowRecorder(vppDissector);
  const { runner } = await runPipeline(new FrameSource(frames), [vppDissector], [recorder], { threads: 0 });
  return (runner.sessions().get(recorder.name) ?? []) as readonly RecordedRow[];
}

/** What a row says, as tshark prints it. */
function printed(values: RecordedRow['values']): readonly string[] {
  const words = (name: string, count: number): Int32Array =>
    Int32Array.from({ length: count }, (_, index) => values[`${name}${index}`]);
  const text = [...words('name', 12)]
    .flatMap((word) => [24, 16, 8, 0].map((shift) => (word >>> shift) & 0xff))
    .filter((byte) => byte !== 0)
    .map((byte) => String.fromCharCode(byte))
    .join('');
  const { buffer, family, timeToLive, sourcePort, destinationPort } = values;
  const metadata = [`error: ${values.error}`, `rx ${values.rxInterface}`, `tx ${values.txInterface}`];
  const node = [text, `0x${buffer.toString(16).padStart(8, '0')}`, ...metadata];
  if (family === 0) return node;
  const ends = [formatAddress(words('source', 4)), formatAddress(words('destination', 4))];
  return [...node, ...ends, ...[values.protocol, timeToLive, sourcePort, destinationPort].map(String)];
}

function ofTshark(row: readonly string[]): readonly string[] {
  const [, node, buffer, metadata, opaque, ...occurrences] = row;
  // Behind the first stands what an ICMP error quotes.
  const rest = occurrences.map((values) => values.split(',')[0]);
  const [source4, destination4, protocol, ttl, source6, destination6, next, hops, ...ports] = rest;
  const number = (pattern: RegExp): string => pattern.exec(metadata + opaque)?.[1] ?? '';
  const own = [node, buffer, `error: ${number(/error: (\d+)/)}`];
  const interfaces = [`rx ${number(/RX\]: (-?\d+)/)}`, `tx ${number(/TX\]: (-?\d+)/)}`];
  const [udpSource, udpDestination, tcpSource, tcpDestination] = ports;
  const ip = source4 === '' ? [source6, destination6, next, hops] : [source4, destination4, protocol, ttl];
  const hasPorts = ['6', '17'].includes(ip[2]);
  const ends = [udpSource || tcpSource || '0', udpDestination || tcpDestination || '0'];
  const known = [...ip, ...(hasPorts ? ends : ['0', '0'])];
  return [...own, ...interfaces, ...(known[0] === '' ? [] : known)];
}

describe.skipIf(tsharkMissing)(
  `a dispatch capture as tshark reads it (${tsharkMissing ?? 'installed'})`,
  () => {
    it.each<[string, () => TestFrame[] | Promise<TestFrame[]>]>([
      ['at every kind of node', everyNode],
      ['in the samples', samples],
    ])('is read alike, node by node, %s', TSHARK_RUNS, async (_, framesOf) => {
      const frames = await framesOf();
      const rows = await rowsOf(frames);
      const wanted = tsharkFields(writePcap(frames, { linkType: LINK_TYPE_VPP }), FIELDS);
      expect(rows.map(({ frame }) => frame)).toEqual(wanted.map(([number]) => Number(number)));
      expect(rows.length).toBeGreaterThan(100);
      for (const [index, { values }] of rows.entries()) {
        expect(printed(values), `frame ${index + 1}`).toEqual(ofTshark(wanted[index]));
      }
    });
  },
);
