import { ascii, concat, u8, u16, u32, zeros } from './bytes.js';

export const DNS_TYPE = { a: 1, ptr: 12, aaaa: 28 } as const;
export const DNS_RCODE = { noError: 0, serverFailure: 2, noSuchName: 3, refused: 5 } as const;

export interface DnsQuery {
  id: number;
  name: string;
  type?: number;
  /** Default true. */
  recursionDesired?: boolean;
}

export interface DnsResponse extends DnsQuery {
  rcode?: number;
  /** IPv4 addresses, one record each. */
  addresses?: readonly string[];
  truncated?: boolean;
}

/** A name as length-prefixed labels (RFC 1035 section 3.1), uncompressed. */
export function dnsName(name: string): Uint8Array {
  const labels = name === '' ? [] : name.split('.');
  return concat(...labels.flatMap((label) => [u8(label.length), ascii(label)]), u8(0));
}

function question({ name, type = DNS_TYPE.a }: DnsQuery): Uint8Array {
  return concat(dnsName(name), u16(type), u16(1));
}

/** RFC 1035 section 4.1. */
export function dnsQuery(query: DnsQuery): Uint8Array {
  const flags = query.recursionDesired === false ? 0 : 0x0100;
  return concat(u16(query.id), u16(flags), u16(1), zeros(6), question(query));
}

export function dnsResponse(response: DnsResponse): Uint8Array {
  const { id, rcode = 0, addresses = [], recursionDesired = true, truncated = false } = response;
  const flags = 0x8080 | (recursionDesired ? 0x0100 : 0) | (truncated ? 0x0200 : 0) | rcode;
  // The name of each record points to that of the question (section 4.1.4).
  const records = addresses.map((address) =>
    concat(
      u16(0xc00c),
      u16(1),
      u16(1),
      u32(300),
      u16(4),
      Uint8Array.from(address.split('.').map((octet) => Number(octet))),
    ),
  );
  return concat(u16(id), u16(flags), u16(1), u16(addresses.length), zeros(4), question(response), ...records);
}

/** As over TCP (section 4.2.2). */
export function dnsOverTcp(message: Uint8Array): Uint8Array {
  return concat(u16(message.length), message);
}
