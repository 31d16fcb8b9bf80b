import { ERROR_UNREADABLE } from './dissector.js';

/** Error codes of the CQL binary protocol, section 9. */
const NAMES: ReadonlyMap<number, string> = new Map([
  [0x0000, 'server error'],
  [0x000a, 'protocol error'],
  [0x0100, 'bad credentials'],
  [0x1000, 'unavailable: too few replicas are up'],
  [0x1001, 'overloaded'],
  [0x1002, 'is bootstrapping'],
  [0x1003, 'truncate error'],
  [0x1100, 'write timeout'],
  [0x1200, 'read timeout'],
  [0x1300, 'read failure'],
  [0x1400, 'function failure'],
  [0x1500, 'write failure'],
  [0x2000, 'syntax error'],
  [0x2100, 'unauthorized'],
  [0x2200, 'invalid query'],
  [0x2300, 'configuration error'],
  [0x2400, 'already exists'],
  [0x2500, 'unprepared statement'],
]);

const QUERY_ERRORS_FROM = 0x2000;
const PROTOCOL_ERROR = 0x000a;

export function errorWords(code: number): string {
  if (code === ERROR_UNREADABLE) return 'unreadable (compressed)';
  const hex = `0x${code.toString(16).padStart(4, '0')}`;
  const name = NAMES.get(code);
  return name ? `${hex} ${name}` : hex;
}

/** The query is at fault, not the server: drivers handle most of these themselves. */
export function isQueryError(code: number): boolean {
  return code >= QUERY_ERRORS_FROM;
}

/** How drivers find the version that both sides speak: they try the newest first. */
export function isVersionTrial(code: number): boolean {
  return code === PROTOCOL_ERROR;
}
