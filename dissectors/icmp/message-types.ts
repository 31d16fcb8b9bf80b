/*
 * ICMP types (RFC 792) and ICMPv6 types (RFC 4443), and what an error says in words that hold for both.
 */
export const ECHO_REPLY = 0;
export const DESTINATION_UNREACHABLE = 3;
export const SOURCE_QUENCH = 4;
export const REDIRECT = 5;
export const ECHO_REQUEST = 8;
export const TIME_EXCEEDED = 11;
export const PARAMETER_PROBLEM = 12;
/** Code of DESTINATION_UNREACHABLE (RFC 1191). */
export const FRAGMENTATION_NEEDED = 4;

export const V6_DESTINATION_UNREACHABLE = 1;
export const V6_PACKET_TOO_BIG = 2;
export const V6_TIME_EXCEEDED = 3;
export const V6_PARAMETER_PROBLEM = 4;
export const V6_ECHO_REQUEST = 128;
export const V6_ECHO_REPLY = 129;

export type ErrorMeaning =
  | 'network-unreachable'
  | 'host-unreachable'
  | 'protocol-unreachable'
  | 'port-unreachable'
  | 'admin-prohibited'
  | 'packet-too-big'
  | 'ttl-exceeded'
  | 'reassembly-timeout'
  | 'redirect'
  | 'source-quench'
  | 'parameter-problem'
  | 'other';

/** RFC 792, 1122 (3.2.2.1) and 1812 (5.2.7.1). */
const UNREACHABLE_CODES: readonly ErrorMeaning[] = [
  'network-unreachable',
  'host-unreachable',
  'protocol-unreachable',
  'port-unreachable',
  'packet-too-big',
  'other',
  'network-unreachable',
  'host-unreachable',
  'host-unreachable',
  'admin-prohibited',
  'admin-prohibited',
  'network-unreachable',
  'host-unreachable',
  'admin-prohibited',
];

/** RFC 4443, section 3.1. */
const V6_UNREACHABLE_CODES: readonly ErrorMeaning[] = [
  'network-unreachable',
  'admin-prohibited',
  'other',
  'host-unreachable',
  'port-unreachable',
  'admin-prohibited',
  'network-unreachable',
];

export function meaningOf(family: number, type: number, code: number): ErrorMeaning {
  if (family === 6) return meaningOfV6(type, code);
  switch (type) {
    case DESTINATION_UNREACHABLE:
      return UNREACHABLE_CODES[code] ?? 'other';
    case SOURCE_QUENCH:
      return 'source-quench';
    case REDIRECT:
      return 'redirect';
    case TIME_EXCEEDED:
      return code === 1 ? 'reassembly-timeout' : 'ttl-exceeded';
    case PARAMETER_PROBLEM:
      return 'parameter-problem';
    default:
      return 'other';
  }
}

function meaningOfV6(type: number, code: number): ErrorMeaning {
  switch (type) {
    case V6_DESTINATION_UNREACHABLE:
      return V6_UNREACHABLE_CODES[code] ?? 'other';
    case V6_PACKET_TOO_BIG:
      return 'packet-too-big';
    case V6_TIME_EXCEEDED:
      return code === 1 ? 'reassembly-timeout' : 'ttl-exceeded';
    case V6_PARAMETER_PROBLEM:
      // Code 1: unrecognised next header, what IPv4 calls protocol unreachable.
      return code === 1 ? 'protocol-unreachable' : 'parameter-problem';
    default:
      return 'other';
  }
}

const WORDS: Readonly<Record<ErrorMeaning, string>> = {
  'network-unreachable': 'network unreachable',
  'host-unreachable': 'host unreachable',
  'protocol-unreachable': 'protocol unreachable',
  'port-unreachable': 'port unreachable',
  'admin-prohibited': 'administratively prohibited',
  'packet-too-big': 'packet too big',
  'ttl-exceeded': 'TTL exceeded in transit',
  'reassembly-timeout': 'fragment reassembly time exceeded',
  redirect: 'redirect',
  'source-quench': 'source quench',
  'parameter-problem': 'parameter problem',
  other: 'ICMP error',
};

export function wordsFor(meaning: ErrorMeaning): string {
  return WORDS[meaning];
}
