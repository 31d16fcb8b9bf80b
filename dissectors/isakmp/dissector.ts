import { type Binding, type Dissect, defineDissector } from '../../src/dissect/dissector.js';
import { CLAIM_PORT, CLAIM_STRONG, type FrameContext } from '../../src/dissect/frame-context.js';
import { ORIGIN_FIRST_FRAGMENT, ORIGIN_WHOLE } from '../../src/observe/table.js';
import { PROTOCOL_TCP } from '../../src/wire/ip.js';
import { PORT_IKE, PORT_NAT_TRAVERSAL } from '../../src/wire/transport.js';
import { ISAKMP } from './columns.js';
import * as isakmp from './layout.js';
import { type IsakmpTable, readPayloads } from './payloads.js';

/** Drafts before RFC 3948 sent ESP on port 500 behind eight zero bytes, where IKE has its cookie. */
const NON_IKE_MARKER_LENGTH = 8;
const SPI_LENGTH = 4;
/** RFC 3948, section 2.3; drafts sent it on port 500 too. */
const NAT_KEEPALIVE = 0xff;
/** RFC 3948, section 2.2. */
const NON_ESP_MARKER_LENGTH = 4;

/** IKE over TCP (RFC 9329, sections 3 and 4): "IKETCP" opens the stream, each message has its length before it. */
const STREAM_PREFIX_HIGH = 0x494b4554;
const STREAM_PREFIX_LOW = 0x4350;
const STREAM_PREFIX_LENGTH = 6;
const STREAM_LENGTH_LENGTH = 2;

/** Messages a chunk may hold before the rest of it is dissected in a second round: IKE is rare traffic. */
const ROWS_PER_CHUNK = 4096;
/** Above all other guesses at unknown ports: the message states its own length, and that must agree. */
const HEURISTIC_PRIORITY = 90;

export default defineDissector({
  protocol: 'isakmp',
  carriedBy: {
    udpPort: [PORT_IKE],
    tcpPort: [PORT_NAT_TRAVERSAL],
    subDissector: ['udpencap.isakmp'],
    udpHeuristic: { priority: HEURISTIC_PRIORITY, recognise },
  },
  headerFields: [
    { name: 'IKE initiator SPI (first half)', at: 0, bits: 32, isHex: true },
    { name: 'IKE initiator SPI (second half)', at: 32, bits: 32, isHex: true },
    { name: 'IKE responder SPI (first half)', at: 64, bits: 32, isHex: true },
    { name: 'IKE responder SPI (second half)', at: 96, bits: 32, isHex: true },
    { name: 'IKE next payload', at: 128, bits: 8 },
    { name: 'IKE version', at: 136, bits: 8, isHex: true },
    { name: 'IKE exchange type', at: 144, bits: 8 },
    { name: 'IKE flags', at: 152, bits: 8, isHex: true },
    { name: 'IKE message id', at: 160, bits: 32, isHex: true },
    { name: 'IKE length', at: 192, bits: 32 },
  ],
  observes: ISAKMP,
  rowsPerChunk: ROWS_PER_CHUNK,
  assembles: true,
  stream: { messageLength },
  bind,
});

function bind(table: IsakmpTable, binding: Binding): Dissect {
  const dissectEsp = binding.subDissector('esp');

  return function dissectIsakmp(frame, offset, end) {
    if (frame.protocol === PROTOCOL_TCP) {
      dissectStreamMessage(table, binding.protocolIndex, frame, offset, end);
      return;
    }
    const length = end - offset;
    if (length >= NON_IKE_MARKER_LENGTH + SPI_LENGTH && isBehindNonIkeMarker(frame, offset)) {
      frame.payloadLength -= NON_IKE_MARKER_LENGTH;
      dissectEsp(frame, offset + NON_IKE_MARKER_LENGTH, end);
      return;
    }
    if (length === 1 && frame.view.getUint8(offset) === NAT_KEEPALIVE) return;
    dissectMessage(table, binding.protocolIndex, frame, offset, end);
  };
}

/** On port 500 alone: on others a zero cookie is a notify about an unknown SPI (RFC 7296, section 1.5). */
function isBehindNonIkeMarker(frame: FrameContext, offset: number): boolean {
  if (frame.sourcePort !== PORT_IKE && frame.destinationPort !== PORT_IKE) return false;
  const view = frame.view;
  return (
    view.getInt32(offset) === 0 &&
    view.getInt32(offset + 4) === 0 &&
    view.getInt32(offset + NON_IKE_MARKER_LENGTH) !== 0
  );
}

function dissectMessage(
  table: IsakmpTable,
  protocolIndex: number,
  frame: FrameContext,
  offset: number,
  end: number,
): void {
  if (end - offset < isakmp.HEADER_LENGTH) {
    frame.observeUnreadable(protocolIndex);
    return;
  }
  const view = frame.view;
  const version = view.getUint8(offset + isakmp.VERSION) >> 4;
  const isKnownVersion = version === isakmp.VERSION_1 || version === isakmp.VERSION_2;
  const isShorter = view.getUint32(offset + isakmp.MESSAGE_LENGTH) < isakmp.HEADER_LENGTH;
  // In a first fragment the rest of the message is in the fragments that follow.
  const isLonger =
    frame.origin !== ORIGIN_FIRST_FRAGMENT &&
    view.getUint32(offset + isakmp.MESSAGE_LENGTH) > frame.payloadLength;
  if (!isKnownVersion || isShorter || isLonger) {
    frame.observeUnreadable(protocolIndex);
    return;
  }

  const messageEnd = Math.min(end, offset + view.getUint32(offset + isakmp.MESSAGE_LENGTH));
  const row = table.rows.append(frame);
  clearRow(table, row);
  table.initiatorHigh[row] = view.getInt32(offset + isakmp.INITIATOR_SPI);
  table.initiatorLow[row] = view.getInt32(offset + isakmp.INITIATOR_SPI + 4);
  table.responderHigh[row] = view.getInt32(offset + isakmp.RESPONDER_SPI);
  table.responderLow[row] = view.getInt32(offset + isakmp.RESPONDER_SPI + 4);
  table.version[row] = version;
  table.exchangeType[row] = view.getUint8(offset + isakmp.EXCHANGE_TYPE);
  table.flags[row] = view.getUint8(offset + isakmp.FLAGS);
  table.firstPayload[row] = view.getUint8(offset + isakmp.NEXT_PAYLOAD);
  table.messageId[row] = view.getUint32(offset + isakmp.MESSAGE_ID);
  table.messageLength[row] = view.getUint32(offset + isakmp.MESSAGE_LENGTH);
  table.readLength[row] = messageEnd - offset;
  table.timeToLive[row] = frame.timeToLive;
  digest(table, row, view, offset, messageEnd);

  const isEncrypted =
    version === isakmp.VERSION_1 && (view.getUint8(offset + isakmp.FLAGS) & isakmp.V1_ENCRYPTED) !== 0;
  if (isEncrypted) {
    table.encryptedLength[row] = view.getUint32(offset + isakmp.MESSAGE_LENGTH) - isakmp.HEADER_LENGTH;
    table.payloads[row] = isakmp.HAS_ENCRYPTED;
    return;
  }
  const first = view.getUint8(offset + isakmp.NEXT_PAYLOAD);
  const isWellFormed = readPayloads(table, row, view, first, offset + isakmp.HEADER_LENGTH, messageEnd);
  if (!isWellFormed) frame.observeUnreadable(protocolIndex);
}

/** One message that the assembler cut out of a TCP stream, its length field included. */
function dissectStreamMessage(
  table: IsakmpTable,
  protocolIndex: number,
  frame: FrameContext,
  offset: number,
  end: number,
): void {
  const message = offset + STREAM_LENGTH_LENGTH + NON_ESP_MARKER_LENGTH;
  // The stream prefix and ESP have no IKE header here. ESP in TCP is not read: nothing in it tells it from other streams.
  if (!isStreamedIke(frame.view, offset, end)) return;
  frame.payloadLength = end - message;
  dissectMessage(table, protocolIndex, frame, message, end);
}

function isStreamedIke(view: DataView, offset: number, end: number): boolean {
  const message = offset + STREAM_LENGTH_LENGTH + NON_ESP_MARKER_LENGTH;
  return (
    end - message >= isakmp.HEADER_LENGTH &&
    view.getInt32(offset + STREAM_LENGTH_LENGTH) === 0 &&
    view.getUint32(message + isakmp.MESSAGE_LENGTH) === end - message
  );
}

function messageLength(view: DataView, offset: number, end: number): number {
  if (end - offset < STREAM_LENGTH_LENGTH) return 0;
  if (end - offset >= STREAM_PREFIX_LENGTH) {
    const isPrefix =
      view.getUint32(offset) === STREAM_PREFIX_HIGH && view.getUint16(offset + 4) === STREAM_PREFIX_LOW;
    if (isPrefix) return STREAM_PREFIX_LENGTH;
  }
  const length = view.getUint16(offset);
  if (length < STREAM_LENGTH_LENGTH) return -1;
  return end - offset < length ? 0 : length;
}

/**
 * An ISAKMP message on a port that nobody owns: version 1.0 or 2.0, an exchange type and flags that exist, a cookie,
 * and a length that is that of the payload. By chance 2/256 · 11/256 · 8/256 · 2^-32, below 2^-48.
 */
function recognise(frame: FrameContext, offset: number, end: number): number {
  if (end - offset < isakmp.HEADER_LENGTH || frame.origin !== ORIGIN_WHOLE) return CLAIM_PORT;
  const view = frame.view;
  if (view.getUint32(offset + isakmp.MESSAGE_LENGTH) !== frame.payloadLength) return CLAIM_PORT;
  if (view.getInt32(offset) === 0 && view.getInt32(offset + 4) === 0) return CLAIM_PORT;
  const type = view.getUint8(offset + isakmp.EXCHANGE_TYPE);
  const flags = view.getUint8(offset + isakmp.FLAGS);
  switch (view.getUint8(offset + isakmp.VERSION)) {
    case isakmp.VERSION_1 << 4:
      return (flags & ~isakmp.V1_FLAGS) === 0 && isExchangeV1(type) ? CLAIM_STRONG : CLAIM_PORT;
    case isakmp.VERSION_2 << 4:
      return (flags & ~isakmp.V2_FLAGS) === 0 && isExchangeV2(type) ? CLAIM_STRONG : CLAIM_PORT;
    default:
      return CLAIM_PORT;
  }
}

function isExchangeV1(type: number): boolean {
  return (
    (type >= isakmp.EXCHANGE_BASE && type <= isakmp.EXCHANGE_TRANSACTION) ||
    type === isakmp.EXCHANGE_QUICK ||
    type === isakmp.EXCHANGE_NEW_GROUP
  );
}

function isExchangeV2(type: number): boolean {
  return (
    (type >= isakmp.EXCHANGE_SA_INIT && type <= isakmp.EXCHANGE_SESSION_RESUME) ||
    type === isakmp.EXCHANGE_INTERMEDIATE ||
    type === isakmp.EXCHANGE_FOLLOWUP_KE
  );
}

/** Two hash words over the message: equal for a retransmission, which repeats every byte. */
function digest(table: IsakmpTable, row: number, view: DataView, offset: number, end: number): void {
  let high = 0x811c9dc5 | 0;
  let low = end - offset;
  let at = offset;
  for (; at + 4 <= end; at += 4) {
    const word = view.getInt32(at);
    high = Math.imul(high ^ word, 0x01000193);
    high ^= high >>> 15;
    low = Math.imul(low ^ word, 0x85ebca6b) + (low >>> 13);
    low ^= low >>> 16;
  }
  for (; at < end; at++) {
    high = Math.imul(high ^ view.getUint8(at), 0x01000193);
    low = Math.imul(low ^ view.getUint8(at), 0x85ebca6b) ^ (low >>> 16);
  }
  table.digestHigh[row] = high;
  table.digestLow[row] = low | 0;
}

/** Columns that payloads add to; those that every row writes need no clearing. */
function clearRow(table: IsakmpTable, row: number): void {
  table.payloads[row] = 0;
  table.encryptedLength[row] = 0;
  table.fragmentNumber[row] = 0;
  table.fragmentTotal[row] = 0;
  table.notifyType[row] = 0;
  table.notifyProtocol[row] = 0;
  table.notifyGroup[row] = 0;
  table.statuses[row] = 0;
  table.vendors[row] = 0;
  table.vendorsUnknown[row] = 0;
  table.natHashes[row] = 0;
  table.natHashLength[row] = 0;
  table.keyExchangeGroup[row] = 0;
  table.proposalCount[row] = 0;
  table.transformCount[row] = 0;
}
