import { type Binding, type Dissect, defineDissector } from '../../src/dissect/dissector.js';
import { CLAIM_PORT, CLAIM_STRONG, CLAIM_WEAK, type FrameContext } from '../../src/dissect/frame-context.js';
import { ORIGIN_FIRST_FRAGMENT } from '../../src/observe/table.js';
import { PROTOCOL_TCP, PROTOCOL_UDP } from '../../src/wire/ip.js';
import { UDP_HEADER_LENGTH, UDP_LENGTH } from '../../src/wire/transport.js';
import * as openvpn from './layout.js';
import {
  controlProof,
  controlShape,
  looksRandom,
  recognise,
  SHAPE_NONE,
  SHAPE_PLAIN,
  SHAPE_TLS_CRYPT,
} from './recognition.js';
import {
  OPENVPN_ROWS,
  type OpenvpnTable,
  PROOF_NONE,
  PROOF_STRONG,
  PROOF_WEAK,
  WRAP_PLAIN,
  WRAP_TLS_AUTH,
  WRAP_TLS_CRYPT,
  WRAP_UNREAD,
} from './rows.js';

const ROWS_PER_CHUNK = 16_384;
/** Below IKE and VXLAN, whose headers say more. */
const HEURISTIC_PRIORITY = 60;
/** Of the packets that TCP carries the shortest is a reset, the longest fills the buffer of a large tun MTU. */
const STREAM_PACKET_LENGTH_MIN = openvpn.RESET_LENGTH_MIN;

export const openvpnDissector = defineDissector({
  protocol: 'openvpn',
  carriedBy: {
    udpPort: [openvpn.PORT],
    tcpPort: [openvpn.PORT],
    udpHeuristic: { priority: HEURISTIC_PRIORITY, recognise: claim },
  },
  headerFields: [
    { name: 'OpenVPN opcode', at: 0, bits: 5 },
    { name: 'OpenVPN key id', at: 5, bits: 3 },
  ],
  observes: OPENVPN_ROWS,
  rowsPerChunk: ROWS_PER_CHUNK,
  stream: { messageLength },
  bind,
});

export default openvpnDissector;

function claim(frame: FrameContext, offset: number, end: number): number {
  const proof = recognise(frame, offset, end);
  if (proof === PROOF_STRONG) return CLAIM_STRONG;
  return proof === PROOF_WEAK ? CLAIM_WEAK : CLAIM_PORT;
}

function bind(table: OpenvpnTable, { protocolIndex }: Binding): Dissect {
  return function dissectOpenvpn(frame, offset, end) {
    const start = frame.protocol === PROTOCOL_TCP ? offset + openvpn.STREAM_LENGTH_LENGTH : offset;
    if (end - start < openvpn.CONTROL_LENGTH_MIN) {
      return dissectFirstByte(table, protocolIndex, frame, start, end);
    }
    const opcode = frame.view.getUint8(start) >> openvpn.OPCODE_SHIFT;
    if (opcode < openvpn.HARD_RESET_CLIENT_V1 || opcode > openvpn.CONTROL_WRAPPED_KEY) {
      return frame.observeUnreadable(protocolIndex);
    }
    if (openvpn.isData(opcode)) dissectData(table, protocolIndex, frame, start, end, opcode);
    else dissectControl(table, protocolIndex, frame, start, end, opcode);
  };
}

/** Of a packet that was cut before its session id a hard reset is known by its opcode and its length. */
function dissectFirstByte(
  table: OpenvpnTable,
  protocolIndex: number,
  frame: FrameContext,
  start: number,
  end: number,
): void {
  const opcode = end > start ? frame.view.getUint8(start) >> openvpn.OPCODE_SHIFT : 0;
  const isReset =
    frame.isCut &&
    frame.protocol === PROTOCOL_UDP &&
    openvpn.isPlainHardReset(opcode) &&
    mayBeHardReset(frame, start, end);
  if (!isReset) return frame.observeUnreadable(protocolIndex);
  const row = appendRow(table, frame, start, end, opcode);
  table.proof[row] = PROOF_WEAK;
  table.wrapping[row] = WRAP_UNREAD;
}

function dissectData(
  table: OpenvpnTable,
  protocolIndex: number,
  frame: FrameContext,
  offset: number,
  end: number,
  opcode: number,
): void {
  const isV2 = opcode === openvpn.DATA_V2;
  if (end - offset < (isV2 ? openvpn.DATA_V2_LENGTH_MIN : openvpn.DATA_V1_LENGTH_MIN)) {
    return frame.observeUnreadable(protocolIndex);
  }
  const view = frame.view;
  const row = appendRow(table, frame, offset, end, opcode);
  const packetId = offset + (isV2 ? openvpn.DATA_V2_PACKET_ID : openvpn.DATA_V1_PACKET_ID);
  table.peerId[row] = isV2 ? view.getUint32(offset) & 0xff_ffff : 0;
  table.packetId[row] = view.getUint32(packetId);
  table.packetIdTail[row] = view.getUint32(packetId + openvpn.ID_LENGTH);
}

function dissectControl(
  table: OpenvpnTable,
  protocolIndex: number,
  frame: FrameContext,
  offset: number,
  end: number,
  opcode: number,
): void {
  const isWhole = !frame.isCut && frame.origin !== ORIGIN_FIRST_FRAGMENT;
  const shape = controlShape(frame.view, offset, end, opcode, isWhole);
  // What fits no way to send it is another protocol on this port, or a control channel that somebody scrambled.
  if (shape === SHAPE_NONE && isWhole) return frame.observeUnreadable(protocolIndex);
  if (!isWhole && openvpn.isPlainHardReset(opcode) && !mayBeHardReset(frame, offset, end))
    return frame.observeUnreadable(protocolIndex);
  const row = appendRow(table, frame, offset, end, opcode);
  table.sessionHigh[row] = frame.view.getInt32(offset + openvpn.SESSION_ID);
  table.sessionLow[row] = frame.view.getInt32(offset + openvpn.SESSION_ID + 4);
  table.proof[row] = isWhole
    ? controlProof(frame.view, offset, end, opcode, shape)
    : looksRandom(frame.view, offset + openvpn.SESSION_ID)
      ? PROOF_WEAK
      : PROOF_NONE;
  if (shape === SHAPE_NONE) table.wrapping[row] = WRAP_UNREAD;
  else if (shape === SHAPE_TLS_CRYPT) table.wrapping[row] = WRAP_TLS_CRYPT;
  else {
    table.wrapping[row] = shape === SHAPE_PLAIN ? WRAP_PLAIN : WRAP_TLS_AUTH;
    readReliability(table, row, frame.view, offset + shape, end, opcode);
  }
}

/** Of a packet that was cut: a session begins with key 0 and a short packet; random bytes (a static key) seldom look like that. */
function mayBeHardReset(frame: FrameContext, offset: number, end: number): boolean {
  const keyId = frame.view.getUint8(offset) & openvpn.KEY_ID_MASK;
  return keyId === 0 && lengthOf(frame, offset, end) <= openvpn.HARD_RESET_LENGTH_MAX;
}

/** Acknowledgments, message id and the TLS record behind them, as far as the capture holds them. */
function readReliability(
  table: OpenvpnTable,
  row: number,
  view: DataView,
  offset: number,
  end: number,
  opcode: number,
): void {
  const count = view.getUint8(offset);
  const ids = offset + 1;
  const remote = ids + count * openvpn.ID_LENGTH;
  const message = remote + (count > 0 ? openvpn.SESSION_ID_LENGTH : 0);
  if (end < message) return;
  if (count > 0) {
    table.ackCount[row] = count;
    readAcks(table, row, view, ids, count);
    table.remoteHigh[row] = view.getInt32(remote);
    table.remoteLow[row] = view.getInt32(remote + 4);
  }
  const record = message + openvpn.ID_LENGTH;
  if (opcode === openvpn.ACK || end < record) return;
  table.messageId[row] = view.getUint32(message);
  if (end - record < openvpn.TLS_RECORD_LENGTH) return;
  const type = view.getUint8(record);
  const isRecord =
    type >= openvpn.TLS_TYPE_MIN &&
    type <= openvpn.TLS_TYPE_MAX &&
    view.getUint8(record + 1) === openvpn.TLS_MAJOR_VERSION;
  if (!isRecord) return;
  table.tlsType[row] = type;
  const alert = record + openvpn.TLS_RECORD_LENGTH;
  const isAlert = type === openvpn.TLS_ALERT && view.getUint16(record + 3) === openvpn.TLS_ALERT_LENGTH;
  if (!isAlert || end - alert < openvpn.TLS_ALERT_LENGTH) return;
  table.alertLevel[row] = view.getUint8(alert);
  table.alertDescription[row] = view.getUint8(alert + 1);
}

function readAcks(table: OpenvpnTable, row: number, view: DataView, offset: number, count: number): void {
  for (let index = 0; index < count; index++) {
    const id = view.getUint32(offset + index * openvpn.ID_LENGTH);
    if (id > table.ackHighest[row]) table.ackHighest[row] = id;
  }
  for (let index = 0; index < count; index++) {
    const below = table.ackHighest[row] - view.getUint32(offset + index * openvpn.ID_LENGTH);
    if (below < 32) table.ackBits[row] |= 1 << below;
  }
}

function appendRow(
  table: OpenvpnTable,
  frame: FrameContext,
  offset: number,
  end: number,
  opcode: number,
): number {
  const row = table.rows.append(frame);
  table.opcode[row] = opcode;
  table.keyId[row] = frame.view.getUint8(offset) & openvpn.KEY_ID_MASK;
  table.length[row] = lengthOf(frame, offset, end);
  table.wrapping[row] = WRAP_PLAIN;
  table.proof[row] = PROOF_NONE;
  table.sessionHigh[row] = 0;
  table.sessionLow[row] = 0;
  table.remoteHigh[row] = 0;
  table.remoteLow[row] = 0;
  table.messageId[row] = 0;
  table.ackCount[row] = 0;
  table.ackHighest[row] = 0;
  table.ackBits[row] = 0;
  table.tlsType[row] = 0;
  table.alertLevel[row] = 0;
  table.alertDescription[row] = 0;
  table.peerId[row] = 0;
  table.packetId[row] = 0;
  table.packetIdTail[row] = 0;
  return row;
}

/** In a first fragment the UDP header, which stands right before, has the length of all of the datagram. */
function lengthOf(frame: FrameContext, offset: number, end: number): number {
  if (frame.protocol !== PROTOCOL_UDP) return end - offset;
  if (frame.origin !== ORIGIN_FIRST_FRAGMENT) return frame.payloadLength;
  return frame.view.getUint16(offset - UDP_HEADER_LENGTH + UDP_LENGTH) - UDP_HEADER_LENGTH;
}

/** -1 where no OpenVPN packet could begin so. */
function messageLength(view: DataView, offset: number, end: number): number {
  if (end - offset <= openvpn.STREAM_LENGTH_LENGTH) return 0;
  const length = view.getUint16(offset);
  const opcode = view.getUint8(offset + openvpn.STREAM_LENGTH_LENGTH) >> openvpn.OPCODE_SHIFT;
  const isKnown = opcode >= openvpn.HARD_RESET_CLIENT_V1 && opcode <= openvpn.CONTROL_WRAPPED_KEY;
  return isKnown && length >= STREAM_PACKET_LENGTH_MIN ? openvpn.STREAM_LENGTH_LENGTH + length : -1;
}
