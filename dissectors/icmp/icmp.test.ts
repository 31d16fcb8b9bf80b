import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { slotLayout } from '../../src/dissect/dissect-engine.js';
import { FrameContext } from '../../src/dissect/frame-context.js';
import { Slot } from '../../src/observe/slot.js';
import { concat, hex, u16, u32 } from '../../test/build/bytes.js';
import type { TestFrame } from '../../test/build/frame-source.js';
import { icmpError, icmpv6 } from '../../test/build/icmp.js';
import { IP_PROTOCOL, ip, ipv4 } from '../../test/build/ip.js';
import { runFrames } from '../../test/build/run-capture.js';
import { type Timeline, timeline } from '../../test/build/scenario.js';
import { udp } from '../../test/build/udp.js';
import { icmpErrors } from './correlator.js';
import dissector from './dissector.js';
import { meaningOf } from './message-types.js';
import type { IcmpTable } from './rows.js';

const START_NS = 1_700_000_000_000_000_000n;
const here = { address: '192.0.2.1', mac: '02:00:00:00:00:01', ttl: 64 };
const there = { address: '198.51.100.7', mac: '02:00:00:00:00:02', ttl: 57 };
const router = { address: '203.0.113.1', mac: '02:00:00:00:00:02', ttl: 61 };
const parts = { dissectors: [dissector], correlators: [icmpErrors] };

const layout = slotLayout([dissector], { chunkBytes: 4096, frameCapacity: 64, seed: 1 });
const slot = new Slot(layout, new ArrayBuffer(Slot.byteLength(layout)));
const table = slot.tables[0] as unknown as IcmpTable;

/** Dissects a message that fills its view, so that a read outside of it throws; its row, or null. */
function dissect(message: Uint8Array, protocol: number = IP_PROTOCOL.icmp): IcmpTable | null {
  slot.clearTables();
  const frame = new FrameContext(slot);
  frame.begin(new DataView(message.slice().buffer), 0, 0, message.length, false);
  frame.protocol = protocol;
  frame.payloadLength = message.length;
  const bound = dissector.bind(table, {
    protocolIndex: 3,
    subDissector: () => () => {},
    innerEthernet: () => {},
    innerIp: () => {},
    innerEtherType: () => {},
  });
  bound(frame, 0, message.length);
  return table.rows.length > 0 ? table : null;
}

describe('ICMP messages', () => {
  it('reads an echo request', () => {
    const row = dissect(hex('08 00 f7ff 0d4e 0102 6162636465666768'));
    expect(row?.identifier[0]).toBe(0x0d4e);
    expect(row?.sequence[0]).toBe(0x0102);
    expect(row?.length[0]).toBe(16);
    expect(row?.quotedFamily[0]).toBe(0);
  });

  it('reads fragmentation needed with the ESP packet that it quotes', () => {
    // DF, TTL 61, ESP, 192.0.2.1 -> 198.51.100.7, SPI, sequence number.
    const quote = hex('45 00 05dc 1a2b 4000 3d 32 0000 c0000201 c6336407 c0e7a35b 00000011');
    const row = dissect(concat(hex('03 04 0000 0000 0578'), quote));
    expect(row?.nextHopMtu[0]).toBe(1400);
    expect(row?.quotedProtocol[0]).toBe(50);
    expect(row?.quotedSpi[0]).toBe(0xc0e7a35b);
    expect(row?.quotedLength[0]).toBe(1500);
    expect(row?.quotedFragment[0]).toBe(0x4000);
    expect(row?.quotedTimeToLive[0]).toBe(61);
    expect(row?.quotedSource3[0]).toBe(0xc0000201 | 0);
    expect(row?.quotedDestination3[0]).toBe(0xc6336407 | 0);
  });

  it('reads the SPI of ESP in UDP, and none for IKE on the same port', () => {
    const quoted = (first: number): Uint8Array =>
      udp({
        source: here.address,
        destination: there.address,
        sourcePort: 4500,
        destinationPort: 4500,
        payload: concat(u32(first), u32(1)),
      });
    const error = (first: number): Uint8Array =>
      icmpError(
        3,
        3,
        ipv4({
          source: here.address,
          destination: there.address,
          protocol: 17,
          payload: quoted(first),
        }),
        {
          quotedLength: 548,
        },
      );
    expect(dissect(error(0x11223344))?.quotedSpi[0]).toBe(0x11223344);
    expect(dissect(error(0))?.quotedSpi[0]).toBe(0);
    expect(dissect(error(0))?.quotedDestinationPort[0]).toBe(4500);
  });

  it('kind: a finding rests on no damaged header: an error with a wrong checksum says nothing', async () => {
    const quoted = ipv4({
      source: here.address,
      destination: there.address,
      protocol: 17,
      payload: hex('11941194 00000000'),
    });
    const error = icmpError(3, 3, quoted);
    const errors = async (message: Uint8Array): Promise<number> => {
      const t = timeline(START_NS);
      t.sendIp(1, there, here, IP_PROTOCOL.icmp, message);
      return (await runFrames(t.frames(), parts)).sessions(icmpErrors).length;
    };
    expect(await errors(error)).toBe(1);
    const damaged = Uint8Array.from(error);
    damaged[1] = 1;
    expect(await errors(damaged)).toBe(0);
  });

  it('reads no ports from a quoted fragment other than the first', () => {
    const quote = ipv4({
      source: here.address,
      destination: there.address,
      protocol: 17,
      payload: hex('11941194 00000000'),
      fragmentOffset: 1480,
    });
    const row = dissect(icmpError(11, 1, quote));
    expect(row?.quotedSourcePort[0]).toBe(0);
    expect(row?.quotedProtocol[0]).toBe(17);
  });

  it('reads packet too big of ICMPv6, with the protocol behind a fragment header', () => {
    const addresses = { source: '2001:db8::1', destination: '2001:db8::2' };
    const fragmentHeader = hex('11 00 0001 0000abcd');
    const quote = concat(
      ip({ ...addresses, protocol: 44, payload: concat(fragmentHeader, u16(53), u16(4000), u32(0)) }),
    );
    const row = dissect(icmpv6(addresses, 2, 0, u32(1280), quote), IP_PROTOCOL.icmpv6);
    expect(row?.nextHopMtu[0]).toBe(1280);
    expect(row?.quotedFamily[0]).toBe(6);
    expect(row?.quotedProtocol[0]).toBe(17);
    expect(row?.quotedIdentification[0]).toBe(0xabcd);
    expect(row?.quotedSourcePort[0]).toBe(53);
    expect(row?.quotedDestinationPort[0]).toBe(4000);
  });

  it('notes a unreadableHeader for a message or a quote that does not fit, at every length', () => {
    const quote = ipv4({
      source: here.address,
      destination: there.address,
      protocol: 50,
      payload: hex('c0e7a35b 00000011'),
    });
    const message = icmpError(3, 1, quote);
    // Not filled in: what is cut off would make the checksum wrong.
    message.fill(0, 2, 4);
    for (let length = 0; length < message.length; length++) {
      const row = dissect(message.subarray(0, length));
      expect(slot.unreadableHeaders.rows.length).toBe(length < 28 ? 1 : 0);
      if (length < 8) expect(row).toBeNull();
      else expect(row?.quotedFamily[0]).toBe(length < 28 ? 0 : 4);
    }
  });

  it('reads only what it was given, whatever the bytes are', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 120 }),
        fc.constantFrom(3, 11, 1, 2, 8, 129),
        fc.boolean(),
        (bytes, type, isV6) => {
          const message = concat(Uint8Array.of(type), bytes);
          dissect(message, isV6 ? IP_PROTOCOL.icmpv6 : IP_PROTOCOL.icmp);
          expect(table.rows.length).toBeLessThanOrEqual(1);
        },
      ),
    );
  });

  it('leaves neighbour discovery and other queries alone', () => {
    expect(dissect(hex('88 00 0000 60000000'), IP_PROTOCOL.icmpv6)).toBeNull();
    expect(dissect(hex('0d 00 0000 00000000'))).toBeNull();
  });
});

describe('what an error means', () => {
  it.each([
    [4, 3, 0, 'network-unreachable'],
    [4, 3, 1, 'host-unreachable'],
    [4, 3, 2, 'protocol-unreachable'],
    [4, 3, 3, 'port-unreachable'],
    [4, 3, 4, 'packet-too-big'],
    [4, 3, 13, 'admin-prohibited'],
    [4, 3, 200, 'other'],
    [4, 11, 0, 'ttl-exceeded'],
    [4, 11, 1, 'reassembly-timeout'],
    [6, 1, 0, 'network-unreachable'],
    [6, 1, 4, 'port-unreachable'],
    [6, 2, 0, 'packet-too-big'],
    [6, 3, 1, 'reassembly-timeout'],
    [6, 4, 1, 'protocol-unreachable'],
  ])('IPv%i type %i code %i: %s', (family, type, code, meaning) => {
    expect(meaningOf(family, type, code)).toBe(meaning);
  });
});

describe('errors by flow', () => {
  const datagram = (sourcePort: number): Uint8Array =>
    udp({
      source: here.address,
      destination: there.address,
      sourcePort,
      destinationPort: 53,
      payload: hex('00'),
    });
  const quoted = (sourcePort: number, identification: number): Uint8Array =>
    ipv4({
      source: here.address,
      destination: there.address,
      protocol: IP_PROTOCOL.udp,
      payload: datagram(sourcePort),
      identification,
    });
  const frames = (build: (t: Timeline) => void): readonly TestFrame[] => {
    const t = timeline(START_NS);
    build(t);
    return t.frames();
  };

  it('counts per flow, with the frames and the quoted datagrams', async () => {
    const run = await runFrames(
      frames((t) => {
        for (let i = 0; i < 3; i++) {
          t.sendIp(i, router, here, IP_PROTOCOL.icmp, icmpError(3, 1, quoted(4000, i)));
        }
        t.sendIp(5, router, here, IP_PROTOCOL.icmp, icmpError(3, 1, quoted(4001, 9)));
      }),
      parts,
    );
    expect(run.sessions(icmpErrors)).toMatchObject([
      {
        meaning: 'host-unreachable',
        reporter: router.address,
        receiver: here.address,
        isPlausible: true,
        count: 3,
        quoted: {
          source: here.address,
          destination: there.address,
          protocol: 17,
          sourcePort: 4000,
          destinationPort: 53,
        },
        frames: [{ frame: 1 }, { frame: 2 }, { frame: 3 }],
      },
      { count: 1, first: { frame: 4 } },
    ]);
  });

  it('tells the datagrams apart whose fragments did not all come', async () => {
    const run = await runFrames(
      frames((t) => {
        for (const [at, identification] of [5, 6, 5].entries()) {
          t.sendIp(at, there, here, IP_PROTOCOL.icmp, icmpError(11, 1, quoted(4000, identification)));
        }
      }),
      parts,
    );
    expect(run.sessions(icmpErrors)).toMatchObject([{ count: 3, identifications: [5, 6] }]);
  });

  it('is the same for any chunk size', async () => {
    const many = frames((t) => {
      for (let i = 0; i < 20; i++) {
        t.sendIp(i, router, here, IP_PROTOCOL.icmp, icmpError(3, 1, quoted(4000 + (i % 3), i)));
      }
    });
    const whole = await runFrames(many, parts);
    const cut = await runFrames(many, parts, 3);
    expect(cut.sessions(icmpErrors)).toEqual(whole.sessions(icmpErrors));
  });

  it('does not believe an error about a packet that the receiver did not send', async () => {
    const run = await runFrames(
      frames((t) => t.sendIp(0, router, there, IP_PROTOCOL.icmp, icmpError(3, 1, quoted(4000, 1)))),
      parts,
    );
    expect(run.sessions(icmpErrors)).toMatchObject([{ isPlausible: false }]);
  });

  it('notes that the quoted host heard the source', async () => {
    const run = await runFrames(
      frames((t) => t.sendIp(0, there, here, IP_PROTOCOL.icmp, icmpError(3, 3, quoted(4000, 1)))),
      parts,
    );
    expect(run.evidence.quality.hearsPeer.find(there.address, here.address)).toMatchObject({ count: 1 });
  });

  it('counts reports after which the sender goes on with larger packets', async () => {
    const big = { ...here, size: 1500 };
    const packet = (size: number): Uint8Array =>
      ipv4({
        source: big.address,
        destination: there.address,
        protocol: IP_PROTOCOL.esp,
        payload: concat(u32(7), u32(1), new Uint8Array(size - 28)),
      });
    const run = await runFrames(
      frames((t) => {
        for (const [at, size] of [
          [0, 1500],
          [0.2, 1500],
          [2, 1500],
          [4, 1400],
          [6, 1450],
          [90, 1500],
        ]) {
          t.sendIp(at, router, here, IP_PROTOCOL.icmp, icmpError(3, 4, packet(size), { parameter: 1400 }));
        }
      }),
      parts,
    );
    // Not the one in flight, not the one that fits, not the one after a long pause.
    expect(run.sessions(icmpErrors)).toMatchObject([
      { count: 6, smallestMtu: 1400, largestQuotedLength: 1500, ignoredCount: 2 },
    ]);
  });
});
