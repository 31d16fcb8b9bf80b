import type { Renaming } from './renaming.js';

const START_MAX = 4096;
const REQUEST = /^((?:GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS|TRACE) \/?)([^ \r\n]*)( HTTP\/1\.[01]\r\n)/;
const RESPONSE = /^HTTP\/1\.[01] \d{3} /;

/**
 * The first line of an HTTP message (RFC 9112, section 3 and 4): method and status stay, the target gets other letters.
 * @returns where it ends; `from` where the bytes are none
 */
export function rewriteHttp(bytes: Uint8Array, from: number, to: number, names: Renaming): number {
  const text = Buffer.from(bytes.subarray(from, Math.min(to, from + START_MAX))).toString('latin1');
  const response = RESPONSE.exec(text);
  if (response !== null) return from + response[0].length;
  const request = REQUEST.exec(text);
  if (request === null) return from;
  const [line, method, target] = request;
  const at = from + method.length;
  bytes.set(names.word(bytes.slice(at, at + target.length)), at);
  return from + line.length;
}
