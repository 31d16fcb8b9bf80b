import { defineDissector } from '../../src/dissect/dissector.js';
import type { FrameContext } from '../../src/dissect/frame-context.js';
import type { ObservationTable, Schema } from '../../src/observe/table.js';
import * as cql from './layout.js';

const CASSANDRA_ROWS = {
  /** Protocol version without the response bit. */
  version: 'u8',
  opcode: 'u8',
  /** 1 from the server. */
  isResponse: 'u8',
  /** Of an error: its code; 0xFFFFFFFF where it is compressed. */
  error: 'u32',
} as const satisfies Schema;

export type CassandraTable = ObservationTable<typeof CASSANDRA_ROWS>;

export const ERROR_UNREADABLE = 0xffff_ffff;

/** Envelopes of one frame that are looked at. */
const ENVELOPES_MAX = 64;

const CRC24_START = 0x875060;
const CRC24_POLYNOMIAL = 0x1974f0b;
const CRC24_CARRY = 0x1000000;

/** One row for each message that opens a connection, and for each error; queries and their results say nothing of the server. */
export const cassandraDissector = defineDissector({
  protocol: 'cassandra',
  carriedBy: { tcpPort: [cql.PORT] },
  observes: CASSANDRA_ROWS,
  rowsPerChunk: 4096,
  stream: { messageLength },
  bind(table) {
    return (frame, offset, end) => dissectMessage(table, frame, offset, end);
  },
});

export default cassandraDissector;

/** An envelope, or a frame of version 5 around envelopes, which its checksum gives away. */
function messageLength(view: DataView, offset: number, end: number): number {
  if (end - offset < cql.FRAME_HEADER_LENGTH) return 0;
  const framed = framedLength(view, offset);
  if (framed >= 0) return cql.FRAME_HEADER_LENGTH + framed + cql.FRAME_TRAILER_LENGTH;
  return envelopeLength(view, offset, end);
}

/** Bytes of the envelope at `offset`, header included; 0 or -1 as for messages. */
function envelopeLength(view: DataView, offset: number, end: number): number {
  const version = view.getUint8(offset) & cql.VERSION_MASK;
  if (version < 1 || version > cql.VERSION_FRAMED) return -1;
  if (view.getUint8(offset + 1) > cql.FLAGS_KNOWN) return -1;
  const headerLength = headerLengthOf(version);
  if (end - offset < headerLength) return 0;
  if (view.getUint8(offset + headerLength - 5) > cql.OPCODE_MAX) return -1;
  const length = view.getUint32(offset + headerLength - 4);
  return length > cql.BODY_LENGTH_MAX ? -1 : headerLength + length;
}

function headerLengthOf(version: number): number {
  return version >= cql.VERSION_WIDE_STREAM ? cql.HEADER_LENGTH : cql.HEADER_LENGTH_NARROW;
}

/** Payload bytes of the frame at `offset`, -1 where its checksum says that there is none. */
function framedLength(view: DataView, offset: number): number {
  const low = view.getUint16(offset, true);
  const high = view.getUint8(offset + 2);
  let crc = CRC24_START;
  for (let index = 0; index < 3; index++) {
    crc ^= view.getUint8(offset + index) << 16;
    for (let bit = 0; bit < 8; bit++) {
      crc <<= 1;
      if ((crc & CRC24_CARRY) !== 0) crc ^= CRC24_POLYNOMIAL;
    }
  }
  const checksum = view.getUint16(offset + 3, true) | (view.getUint8(offset + 5) << 16);
  return checksum === crc ? ((high << 16) | low) & cql.FRAME_LENGTH_MASK : -1;
}

function dissectMessage(table: CassandraTable, frame: FrameContext, offset: number, end: number): void {
  const { view } = frame;
  const isResponse = frame.sourcePort === cql.PORT;
  if (isResponse === (frame.destinationPort === cql.PORT)) return;
  if (end - offset < cql.FRAME_HEADER_LENGTH) return;
  if (framedLength(view, offset) < 0) {
    readEnvelope(table, frame, offset, end, isResponse);
    return;
  }
  // A frame that is not self-contained holds a part of a large envelope.
  const isWhole = ((view.getUint8(offset + 2) << 16) & cql.FRAME_SELF_CONTAINED) !== 0;
  let at = offset + cql.FRAME_HEADER_LENGTH;
  const last = end - cql.FRAME_TRAILER_LENGTH;
  for (let count = 0; isWhole && count < ENVELOPES_MAX && last - at >= cql.HEADER_LENGTH; count++) {
    const length = envelopeLength(view, at, last);
    if (length <= 0 || length > last - at) return;
    readEnvelope(table, frame, at, at + length, isResponse);
    at += length;
  }
}

function readEnvelope(
  table: CassandraTable,
  frame: FrameContext,
  offset: number,
  end: number,
  isResponse: boolean,
): void {
  const { view } = frame;
  const first = view.getUint8(offset);
  const isMarked = (first & cql.RESPONSE_BIT) !== 0;
  if (isMarked !== isResponse) return;
  const version = first & cql.VERSION_MASK;
  const body = offset + headerLengthOf(version);
  if (body > end) return;
  const opcode = view.getUint8(body - 5);
  if (!opensConnection(opcode) && opcode !== cql.OPCODE_ERROR) return;
  const row = table.rows.append(frame);
  table.version[row] = version;
  table.opcode[row] = opcode;
  table.isResponse[row] = isResponse ? 1 : 0;
  table.error[row] = 0;
  if (opcode !== cql.OPCODE_ERROR) return;
  const isCompressed = (view.getUint8(offset + 1) & cql.FLAG_COMPRESSED) !== 0;
  table.error[row] = isCompressed || end - body < 4 ? ERROR_UNREADABLE : view.getUint32(body);
}

function opensConnection(opcode: number): boolean {
  return (
    opcode === cql.OPCODE_STARTUP ||
    opcode === cql.OPCODE_READY ||
    opcode === cql.OPCODE_AUTHENTICATE ||
    opcode === cql.OPCODE_OPTIONS ||
    opcode === cql.OPCODE_SUPPORTED ||
    opcode === cql.OPCODE_AUTH_SUCCESS
  );
}
