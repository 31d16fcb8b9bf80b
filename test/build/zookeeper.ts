import { ascii, concat, u8, u16, u32, u64, zeros } from './bytes.js';

/** A record behind its length. */
function record(...parts: readonly Uint8Array[]): Uint8Array {
  const body = concat(...parts);
  return concat(u32(body.length), body);
}

const PASSWORD = concat(u32(16), zeros(16));

export function zkConnectRequest(timeoutMs: number, session = 0n): Uint8Array {
  return record(u32(0), u64(0n), u32(timeoutMs), u64(session), PASSWORD, u8(0));
}

/** Session 0: there is none any more. */
export function zkConnectResponse(timeoutMs: number, session: bigint): Uint8Array {
  return record(u32(0), u32(timeoutMs), u64(session), PASSWORD, u8(0));
}

export const ZK_PING = record(u32(-2), u32(11));

export function zkClose(xid: number): Uint8Array {
  return record(u32(xid), u32(-11));
}

export function zkReply(xid: number, error = 0): Uint8Array {
  return record(u32(xid), u64(0x100n), u32(error));
}

/** A request for the children of `/`. */
export function zkRequest(xid: number): Uint8Array {
  return record(u32(xid), u32(8), u32(1), ascii('/'), u8(0));
}

/** A message of the CQL binary protocol v4, of the server where `isResponse`. */
export function cql(opcode: number, body: Uint8Array, isResponse = false, version = 4): Uint8Array {
  return concat(u8(version | (isResponse ? 0x80 : 0)), u8(0), u16(0), u8(opcode), u32(body.length), body);
}

/** `details`: what follows the message, by the code. */
export function cqlError(code: number, message: string, details: Uint8Array = zeros(0)): Uint8Array {
  return cql(0, concat(u32(code), u16(message.length), ascii(message), details), true);
}

/** STARTUP with the CQL version. */
export function cqlStartup(): Uint8Array {
  const string = (text: string): Uint8Array => concat(u16(text.length), ascii(text));
  return cql(1, concat(u16(1), string('CQL_VERSION'), string('3.0.0')));
}

export const CQL_READY = cql(2, zeros(0), true);
