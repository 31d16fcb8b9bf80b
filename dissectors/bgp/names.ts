import * as bgp from './layout.js';

interface CodeNames {
  readonly name: string;
  readonly subcodes: Readonly<Record<number, string>>;
}

/** RFC 4271 section 6, RFC 4486, RFC 5492, RFC 6608, RFC 7313, RFC 8538, RFC 9234, RFC 9384. */
const CODES: Readonly<Record<number, CodeNames>> = {
  1: {
    name: 'message header error',
    subcodes: { 1: 'connection not synchronized', 2: 'bad message length', 3: 'bad message type' },
  },
  2: {
    name: 'OPEN message error',
    subcodes: {
      1: 'unsupported version number',
      2: 'bad peer AS',
      3: 'bad BGP identifier',
      4: 'unsupported optional parameter',
      5: 'authentication failure',
      6: 'unacceptable hold time',
      7: 'unsupported capability',
      11: 'role mismatch',
    },
  },
  3: {
    name: 'UPDATE message error',
    subcodes: {
      1: 'malformed attribute list',
      2: 'unrecognized well-known attribute',
      3: 'missing well-known attribute',
      4: 'attribute flags error',
      5: 'attribute length error',
      6: 'invalid ORIGIN attribute',
      7: 'AS routing loop',
      8: 'invalid NEXT_HOP attribute',
      9: 'optional attribute error',
      10: 'invalid network field',
      11: 'malformed AS_PATH',
    },
  },
  4: { name: 'hold timer expired', subcodes: {} },
  5: {
    name: 'finite state machine error',
    subcodes: {
      1: 'unexpected message in OpenSent',
      2: 'unexpected message in OpenConfirm',
      3: 'unexpected message in Established',
    },
  },
  6: {
    name: 'cease',
    subcodes: {
      1: 'maximum number of prefixes reached',
      2: 'administrative shutdown',
      3: 'peer de-configured',
      4: 'administrative reset',
      5: 'connection rejected',
      6: 'other configuration change',
      7: 'connection collision resolution',
      8: 'out of resources',
      9: 'hard reset',
      10: 'BFD down',
    },
  },
  7: { name: 'ROUTE-REFRESH message error', subcodes: { 1: 'invalid message length' } },
  8: { name: 'send hold timer expired', subcodes: {} },
};

/** `2/2 (OPEN message error, bad peer AS)`. */
export function codeText(code: number, subcode: number): string {
  const known = CODES[code];
  if (!known) return `${code}/${subcode} (unassigned)`;
  const detail = known.subcodes[subcode];
  return `${code}/${subcode} (${detail ? `${known.name}, ${detail}` : known.name})`;
}

const PLANNED: ReadonlySet<number> = new Set([
  bgp.CEASE_ADMIN_SHUTDOWN,
  bgp.CEASE_DECONFIGURED,
  bgp.CEASE_ADMIN_RESET,
  bgp.CEASE_CONFIGURATION_CHANGE,
]);

/** A Cease that somebody ordered. */
export function isPlannedCease(code: number, subcode: number): boolean {
  return code === bgp.CODE_CEASE && PLANNED.has(subcode);
}
