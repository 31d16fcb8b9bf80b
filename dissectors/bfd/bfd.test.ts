import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { slotLayout } from '../../src/dissect/dissect-engine.js';
import { FrameContext } from '../../src/dissect/frame-context.js';
import { HEADER_MALFORMED, HEADER_TRUNCATED } from '../../src/observe/engine-tables.js';
import { Slot } from '../../src/observe/slot.js';
import { BFD_STATE, bfdControl } from '../../test/build/bfd.js';
import { hex } from '../../test/build/bytes.js';
import { bfdDissector } from './dissector.js';
import * as bfd from './layout.js';

const layout = slotLayout([bfdDissector], { chunkBytes: 4096, frameCapacity: 64, seed: 1 });
const slot = new Slot(layout, new ArrayBuffer(Slot.byteLength(layout)));
const [table] = slot.tables as unknown as readonly [Parameters<typeof bfdDissector.bind>[0]];

/** Up, control plane independent, multiplier 3, both intervals 1 s. */
const UP = hex('20c80318 00000001 00000002 000f4240 000f4240 00000000');

interface Around {
  readonly sourcePort?: number;
  readonly destinationPort?: number;
  readonly wireLength?: number;
}

/** Dissects a packet that fills its view, so that a read outside of it throws; number of rows. */
function dissect(
  packet: Uint8Array,
  { sourcePort = 49_152, destinationPort = 3784, wireLength }: Around = {},
): number {
  slot.clearTables();
  const frame = new FrameContext(slot);
  const length = wireLength ?? packet.length;
  frame.begin(new DataView(packet.slice().buffer), 0, 0, length, length > packet.length);
  frame.protocol = 17;
  frame.payloadLength = length;
  frame.timeToLive = 255;
  frame.sourcePort = sourcePort;
  frame.destinationPort = destinationPort;
  const nothing = (): void => {};
  const bound = bfdDissector.bind(table, {
    protocolIndex: 3,
    subDissector: () => nothing,
    innerEthernet: nothing,
    innerIp: nothing,
    innerEtherType: nothing,
  });
  bound(frame, 0, packet.length);
  return table.rows.length;
}

function unreadableHeader(): number {
  return slot.unreadableHeaders.rows.length === 0 ? 0 : slot.unreadableHeaders.kind[0];
}

describe('BFD control packets', () => {
  it('gives every field of one in Up', () => {
    expect(dissect(UP)).toBe(1);
    expect(table.state[0]).toBe(bfd.STATE_UP);
    expect(table.diagnostic[0]).toBe(0);
    expect(table.flags[0]).toBe(bfd.FLAG_CONTROL_PLANE_INDEPENDENT);
    expect(table.multiplier[0]).toBe(3);
    expect(table.myDiscriminator[0]).toBe(1);
    expect(table.yourDiscriminator[0]).toBe(2);
    expect(table.desiredMinTx[0]).toBe(1_000_000);
    expect(table.requiredMinRx[0]).toBe(1_000_000);
    expect(table.requiredMinEchoRx[0]).toBe(0);
    expect(table.timeToLive[0]).toBe(255);
    expect(table.carrier[0]).toBe(bfd.CARRIER_SINGLE_HOP);
  });

  it('reads one of a SCION router, behind whatever carries it', () => {
    const packet = hex('20c00318 9a3b0001 80000002 00030d40 00030d40 00000000');
    expect(dissect(packet, { sourcePort: 30_042, destinationPort: 30_042 })).toBe(1);
    expect(table.carrier[0]).toBe(bfd.CARRIER_OTHER);
    expect(table.timeToLive[0]).toBe(0);
    expect(table.desiredMinTx[0]).toBe(200_000);
    expect(table.yourDiscriminator[0]).toBe(0x8000_0002);
  });

  it.each([
    [4784, bfd.CARRIER_MULTIHOP],
    [6784, bfd.CARRIER_MICRO],
  ])('knows port %i', (destinationPort, carrier) => {
    expect(dissect(UP, { destinationPort })).toBe(1);
    expect(table.carrier[0]).toBe(carrier);
  });

  it('gives no row for echo packets and for what comes from one of its ports', () => {
    expect(dissect(UP, { destinationPort: 3785 })).toBe(0);
    expect(dissect(UP, { sourcePort: 3784, destinationPort: 53_000 })).toBe(0);
    expect(unreadableHeader()).toBe(0);
  });

  it('reads the type of an authentication section', () => {
    expect(dissect(bfdControl({ state: BFD_STATE.up, mine: 7, yours: 8, authentication: 4 }))).toBe(1);
    expect(table.authentication[0]).toBe(4);
    expect(dissect(UP)).toBe(1);
    expect(table.authentication[0]).toBe(0);
  });

  it.each([
    ['version 0', bfdControl({ version: 0, state: 3, mine: 1, yours: 2 })],
    ['multiplier 0', bfdControl({ state: 3, multiplier: 0, mine: 1, yours: 2 })],
    ['no discriminator of its own', bfdControl({ state: 1, mine: 0, yours: 2 })],
    ['Up without a peer', bfdControl({ state: 3, mine: 1, yours: 0 })],
    ['Init without a peer', bfdControl({ state: 2, mine: 1, yours: 0 })],
    ['multipoint', bfdControl({ state: 3, flags: 1, mine: 1, yours: 2 })],
    ['a length below 24', bfdControl({ state: 3, mine: 1, yours: 2, length: 23 })],
    ['a length beyond its end', bfdControl({ state: 3, mine: 1, yours: 2, length: 25 })],
  ])('throws away %s as a receiver does (RFC 5880, section 6.8.6)', (_, packet) => {
    expect(dissect(packet)).toBe(0);
    expect(unreadableHeader()).toBe(HEADER_MALFORMED);
  });

  it('tells a packet that the capture cut from one that its sender did', () => {
    for (let length = 0; length < UP.length; length++) {
      expect(dissect(UP.subarray(0, length), { wireLength: UP.length })).toBe(0);
      expect(unreadableHeader()).toBe(HEADER_TRUNCATED);
      expect(dissect(UP.subarray(0, length))).toBe(0);
      expect(unreadableHeader()).toBe(HEADER_MALFORMED);
    }
  });

  it('never reads outside the packet', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 80 }),
        fc.constantFrom(3784, 3785, 4784, 6784, 50_000),
        (bytes, port) => {
          expect(dissect(bytes, { destinationPort: port })).toBeLessThanOrEqual(1);
        },
      ),
    );
  });
});
