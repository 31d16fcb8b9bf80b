import {
  FLOW_HIGH,
  FLOW_KIND_DISCRIMINATED,
  FLOW_LOW,
  FLOW_PORTS,
  FLOW_PROTOCOL,
} from '../observe/flow-key.js';
import { IPV4_MAPPED, PROTOCOL_SCTP, PROTOCOL_TCP, PROTOCOL_UDP } from '../wire/ip.js';

/** Which end of a packet is meant. */
export type End = 'source' | 'destination' | 'either' | 'both';

/** A condition of a filter that a frame meets where any of its layers does. */
export type Term =
  | { readonly kind: 'net'; readonly end: End; readonly net: Net }
  | { readonly kind: 'pair'; readonly a: Net; readonly b: Net }
  | {
      readonly kind: 'port';
      readonly end: End;
      readonly from: number;
      readonly to: number;
      /** IP protocol, where one is named. */
      readonly protocol: number | null;
    }
  | { readonly kind: 'ip-protocol'; readonly protocol: number }
  | { readonly kind: 'family'; readonly family: 4 | 6 }
  /** Frames in which the dissector of that protocol reads something, or that have one of its TCP ports. */
  | { readonly kind: 'protocol'; readonly name: string; readonly tcpPorts: readonly number[] }
  /** A number in a column of that name of any protocol, or of the one that is named. */
  | {
      readonly kind: 'column';
      readonly protocol: string | null;
      readonly column: string;
      readonly value: number;
    }
  | { readonly kind: 'isd-as'; readonly end: End; readonly isd: number; readonly as: number | null }
  | { readonly kind: 'length'; readonly least: number; readonly most: number };

/** Addresses that begin with the same bits; IPv4 as ::ffff:0:0/96. */
export interface Net {
  readonly words: Int32Array;
  readonly bits: number;
}

/** @param bytes 4 or 16; @param bits of them, counted from the first. */
export function netOf(bytes: Uint8Array, bits: number): Net {
  const words = new Int32Array(4);
  const at = bytes.length === 4 ? 12 : 0;
  if (at === 12) words[2] = IPV4_MAPPED;
  bytes.forEach((byte, index) => {
    const place = at + index;
    words[place >> 2] |= byte << (24 - 8 * (place & 3));
  });
  return { words, bits: bits + at * 8 };
}

export function isInNet({ words, bits }: Net, address: Int32Array, at: number): boolean {
  for (let word = 0; word * 32 < bits; word++) {
    const rest = bits - word * 32;
    const mask = rest >= 32 ? -1 : ~((1 << (32 - rest)) - 1);
    if (((address[at + word] ^ words[word]) & mask) !== 0) return false;
  }
  return true;
}

export function atEnds(end: End, source: boolean, destination: boolean): boolean {
  if (end === 'source') return source;
  if (end === 'destination') return destination;
  return end === 'both' ? source && destination : source || destination;
}

/** Whether a packet on that flow meets the term, as far as the key of the flow tells. `direction` 1: from the high end. */
export function flowMeets(term: Term, key: Int32Array, at: number, direction: number): boolean {
  const from = at + (direction === 1 ? FLOW_HIGH : FLOW_LOW);
  const to = at + (direction === 1 ? FLOW_LOW : FLOW_HIGH);
  const protocol = key[at + FLOW_PROTOCOL];
  const isConversation = (protocol & FLOW_KIND_DISCRIMINATED) === 0;
  switch (term.kind) {
    case 'net':
      return atEnds(term.end, isInNet(term.net, key, from), isInNet(term.net, key, to));
    case 'pair':
      return arePair(term, key, from, to);
    case 'port': {
      if (!isConversation || !hasPorts(protocol)) return false;
      if (term.protocol !== null && term.protocol !== protocol) return false;
      const ports = key[at + FLOW_PORTS];
      const source = direction === 1 ? ports & 0xffff : ports >>> 16;
      const destination = direction === 1 ? ports >>> 16 : ports & 0xffff;
      return atEnds(term.end, isPortOf(term, source), isPortOf(term, destination));
    }
    case 'ip-protocol':
      return isConversation && protocol === term.protocol;
    case 'family':
      return isConversation && (key[from + 2] === IPV4_MAPPED && key[from] === 0 ? 4 : 6) === term.family;
    case 'protocol': {
      if (!isConversation || protocol !== PROTOCOL_TCP) return false;
      const ports = key[at + FLOW_PORTS];
      return term.tcpPorts.includes(ports & 0xffff) || term.tcpPorts.includes(ports >>> 16);
    }
    case 'column':
    case 'isd-as':
    case 'length':
      return false;
  }
}

export function arePair(
  { a, b }: Extract<Term, { kind: 'pair' }>,
  addresses: Int32Array,
  from: number,
  to: number,
): boolean {
  return (
    (isInNet(a, addresses, from) && isInNet(b, addresses, to)) ||
    (isInNet(b, addresses, from) && isInNet(a, addresses, to))
  );
}

export function isPortOf(term: Extract<Term, { kind: 'port' }>, port: number): boolean {
  return term.from <= port && port <= term.to;
}

export function hasPorts(protocol: number): boolean {
  return protocol === PROTOCOL_UDP || protocol === PROTOCOL_TCP || protocol === PROTOCOL_SCTP;
}
