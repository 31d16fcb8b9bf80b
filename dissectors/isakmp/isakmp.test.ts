import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { slotLayout } from '../../src/dissect/dissect-engine.js';
import { CLAIM_PORT, CLAIM_STRONG, FrameContext } from '../../src/dissect/frame-context.js';
import { HEADER_CONTINUES, HEADER_MALFORMED, HEADER_TRUNCATED } from '../../src/observe/engine-tables.js';
import { Slot } from '../../src/observe/slot.js';
import { ORIGIN_FIRST_FRAGMENT, ORIGIN_WHOLE } from '../../src/observe/table.js';
import { ascii, concat, hex, random, u8, u16, u32, zeros } from '../../test/build/bytes.js';
import { informationalClear, mainMode1, mainModeEncrypted, saV1, vendorId } from '../../test/build/ikev1.js';
import {
  EXCHANGE_V2,
  encryptedFragments,
  encryptedV2,
  ikeSaInitRequest,
  ikeSaInitResponse,
  keyExchangeV2,
  nonceV2,
  notifyV2,
  saV2,
} from '../../test/build/ikev2.js';
import { isakmp as isakmpMessage, isakmpOf, NOTIFY_V2, VENDOR_ID } from '../../test/build/isakmp.js';
import dissector from './dissector.js';
import * as isakmp from './layout.js';
import { transformColumn } from './payloads.js';
import { proposalText, transformTextV1 } from './sa-proposals.js';
import { vendorNames } from './vendor-ids.js';

const layout = slotLayout([dissector], { chunkBytes: 4096, frameCapacity: 64, seed: 1 });
const slot = new Slot(layout, new ArrayBuffer(Slot.byteLength(layout)));
const [table] = slot.tables as unknown as readonly [Parameters<typeof dissector.bind>[0]];
const SPIS = { initiatorSpi: hex('f845c4b596084eee'), responderSpi: hex('8e935bd2c87d9d70') };
const PROTOCOL_UDP = 17;
const PROTOCOL_TCP = 6;

/** The opening message of a main mode: golden bytes, one transform. */
const MI1 = hex(`
  f845c4b596084eee 0000000000000000  # cookies
  01 10 02 00 00000000 00000060      # SA follows, version 1.0, main mode, message id 0, 96 bytes
  0d 00 0030 00000001 00000001       # SA: vendor id follows, 48 bytes, DOI IPsec, situation
  00 00 0024 01 01 00 01             # proposal 1, ISAKMP, one transform
  00 00 001c 01 01 0000              # transform 1
  8001 0007 800e 0100 8002 0004 8004 000e 8003 0001  # AES, 256 bits, SHA2-256, group 14, PSK
  00 00 0014 4a131c81070358455c5728f20e95452f        # vendor id: RFC 3947
`);

interface Around {
  readonly ports?: readonly [number, number];
  readonly wireLength?: number;
  readonly origin?: number;
  readonly protocol?: number;
}

let espCalls: { offset: number; end: number; payloadLength: number }[] = [];

function contextOf(packet: Uint8Array, around: Around): FrameContext {
  const frame = new FrameContext(slot);
  const wireLength = around.wireLength ?? packet.length;
  frame.begin(new DataView(packet.slice().buffer), 0, 0, wireLength, wireLength > packet.length);
  frame.isCut = wireLength > packet.length;
  frame.protocol = around.protocol ?? PROTOCOL_UDP;
  [frame.sourcePort, frame.destinationPort] = around.ports ?? [500, 500];
  frame.payloadLength = wireLength;
  frame.origin = around.origin ?? ORIGIN_WHOLE;
  return frame;
}

/** Dissects a payload that fills its view, so that a read outside of it throws; number of rows. */
function dissect(packet: Uint8Array, around: Around = {}): number {
  slot.clearTables();
  espCalls = [];
  const nothing = (): void => {};
  const bound = dissector.bind(table, {
    protocolIndex: 3,
    subDissector: () => (frame, offset, end) =>
      espCalls.push({ offset, end, payloadLength: frame.payloadLength }),
    innerEthernet: nothing,
    innerIp: nothing,
    innerEtherType: nothing,
  });
  bound(contextOf(packet, around), 0, packet.length);
  return table.rows.length;
}

function unreadableHeaders(): number[] {
  return [...slot.unreadableHeaders.kind.subarray(0, slot.unreadableHeaders.rows.length)];
}

describe('ISAKMP header', () => {
  it('is read field by field', () => {
    expect(MI1.length).toBe(96);
    expect(dissect(MI1)).toBe(1);
    expect([table.initiatorHigh[0] >>> 0, table.initiatorLow[0] >>> 0]).toEqual([0xf845c4b5, 0x96084eee]);
    expect([table.responderHigh[0], table.responderLow[0]]).toEqual([0, 0]);
    expect(table.version[0]).toBe(1);
    expect(table.exchangeType[0]).toBe(isakmp.EXCHANGE_MAIN);
    expect(table.messageLength[0]).toBe(96);
    expect(table.readLength[0]).toBe(96);
    expect(table.payloads[0]).toBe(isakmp.HAS_SA | isakmp.HAS_VENDOR_ID);
    expect(vendorNames(table.vendors[0])).toEqual(['NAT-T (RFC 3947)']);
    expect(table.transformCount[0]).toBe(1);
    expect(transformTextV1(table.transform0[0])).toBe('AES-256, SHA2-256, DH 14, PSK');
    expect(unreadableHeaders()).toEqual([]);
  });

  it('has equal digests for equal messages only', () => {
    dissect(MI1);
    const digest = [table.digestHigh[0], table.digestLow[0]];
    dissect(MI1);
    expect([table.digestHigh[0], table.digestLow[0]]).toEqual(digest);
    for (let at = 0; at < MI1.length; at++) {
      const changed = MI1.slice();
      changed[at] ^= 1;
      if (dissect(changed) === 1) expect([table.digestHigh[0], table.digestLow[0]]).not.toEqual(digest);
    }
  });

  it.each([
    ['a length below that of the header', 24, 27],
    ['a length above that of the datagram', 24, 97],
  ])('%s is the fault of the sender', (_, at, value) => {
    const wrong = MI1.slice();
    wrong.set(u32(value), at);
    expect(dissect(wrong)).toBe(0);
    expect(unreadableHeaders()).toEqual([HEADER_MALFORMED]);
  });

  it('of another version is not read', () => {
    const wrong = MI1.slice();
    wrong[17] = 0x30;
    expect(dissect(wrong)).toBe(0);
    expect(unreadableHeaders()).toEqual([HEADER_MALFORMED]);
  });

  it('is read from the first fragment of a datagram', () => {
    const first = mainModeEncrypted(SPIS, random(1).bytes(3000)).subarray(0, 1472);
    expect(dissect(first, { origin: ORIGIN_FIRST_FRAGMENT })).toBe(1);
    expect([table.messageLength[0], table.readLength[0], table.encryptedLength[0]]).toEqual([
      3028, 1472, 3000,
    ]);
    expect(dissect(first.subarray(0, 20), { origin: ORIGIN_FIRST_FRAGMENT })).toBe(0);
    expect(unreadableHeaders()).toEqual([HEADER_CONTINUES]);
  });
});

describe('payloads', () => {
  it('of IKE_SA_INIT: transforms, group, statuses', () => {
    const request = ikeSaInitRequest(SPIS, [
      saV2(),
      keyExchangeV2(random(2).bytes(256)),
      nonceV2(random(3).bytes(32)),
      notifyV2(NOTIFY_V2.fragmentationSupported),
      notifyV2(NOTIFY_V2.natDetectionSourceIp, random(4).bytes(20)),
      notifyV2(NOTIFY_V2.natDetectionDestinationIp, random(5).bytes(20)),
    ]);
    dissect(request);
    const words = [0, 1, 2, 3].map((index) => transformColumn(table, index)[0]);
    expect(proposalText(2, words, table.transformCount[0])).toBe(
      'AES-CBC-128, PRF SHA2-256, SHA2-256, DH 14',
    );
    expect(table.keyExchangeGroup[0]).toBe(14);
    expect(table.statuses[0] & isakmp.STATUS_FRAGMENTATION_SUPPORTED).not.toBe(0);
    expect(table.natHashes[0]).toBe(isakmp.NAT_SOURCE | isakmp.NAT_DESTINATION);
    expect(table.natHashLength[0]).toBe(20);
    expect(table.natSourceHigh[0] >>> 0).toBe(new DataView(random(4).bytes(20).buffer).getUint32(0));
  });

  it('of a refusal: error notify and the wanted group', () => {
    dissect(ikeSaInitResponse(SPIS, [notifyV2(NOTIFY_V2.invalidKePayload, u16(19))]));
    expect([table.notifyType[0], table.notifyGroup[0]]).toEqual([17, 19]);
    dissect(informationalClear(SPIS, 7, 24));
    expect([table.notifyType[0], table.notifyProtocol[0], table.notifyGroup[0]]).toEqual([24, 1, 0]);
  });

  it('that are encrypted: their length only', () => {
    const flags = { originalInitiator: true, response: false };
    dissect(
      encryptedV2(SPIS, { ...flags, exchangeType: EXCHANGE_V2.ikeAuth, messageId: 1, encrypted: zeros(48) }),
    );
    expect(table.encryptedLength[0]).toBe(52);
    const parts = [zeros(100), zeros(60)];
    const [, second] = encryptedFragments(SPIS, { ...flags, exchangeType: 35, messageId: 1 }, parts);
    dissect(second);
    expect([table.fragmentNumber[0], table.fragmentTotal[0]]).toEqual([2, 2]);
  });

  it('of an IKEv1 fragment: its number, and the total of the last one', () => {
    const header = { ...SPIS, version: 0x10, exchangeType: 2, flags: 0, messageId: 0 };
    const fragment = (number: number, flags: number) =>
      isakmpMessage(header, [{ type: 132, body: concat(u16(1), u8(number), u8(flags), zeros(40)) }]);
    dissect(fragment(1, 0));
    expect([table.fragmentNumber[0], table.fragmentTotal[0]]).toEqual([1, 0]);
    dissect(fragment(3, 1));
    expect([table.fragmentNumber[0], table.fragmentTotal[0]]).toEqual([3, 3]);
  });

  it('with vendor ids of several daemons', () => {
    const ids = [
      VENDOR_ID.deadPeerDetection,
      VENDOR_ID.xauth,
      ascii('OE-Libreswan-4.10'),
      ascii('OEabcdefghij'),
    ];
    dissect(mainMode1(SPIS, [saV1(), ...ids.map(vendorId), vendorId(random(9).bytes(16))]));
    expect(vendorNames(table.vendors[0])).toEqual([
      'dead peer detection',
      'XAUTH',
      'openswan or libreswan',
      'libreswan',
    ]);
    expect(table.vendorsUnknown[0]).toBe(1);
  });

  it('whose lengths contradict each other are the fault of the sender', () => {
    const broken = isakmpOf(
      { ...SPIS, version: 0x10, exchangeType: 2, flags: 0, messageId: 0 },
      1,
      hex('00000003'),
    );
    expect(dissect(broken)).toBe(1);
    expect(unreadableHeaders()).toEqual([HEADER_MALFORMED]);
  });
});

describe('what else travels on these ports', () => {
  it('hands ESP behind eight zero bytes on port 500 on', () => {
    const esp = random(6).bytes(40);
    expect(dissect(concat(zeros(8), esp))).toBe(0);
    expect(espCalls).toEqual([{ offset: 8, end: 48, payloadLength: 40 }]);
  });

  it('reads a notify with zero cookies behind the marker of port 4500', () => {
    const message = isakmpMessage(
      { initiatorSpi: zeros(8), version: 0x20, exchangeType: 37, flags: 0x08, messageId: 0 },
      [notifyV2(11, u32(0xaa6fa19a))],
    );
    expect(dissect(message, { ports: [4500, 4500] })).toBe(1);
    expect(table.notifyType[0]).toBe(11);
  });

  it('leaves a NAT keepalive alone', () => {
    expect(dissect(hex('ff'))).toBe(0);
    expect(unreadableHeaders()).toEqual([]);
  });

  it('cuts IKE out of a TCP stream (RFC 9329)', () => {
    const message = concat(u16(2 + 4 + MI1.length), zeros(4), MI1);
    const stream = concat(ascii('IKETCP'), message, message.subarray(0, 50));
    const view = new DataView(stream.buffer);
    const lengthAt = (offset: number): number =>
      dissector.stream ? dissector.stream.messageLength(view, offset, stream.length) : -2;
    expect([lengthAt(0), lengthAt(6), lengthAt(6 + message.length)]).toEqual([6, message.length, 0]);
    expect(dissect(message, { protocol: PROTOCOL_TCP, ports: [4500, 40_000] })).toBe(1);
    expect(dissect(ascii('IKETCP'), { protocol: PROTOCOL_TCP })).toBe(0);
    expect(dissect(concat(u16(42), random(1).bytes(40)), { protocol: PROTOCOL_TCP })).toBe(0);
  });

  it('recognises IKE on other ports by its own length', () => {
    const recognise = dissector.carriedBy.udpHeuristic?.recognise;
    expect(recognise?.(contextOf(MI1, {}), 0, MI1.length)).toBe(CLAIM_STRONG);
    for (const at of [17, 18, 19, 27]) {
      const other = MI1.slice();
      other[at] ^= 0x80;
      expect(recognise?.(contextOf(other, {}), 0, other.length)).toBe(CLAIM_PORT);
    }
  });
});

describe('damage', () => {
  it('cut at every byte gives what is there, and is never the fault of the sender', () => {
    for (let length = 0; length < MI1.length; length++) {
      const rows = dissect(MI1.subarray(0, length), { wireLength: MI1.length });
      expect(rows).toBe(length < 28 ? 0 : 1);
      if (rows === 1) expect(table.readLength[0]).toBe(length);
      expect(unreadableHeaders().filter((kind) => kind !== HEADER_TRUNCATED)).toEqual([]);
    }
  });

  it('reads nothing outside of random bytes, and never throws', () => {
    const bytes = fc.uint8Array({ maxLength: 400 });
    const around = fc.record({
      ports: fc.constantFrom([500, 500] as const, [4500, 4500] as const),
      origin: fc.constantFrom(ORIGIN_WHOLE, ORIGIN_FIRST_FRAGMENT),
      protocol: fc.constantFrom(PROTOCOL_UDP, PROTOCOL_TCP),
    });
    fc.assert(fc.property(bytes, around, (packet, options) => dissect(packet, options) <= 1));
  });

  it('reads nothing outside of a header with random payloads', () => {
    const body = fc.uint8Array({ maxLength: 300 });
    const first = fc.constantFrom(1, 4, 11, 13, 20, 33, 34, 41, 43, 46, 53, 130, 132);
    fc.assert(
      fc.property(body, first, fc.constantFrom(0x10, 0x20), (bytes, type, version) => {
        const header = { ...SPIS, version, exchangeType: 34, flags: 0, messageId: 0 };
        expect(dissect(isakmpOf(header, type, bytes))).toBe(1);
      }),
    );
  });
});
