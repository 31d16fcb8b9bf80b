import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { slotLayout } from '../../src/dissect/dissect-engine.js';
import { FrameContext } from '../../src/dissect/frame-context.js';
import { HEADER_MALFORMED, HEADER_TRUNCATED } from '../../src/observe/engine-tables.js';
import { Slot } from '../../src/observe/slot.js';
import { ORIGIN_ASSEMBLED, ORIGIN_WHOLE } from '../../src/observe/table.js';
import { hex } from '../../test/build/bytes.js';
import { ENCAPSULATION_NATIVE, ENCAPSULATION_UDP, esp } from './dissector.js';

const layout = slotLayout([esp], { chunkBytes: 4096, frameCapacity: 64, seed: 1 });
const slot = new Slot(layout, new ArrayBuffer(Slot.byteLength(layout)));
const [table] = slot.tables as unknown as readonly [Parameters<typeof esp.bind>[0]];

/** SPI 0xaa6fa19a, sequence number 0x80000001, 16 bytes of ciphertext and ICV. */
const PACKET = hex('aa6fa19a 80000001 000102030405060708090a0b0c0d0e0f');

interface Around {
  readonly protocol?: number;
  readonly wireLength?: number;
  readonly origin?: number;
}

/** Dissects a packet that fills its view, so that a read outside of it throws; number of rows. */
function dissect(
  packet: Uint8Array,
  { protocol = 50, wireLength, origin = ORIGIN_WHOLE }: Around = {},
): number {
  slot.clearTables();
  const frame = new FrameContext(slot);
  const length = wireLength ?? packet.length;
  frame.begin(new DataView(packet.slice().buffer), 0, 0, length, length > packet.length);
  frame.protocol = protocol;
  frame.payloadLength = length;
  frame.sourcePort = 4500;
  frame.destinationPort = 61_244;
  frame.source[3] = 2;
  frame.destination[3] = 1;
  frame.origin = origin;
  const nothing = (): void => {};
  const bound = esp.bind(table, {
    protocolIndex: 3,
    subDissector: () => nothing,
    innerEthernet: nothing,
    innerIp: nothing,
    innerEtherType: nothing,
  });
  bound(frame, 0, packet.length);
  return table.rows.length;
}

describe('ESP packets', () => {
  it('reads SPI and sequence number as unsigned', () => {
    expect(dissect(PACKET)).toBe(1);
    expect(table.spi[0]).toBe(0xaa6fa19a);
    expect(table.sequence[0]).toBe(0x80000001);
    expect(table.payloadLength[0]).toBe(24);
    expect(table.encapsulation[0]).toBe(ENCAPSULATION_NATIVE);
    expect(table.capturedFully[0]).toBe(1);
    expect(table.tailDigest[0]).not.toBe(0);
    expect([table.sourcePort[0], table.destinationPort[0]]).toEqual([0, 0]);
  });

  it('stands on a flow of its address pair, with the direction of the addresses', () => {
    dissect(PACKET);
    expect(table.rows.flow[0]).toBeGreaterThanOrEqual(0);
    expect(table.rows.direction[0]).toBe(1);
  });

  it('keeps the ports of ESP in UDP', () => {
    dissect(PACKET, { protocol: 17 });
    expect(table.encapsulation[0]).toBe(ENCAPSULATION_UDP);
    expect([table.sourcePort[0], table.destinationPort[0]]).toEqual([4500, 61_244]);
  });

  it('has no digest of a packet that the capture cut', () => {
    dissect(PACKET, { wireLength: 1400 });
    expect(table.payloadLength[0]).toBe(1400);
    expect(table.capturedFully[0]).toBe(0);
    expect(table.tailDigest[0]).toBe(0);
  });

  it('does not count an assembled packet again', () => {
    expect(dissect(PACKET, { origin: ORIGIN_ASSEMBLED })).toBe(0);
  });

  it('refuses SPI 0, which is never sent', () => {
    expect(dissect(hex('00000000 00000001 0001020304050607'))).toBe(0);
    expect(slot.unreadableHeaders.kind[0]).toBe(HEADER_MALFORMED);
  });

  it('says which header is cut, at every length', () => {
    for (let length = 0; length < PACKET.length; length++) {
      const rows = dissect(PACKET.subarray(0, length), { wireLength: PACKET.length });
      expect(rows).toBe(length < 8 ? 0 : 1);
      if (length < 8) expect(slot.unreadableHeaders.kind[0]).toBe(HEADER_TRUNCATED);
    }
  });

  it('reads nothing outside of any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        expect(dissect(bytes)).toBeLessThanOrEqual(1);
      }),
    );
  });
});
