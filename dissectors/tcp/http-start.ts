/** `http` column: the payload does not begin like an HTTP/1 message. */
export const HTTP_NONE = 0;
/** Begins with a request line. */
export const HTTP_REQUEST = 0x20;
/** Begins with a status line; the low three bits of `HTTP_RESPONSE | class` are the class (1 to 5). */
export const HTTP_RESPONSE = 0x08;
export const HTTP_STATUS_CLASS = 0x07;
/** The head names an event stream (WHATWG HTML, section 9.2): its answers come when events happen. */
export const HTTP_EVENT_STREAM = 0x10;

/** Bytes of a head that are searched for its content type. */
const HEAD_SEARCHED_MAX = 1024;
/** Bytes of a request line that go into its digest. */
const TARGET_DIGESTED_MAX = 256;

const GET = 0x47455420; // 'GET '
const PUT = 0x50555420; // 'PUT '
const POST = 0x504f5354; // 'POST'
const HEAD = 0x48454144; // 'HEAD'
const DELE = 0x44454c45; // 'DELE'
const OPTI = 0x4f505449; // 'OPTI'
const PATC = 0x50415443; // 'PATC'
const HTTP = 0x48545450; // 'HTTP'
const ONE_DOT = 0x2f312e; // '/1.'
const EVENT_STREAM = [0x65, 0x76, 0x65, 0x6e, 0x74, 0x2d, 0x73, 0x74, 0x72, 0x65, 0x61, 0x6d]; // 'event-stream'

/**
 * What the payload `[offset, end)` begins with. A method of RFC 9110, section 9, and a path after it, or the status line of
 * HTTP/1 (RFC 9112, section 4). CONNECT and TRACE are left out: what follows them is no answer of an application.
 */
export function classifyHttpStart(view: DataView, offset: number, end: number): number {
  if (end - offset < 12) return HTTP_NONE;
  const word = view.getInt32(offset);
  if (word === HTTP) {
    if (view.getInt32(offset + 4) >>> 8 !== ONE_DOT || view.getUint8(offset + 8) !== 0x20) return HTTP_NONE;
    const statusClass = view.getUint8(offset + 9) - 0x30;
    if (statusClass < 1 || statusClass > 5) return HTTP_NONE;
    return HTTP_RESPONSE | statusClass | eventStreamBit(view, offset, end);
  }
  const target = targetOffset(view, word, offset);
  if (target === 0) return HTTP_NONE;
  const first = view.getUint8(target);
  // An origin-form or absolute-form target, or '*' of OPTIONS.
  if (first !== 0x2f && first !== 0x68 && first !== 0x2a) return HTTP_NONE;
  return HTTP_REQUEST | eventStreamBit(view, offset, end);
}

/** Digest of method and target up to its query: equal for repeated questions. */
export function digestRequestTarget(view: DataView, offset: number, end: number): number {
  const limit = Math.min(end, offset + TARGET_DIGESTED_MAX);
  let digest = 0x811c9dc5 | 0;
  let spaces = 0;
  for (let at = offset; at < limit; at++) {
    const byte = view.getUint8(at);
    if (byte === 0x3f || byte < 0x20) break;
    if (byte === 0x20 && ++spaces === 2) break;
    digest = Math.imul(digest ^ byte, 0x01000193);
  }
  return digest;
}

/** Where the target begins after the method whose first four bytes are `word`; 0: no method. */
function targetOffset(view: DataView, word: number, offset: number): number {
  switch (word) {
    case GET:
    case PUT:
      return offset + 4;
    case POST:
    case HEAD:
      return view.getUint8(offset + 4) === 0x20 ? offset + 5 : 0;
    case DELE: // 'TE '
      return view.getUint8(offset + 6) === 0x20 && view.getUint16(offset + 4) === 0x5445 ? offset + 7 : 0;
    case PATC: // 'H '
      return view.getUint16(offset + 4) === 0x4820 ? offset + 6 : 0;
    case OPTI: // 'ONS '
      return view.getInt32(offset + 4) === 0x4f4e5320 ? offset + 8 : 0;
    default:
      return 0;
  }
}

function eventStreamBit(view: DataView, offset: number, end: number): number {
  const limit = Math.min(end, offset + HEAD_SEARCHED_MAX) - EVENT_STREAM.length;
  for (let at = offset; at <= limit; at++) {
    if (view.getUint8(at) !== EVENT_STREAM[0]) continue;
    let matched = 1;
    while (matched < EVENT_STREAM.length && view.getUint8(at + matched) === EVENT_STREAM[matched]) matched++;
    if (matched === EVENT_STREAM.length) return HTTP_EVENT_STREAM;
  }
  return 0;
}
