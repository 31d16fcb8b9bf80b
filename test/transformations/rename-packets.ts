import { createHash } from 'node:crypto';
import { LINK_TYPE } from '../build/link.js';

/*
 * Gives every address and port of a frame another name: in the headers of all layers, in what ICMP errors quote, in ARP,
 * in the hashes by which IKE tells NAT, in SCION's address header, and in MAC addresses that are made of IP addresses.
 * Checksums stay as right or as wrong as they were (RFC 1624).
 */

export interface Renaming {
  /** Another address of the same length; the same bytes where it keeps its name. */
  readonly address: (bytes: Uint8Array) => Uint8Array;
  readonly port: (port: number, protocol: number) => number;
  readonly mac: (bytes: Uint8Array) => Uint8Array;
  /** Texts of addresses and ports that an IKE peer may have hashed. */
  readonly hashed: readonly { readonly address: Uint8Array; readonly port: number }[];
}

const ETHER_IPV4 = 0x0800;
const ETHER_ARP = 0x0806;
const ETHER_IPV6 = 0x86dd;
const TEB = 0x6558;
const VXLAN_PORTS = new Set([4789, 8472, 4790]);
const GENEVE_PORT = 6081;
const IKE_PORTS = new Set([500, 4500]);
const ICMP_ERRORS_4 = new Set([3, 4, 5, 11, 12]);
const IPV6_EXTENSIONS = new Set([0, 43, 44, 60]);

/** A checksum field: what covers it in its turn, and whether it holds a plain sum, as a sender with offload leaves it. */
interface Sum {
  readonly at: number;
  readonly plain: boolean;
  /** Zero would mean that there is none (RFC 768). */
  readonly isUdp?: boolean;
  readonly outer: readonly Sum[];
}

class Renamer {
  private readonly view: DataView;

  constructor(
    private readonly bytes: Uint8Array,
    private readonly by: Renaming,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  link(linkType: number): void {
    const { length } = this.bytes;
    if (linkType === LINK_TYPE.ethernet) this.ethernet(0, []);
    else if (linkType === LINK_TYPE.raw) this.ip(0, []);
    else if (linkType === LINK_TYPE.linuxSll && length >= 16) this.payload(this.word(14), 16, []);
    else if (linkType === LINK_TYPE.linuxSll2 && length >= 20) this.payload(this.word(0), 20, []);
    else if ((linkType === LINK_TYPE.null || linkType === LINK_TYPE.loop) && length >= 4) this.ip(4, []);
  }

  private has(at: number, count: number): boolean {
    return at + count <= this.bytes.length;
  }

  private word(at: number): number {
    return this.view.getUint16(at);
  }

  /** Writes 16 bits and mends the checksums over them. */
  private setWord(at: number, value: number, sums: readonly Sum[]): void {
    const old = this.word(at);
    if (old === value) return;
    this.view.setUint16(at, value);
    for (const sum of sums) this.mend(sum, old, value);
  }

  private mend({ at, plain, isUdp = false, outer }: Sum, old: number, value: number): void {
    if (!this.has(at, 2)) return;
    const before = this.word(at);
    let total = (plain ? before : ~before & 0xffff) + (~old & 0xffff) + value;
    while (total > 0xffff) total = (total & 0xffff) + (total >>> 16);
    const sum = plain ? total : ~total & 0xffff;
    this.setWord(at, sum === 0 && isUdp ? 0xffff : sum, outer);
  }

  private setBytes(at: number, value: Uint8Array, sums: readonly Sum[]): void {
    for (let index = 0; index < value.length; index += 2) {
      this.setWord(at + index, (value[index] << 8) | value[index + 1], sums);
    }
  }

  private rename(at: number, length: number, sums: readonly Sum[]): void {
    if (this.has(at, length)) this.setBytes(at, this.by.address(this.bytes.slice(at, at + length)), sums);
  }

  /** `ee:ee` or `aa:aa` and the IPv4 address are how the interfaces of Cloud Foundry's overlay are called. */
  private renameMac(at: number, sums: readonly Sum[]): void {
    if (!this.has(at, 6)) return;
    const start = this.word(at);
    if (start === 0xeeee || start === 0xaaaa) this.rename(at + 2, 4, sums);
    else this.setBytes(at, this.by.mac(this.bytes.slice(at, at + 6)), sums);
  }

  private ethernet(at: number, sums: readonly Sum[]): void {
    if (!this.has(at, 14)) return;
    this.renameMac(at, sums);
    this.renameMac(at + 6, sums);
    this.payload(this.word(at + 12), at + 14, sums);
  }

  private payload(etherType: number, at: number, sums: readonly Sum[]): void {
    if (etherType === ETHER_IPV4 || etherType === ETHER_IPV6) this.ip(at, sums);
    else if (etherType === ETHER_ARP) this.arp(at, sums);
    else if (etherType === TEB) this.ethernet(at, sums);
    else if (etherType === 0x8100 || etherType === 0x88a8) {
      if (this.has(at, 4)) this.payload(this.word(at + 2), at + 4, sums);
    } else if (etherType === 0x8864 && this.has(at, 8)) this.ip(at + 8, sums);
    else if (etherType === 0x88be) this.ethernet(at + 8, sums);
  }

  private arp(at: number, sums: readonly Sum[]): void {
    if (!this.has(at, 28) || this.word(at + 2) !== ETHER_IPV4) return;
    this.renameMac(at + 8, sums);
    this.rename(at + 14, 4, sums);
    this.renameMac(at + 18, sums);
    this.rename(at + 24, 4, sums);
  }

  private ip(at: number, sums: readonly Sum[]): void {
    if (!this.has(at, 20)) return;
    const version = this.bytes[at] >> 4;
    if (version === 4) this.ipv4(at, sums);
    else if (version === 6 && this.has(at, 40)) this.ipv6(at, sums);
  }

  private ipv4(at: number, sums: readonly Sum[]): void {
    const headerLength = (this.bytes[at] & 0xf) * 4;
    const isFirst = (this.word(at + 6) & 0x1fff) === 0;
    const next = at + headerLength;
    const protocol = this.bytes[at + 9];
    const own = [...sums, { at: at + 10, plain: false, outer: sums }];
    const upper = isFirst ? this.upperSum(protocol, next, at + 12, 4, sums) : null;
    const over = upper ? [...own, upper] : own;
    this.rename(at + 12, 4, over);
    this.rename(at + 16, 4, over);
    if (isFirst) this.upper(protocol, next, sums, at + 12, 4);
  }

  private ipv6(at: number, sums: readonly Sum[]): void {
    let protocol = this.bytes[at + 6];
    let next = at + 40;
    let isFirst = true;
    while (IPV6_EXTENSIONS.has(protocol) && this.has(next, 8)) {
      if (protocol === 44) isFirst = isFirst && (this.word(next + 2) & 0xfff8) === 0;
      const length = protocol === 44 ? 8 : 8 * (this.bytes[next + 1] + 1);
      protocol = this.bytes[next];
      next += length;
    }
    const upper = isFirst ? this.upperSum(protocol, next, at + 8, 16, sums) : null;
    const over = upper ? [...sums, upper] : sums;
    this.rename(at + 8, 16, over);
    this.rename(at + 24, 16, over);
    if (isFirst) this.upper(protocol, next, sums, at + 8, 16);
  }

  /** The checksum over a pseudo header, or null where there is none. */
  private upperSum(
    protocol: number,
    at: number,
    addresses: number,
    length: number,
    outer: readonly Sum[],
  ): Sum | null {
    const field = protocol === 6 ? at + 16 : protocol === 17 ? at + 6 : protocol === 58 ? at + 2 : -1;
    if (field < 0 || !this.has(field, 2)) return null;
    const value = this.word(field);
    if (protocol === 17 && value === 0) return null;
    return {
      at: field,
      plain: value === this.pseudoSum(protocol, at, addresses, length),
      isUdp: protocol === 17,
      outer,
    };
  }

  /** What a sender with offload leaves in the field: the sum over the pseudo header alone. */
  private pseudoSum(protocol: number, at: number, addresses: number, length: number): number {
    let sum = protocol;
    for (let index = 0; index < 2 * length; index += 2) sum += this.word(addresses + index);
    const header = length === 4 ? addresses - 12 : addresses - 8;
    sum += length === 4 ? this.word(header + 2) - (at - header) : this.word(header + 4) - (at - header - 40);
    while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
    return sum;
  }

  private upper(protocol: number, at: number, sums: readonly Sum[], addresses: number, length: number): void {
    const own = this.upperSum(protocol, at, addresses, length, sums);
    const over = own ? [...sums, own] : sums;
    if (protocol === 17) this.udp(at, over);
    else if (protocol === 6) this.ports(at, 6, over);
    else if (protocol === 1)
      this.icmp(at, [...sums, { at: at + 2, plain: false, outer: sums }], ICMP_ERRORS_4);
    else if (protocol === 58) this.icmp6(at, over);
    else if (protocol === 47) this.gre(at, sums);
    else if (protocol === 4 || protocol === 41) this.ip(at, sums);
  }

  private ports(at: number, protocol: number, sums: readonly Sum[]): void {
    if (!this.has(at, 4)) return;
    for (const field of [at, at + 2]) this.setWord(field, this.by.port(this.word(field), protocol), sums);
  }

  private udp(at: number, sums: readonly Sum[]): void {
    if (!this.has(at, 8)) return;
    const source = this.word(at);
    const destination = this.word(at + 2);
    this.ports(at, 17, sums);
    const payload = at + 8;
    if (IKE_PORTS.has(source) || IKE_PORTS.has(destination)) this.ike(payload, sums);
    else if (this.isVxlan(payload, source, destination)) this.ethernet(payload + 8, sums);
    else if (destination === GENEVE_PORT && this.has(payload, 8)) {
      this.payload(this.word(payload + 2), payload + 8 + 4 * (this.bytes[payload] & 0x3f), sums);
    } else this.scion(payload, this.word(at + 4) - 8, sums);
  }

  private isVxlan(at: number, source: number, destination: number): boolean {
    if (!this.has(at, 22) || !(this.bytes[at] & 0x08)) return false;
    if (VXLAN_PORTS.has(destination) || VXLAN_PORTS.has(source)) return true;
    return (this.bytes[at] & 0x77) === 0 && [ETHER_ARP, ETHER_IPV4, ETHER_IPV6].includes(this.word(at + 20));
  }

  private gre(at: number, sums: readonly Sum[]): void {
    if (!this.has(at, 4)) return;
    const flags = this.word(at);
    const options = [0x8000, 0x2000, 0x1000].filter((flag) => flags & flag).length;
    const over = flags & 0x8000 ? [...sums, { at: at + 4, plain: false, outer: sums }] : sums;
    this.payload(this.word(at + 2), at + 4 + 4 * options, over);
  }

  private icmp(at: number, sums: readonly Sum[], errors: ReadonlySet<number>): void {
    if (this.has(at, 8) && errors.has(this.bytes[at])) this.ip(at + 8, sums);
  }

  private icmp6(at: number, sums: readonly Sum[]): void {
    if (!this.has(at, 8)) return;
    const type = this.bytes[at];
    if (type < 128) this.ip(at + 8, sums);
    else if (type === 135 || type === 136) this.rename(at + 8, 16, sums);
  }

  /** NAT detection hashes cookies, an address and a port: RFC 3947 section 3.2, RFC 7296 section 2.23. */
  private ike(at: number, sums: readonly Sum[]): void {
    const start = this.has(at, 4) && this.view.getUint32(at) === 0 ? at + 4 : at;
    if (!this.has(start, 28)) return;
    const cookies = this.bytes.slice(start, start + 16);
    const payload = Buffer.from(this.bytes.buffer, this.bytes.byteOffset + start, this.bytes.length - start);
    const found = this.by.hashed.flatMap((one) =>
      ['sha1', 'md5', 'sha256'].flatMap((algorithm) => {
        const at = payload.indexOf(natHash(algorithm, cookies, one.address, one.port));
        return at < 0 ? [] : [{ ...one, algorithm, at }];
      }),
    );
    for (const { address, port, algorithm, at: offset } of found) {
      const hash = natHash(algorithm, cookies, this.by.address(address), this.by.port(port, 17));
      this.replace(start + offset, hash, sums);
    }
  }

  /** As `setBytes`, at any offset. */
  private replace(at: number, value: Uint8Array, sums: readonly Sum[]): void {
    for (const [index, byte] of value.entries()) {
      const even = sums.length > 0 && (at + index - sums[sums.length - 1].at) % 2 !== 0 ? -1 : 0;
      const word = this.word(at + index + even);
      const changed = even === 0 ? (byte << 8) | (word & 0xff) : (word & 0xff00) | byte;
      this.setWord(at + index + even, changed, sums);
    }
  }

  /** SCION's common and address headers: hosts of 4 or 16 bytes, and the checksum of what they carry. */
  private scion(at: number, length: number, sums: readonly Sum[]): void {
    if (!this.has(at, 36) || this.bytes[at] >> 4 !== 0) return;
    const headerLength = 4 * this.bytes[at + 5];
    if (headerLength + this.word(at + 6) !== length || this.bytes[at + 8] > 4) return;
    const sizes = this.bytes[at + 9];
    const destinationLength = 4 * (((sizes >> 4) & 3) + 1);
    const sourceLength = 4 * ((sizes & 3) + 1);
    const next = at + headerLength;
    const field = this.bytes[at + 4] === 17 ? next + 6 : this.bytes[at + 4] === 202 ? next + 2 : -1;
    const over = field < 0 ? sums : [...sums, { at: field, plain: false, outer: sums }];
    if (((sizes >> 4) & 0xc) === 0) this.rename(at + 28, destinationLength, over);
    if ((sizes & 0xc) === 0) this.rename(at + 28 + destinationLength, sourceLength, over);
  }
}

function natHash(algorithm: string, cookies: Uint8Array, address: Uint8Array, port: number): Buffer {
  return createHash(algorithm)
    .update(cookies)
    .update(address)
    .update(Uint8Array.of(port >> 8, port & 0xff))
    .digest();
}

/** A copy of the frame in which everybody has another name. */
export function renamed(frame: Uint8Array, linkType: number, by: Renaming): Uint8Array {
  const bytes = frame.slice();
  new Renamer(bytes, by).link(linkType);
  return bytes;
}
