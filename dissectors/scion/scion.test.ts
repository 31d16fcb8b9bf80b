import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { slotLayout } from '../../src/dissect/dissect-engine.js';
import { CLAIM_STRONG, FrameContext } from '../../src/dissect/frame-context.js';
import { Slot } from '../../src/observe/slot.js';
import type { ObservationTable } from '../../src/observe/table.js';
import { concat, hex, random, u16, u64, zeros } from '../../test/build/bytes.js';
import { ip } from '../../test/build/ip.js';
import { gatewayFrame, oldEcho } from '../../test/build/scenario-scion.js';
import {
  controlPayload,
  NEXT,
  oldScionPacket,
  oldScmp,
  type ScionPacket,
  scionPacket,
  scionUdp,
  scmp,
  scmpEcho,
} from '../../test/build/scion.js';
import * as control from './control-payload.js';
import dissector, {
  CONTENT_BFD,
  CONTENT_CONTROL,
  CONTENT_GATEWAY,
  CONTENT_SCMP,
  CONTENT_UDP,
  PATH_KIND_EMPTY,
  PATH_KIND_LONGER,
  PATH_KIND_ONE_HOP,
} from './dissector.js';
import { isdAsText } from './isd-as.js';
import { GENERATION_2018, GENERATION_CURRENT, GENERATION_NONE, generationOf } from './recognition.js';

const layout = slotLayout([dissector], { chunkBytes: 4096, frameCapacity: 64, seed: 1 });
const slot = new Slot(layout, new ArrayBuffer(Slot.byteLength(layout)));
const table = slot.tables[0] as unknown as ObservationTable<typeof dissector.observes>;

interface Dissected {
  readonly rows: number;
  readonly generation: number;
  /** What BFD got, and where inner IP packets begin and end. */
  readonly inner: string[];
  readonly unreadableHeaders: number;
}

/** Dissects a UDP payload that fills its view, so that a read outside of it throws. */
function dissect(payload: Uint8Array, wireLength = payload.length): Dissected {
  slot.clearTables();
  const frame = new FrameContext(slot);
  frame.begin(new DataView(payload.slice().buffer), 0, 0, wireLength, wireLength > payload.length);
  frame.payloadLength = wireLength;
  const inner: string[] = [];
  const nothing = (): void => {};
  const bound = dissector.bind(table, {
    protocolIndex: 3,
    subDissector: (name) => (context, offset, end) =>
      inner.push(`${name} ${offset}..${end} of ${context.payloadLength}`),
    innerEthernet: nothing,
    innerIp: (_context, offset, end) => inner.push(`ip ${offset}..${end}`),
    innerEtherType: nothing,
  });
  const generation = generationOf(frame, 0, payload.length);
  bound(frame, 0, payload.length);
  expect(frame.depth).toBe(0);
  return {
    rows: table.rows.length,
    generation,
    inner,
    unreadableHeaders: slot.unreadableHeaders.rows.length,
  };
}

const SOURCE = { isdAs: '17-ffaa:1:64', host: '10.0.2.15' };
const DESTINATION = { isdAs: '17-ffaa:0:1107', host: '192.0.2.9' };
const SEGMENTS: ScionPacket['segments'] = [
  {
    timestamp: 1_524_147_334,
    hops: [0, 1, 2, 3].map((hop) => ({ expiry: 63 - hop, ingress: hop, egress: hop + 1 })),
  },
  {
    timestamp: 1_524_147_200,
    hops: [0, 1, 2, 3].map((hop) => ({ expiry: 63, ingress: hop, egress: hop + 1 })),
  },
  { timestamp: 1_524_147_300, hops: [0, 1, 2].map((hop) => ({ expiry: 63, ingress: hop, egress: hop + 1 })) },
];

function packet(fields: Partial<ScionPacket>): ScionPacket {
  return {
    source: SOURCE,
    destination: DESTINATION,
    nextHeader: NEXT.udp,
    payload: scionUdp(1, 2, zeros(20)),
    ...fields,
  };
}

const textOf = (isd: Uint16Array, as: Float64Array): string => isdAsText(isd[0], as[0]);

describe('the current header', () => {
  it('reads addresses, and the expiry of the first hop field to go', () => {
    const { rows, generation, unreadableHeaders } = dissect(scionPacket(packet({ segments: SEGMENTS })));
    expect({ rows, generation, unreadableHeaders }).toEqual({
      rows: 1,
      generation: GENERATION_CURRENT,
      unreadableHeaders: 0,
    });
    expect(textOf(table.sourceIsd, table.sourceAs)).toBe('17-ffaa:1:64');
    expect(textOf(table.destinationIsd, table.destinationAs)).toBe('17-ffaa:0:1107');
    // The fourth hop field of the first segment lives for 61 units only.
    expect(table.expirySeconds[0]).toBe(1_524_147_334 + 61 * 337.5);
    expect([table.content[0], table.pathKind[0]]).toEqual([CONTENT_UDP, PATH_KIND_LONGER]);
  });

  it('reads the external BFD packet of the reference router: 92 bytes, and hands BFD on', () => {
    const bfd = hex('20c0 0318 00000001 00000002 000f4240 000f4240 00000000');
    const bytes = scionPacket(
      packet({ nextHeader: NEXT.bfd, payload: bfd, firstWord: 0x0b80dead, oneHopTimestamp: 1_700_000_000 }),
    );
    expect(bytes.length).toBe(92);
    expect(bytes.subarray(0, 9)).toEqual(hex('0b80dead cb11 0018 02'));
    expect(dissect(bytes).inner).toEqual(['bfd 68..92 of 24']);
    expect([table.content[0], table.pathKind[0]]).toEqual([CONTENT_BFD, PATH_KIND_ONE_HOP]);
  });

  it('reads the internal BFD packet: 60 bytes', () => {
    const bfd = hex('20c0 0318 00000001 00000002 000f4240 000f4240 00000000');
    const bytes = scionPacket(packet({ nextHeader: NEXT.bfd, payload: bfd, firstWord: 0x0b80dead }));
    expect(bytes.length).toBe(60);
    expect(bytes.subarray(0, 12)).toEqual(hex('0b80dead cb09 0018 00 00 0000'));
    expect(dissect(bytes).inner).toEqual(['bfd 36..60 of 24']);
    expect(table.pathKind[0]).toBe(PATH_KIND_EMPTY);
  });

  it('reads SCMP: echo, too big, interface down', () => {
    dissect(scionPacket(packet({ nextHeader: NEXT.scmp, payload: scmpEcho(false, 0x31ac, 7) })));
    expect([table.content[0], table.scmp[0], table.identifier[0], table.sequence[0]]).toEqual([
      CONTENT_SCMP,
      128 << 8,
      0x31ac,
      7,
    ]);
    dissect(
      scionPacket(
        packet({ nextHeader: NEXT.scmp, payload: scmp(2, 0, concat(u16(0), u16(1400), zeros(40))) }),
      ),
    );
    expect([table.scmp[0], table.mtu[0]]).toEqual([2 << 8, 1400]);
    const down = scmp(5, 0, concat(u64(0x0001_ff00_0000_0111n), u64(5n), zeros(40)));
    dissect(scionPacket(packet({ nextHeader: NEXT.scmp, payload: down })));
    expect([table.scmp[0], table.interfaceId[0]]).toEqual([5 << 8, 5]);
  });

  it('goes over extensions', () => {
    const extensions = concat(hex('c901 0106 0000 0000'), hex('1100 0000'));
    const payload = concat(extensions, scionUdp(1, 2, zeros(20)));
    expect(dissect(scionPacket(packet({ nextHeader: 200, payload }))).unreadableHeaders).toBe(0);
    expect(table.content[0]).toBe(CONTENT_UDP);
  });

  it('follows the whole IP packets of a gateway frame, and leaves the part that goes on', () => {
    const inner = ip({
      source: '172.16.1.5',
      destination: '172.16.2.9',
      protocol: 17,
      payload: zeros(30),
      ttl: 63,
      identification: 1,
    });
    const frame = gatewayFrame(1, [zeros(12), inner, inner, inner.subarray(0, 30)], 12);
    const { inner: seen } = dissect(scionPacket(packet({ payload: frame })));
    expect(seen).toEqual(['ip 72..122', 'ip 122..172']);
    expect([table.content[0], table.session[0]]).toEqual([CONTENT_GATEWAY, 1]);
  });

  it('wants every length to agree', () => {
    const good = scionPacket(packet({ segments: SEGMENTS }));
    const broken = (at: number, value: number): number => {
      const bytes = good.slice();
      bytes[at] = value;
      return dissect(bytes).generation;
    };
    expect(broken(0, 0x10)).toBe(GENERATION_NONE);
    expect(broken(4, 18)).toBe(GENERATION_NONE);
    expect(broken(5, good[5] + 1)).toBe(GENERATION_NONE);
    expect(broken(7, good[7] + 1)).toBe(GENERATION_NONE);
    expect(broken(8, 2)).toBe(GENERATION_NONE);
    expect(broken(9, 0x50)).toBe(GENERATION_NONE);
    expect(broken(10, 1)).toBe(GENERATION_NONE);
    expect(broken(39, good[39] + 1)).toBe(GENERATION_NONE);
  });
});

describe('the header of 2018', () => {
  it('reads three segments: the example of 1,280 bytes', () => {
    const payload = scionUdp(3000, 4000, zeros(1280 - 144 - 8));
    const bytes = oldScionPacket(packet({ segments: SEGMENTS, payload }));
    expect(bytes.subarray(0, 5)).toEqual(hex('0041 0500 12'));
    expect(dissect(bytes)).toMatchObject({ rows: 1, generation: GENERATION_2018, unreadableHeaders: 0 });
    expect([table.packetLength[0], table.content[0], table.pathKind[0]]).toEqual([
      1280,
      CONTENT_UDP,
      PATH_KIND_LONGER,
    ]);
    expect(table.expirySeconds[0]).toBe(1_524_147_334 + 61 * 337.5);
  });

  it('reads keepalives of about 81 bytes', () => {
    const r = random(3);
    const lengths = new Set<number>();
    for (let count = 0; count < 300; count++) {
      const payload = scionUdp(30_042, 0, controlPayload({ tag: 2, interfaceId: 1, requestId: r.bytes(8) }));
      const bytes = oldScionPacket(packet({ destination: { isdAs: '17-ffaa:0:1107', host: 0 }, payload }));
      lengths.add(bytes.length);
      expect(dissect(bytes).generation).toBe(GENERATION_2018);
      expect([table.content[0], table.control[0], table.pathKind[0]]).toEqual([
        CONTENT_CONTROL,
        control.CONTROL_KEEPALIVE,
        PATH_KIND_EMPTY,
      ]);
    }
    // The length that the SCIONLab guide shows; a zero byte in the request id saves one.
    expect(lengths.has(81)).toBe(true);
    expect(Math.min(...lengths)).toBeGreaterThanOrEqual(78);
    expect(Math.max(...lengths)).toBe(81);
  });

  it('tells control messages apart', () => {
    const requestId = hex('0102030405060708');
    const kindOf = (message: Parameters<typeof controlPayload>[0]): number => {
      dissect(oldScionPacket(packet({ payload: scionUdp(1, 2, controlPayload(message)) })));
      return table.control[0];
    };
    const filling = random(1).bytes(720);
    expect(kindOf({ tag: 1, requestId, filling })).toBe(control.CONTROL_BEACON);
    expect(kindOf({ tag: 4, managementTag: 3, requestId, filling })).toBe(control.CONTROL_REGISTRATION);
    expect(kindOf({ tag: 4, managementTag: 1, requestId })).toBe(control.CONTROL_OTHER);
    // From October 2020 on path management has the number that keepalives had.
    expect(kindOf({ tag: 2, managementTag: 3, requestId, filling })).toBe(control.CONTROL_REGISTRATION);
    expect(kindOf({ tag: 3, requestId })).toBe(control.CONTROL_OTHER);
    dissect(oldScionPacket(packet({ payload: scionUdp(1, 2, random(2).bytes(60)) })));
    expect([table.control[0], table.content[0]]).toEqual([0, CONTENT_UDP]);
  });

  it('reads a beacon of which the capture holds the start', () => {
    const message = controlPayload({
      tag: 1,
      requestId: hex('0102030405060708'),
      filling: random(1).bytes(720),
    });
    const bytes = oldScionPacket(packet({ payload: scionUdp(1, 2, message) }));
    expect(dissect(bytes.subarray(0, 120), bytes.length).rows).toBe(1);
    expect(table.control[0]).toBe(control.CONTROL_BEACON);
  });

  it('reads the one-hop extension and SCMP', () => {
    const extension = concat(Uint8Array.of(17, 1, 1), zeros(5));
    dissect(
      oldScionPacket(
        packet({ nextHeader: 0, segments: SEGMENTS, payload: concat(extension, scionUdp(1, 2, zeros(8))) }),
      ),
    );
    expect([table.pathKind[0], table.content[0], table.expirySeconds[0]]).toEqual([
      PATH_KIND_ONE_HOP,
      CONTENT_UDP,
      0,
    ]);
    dissect(oldScionPacket(packet({ nextHeader: NEXT.oldScmp, payload: oldScmp(0, 1, oldEcho(0x3a1c, 5)) })));
    expect([table.scmp[0], table.identifier[0], table.sequence[0]]).toEqual([1, 0x3a1c, 5]);
    const revoked = concat(u16(14), u16(16), u16(22), zeros(10));
    dissect(oldScionPacket(packet({ nextHeader: NEXT.oldScmp, payload: oldScmp(3, 4, revoked) })));
    expect([table.scmp[0], table.interfaceId[0]]).toEqual([0x304, 22]);
    dissect(
      oldScionPacket(
        packet({ nextHeader: NEXT.oldScmp, payload: oldScmp(1, 7, concat(u16(1480), u16(1472), zeros(12))) }),
      ),
    );
    expect([table.scmp[0], table.mtu[0]]).toEqual([0x107, 1472]);
  });

  it('wants every length to agree', () => {
    const good = oldScionPacket(packet({ segments: SEGMENTS }));
    for (const [at, value] of [
      [0, 0x10],
      [1, 0x45],
      [3, good[3] + 1],
      [4, good[4] + 1],
      [5, 1],
      [6, good[5]],
      [7, 9],
      [39, 5],
    ]) {
      const bytes = good.slice();
      bytes[at] = value;
      expect(dissect(bytes).generation, `byte ${at}`).toBe(GENERATION_NONE);
    }
  });

  it('does not take RADIUS, whose length stands in the same place', () => {
    const radius = concat(hex('0141'), u16(60), random(9).bytes(56));
    expect(dissect(radius).generation).toBe(GENERATION_NONE);
  });
});

describe('bytes that are cut or mean nothing', () => {
  const packets = [
    scionPacket(packet({ segments: SEGMENTS })),
    scionPacket(packet({ nextHeader: NEXT.scmp, payload: scmpEcho(true, 1, 2) })),
    oldScionPacket(packet({ segments: SEGMENTS })),
    oldScionPacket(
      packet({ payload: scionUdp(1, 2, controlPayload({ tag: 2, interfaceId: 1, requestId: zeros(8) })) }),
    ),
    oldScionPacket(packet({ nextHeader: NEXT.oldScmp, payload: oldScmp(0, 1, oldEcho(1, 2)) })),
  ];

  it('reads what the capture left, and says where a header did not fit', () => {
    for (const bytes of packets) {
      for (let length = 0; length < bytes.length; length++) {
        const { rows, generation, unreadableHeaders } = dissect(bytes.subarray(0, length), bytes.length);
        expect(rows + unreadableHeaders > 0, `${length}`).toBe(generation !== GENERATION_NONE);
      }
    }
  });

  it('takes no packet whose sender lost its end', () => {
    for (const bytes of packets) {
      for (let length = 0; length < bytes.length; length++) {
        expect(dissect(bytes.subarray(0, length)).rows, `${length}`).toBe(0);
      }
    }
  });

  it('reads any bytes without leaving them', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 96 }),
        fc.constantFrom(...packets),
        fc.nat(80),
        (bytes, start, keep) => {
          dissect(bytes);
          dissect(concat(start.subarray(0, keep), bytes));
          const cut = concat(start.subarray(0, keep), bytes);
          dissect(cut, start.length);
        },
      ),
    );
  });

  it('claims nothing that is random', () => {
    const r = random(11);
    for (let count = 0; count < 20_000; count++) {
      expect(dissect(r.bytes(36 + (r.next() % 60))).generation).toBe(GENERATION_NONE);
    }
  });

  it('claims strongly', () => {
    const frame = new FrameContext(slot);
    const bytes = scionPacket(packet({}));
    frame.begin(new DataView(bytes.slice().buffer), 0, 0, bytes.length, false);
    frame.payloadLength = bytes.length;
    expect(dissector.carriedBy.udpHeuristic?.recognise(frame, 0, bytes.length)).toBe(CLAIM_STRONG);
  });
});

describe('names of ASes', () => {
  it('writes 32-bit numbers in decimal and the others in groups', () => {
    expect(isdAsText(1, 64_512)).toBe('1-64512');
    expect(isdAsText(17, 0xffaa_0001_0064)).toBe('17-ffaa:1:64');
    expect(isdAsText(2, 0xff00_0000_0222)).toBe('2-ff00:0:222');
  });
});

const real = resolve(import.meta.dirname, '../../../shared/captures/real/09-scion');

describe.skipIf(!existsSync(real))(`public packets (${existsSync(real) ? 'at hand' : 'not at hand'})`, () => {
  const files = existsSync(real) ? readdirSync(real).filter((name) => name.endsWith('.bin')) : [];
  const read = (name: string): Uint8Array => Uint8Array.from(readFileSync(join(real, name)));

  it('reads the test packets of 2018', () => {
    const old = files.filter((name) => /testdata_(udp-scion|scmp-rev)/.test(name));
    expect(old.length).toBeGreaterThan(5);
    for (const name of old) {
      expect(dissect(read(name)).generation, name).toBe(GENERATION_2018);
      const kind = name.includes('scmp') ? CONTENT_SCMP : CONTENT_UDP;
      expect(table.content[0], name).toBe(kind);
      if (kind === CONTENT_SCMP) expect(table.scmp[0] >> 8, name).toBe(3);
    }
  });

  it('reads the test packets of the current header', () => {
    for (const name of [
      'f69ffb2_scion-udp',
      'f69ffb2_scion-udp-extn',
      'f69ffb2_scion-scmp-dest-unreachable',
    ]) {
      expect(dissect(read(`scionproto__hist-${name}.bin`)).generation, name).toBe(GENERATION_CURRENT);
      expect(textOf(table.sourceIsd, table.sourceAs)).toBe('2-ff00:0:222');
    }
  });

  it('leaves packets of the header of 2015 and of the underlay alone', () => {
    for (const name of files.filter((one) => one.includes('ptp_ipv4') || one.includes('internal_ipv6'))) {
      expect(dissect(read(name)).generation, name).toBe(GENERATION_NONE);
    }
    expect(dissect(hex('0104 0053 0808 0500 0102 0304 0506 0708').slice()).generation).toBe(GENERATION_NONE);
  });
});
