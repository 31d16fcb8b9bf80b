import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Judgement } from '../../src/diagnose/diagnosis.js';
import { slotLayout } from '../../src/dissect/dissect-engine.js';
import { FrameContext } from '../../src/dissect/frame-context.js';
import { Slot } from '../../src/observe/slot.js';
import { ORIGIN_ASSEMBLED, ORIGIN_WHOLE } from '../../src/observe/table.js';
import { concat, hex, zeros } from '../../test/build/bytes.js';
import { NAT_KEEPALIVE } from '../../test/build/isakmp.js';
import { runFrames } from '../../test/build/run-capture.js';
import { type EspSa, espPacket, type Timeline, timeline } from '../../test/build/scenario.js';
import { ikev2Handshake } from '../../test/build/scenario-ike.js';
import { espPairs } from '../esp/correlator.js';
import { esp } from '../esp/dissector.js';
import { ike } from '../isakmp/correlator.js';
import isakmp from '../isakmp/dissector.js';
import { nattConversations } from './correlator.js';
import keepaliveMissing from './diagnoses/keepalive-missing.js';
import { KIND_ESP, KIND_ISAKMP, KIND_KEEPALIVE, KIND_UNKNOWN, udpencap } from './dissector.js';

const layout = slotLayout([udpencap], { chunkBytes: 4096, frameCapacity: 64, seed: 1 });
const slot = new Slot(layout, new ArrayBuffer(Slot.byteLength(layout)));
const [table] = slot.tables as unknown as readonly [Parameters<typeof udpencap.bind>[0]];

interface Seen {
  readonly kind: number | null;
  /** Which sub-dissector got what, and the length on the wire that it was told. */
  readonly given: readonly string[];
  readonly unreadableHeaders: number;
}

/** Dissects a UDP payload that fills its view, so that a read outside of it throws. */
function dissect(
  payload: Uint8Array,
  wireLength = payload.length,
  origin = ORIGIN_WHOLE,
  sourcePort = 4500,
): Seen {
  slot.clearTables();
  const given: string[] = [];
  const frame = new FrameContext(slot);
  frame.begin(new DataView(payload.slice().buffer), 0, 0, wireLength, wireLength > payload.length);
  frame.payloadLength = wireLength;
  frame.sourcePort = sourcePort;
  frame.destinationPort = 4500;
  frame.origin = origin;
  const nothing = (): void => {};
  const bound = udpencap.bind(table, {
    protocolIndex: 3,
    subDissector: (name) => (inner, offset, end) =>
      given.push(`${name} ${offset}..${end} of ${inner.payloadLength}`),
    innerEthernet: nothing,
    innerIp: nothing,
    innerEtherType: nothing,
  });
  bound(frame, 0, payload.length);
  const kind = table.rows.length > 0 ? table.kind[0] : null;
  return { kind, given, unreadableHeaders: slot.unreadableHeaders.rows.length };
}

const ESP = hex('aa6fa19a 00000001 000102030405060708090a0b');
const ISAKMP = concat(zeros(4), hex('1122334455667788'), zeros(16), hex('0000001c'));

describe('datagrams on port 4500', () => {
  it('are told apart by their first bytes', () => {
    expect(dissect(hex('ff'))).toMatchObject({ kind: KIND_KEEPALIVE, given: [] });
    expect(dissect(ISAKMP)).toMatchObject({ kind: KIND_ISAKMP, given: ['isakmp 4..32 of 28'] });
    expect(dissect(ESP)).toMatchObject({ kind: KIND_ESP, given: ['esp 0..20 of 20'] });
  });

  it('are unknown where they are none of the three', () => {
    expect(dissect(hex('00'))).toMatchObject({ kind: KIND_UNKNOWN });
    expect(dissect(hex('ffff'))).toMatchObject({ kind: KIND_UNKNOWN });
    expect(dissect(zeros(0))).toMatchObject({ kind: KIND_UNKNOWN });
    expect(dissect(ESP.subarray(0, 19))).toMatchObject({ kind: KIND_UNKNOWN, given: [] });
    // SPIs up to 255 are reserved.
    expect(dissect(concat(hex('000000ff'), zeros(20)))).toMatchObject({ kind: KIND_UNKNOWN, given: [] });
    expect(dissect(concat(hex('00000100'), zeros(20)))).toMatchObject({ kind: KIND_ESP });
  });

  it('are judged by their length on the wire', () => {
    expect(dissect(ESP.subarray(0, 4), 1400)).toMatchObject({ kind: KIND_ESP });
    expect(dissect(hex('ff'), 1400)).toMatchObject({ kind: null, unreadableHeaders: 1 });
    for (let length = 0; length < 4; length++)
      expect(dissect(ISAKMP.subarray(0, length), 32).unreadableHeaders).toBe(1);
  });

  it('hand assembled messages on without a second row', () => {
    expect(dissect(ISAKMP, ISAKMP.length, ORIGIN_ASSEMBLED)).toMatchObject({
      kind: null,
      given: ['isakmp 4..32 of 28'],
    });
  });

  it('are none of IPsec where a client happens to use port 4500', () => {
    expect(dissect(ESP, ESP.length, ORIGIN_WHOLE, 53)).toEqual({
      kind: null,
      given: [],
      unreadableHeaders: 0,
    });
    expect(dissect(ESP, ESP.length, ORIGIN_WHOLE, 1024)).toMatchObject({ kind: KIND_ESP });
  });

  it('may be any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        expect(dissect(bytes).kind).not.toBeNull();
      }),
    );
  });
});

const START_NS = 1_700_000_000_000_000_000n;
const peer = { address: '198.51.100.7', mac: '02:00:00:00:00:01', ttl: 64 };
const natted = { address: '203.0.113.20', mac: '02:00:00:00:00:02', ttl: 57 };
const parts = { dissectors: [esp, isakmp, udpencap], correlators: [espPairs, ike, nattConversations] };

function sas(port: number): { out: EspSa; in: EspSa } {
  const ports = { source: port, destination: 4500 };
  const back = { source: 4500, destination: port };
  return {
    out: { from: natted, to: peer, spi: 0x1000, nextSequence: 1, ports },
    in: { from: peer, to: natted, spi: 0x1001, nextSequence: 1, ports: back },
  };
}

async function judge(build: (t: Timeline) => void): Promise<Judgement[]> {
  const t = timeline(START_NS);
  build(t);
  return (await runFrames(t.frames(), parts)).judge(keepaliveMissing);
}

function both(t: Timeline, port: number, from: number, to: number): void {
  const { out, in: back } = sas(port);
  for (let at = from; at < to; at++) {
    espPacket(t, at, out, 100);
    espPacket(t, at + 0.01, back, 100);
  }
}

function keepalive(t: Timeline, at: number, port: number): void {
  t.sendUdp(at, { ...natted, port }, { ...peer, port: 4500 }, NAT_KEEPALIVE);
}

describe('conversations', () => {
  it('count keepalives and learn their period', async () => {
    const t = timeline(START_NS);
    for (let at = 0; at < 100; at += 20) keepalive(t, at, 4500);
    const [conversation] = (await runFrames(t.frames(), parts)).sessions(nattConversations);
    const side = conversation.sides.find(({ address }) => address === natted.address);
    expect(side).toMatchObject({ keepalives: 5, keepalivePeriodMs: 20_000, packets: 5, pauses: [] });
  });
});

describe('natt.keepalive-missing', () => {
  it('reports a mapping that expired: the port changes after a pause', async () => {
    const judgements = await judge((t) => {
      both(t, 61_244, 0, 20);
      both(t, 61_397, 110, 130);
    });
    expect(judgements).toMatchObject([
      {
        result: 'problem',
        confidence: 'high',
        counts: { portChanges: 1, keepalives: 0 },
        subject: { port: 61_244 },
      },
      { result: 'healthy', subject: { port: 61_397 } },
    ]);
  });

  it('reports packets into a mapping that nobody answers any more', async () => {
    const judgements = await judge((t) => {
      both(t, 61_244, 0, 20);
      const { in: back } = sas(61_244);
      for (let at = 100; at < 110; at++) espPacket(t, at, back, 100);
    });
    expect(judgements).toMatchObject([
      { result: 'problem', confidence: 'low', counts: { unansweredPackets: 10 } },
    ]);
  });

  it('is silent where keepalives bridge the pause, and where the mapping survives it', async () => {
    const bridged = await judge((t) => {
      both(t, 61_244, 0, 20);
      for (let at = 40; at < 200; at += 20) keepalive(t, at, 61_244);
      both(t, 61_244, 200, 210);
    });
    const survived = await judge((t) => {
      both(t, 61_244, 0, 20);
      both(t, 61_244, 120, 140);
    });
    for (const judgements of [bridged, survived]) expect(judgements).toMatchObject([{ result: 'healthy' }]);
  });

  it('is silent where the side begins a new IKE SA, or changes its port without a pause', async () => {
    const restarted = await judge((t) => {
      both(t, 61_244, 0, 20);
      const nat = {
        inside: '10.0.0.2',
        outside: natted.address,
        port500: 1027,
        port4500: 61_397,
        capturedAt: 'outside',
      } as const;
      ikev2Handshake(t, { initiator: natted, responder: peer, nat }, { at: 109.5 });
      both(t, 61_397, 110, 130);
    });
    const moved = await judge((t) => {
      both(t, 61_244, 0, 20);
      both(t, 61_397, 22, 40);
    });
    for (const judgements of [restarted, moved]) {
      expect(judgements.filter(({ result }) => result === 'problem')).toEqual([]);
    }
  });

  it('is silent on another protocol that uses port 4500', async () => {
    const judgements = await judge((t) => {
      const ends = (port: number) =>
        [
          { ...natted, port },
          { ...peer, port: 4500 },
        ] as const;
      for (let at = 0; at < 20; at++) t.sendUdp(at, ...ends(61_244), t.random.bytes(12));
      for (let at = 110; at < 130; at++) t.sendUdp(at, ...ends(61_397), t.random.bytes(12));
    });
    expect(judgements).toEqual([]);
  });

  it('claims nothing where it is not known who stands behind a NAT', async () => {
    expect(await judge((t) => both(t, 4500, 0, 20))).toEqual([]);
  });
});
