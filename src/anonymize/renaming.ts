import { createCipheriv, createHash } from 'node:crypto';

/** A block of addresses that is kept apart from the others. */
interface SpecialBlock {
  readonly prefix: readonly number[];
  readonly bits: number;
  /** True: addresses stay as they are. False: they are renamed within the block. */
  readonly isFixed: boolean;
}

const fixed = (bits: number, ...prefix: number[]): SpecialBlock => ({ prefix, bits, isFixed: true });
const within = (bits: number, ...prefix: number[]): SpecialBlock => ({ prefix, bits, isFixed: false });

/** Addresses whose class means something (RFC 6890): no other address becomes one of them, and they stay in it. */
const SPECIAL_IPV4: readonly SpecialBlock[] = [
  fixed(8, 0),
  within(8, 10),
  within(10, 100, 64),
  fixed(8, 127),
  within(16, 169, 254),
  // The gateway that hosts of silk have in common.
  fixed(32, 169, 254, 0, 1),
  within(12, 172, 16),
  within(16, 192, 168),
  fixed(4, 224),
  fixed(4, 240),
];

const SPECIAL_IPV6: readonly SpecialBlock[] = [
  // Unspecified, loopback, mapped and compatible addresses.
  fixed(80),
  within(7, 0xfc),
  within(64, 0xfe, 0x80),
  fixed(8, 0xff),
];

const CACHE_MAX = 1 << 16;

/**
 * New names for addresses, MACs and words, all by one key: the same name becomes the same one everywhere. Addresses keep
 * their common prefixes (Crypto-PAn: Xu, Fan, Ammar and Moon 2002), and the class that they are of.
 */
export class Renaming {
  private readonly aesKey: Buffer;
  private readonly pad: Buffer;
  private readonly known = new Map<string, Buffer>();

  constructor(key: string | Buffer) {
    const digest = createHash('sha256').update('capan anonymize').update(key).digest();
    this.aesKey = digest.subarray(0, 16);
    this.pad = this.encrypt(digest.subarray(16, 32));
  }

  /** @param address 4 or 16 bytes @returns the new one */
  address(address: Uint8Array): Uint8Array {
    const name = Buffer.from(address).toString('hex');
    const known = this.known.get(name);
    if (known !== undefined) return known;
    const fresh = this.renamed(address);
    if (this.known.size >= CACHE_MAX) this.known.clear();
    this.known.set(name, fresh);
    return fresh;
  }

  /** @param mac 6 bytes */
  mac(mac: Uint8Array): Uint8Array {
    const [a, b, c, d] = mac;
    const isZero = mac.every((byte) => byte === 0);
    // Groups (IEEE 802, IPv4 and IPv6 multicast, broadcast), and VRRP (RFC 9568, section 7.3).
    const isGroup = (a & 1) === 1;
    const isVrrp = a === 0 && b === 0 && c === 0x5e && d === 0;
    if (isZero || isGroup || isVrrp) return mac;
    // Made of an IPv4 address: ee:ee of a container, aa:aa of its host.
    if (a === b && (a === 0xee || a === 0xaa))
      return Uint8Array.from([a, b, ...this.address(mac.subarray(2, 6))]);
    const fresh = this.digest('mac', mac).subarray(0, 6);
    fresh[0] = (fresh[0] & 0xfc) | (a & 3);
    return fresh;
  }

  /** Letters in place of those of a word, as many. */
  word(word: Uint8Array): Uint8Array {
    const digest = this.stream(
      Buffer.from(Buffer.from(word).toString('latin1').toLowerCase(), 'latin1'),
      word.length,
    );
    return digest.map((byte) => 0x61 + (byte % 26));
  }

  /** Bytes that are equal for equal contents, and tell nothing of them. */
  stream(content: Uint8Array, length: number): Uint8Array {
    const iv = this.digest('bytes', content).subarray(0, 16);
    const cipher = createCipheriv('aes-128-ctr', this.aesKey, iv);
    return cipher.update(Buffer.alloc(length));
  }

  private digest(what: string, content: Uint8Array): Buffer {
    return createHash('sha256').update(this.pad).update(what).update(content).digest();
  }

  private renamed(address: Uint8Array): Buffer {
    if (address.length === 16) return this.renamedIpv6(address);
    return this.renamedBits(address, SPECIAL_IPV4, 32);
  }

  private renamedIpv6(address: Uint8Array): Buffer {
    const fresh = this.renamedBits(address, SPECIAL_IPV6, 128);
    // Made of a MAC (RFC 4291, appendix A): of the new one.
    if (address[11] === 0xff && address[12] === 0xfe) {
      const mac = Uint8Array.from([
        address[8] ^ 2,
        address[9],
        address[10],
        address[13],
        address[14],
        address[15],
      ]);
      const [a, b, c, d, e, f] = this.mac(mac);
      fresh.set([a ^ 2, b, c, 0xff, 0xfe, d, e, f], 8);
    }
    return fresh;
  }

  private renamedBits(address: Uint8Array, special: readonly SpecialBlock[], bits: number): Buffer {
    const fresh = Buffer.from(address);
    for (let bit = 0; bit < bits; bit++) {
      if (!mayFlip(address, bit, special) || (bits === 32 && isNetworkOrBroadcast(address, bit))) continue;
      if (this.bitOf(address, bit) === 1) fresh[bit >> 3] ^= 0x80 >> (bit & 7);
    }
    return fresh;
  }

  /** By the bits in front of it alone. */
  private bitOf(address: Uint8Array, bit: number): number {
    const block = Buffer.from(this.pad);
    for (let at = 0; at < bit; at++) {
      const mask = 0x80 >> (at & 7);
      block[at >> 3] = (block[at >> 3] & ~mask) | ((address[at >> 3] ?? 0) & mask);
    }
    return this.encrypt(block)[0] >> 7;
  }

  private encrypt(block: Uint8Array): Buffer {
    const cipher = createCipheriv('aes-128-ecb', this.aesKey, null);
    cipher.setAutoPadding(false);
    return cipher.update(block);
  }
}

/** Of a network of 24 bits, its own address and that for all of it stay such: the host bits so far are all 0 or all 1. */
function isNetworkOrBroadcast(address: Uint8Array, bit: number): boolean {
  if (bit < 24) return false;
  const host = address[3] >> (32 - bit);
  return host === 0 || host === (1 << (bit - 24)) - 1;
}

/** Not where the block of the bits so far holds a special one, or lies in one that is fixed. */
function mayFlip(address: Uint8Array, bit: number, special: readonly SpecialBlock[]): boolean {
  return special.every(({ prefix, bits, isFixed }) => {
    const common = Math.min(bit, bits);
    const isRelated = sharesBits(address, prefix, common);
    if (!isRelated) return true;
    return bit >= bits && !isFixed;
  });
}

function sharesBits(address: Uint8Array, prefix: readonly number[], bits: number): boolean {
  for (let bit = 0; bit < bits; bit++) {
    const mask = 0x80 >> (bit & 7);
    if (((address[bit >> 3] ^ (prefix[bit >> 3] ?? 0)) & mask) !== 0) return false;
  }
  return true;
}
