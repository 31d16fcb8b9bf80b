import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { slotLayout } from '../../src/dissect/dissect-engine.js';
import { FrameContext } from '../../src/dissect/frame-context.js';
import { Slot } from '../../src/observe/slot.js';
import type { ObservationTable } from '../../src/observe/table.js';
import { ORIGIN_FIRST_FRAGMENT } from '../../src/observe/table.js';
import { hex, random, zeros } from '../../test/build/bytes.js';
import { OPENVPN_OPCODE, openvpnControl, openvpnDataV2, tlsRecord } from '../../test/build/openvpn.js';
import dissector from './dissector.js';
import { recognise } from './recognition.js';
import {
  PROOF_NONE,
  PROOF_STRONG,
  PROOF_WEAK,
  WRAP_PLAIN,
  WRAP_TLS_AUTH,
  WRAP_TLS_CRYPT,
  WRAP_UNREAD,
} from './rows.js';

const UDP = 17;
const TCP = 6;
const layout = slotLayout([dissector], { chunkBytes: 4096, frameCapacity: 64, seed: 1 });
const slot = new Slot(layout, new ArrayBuffer(Slot.byteLength(layout)));
const table = slot.tables[0] as unknown as ObservationTable<typeof dissector.observes>;
const client = hex('9aa6b1e434889ad3');
const server = hex('e7a77eba7c1c51b5');

function frameOf(packet: Uint8Array, isCut = false, wireLength = packet.length): FrameContext {
  const frame = new FrameContext(slot);
  frame.begin(new DataView(packet.slice().buffer), 0, 0, wireLength, isCut);
  frame.protocol = UDP;
  frame.isCut = isCut;
  frame.payloadLength = wireLength;
  return frame;
}

function dissect(packet: Uint8Array, isCut = false, protocol = UDP) {
  slot.clearTables();
  const frame = frameOf(packet, isCut);
  frame.protocol = protocol;
  const bound = dissector.bind(table, {
    protocolIndex: 3,
    subDissector: () => () => {},
    innerEthernet: () => {},
    innerIp: () => {},
    innerEtherType: () => {},
  });
  bound(frame, 0, packet.length);
  return { rows: table.rows.length, unreadableHeaders: slot.unreadableHeaders.rows.length };
}

const claim = (packet: Uint8Array): number => recognise(frameOf(packet), 0, packet.length);

describe('packets as OpenVPN sends them', () => {
  it('hard reset of the client: 14 bytes', () => {
    const packet = hex('38 9aa6b1e434889ad3 00 00000000');
    expect(dissect(packet)).toEqual({ rows: 1, unreadableHeaders: 0 });
    expect([table.opcode[0], table.keyId[0], table.length[0], table.wrapping[0]]).toEqual([
      7,
      0,
      14,
      WRAP_PLAIN,
    ]);
    expect([table.sessionHigh[0] >>> 0, table.sessionLow[0] >>> 0]).toEqual([0x9aa6b1e4, 0x34889ad3]);
    expect(claim(packet)).toBe(PROOF_STRONG);
  });

  it('hard reset of the server: 26 bytes, with an acknowledgment and the session of the client', () => {
    const packet = hex('40 e7a77eba7c1c51b5 01 00000000 9aa6b1e434889ad3 00000000');
    expect(dissect(packet)).toEqual({ rows: 1, unreadableHeaders: 0 });
    expect([table.opcode[0], table.ackCount[0], table.ackHighest[0], table.ackBits[0]]).toEqual([8, 1, 0, 1]);
    expect(table.remoteHigh[0] >>> 0).toBe(0x9aa6b1e4);
    expect(claim(packet)).toBe(PROOF_STRONG);
  });

  it('a single acknowledgment: 22 bytes', () => {
    const packet = hex('28 9aa6b1e434889ad3 01 00000005 e7a77eba7c1c51b5');
    expect(dissect(packet)).toEqual({ rows: 1, unreadableHeaders: 0 });
    expect([table.opcode[0], table.ackHighest[0], table.remoteLow[0]]).toEqual([5, 5, 0x7c1c51b5]);
    expect(claim(packet)).toBe(PROOF_STRONG);
  });

  it('acknowledgments out of order: the highest, and the others below it', () => {
    dissect(
      openvpnControl({
        opcode: OPENVPN_OPCODE.control,
        session: client,
        acks: [3, 1, 4, 2],
        remote: server,
        messageId: 7,
        payload: tlsRecord(23, zeros(20)),
      }),
    );
    expect([table.ackHighest[0], table.ackBits[0], table.messageId[0], table.tlsType[0]]).toEqual([
      4, 0b1111, 7, 23,
    ]);
  });

  it('an alert in clear, and none where it is encrypted', () => {
    const packet = { opcode: OPENVPN_OPCODE.control, session: client, messageId: 3 };
    dissect(openvpnControl({ ...packet, payload: tlsRecord(21, Uint8Array.of(2, 45)) }));
    expect([table.tlsType[0], table.alertLevel[0], table.alertDescription[0]]).toEqual([21, 2, 45]);
    dissect(openvpnControl({ ...packet, payload: tlsRecord(21, zeros(26)) }));
    expect([table.tlsType[0], table.alertLevel[0]]).toEqual([21, 0]);
  });

  it.each([16, 20, 28, 32, 48, 64])('tls-auth with an HMAC of %i bytes', (hmacLength) => {
    const hmac = random(hmacLength).bytes(hmacLength);
    const wrap = { kind: 'tls-auth', hmac, replayId: 2, time: 0x50ff262c } as const;
    const packet = openvpnControl({
      opcode: OPENVPN_OPCODE.serverReset,
      session: server,
      acks: [0],
      remote: client,
      messageId: 0,
      wrap,
    });
    expect(dissect(packet)).toEqual({ rows: 1, unreadableHeaders: 0 });
    expect([table.wrapping[0], table.ackCount[0], table.remoteHigh[0] >>> 0]).toEqual([
      WRAP_TLS_AUTH,
      1,
      0x9aa6b1e4,
    ]);
    expect(claim(packet)).toBe(PROOF_STRONG);
  });

  it('tls-crypt: the first replay ids do not pass for a message without acknowledgments', () => {
    const wrap = { kind: 'tls-crypt', tag: random(5).bytes(32), replayId: 1, time: 0x6b0058ef } as const;
    const reset = openvpnControl({ opcode: OPENVPN_OPCODE.clientReset, session: client, messageId: 0, wrap });
    expect(reset.length).toBe(54);
    expect(dissect(reset)).toEqual({ rows: 1, unreadableHeaders: 0 });
    expect([table.wrapping[0], table.ackCount[0], table.messageId[0]]).toEqual([WRAP_TLS_CRYPT, 0, 0]);
    expect(claim(reset)).toBe(PROOF_STRONG);
    const control = openvpnControl({
      opcode: OPENVPN_OPCODE.control,
      session: client,
      messageId: 3,
      payload: random(6).bytes(300),
      wrap: { ...wrap, replayId: 7 },
    });
    dissect(control);
    expect(table.wrapping[0]).toBe(WRAP_TLS_CRYPT);
    expect(claim(control)).toBe(PROOF_WEAK);
  });

  it('a server of 2.6 marks the replay id of a stateless answer', () => {
    const wrap = {
      kind: 'tls-crypt',
      tag: random(5).bytes(32),
      replayId: 0x0f000001,
      time: 0x6b0058ef,
    } as const;
    dissect(
      openvpnControl({
        opcode: OPENVPN_OPCODE.serverReset,
        session: server,
        acks: [0],
        remote: client,
        messageId: 0,
        wrap,
      }),
    );
    expect(table.wrapping[0]).toBe(WRAP_TLS_CRYPT);
  });

  it('tls-crypt-v2: the wrapped key ends with its length', () => {
    const wrap = { kind: 'tls-crypt', tag: random(5).bytes(32), replayId: 1, time: 0x6b0058ef } as const;
    const wrapped = random(9).bytes(400);
    wrapped.set([400 >> 8, 400 & 0xff], 398);
    const reset = openvpnControl({
      opcode: OPENVPN_OPCODE.clientResetV3,
      session: client,
      messageId: 0,
      wrap,
    });
    const packet = Uint8Array.from([...reset, ...wrapped]);
    expect(dissect(packet)).toEqual({ rows: 1, unreadableHeaders: 0 });
    expect(claim(packet)).toBe(PROOF_STRONG);
    wrapped.set([0xff, 0xff], 398);
    expect(dissect(Uint8Array.from([...reset, ...wrapped]))).toEqual({ rows: 0, unreadableHeaders: 1 });
  });

  it('data of version 2 with a peer id, and of version 1', () => {
    const packet = openvpnDataV2(3, 28, 0x11, zeros(16 + 16));
    expect(dissect(packet)).toEqual({ rows: 1, unreadableHeaders: 0 });
    expect([table.opcode[0], table.keyId[0], table.peerId[0], table.packetId[0], table.length[0]]).toEqual([
      9, 3, 28, 0x11, 40,
    ]);
    expect(claim(packet)).toBe(PROOF_WEAK);
    dissect(hex(`30 01020304 ${'aa'.repeat(30)}`));
    expect([table.opcode[0], table.packetId[0], table.packetIdTail[0]]).toEqual([6, 0x01020304, 0xaaaaaaaa]);
  });

  it('the first fragment of a datagram, on any port', () => {
    const first = (packet: Uint8Array): number => {
      const frame = frameOf(packet);
      frame.origin = ORIGIN_FIRST_FRAGMENT;
      return recognise(frame, 0, packet.length);
    };
    expect(first(openvpnDataV2(3, 28, 0x11, zeros(1400)))).toBe(PROOF_WEAK);
    expect(first(zeros(1400))).toBe(PROOF_NONE);
    expect(first(hex(`20 9aa6b1e434889ad3 00 00000001 ${'16030100'.repeat(300)}`))).toBe(PROOF_WEAK);
  });

  it('over TCP the length is left out', () => {
    dissect(hex('000e 38 9aa6b1e434889ad3 00 00000000'), false, TCP);
    expect([table.opcode[0], table.length[0]]).toEqual([7, 14]);
  });
});

describe('streams', () => {
  const length = (text: string): number | undefined => {
    const bytes = hex(text);
    return dissector.stream?.messageLength(new DataView(bytes.buffer), 0, bytes.length);
  };

  it('cuts packets by the length before them, and says where none can begin', () => {
    expect(length('000e38')).toBe(16);
    expect(length('000e')).toBe(0);
    expect(length('000ef8')).toBe(-1);
    expect(length('000538')).toBe(-1);
  });
});

describe('what does not fit', () => {
  const reset = hex('40 e7a77eba7c1c51b5 01 00000000 9aa6b1e434889ad3 00000000');

  it('a packet that the sender made too short is malformed, at every length', () => {
    for (let length = 0; length < reset.length; length++) {
      expect(dissect(reset.subarray(0, length)), `${length} bytes`).toEqual({
        rows: 0,
        unreadableHeaders: 1,
      });
    }
  });

  it('a packet that the capture cut gives what it shows, and never fails', () => {
    for (let length = 0; length < reset.length; length++) {
      const { rows, unreadableHeaders } = dissect(reset.subarray(0, length), true);
      expect([rows, unreadableHeaders], `${length} bytes`).toEqual(length < 1 ? [0, 1] : [1, 0]);
    }
    dissect(reset.subarray(0, 12), true);
    expect(table.wrapping[0]).toBe(WRAP_UNREAD);
  });

  it('of what was cut in front of the session id only a hard reset with key 0 is taken', () => {
    for (const [first, rows] of [
      ['38', 1],
      ['40', 1],
      ['39', 0],
      ['20', 0],
      ['48', 0],
    ] as const) {
      expect(dissect(hex(first), true).rows, first).toBe(rows);
    }
  });

  it('random bytes never throw, and are hardly ever claimed', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 0, maxLength: 200 }), fc.boolean(), (bytes, isCut) => {
        const { rows, unreadableHeaders } = dissect(bytes, isCut);
        expect(rows + unreadableHeaders).toBe(1);
        expect(claim(bytes)).not.toBe(PROOF_STRONG);
      }),
      { numRuns: 2000 },
    );
  });

  it('headers of other protocols that begin like control packets are not claimed', () => {
    // BFD version 1, NTP of a client and of a server, SIP, QUIC, zeros.
    const others = [
      '20 c8 03 18 00000001 00000002 000f4240 000f4240 00000000',
      `23 00 06 ec ${'00'.repeat(36)} e7a77eba7c1c51b5`,
      '24 02 06 e9 00000a5c 0000120c c0a80101 e7a77eba7c1c51b5 e7a77eba7c1c51b5 e7a77eba7c1c51b5 e7a77eba7c1c51b5',
      '4e4f54494659202a20485454502f312e310d0a',
      `40 ${'00'.repeat(40)}`,
      `38 ${'00'.repeat(13)}`,
      `28 ${'01'.repeat(21)}`,
    ];
    expect(others.map((text) => claim(hex(text)))).toEqual(others.map(() => PROOF_NONE));
  });
});
