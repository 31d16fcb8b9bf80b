import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Batch, defineCorrelator } from '../../src/correlate/correlator.js';
import { slotLayout } from '../../src/dissect/dissect-engine.js';
import type { Binding } from '../../src/dissect/dissector.js';
import { FrameContext } from '../../src/dissect/frame-context.js';
import { Slot } from '../../src/observe/slot.js';
import { formatMac } from '../../src/wire/address.js';
import { concat, hex, zeros } from '../../test/build/bytes.js';
import type { TestFrame } from '../../test/build/frame-source.js';
import { icmpEcho } from '../../test/build/icmp.js';
import { fragmentIpv4, IP_PROTOCOL, ip } from '../../test/build/ip.js';
import { ETHER_TYPE, ethernet } from '../../test/build/link.js';
import { runFrames } from '../../test/build/run-capture.js';
import { udp } from '../../test/build/udp.js';
import { vxlan as vxlanBytes } from '../../test/build/vxlan.js';
import arp from '../arp/dissector.js';
import { silkAddressOf } from '../eth/shared/silk-mac.js';
import tcpCorrelators, { tcpConnections } from '../tcp/correlator.js';
import tcp from '../tcp/dissector.js';
import correlators, { vxlanTunnels } from './correlator.js';
import vxlan from './dissector.js';
import { isUnmistakable } from './recognition.js';
import { VXLAN_ROWS } from './rows.js';

type Row = Readonly<Record<keyof typeof VXLAN_ROWS | 'origin', number>>;

/** Hands the rows out as they are. */
const rowsOf = defineCorrelator<Row, typeof VXLAN_ROWS>({
  name: 'rows',
  reads: vxlan,
  order: 'capture',
  create: () => {
    const rows: Row[] = [];
    return {
      consume({ columns, order }: Batch<typeof VXLAN_ROWS>, _flow, from, to) {
        for (let at = from; at < to; at++) {
          const names = Object.keys(VXLAN_ROWS) as (keyof typeof VXLAN_ROWS)[];
          const values = names.map((name) => [name, columns[name][order[at]]]);
          rows.push(Object.fromEntries([...values, ['origin', columns.rows.origin[order[at]]]]));
        }
      },
      sessions: () => rows,
    };
  },
});

const PARTS = {
  dissectors: [arp, tcp, vxlan],
  correlators: [rowsOf, ...correlators, ...tcpCorrelators],
};
const START_NS = 1_772_489_645_000_000_000n;
const MACS = { source: '00:00:5e:00:53:01', destination: '00:00:5e:00:53:02' };
const INNER_MACS = { source: '02:00:00:00:00:0a', destination: '02:00:00:00:00:0b' };
const ENDS = { source: '192.0.2.1', destination: '198.51.100.7' };
const INNER = { source: '10.1.0.1', destination: '10.1.0.2' };
const ECHO = ip({
  ...INNER,
  protocol: IP_PROTOCOL.icmp,
  payload: icmpEcho({ identifier: 1, sequence: 1, data: zeros(56) }),
});
const INNER_FRAME = ethernet({ ...INNER_MACS, etherType: ETHER_TYPE.ipv4, payload: ECHO });

/**
 * Cloud Foundry's documented dump of a request between two containers: 198 bytes from the outer Ethernet
 * header on.
 */
const CLOUD_FOUNDRY_REQUEST = hex(`
  42010a000001 42010a00200f 0800
  45 00 00b8 69c1 0000 40 11 cc54 0a00200f 0a001011    // 10.0.32.15 -> 10.0.16.17, no DF
  a2c5 12b5 00a4 0000                                   // UDP 41669 -> 4789, no checksum
  88 00 0003 000001 00                                  // G and I, policy id 3, VNI 1
  eeee0aff9000 eeee0aff5200 0800
  45 00 0086 ae2d 4000 3f 06 94c4 0aff5243 0aff903f    // 10.255.82.67 -> 10.255.144.63, TTL 63
  e2c6 1f90 84e67f2b 872d297f 80 18 00d7 1be5 0000     // TCP 58054 -> 8080, PSH ACK
  0101080a 0090d102 0091e92a
  474554202f20485454502f312e310d0a557365722d4167656e743a20
  6375726c2f372e33352e300d0a486f73743a2031302e3235352e3134342e3633
  3a383038300d0a4163636570743a202a2f2a0d0a0d0a
`);

/** Its dump of a request to the outside: no tunnel, MAC addresses of another plug-in. */
const CLOUD_FOUNDRY_OUTSIDE = hex(`
  0a580aff1d01 0a580aff1d03 0800
  45 00 0028 1c46 4000 40 06 0000 0aff1d03 d83ad9ce
  874e 0050 00000001 00000000 50 02 7210 da6f 0000
`);

function outer(
  payload: Uint8Array,
  ports: { sourcePort?: number; destinationPort?: number } = {},
): Uint8Array {
  const { sourcePort = 50_000, destinationPort = 4789 } = ports;
  const datagram = udp({ ...ENDS, sourcePort, destinationPort, payload });
  return ip({ ...ENDS, protocol: IP_PROTOCOL.udp, payload: datagram, identification: 77 });
}

function framesOf(...packets: Uint8Array[]): TestFrame[] {
  return packets.map((payload, index) => ({
    timeNs: START_NS + BigInt(index) * 1_000_000n,
    bytes: ethernet({ ...MACS, etherType: ETHER_TYPE.ipv4, payload }),
  }));
}

async function rowsIn(
  ...packets: Uint8Array[]
): Promise<{ rows: readonly Row[]; malformed: number; truncated: number }> {
  const run = await runFrames(framesOf(...packets), PARTS);
  const { malformedHeaders, truncatedHeaders } = run.evidence.quality;
  return { rows: run.sessions(rowsOf), malformed: malformedHeaders, truncated: truncatedHeaders };
}

describe('the dissector', () => {
  it('reads the request of the Cloud Foundry guide', async () => {
    const frame = { timeNs: START_NS, bytes: CLOUD_FOUNDRY_REQUEST };
    const run = await runFrames([frame], PARTS);
    expect(run.sessions(rowsOf)).toEqual([
      {
        header: 0x8800_0003 | 0,
        stray: 0,
        lane: expect.any(Number),
        vni: 1,
        trailer: 0,
        isGpe: 0,
        // 10.0.16.17 is the lower address.
        outerDirection: 1,
        sourcePort: 41_669,
        destinationPort: 4789,
        packets: 1,
        lastFrame: 0,
        outerBytes: 184,
        outerLength: 184,
        innerLength: 134,
        innerType: 0x0800,
        sourceMacHigh: 0xeeee,
        sourceMacLow: 0x0aff5200,
        destinationMacHigh: 0xeeee,
        destinationMacLow: 0x0aff9000,
        origin: 0,
      },
    ]);
    const [connection] = run.sessions(tcpConnections);
    expect([connection.a.address, connection.b.address]).toEqual(['10.255.82.67', '10.255.144.63']);
    expect(connection.a.payloadBytes).toBe(82);
    expect(run.evidence.quality.flows.tunnelLayers(connection.stack)).toEqual([
      { kind: 'vxlan', low: '10.0.16.17', high: '10.0.32.15', key: 1 },
    ]);
  });

  it('sees no tunnel in the other dump of the guide', async () => {
    const run = await runFrames([{ timeNs: START_NS, bytes: CLOUD_FOUNDRY_OUTSIDE }], PARTS);
    expect(run.sessions(rowsOf)).toEqual([]);
    expect(run.sessions(tcpConnections)).toHaveLength(1);
  });

  it('keeps equal inner addresses in two VNIs apart', async () => {
    const packets = [1, 2].map((vni) => outer(vxlanBytes({ vni, inner: INNER_FRAME })));
    const tunnels = (await runFrames(framesOf(...packets), PARTS)).sessions(vxlanTunnels);
    expect(tunnels.map(({ vni, directions, flows }) => [vni, directions[0].packets, flows.length])).toEqual([
      [1, 1, 1],
      [2, 1, 1],
    ]);
    expect(tunnels[0].stack).not.toBe(tunnels[1].stack);
  });

  it('follows a tunnel in a tunnel', async () => {
    const within = outer(vxlanBytes({ vni: 7, inner: INNER_FRAME }));
    const around = ethernet({ ...INNER_MACS, etherType: ETHER_TYPE.ipv4, payload: within });
    const run = await runFrames(framesOf(outer(vxlanBytes({ vni: 5, inner: around }))), PARTS);
    const [first, second] = run.sessions(vxlanTunnels);
    expect([first.vni, second.vni]).toEqual([5, 7]);
    expect(second.outerStack).toBe(first.stack);
    expect(second.hosts.get('10.1.0.1')).toBe(1);
  });

  it('tells from a first fragment how long the packet was', async () => {
    const large = ip({
      ...INNER,
      protocol: IP_PROTOCOL.icmp,
      payload: icmpEcho({ identifier: 1, sequence: 1, data: zeros(1472) }),
    });
    const inner = ethernet({ ...INNER_MACS, etherType: ETHER_TYPE.ipv4, payload: large });
    const packet = outer(vxlanBytes({ vni: 1, inner }));
    const run = await runFrames(framesOf(...fragmentIpv4(packet, 1500)), PARTS);
    expect(run.sessions(rowsOf)).toMatchObject([{ outerLength: 1550, innerLength: 1500, origin: 1 }]);
    const [{ directions }] = run.sessions(vxlanTunnels);
    expect(directions[0].fragmented).toMatchObject({ packets: 1, smallestOuter: 1550 });
    expect(run.evidence.quality.malformedHeaders).toBe(0);
  });

  it.each([
    ['IPv4', '0c 0000 01', ECHO],
    ['Ethernet', '0c 0000 03', INNER_FRAME],
    // Service header of 8 bytes, next protocol IPv4.
    ['NSH', '0c 0000 04', concat(hex('0fc2 02 01 00000a ff'), ECHO)],
  ])('reads VXLAN-GPE with %s inside', async (_name, start, inner) => {
    const payload = concat(hex(`${start} 00002a 00`), inner);
    const { rows, malformed } = await rowsIn(outer(payload, { destinationPort: 4790 }));
    expect(rows).toMatchObject([{ isGpe: 1, vni: 42, innerLength: 84 }]);
    expect(malformed).toBe(0);
  });

  it('takes what is not VXLAN on its ports for malformed, and opens no tunnel', async () => {
    const answer = hex('1a2b 8180 0001 0001 0000 0000 0765 7861 6d70 6c65 0363 6f6d 0000 0100 01');
    const toClient = outer(answer, { sourcePort: 53, destinationPort: 4789 });
    const fromClient = outer(concat(hex('08000000 000001 00'), zeros(40)), {
      sourcePort: 4789,
      destinationPort: 9999,
    });
    const withoutVni = outer(concat(hex('00000000 000001 00'), INNER_FRAME));
    const { rows, malformed } = await rowsIn(toClient, fromClient, withoutVni);
    expect(rows).toEqual([]);
    expect(malformed).toBe(3);
  });

  it('recognises VXLAN on a port that nobody owns', async () => {
    const plain = outer(vxlanBytes({ vni: 9, inner: INNER_FRAME }), { destinationPort: 12_345 });
    const tagged = outer(vxlanBytes({ vni: 9, groupPolicy: { id: 5 }, inner: INNER_FRAME }), {
      destinationPort: 12_345,
    });
    const { rows } = await rowsIn(plain, tagged);
    expect(rows.map(({ vni, header, destinationPort }) => [vni, header & 0xffff, destinationPort])).toEqual([
      [9, 0, 12_345],
      [9, 5, 12_345],
    ]);
  });

  it('gives ARP in a tunnel to the tunnel', async () => {
    const question = hex('0001 0800 06 04 0001 02000000000a 0a010001 000000000000 0a010002');
    const inner = ethernet({
      source: INNER_MACS.source,
      destination: 'ff:ff:ff:ff:ff:ff',
      etherType: ETHER_TYPE.arp,
      payload: question,
    });
    const [tunnel] = (await runFrames(framesOf(outer(vxlanBytes({ vni: 3, inner }))), PARTS)).sessions(
      vxlanTunnels,
    );
    expect(tunnel.vni).toBe(3);
    expect(tunnel.flooded).toMatchObject({ packets: 1 });
    expect(tunnel.flows).toEqual([]);
  });

  it('tells a cut packet from a short one at every length', async () => {
    const packet = outer(vxlanBytes({ vni: 1, groupPolicy: { id: 3 }, inner: INNER_FRAME }));
    const [{ bytes, timeNs }] = framesOf(packet);
    for (let length = 42; length < bytes.length; length++) {
      const cut = { timeNs, bytes: bytes.subarray(0, length), originalLength: bytes.length };
      const run = await runFrames([cut], PARTS);
      expect(run.evidence.quality.malformedHeaders, `${length} bytes`).toBe(0);
      expect(run.sessions(rowsOf)).toHaveLength(length >= 50 ? 1 : 0);
    }
  });

  it('says that a datagram shorter than the header is malformed', async () => {
    const { rows, malformed } = await rowsIn(outer(hex('08000000 0000')));
    expect([rows.length, malformed]).toEqual([0, 1]);
  });
});

/** The dissector alone, over a view that ends where the payload ends, so that reads outside of it throw. */
function dissectAlone(bytes: Uint8Array, destinationPort: number): void {
  const layout = slotLayout([vxlan], { chunkBytes: 4096, frameCapacity: 8, seed: 1 });
  const slot = new Slot(layout, new ArrayBuffer(Slot.byteLength(layout)));
  const frame = new FrameContext(slot);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  frame.begin(view, 0, 0, bytes.length);
  frame.destinationPort = destinationPort;
  frame.payloadLength = bytes.length;
  const inner: Binding = {
    protocolIndex: 0,
    subDissector: () => () => {},
    innerEthernet: (_frame, offset, end) => expect(offset).toBeLessThanOrEqual(end),
    innerIp: (_frame, offset, end) => expect(offset).toBeLessThanOrEqual(end),
    innerEtherType: (_frame, _type, offset, end) => expect(offset).toBeLessThanOrEqual(end),
  };
  vxlan.bind(slot.tables[0] as never, inner)(frame, 0, bytes.length);
  isUnmistakable(frame, 0, bytes.length);
}

describe('hostile bytes', () => {
  it('are read only inside of the payload', () => {
    const start = fc.constantFrom(
      [],
      [0x08],
      [0x88],
      [0x0c, 0, 0, 4],
      [0x0c, 0, 0, 1],
      [0x08, 0, 0, 0, 0, 0, 1, 0],
    );
    const port = fc.constantFrom(4789, 4790, 8472, 6677, 50_000);
    fc.assert(
      fc.property(start, fc.uint8Array({ maxLength: 60 }), port, (first, rest, destinationPort) =>
        dissectAlone(concat(Uint8Array.from(first), rest), destinationPort),
      ),
      { numRuns: 500 },
    );
  });

  it('never throw behind a right header, whatever the inner frame', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 120 }), async (inner) => {
        await runFrames(framesOf(outer(vxlanBytes({ vni: 1, inner }))), PARTS);
      }),
      { numRuns: 60 },
    );
  });

  it('are hardly ever taken for VXLAN on another port', () => {
    const layout = slotLayout([vxlan], { chunkBytes: 4096, frameCapacity: 8, seed: 1 });
    const frame = new FrameContext(new Slot(layout, new ArrayBuffer(Slot.byteLength(layout))));
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 60, maxLength: 60 }), (bytes) => {
        frame.begin(new DataView(bytes.buffer, bytes.byteOffset, bytes.length), 0, 0, bytes.length);
        frame.payloadLength = bytes.length;
        return !isUnmistakable(frame, 0, bytes.length);
      }),
    );
    const bytes = vxlanBytes({ vni: 1, inner: INNER_FRAME });
    frame.begin(new DataView(bytes.buffer, bytes.byteOffset, bytes.length), 0, 0, bytes.length);
    frame.payloadLength = bytes.length;
    expect(isUnmistakable(frame, 0, bytes.length)).toBe(true);
  });
});

describe('MAC addresses of silk', () => {
  it('encode an IPv4 address', () => {
    expect(formatMac(0xeeee, 0x0aff5200)).toBe('ee:ee:0a:ff:52:00');
    expect(silkAddressOf('ee:ee:0a:ff:52:00')).toEqual({ address: '10.255.82.0', isHostSide: false });
    expect(silkAddressOf('aa:aa:0a:ff:d3:28')).toEqual({ address: '10.255.211.40', isHostSide: true });
  });

  it('are not those of Calico, nor of other plug-ins', () => {
    expect(silkAddressOf('ee:ee:ee:ee:ee:ee')).toBeNull();
    expect(silkAddressOf('aa:aa:aa:aa:aa:aa')).toBeNull();
    expect(silkAddressOf('0a:58:0a:ff:1d:03')).toBeNull();
  });
});
