import { defineDissector } from '../../src/dissect/dissector.js';
import type { FrameContext } from '../../src/dissect/frame-context.js';
import type { ObservationTable, Schema } from '../../src/observe/table.js';
import * as zk from './layout.js';

const ZOOKEEPER_ROWS = {
  /** KIND_ constants. */
  kind: 'u8',
  /** 1 from the server. */
  isAnswer: 'u8',
  /** Of text: its first four bytes, how many bytes there are, and 1 where it says that the word is not in the whitelist. */
  word: 'u32',
  textLength: 'u16',
  isRestricted: 'u8',
  /** Of connect requests and responses: session timeout in milliseconds. */
  timeoutMs: 'u32',
  /** Of a connect response: 1 where it opens no session. */
  isRefused: 'u8',
} as const satisfies Schema;

export type ZookeeperTable = ObservationTable<typeof ZOOKEEPER_ROWS>;

/** `whitelist`, which the refusal of a four-letter word names since 3.5. */
const WHITELIST = [0x77, 0x68, 0x69, 0x74, 0x65, 0x6c, 0x69, 0x73, 0x74];
const TEXT_SEARCHED_MAX = 128;

/** One row for text, and for records that open, keep or end a session; the others say nothing of the server's state. */
export const zookeeperDissector = defineDissector({
  protocol: 'zookeeper',
  carriedBy: { tcpPort: [zk.PORT] },
  observes: ZOOKEEPER_ROWS,
  rowsPerChunk: 4096,
  stream: { messageLength, hasOwnLength },
  bind(table) {
    return (frame, offset, end) => dissectMessage(table, frame, offset, end);
  },
});

export default zookeeperDissector;

/** Text ends where the connection does: what is there of it counts as one message. */
function messageLength(view: DataView, offset: number, end: number): number {
  if (end - offset < zk.LENGTH_PREFIX) return 0;
  if (isText(view, offset)) return end - offset;
  const length = view.getUint32(offset);
  if (length < zk.RECORD_LENGTH_MIN || length >= zk.RECORD_LENGTH_LIMIT) return -1;
  return zk.LENGTH_PREFIX + length;
}

function hasOwnLength(view: DataView, offset: number, end: number): boolean {
  return end - offset < zk.LENGTH_PREFIX || !isText(view, offset);
}

function isText(view: DataView, offset: number): boolean {
  for (let at = offset; at < offset + 4; at++) {
    const byte = view.getUint8(at);
    if (byte >= 0x20 ? byte > 0x7e : byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return false;
  }
  return true;
}

function dissectMessage(table: ZookeeperTable, frame: FrameContext, offset: number, end: number): void {
  const isAnswer = frame.sourcePort === zk.PORT;
  if (isAnswer === (frame.destinationPort === zk.PORT) || end - offset < zk.LENGTH_PREFIX) return;
  const kind = kindOf(frame.view, offset, end - offset, isAnswer);
  if (kind === 0) return;
  const view = frame.view;
  const row = table.rows.append(frame);
  table.kind[row] = kind;
  table.isAnswer[row] = isAnswer ? 1 : 0;
  table.word[row] = 0;
  table.textLength[row] = 0;
  table.isRestricted[row] = 0;
  table.timeoutMs[row] = 0;
  table.isRefused[row] = 0;
  if (kind === zk.KIND_TEXT) {
    table.word[row] = view.getUint32(offset);
    table.textLength[row] = end - offset;
    table.isRestricted[row] = namesWhitelist(view, offset, end) ? 1 : 0;
  } else if (kind === zk.KIND_CONNECT_REQUEST) {
    table.timeoutMs[row] = view.getUint32(offset + zk.REQUEST_TIMEOUT);
  } else if (kind === zk.KIND_CONNECT_RESPONSE) {
    const isRefused =
      view.getUint32(offset + zk.RESPONSE_SESSION) === 0 &&
      view.getUint32(offset + zk.RESPONSE_SESSION + 4) === 0;
    table.timeoutMs[row] = view.getUint32(offset + zk.RESPONSE_TIMEOUT);
    table.isRefused[row] = isRefused ? 1 : 0;
  }
}

/** 0: an ordinary request or response. `length` includes the prefix. */
function kindOf(view: DataView, offset: number, length: number, isAnswer: boolean): number {
  if (isText(view, offset)) return zk.KIND_TEXT;
  if (isAnswer) {
    if (isConnect(view, offset, length, zk.CONNECT_RESPONSE_LENGTH, zk.RESPONSE_PASSWORD_LENGTH)) {
      return zk.KIND_CONNECT_RESPONSE;
    }
    if (length < zk.REPLY_LENGTH) return 0;
    if (view.getInt32(offset + zk.ERROR) === zk.ERROR_SESSION_EXPIRED) return zk.KIND_EXPIRED;
    return length === zk.REPLY_LENGTH && view.getInt32(offset + zk.XID) === zk.XID_PING
      ? zk.KIND_PING_REPLY
      : 0;
  }
  if (isConnect(view, offset, length, zk.CONNECT_REQUEST_LENGTH, zk.REQUEST_PASSWORD_LENGTH)) {
    return zk.KIND_CONNECT_REQUEST;
  }
  if (length !== zk.PING_LENGTH) return 0;
  const operation = view.getInt32(offset + zk.OPERATION);
  if (operation === zk.OPERATION_CLOSE) return zk.KIND_CLOSE;
  return operation === zk.OPERATION_PING && view.getInt32(offset + zk.XID) === zk.XID_PING ? zk.KIND_PING : 0;
}

/** With a password of 16 bytes, and the read-only flag of later versions behind it or not. */
function isConnect(
  view: DataView,
  offset: number,
  length: number,
  expected: number,
  passwordAt: number,
): boolean {
  if (length !== expected && length !== expected + 1) return false;
  return (
    view.getUint32(offset + zk.VERSION) === 0 && view.getUint32(offset + passwordAt) === zk.PASSWORD_LENGTH
  );
}

function namesWhitelist(view: DataView, offset: number, end: number): boolean {
  const limit = Math.min(end, offset + TEXT_SEARCHED_MAX) - WHITELIST.length;
  for (let at = offset; at <= limit; at++) {
    let matched = 0;
    while (matched < WHITELIST.length && view.getUint8(at + matched) === WHITELIST[matched]) matched++;
    if (matched === WHITELIST.length) return true;
  }
  return false;
}
