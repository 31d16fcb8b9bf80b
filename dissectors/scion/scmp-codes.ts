import * as scion from './layout.js';
import type { ScmpError } from './session.js';

/* What SCMP messages mean: the SCMP specification (current), and the classes and types of 2018. */

export type ScmpMeaning = 'too-big' | 'path-expired' | 'version' | 'interface-down' | 'path' | 'endhost';

const CODES_UNREACHABLE = [
  'no route to destination',
  'communication denied by policy',
  'destination beyond the scope of the source address',
  'address unreachable',
  'port unreachable',
  'source address failed ingress policy',
  'route to destination rejected',
];
const CODES_PARAMETER: ReadonlyMap<number, string> = new Map([
  [0, 'erroneous header field'],
  [1, 'unknown next header'],
  [16, 'invalid common header'],
  [17, 'unknown SCION version'],
  [18, 'flow id required'],
  [19, 'invalid packet size'],
  [20, 'unknown path type'],
  [21, 'unknown address type'],
  [32, 'invalid address header'],
  [33, 'invalid source address'],
  [34, 'invalid destination address'],
  [35, 'non-local delivery'],
  [48, 'invalid path'],
  [49, 'unknown ingress interface in construction direction'],
  [50, 'unknown egress interface in construction direction'],
  [51, 'invalid hop field MAC'],
  [52, 'path expired'],
  [53, 'invalid segment change'],
  [64, 'invalid extension header'],
  [65, 'unknown hop-by-hop option'],
  [66, 'unknown end-to-end option'],
]);
const CODE_VERSION = 17;
const CODE_PATH_EXPIRED = 52;

const OLD_CLASSES = ['general', 'routing', 'common header', 'path', 'extension', 'SIBRA'];
const OLD_ROUTING = [
  'network unreachable',
  'host unreachable',
  'layer 2 error',
  'protocol unreachable',
  'port unreachable',
  'unknown host',
  'bad host',
  'packet too big',
  'administratively denied',
];
const OLD_ROUTING_TOO_BIG = 7;
const OLD_PATH = [
  'path required',
  'bad hop field MAC',
  'expired hop field',
  'bad interface',
  'revoked interface',
  'non-routing hop field',
  'non-local delivery',
  'bad segment',
  'bad info field',
  'bad hop field',
];
const OLD_PATH_EXPIRED = 2;
const OLD_PATH_REVOKED = 4;

/** Answers and questions (echo, traceroute) are no errors. */
export function isError(isCurrent: boolean, type: number): boolean {
  return isCurrent ? type > 0 && type < scion.TYPE_ECHO_REQUEST : type > scion.OLD_CLASS_GENERAL;
}

export function meaningOf({ isCurrent, type, code }: ScmpError): ScmpMeaning {
  return isCurrent ? currentMeaning(type, code) : oldMeaning(type, code);
}

function currentMeaning(type: number, code: number): ScmpMeaning {
  if (type === scion.TYPE_TOO_BIG) return 'too-big';
  if (type === scion.TYPE_EXTERNAL_DOWN || type === scion.TYPE_INTERNAL_DOWN) return 'interface-down';
  if (type !== scion.TYPE_PARAMETER) return 'endhost';
  if (code === CODE_PATH_EXPIRED) return 'path-expired';
  return code === CODE_VERSION ? 'version' : 'path';
}

function oldMeaning(type: number, code: number): ScmpMeaning {
  if (type === scion.OLD_CLASS_ROUTING) return code === OLD_ROUTING_TOO_BIG ? 'too-big' : 'endhost';
  if (type === scion.OLD_CLASS_COMMON_HEADER && code === 0) return 'version';
  if (type !== scion.OLD_CLASS_PATH) return 'path';
  if (code === OLD_PATH_EXPIRED) return 'path-expired';
  return code === OLD_PATH_REVOKED ? 'interface-down' : 'path';
}

/** The message in words: `external interface 5 down`, `path expired`. */
export function scmpText(error: ScmpError): string {
  const { isCurrent, type, code, mtu, interfaceId } = error;
  if (!isCurrent) return oldText(error);
  if (type === scion.TYPE_UNREACHABLE) {
    return `destination unreachable: ${CODES_UNREACHABLE[code] ?? `code ${code}`}`;
  }
  if (type === scion.TYPE_TOO_BIG) return `packet too big for an MTU of ${mtu} bytes`;
  if (type === scion.TYPE_PARAMETER) {
    return `parameter problem: ${CODES_PARAMETER.get(code) ?? `code ${code}`}`;
  }
  if (type === scion.TYPE_EXTERNAL_DOWN) return `external interface ${interfaceId} down`;
  if (type === scion.TYPE_INTERNAL_DOWN) return `internal connectivity from interface ${interfaceId} down`;
  return `type ${type} code ${code}`;
}

function oldText({ type, code, mtu, interfaceId }: ScmpError): string {
  if (type === scion.OLD_CLASS_ROUTING) {
    if (code === OLD_ROUTING_TOO_BIG) return `packet too big for an MTU of ${mtu} bytes`;
    return OLD_ROUTING[code] ?? `routing error ${code}`;
  }
  if (type === scion.OLD_CLASS_PATH) {
    if (code === OLD_PATH_REVOKED) return `interface ${interfaceId} revoked`;
    return OLD_PATH[code] ?? `path error ${code}`;
  }
  if (type === scion.OLD_CLASS_COMMON_HEADER && code === 0) return 'bad SCION version';
  return `${OLD_CLASSES[type] ?? `class ${type}`} error ${code}`;
}
