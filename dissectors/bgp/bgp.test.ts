import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { slotLayout } from '../../src/dissect/dissect-engine.js';
import { FrameContext } from '../../src/dissect/frame-context.js';
import { HEADER_MALFORMED } from '../../src/observe/engine-tables.js';
import { Slot } from '../../src/observe/slot.js';
import { ORIGIN_ASSEMBLED } from '../../src/observe/table.js';
import {
  bgpIpv6Update,
  bgpKeepalive,
  bgpMessage,
  bgpNotification,
  bgpOpen,
  bgpUpdate,
  shutdownText,
} from '../../test/build/bgp.js';
import { concat, hex, zeros } from '../../test/build/bytes.js';
import { bgpDissector } from './dissector.js';
import * as bgp from './layout.js';
import { ROUTES_KEPT } from './nlri.js';
import { TEXT_BYTES_KEPT, textColumns } from './rows.js';

const layout = slotLayout([bgpDissector], { chunkBytes: 4096, frameCapacity: 64, seed: 1 });
const slot = new Slot(layout, new ArrayBuffer(Slot.byteLength(layout)));
const [table] = slot.tables as unknown as readonly [Parameters<typeof bgpDissector.bind>[0]];

/** Dissects a message that fills its view, so that a read outside of it throws; number of rows. */
function dissect(message: Uint8Array): number {
  slot.clearTables();
  const frame = new FrameContext(slot);
  frame.begin(new DataView(message.slice().buffer), 0, 0, message.length, false);
  frame.protocol = 6;
  frame.payloadLength = message.length;
  frame.sourcePort = 179;
  frame.destinationPort = 50_000;
  frame.origin = ORIGIN_ASSEMBLED;
  const nothing = (): void => {};
  const bound = bgpDissector.bind(table, {
    protocolIndex: 3,
    subDissector: () => nothing,
    innerEthernet: nothing,
    innerIp: nothing,
    innerEtherType: nothing,
  });
  bound(frame, 0, message.length);
  return table.rows.length;
}

function lengthAt(bytes: Uint8Array, offset = 0, end = bytes.length): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return bgpDissector.stream?.messageLength(view, offset, end) ?? Number.NaN;
}

const OPEN = { as: 4_200_000_010, holdTime: 15, identifier: 0xc0000201 };

describe('BGP messages', () => {
  it.each([false, true])('gives the fields of an OPEN (extended lengths: %s)', (extended) => {
    expect(dissect(bgpOpen({ ...OPEN, extended }))).toBe(1);
    expect(table.type[0]).toBe(bgp.TYPE_OPEN);
    expect(table.version[0]).toBe(4);
    expect(table.as[0]).toBe(4_200_000_010);
    expect(table.holdTime[0]).toBe(15);
    expect(table.identifier[0]).toBe(0xc0000201);
    expect(table.capabilities[0]).toBe(
      bgp.HAS_MULTIPROTOCOL | bgp.HAS_ROUTE_REFRESH | bgp.HAS_EXTENDED_MESSAGE | bgp.HAS_FOUR_BYTE_AS,
    );
  });

  it('reads an OPEN without parameters', () => {
    expect(dissect(bgpMessage(1, hex('04 fde9 0009 0a420001 00')))).toBe(1);
    expect(table.as[0]).toBe(65_001);
    expect(table.capabilities[0]).toBe(0);
  });

  it('counts what an UPDATE withdraws and announces', () => {
    expect(dissect(bgpUpdate({ withdrawn: 3, announced: 7 }))).toBe(1 + 10);
    expect([table.withdrawn[0], table.announced[0], table.multiprotocol[0]]).toEqual([3, 7, 0]);
    expect(dissect(bgpUpdate({}))).toBe(1);
    expect([table.withdrawn[0], table.announced[0]]).toEqual([0, 0]);
  });

  it('counts prefixes behind path identifiers', () => {
    const nlri = hex('00000001 18 0a0000 00000002 18 0a0001');
    expect(dissect(bgpMessage(2, concat(hex('0000 0000'), nlri)))).toBe(1 + 2);
    expect(table.announced[0]).toBe(2);
    expect([table.identifier[2], textColumns(table)[0][2]]).toEqual([2, 0x0a000100]);
  });

  it('gives the routes of an UPDATE, but not more than fit a frame', () => {
    dissect(bgpUpdate({ withdrawn: 1, announced: 2 }));
    expect([...table.type.subarray(0, 4)]).toEqual([bgp.TYPE_UPDATE, ...Array(3).fill(bgp.ROW_ROUTE)]);
    expect([...table.withdrawn.subarray(1, 4)]).toEqual([1, 0, 0]);
    expect([...textColumns(table)[0].subarray(1, 4)]).toEqual([0x0a000000, 0x0b000000, 0x0b000100]);
    expect(dissect(bgpUpdate({ withdrawn: 90, announced: 90 }))).toBe(1 + ROUTES_KEPT);
    expect([table.withdrawn[0], table.announced[0]]).toEqual([90, 90]);
  });

  it.each([true, false])('gives the IPv6 routes of an UPDATE (withdrawn: %s)', (isWithdrawn) => {
    expect(dissect(bgpIpv6Update(hex('20010db8 0001'), isWithdrawn))).toBe(2);
    expect([table.multiprotocol[1], table.length[1], table.withdrawn[1]]).toEqual([
      2,
      48,
      isWithdrawn ? 1 : 0,
    ]);
    expect([textColumns(table)[0][1], textColumns(table)[1][1]]).toEqual([0x20010db8, 0x00010000]);
  });

  it('sees that an UPDATE is about other address families', () => {
    expect(dissect(bgpMessage(2, hex('0000 0006 800f03 000101')))).toBe(1);
    expect(table.multiprotocol[0]).toBe(1);
  });

  it('gives code and subcode, those inside a hard reset, and the text of a shutdown', () => {
    expect(dissect(bgpNotification(2, 2, hex('fde9')))).toBe(1);
    expect([table.code[0], table.subcode[0], table.innerCode[0]]).toEqual([2, 2, 0]);
    expect(dissect(bgpNotification(6, 9, hex('060a')))).toBe(1);
    expect([table.innerCode[0], table.innerSubcode[0], table.textLength[0]]).toEqual([6, 10, 0]);
    expect(dissect(bgpNotification(6, 2, shutdownText('back at noon')))).toBe(1);
    expect(table.textLength[0]).toBe(12);
    expect(textColumns(table)[0][0]).toBe(0x6261636b);
    expect(dissect(bgpNotification(6, 2, shutdownText('x'.repeat(200))))).toBe(1);
    expect(table.textLength[0]).toBe(200);
    expect(textColumns(table)).toHaveLength(TEXT_BYTES_KEPT / 4);
  });

  it('leaves nothing of an earlier message in a row', () => {
    dissect(bgpOpen(OPEN));
    dissect(bgpKeepalive());
    expect([table.as[0], table.holdTime[0], table.capabilities[0], table.code[0]]).toEqual([0, 0, 0, 0]);
  });

  it('gives no row for what is cut or says another length', () => {
    const message = bgpNotification(6, 2, shutdownText('x'));
    for (let length = 0; length < message.length; length++) {
      expect(dissect(message.subarray(0, length))).toBe(0);
      expect(slot.unreadableHeaders.kind[0]).toBe(HEADER_MALFORMED);
    }
  });

  it('never reads outside the message', () => {
    const message = fc.record({
      type: fc.integer({ min: 0, max: 7 }),
      body: fc.uint8Array({ maxLength: 120 }),
    });
    fc.assert(
      fc.property(message, ({ type, body }) => {
        expect(dissect(bgpMessage(type, body))).toBeLessThanOrEqual(1 + ROUTES_KEPT);
      }),
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), (bytes) => {
        expect(dissect(bytes)).toBeLessThanOrEqual(1 + ROUTES_KEPT);
      }),
    );
  });
});

describe('message boundaries', () => {
  it('needs the whole header', () => {
    const message = bgpKeepalive();
    for (let length = 0; length < message.length; length++) expect(lengthAt(message, 0, length)).toBe(0);
    expect(lengthAt(message)).toBe(19);
  });

  it('is found in the middle of a stream, and not one byte too early', () => {
    const update = bgpUpdate({ announced: 60 });
    const stream = concat(hex('0a01ffff'), update, bgpKeepalive());
    const starts = Array.from({ length: stream.length }, (_, offset) => offset).filter(
      (offset) => lengthAt(stream, offset) > 0,
    );
    expect(starts).toEqual([4, 4 + update.length]);
  });

  it('refuses lengths that their type does not have', () => {
    expect(lengthAt(bgpMessage(4, zeros(1)))).toBe(-1);
    expect(lengthAt(bgpMessage(1, zeros(9)))).toBe(-1);
    expect(lengthAt(bgpMessage(9, zeros(4)))).toBe(-1);
    expect(lengthAt(bgpMessage(2, zeros(5000)))).toBe(5019);
  });

  it('takes no other bytes for a message', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 19, maxLength: 60 }), (bytes) => {
        fc.pre(bytes.subarray(0, 16).some((one) => one !== 0xff));
        expect(lengthAt(bytes)).toBe(-1);
      }),
    );
  });
});
