import { addressBytes } from '../wire/address-bytes.js';

/** What is wrong with an expression, and where: the character, counted from 1. */
export class FilterError extends Error {
  constructor(
    message: string,
    readonly position: number,
  ) {
    super(message);
  }
}

export interface Token {
  readonly text: string;
  /** Of its first character, from 1. */
  readonly at: number;
}

export function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  for (const match of text.matchAll(/&&|\|\||[()!]|[^\s()!&|]+|[&|]/g)) {
    const word = match[0];
    const same = word === '&&' ? 'and' : word === '||' ? 'or' : word === '!' ? 'not' : word;
    tokens.push({ text: same.toLowerCase(), at: match.index + 1 });
  }
  return tokens;
}

export function isAddressLike(word: string): boolean {
  return addressBytes(word.split('/')[0] ?? '') !== null;
}

/** `net 10.1`: as many bytes as are written (pcap-filter(7)). */
export function partialNet(text: string): Uint8Array | null {
  const parts = text.split('.');
  if (parts.length > 4 || !parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) < 256)) return null;
  return Uint8Array.from([...parts.map(Number), 0, 0, 0]).slice(0, 4);
}

export function implied(address: string, bytes: Uint8Array): number {
  return bytes.length === 16 ? 128 : address.split('.').length * 8;
}
