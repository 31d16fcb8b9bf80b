import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Judgement } from '../../src/diagnose/diagnosis.js';
import { slotLayout } from '../../src/dissect/dissect-engine.js';
import { FrameContext } from '../../src/dissect/frame-context.js';
import { Slot } from '../../src/observe/slot.js';
import { hex } from '../../test/build/bytes.js';
import { ah as ahPacket } from '../../test/build/esp.js';
import { IP_PROTOCOL } from '../../test/build/ip.js';
import { runFrames } from '../../test/build/run-capture.js';
import { type Endpoint, type Timeline, timeline } from '../../test/build/scenario.js';
import { ikev2Handshake } from '../../test/build/scenario-ike.js';
import { ike } from '../isakmp/correlator.js';
import isakmp from '../isakmp/dissector.js';
import { udpencap } from '../udpencap/dissector.js';
import { ahPairs } from './correlator.js';
import ahThroughNat from './diagnoses/ah-through-nat.js';
import { ah } from './dissector.js';

const layout = slotLayout([ah], { chunkBytes: 4096, frameCapacity: 64, seed: 1 });
const slot = new Slot(layout, new ArrayBuffer(Slot.byteLength(layout)));
const [table] = slot.tables as unknown as readonly [Parameters<typeof ah.bind>[0]];

/** Next header ESP, 24 bytes of header (4 words and 2), SPI 0x8179b705, sequence number 1, then ESP. */
const PACKET = hex('32 04 0000 8179b705 00000001 0102030405060708090a0b0c 48dac2e4 00000001');

function dissect(
  packet: Uint8Array,
  wireLength = packet.length,
): { rows: number; esp: string[]; unreadableHeaders: number } {
  slot.clearTables();
  const espSeen: string[] = [];
  const frame = new FrameContext(slot);
  frame.begin(new DataView(packet.slice().buffer), 0, 0, wireLength, wireLength > packet.length);
  frame.payloadLength = wireLength;
  const nothing = (): void => {};
  const bound = ah.bind(table, {
    protocolIndex: 3,
    subDissector: () => (inner, offset, end) => espSeen.push(`${offset}..${end} of ${inner.payloadLength}`),
    innerEthernet: nothing,
    innerIp: nothing,
    innerEtherType: nothing,
  });
  bound(frame, 0, packet.length);
  return { rows: table.rows.length, esp: espSeen, unreadableHeaders: slot.unreadableHeaders.rows.length };
}

describe('AH packets', () => {
  it('are read, and ESP behind them is handed on', () => {
    expect(dissect(PACKET)).toEqual({ rows: 1, esp: ['24..32 of 8'], unreadableHeaders: 0 });
    expect(table.spi[0]).toBe(0x8179b705);
    expect(table.sequence[0]).toBe(1);
    expect(table.headerLength[0]).toBe(24);
    expect(table.nextHeader[0]).toBe(50);
  });

  it('are short where the header does not fit, at every length', () => {
    for (let length = 0; length < PACKET.length; length++) {
      const { rows, esp } = dissect(PACKET.subarray(0, length), PACKET.length);
      expect(rows).toBe(length < 12 ? 0 : 1);
      expect(esp.length).toBe(length < 24 ? 0 : 1);
    }
    expect(dissect(PACKET.subarray(0, 20))).toMatchObject({ rows: 0, unreadableHeaders: 1 });
  });

  it('may be any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        expect(dissect(bytes).rows).toBeLessThanOrEqual(1);
      }),
    );
  });
});

const START_NS = 1_700_000_000_000_000_000n;
const here = { address: '198.51.100.7', mac: '02:00:00:00:00:01', ttl: 64 };
const there = { address: '203.0.113.20', mac: '02:00:00:00:00:02', ttl: 57 };
const NAT = {
  inside: '10.0.0.2',
  outside: there.address,
  port500: 1027,
  port4500: 61_244,
  capturedAt: 'outside',
} as const;
const parts = { dissectors: [ah, isakmp, udpencap], correlators: [ahPairs, ike] };

function send(t: Timeline, from: Endpoint, to: Endpoint, spi: number): void {
  for (let at = 0; at < 20; at++) {
    const packet = ahPacket({
      nextHeader: 4,
      spi,
      sequence: at + 1,
      icv: t.random.bytes(12),
      payload: t.random.bytes(84),
    });
    t.sendIp(3 + at, from, to, IP_PROTOCOL.ah, packet);
  }
}

async function judge(build: (t: Timeline) => void): Promise<Judgement[]> {
  const t = timeline(START_NS);
  build(t);
  return (await runFrames(t.frames(), parts)).judge(ahThroughNat);
}

describe('esp.ah-through-nat', () => {
  it('reports AH where NAT detection found a translation', async () => {
    const judgements = await judge((t) => {
      ikev2Handshake(t, { initiator: there, responder: here, nat: NAT }, { at: 1 });
      send(t, there, here, 0x1000);
    });
    expect(judgements).toMatchObject([
      { result: 'problem', counts: { packets: 20 }, pair: ['198.51.100.7', '203.0.113.20'] },
    ]);
  });

  it('is silent without a NAT, and where AH is answered', async () => {
    const plain = await judge((t) => {
      ikev2Handshake(t, { initiator: there, responder: here }, { at: 1 });
      send(t, there, here, 0x1000);
    });
    const answered = await judge((t) => {
      ikev2Handshake(t, { initiator: there, responder: here, nat: NAT }, { at: 1 });
      send(t, there, here, 0x1000);
      send(t, here, there, 0x2000);
    });
    for (const judgements of [plain, answered]) expect(judgements).toMatchObject([{ result: 'healthy' }]);
  });

  it('asks for the IKE exchange where the capture has none', async () => {
    expect(await judge((t) => send(t, there, here, 0x1000))).toMatchObject([{ result: 'insufficient-data' }]);
  });
});
