import { TRANSFORMS_KEPT } from './layout.js';

/*
 * Transforms packed into 32 bits, and unpacked into words.
 *
 * IKEv1 (one suite):        cipher 8 | key length / 64 4 | hash 4 | group 8 | authentication 8
 * IKEv2 (one algorithm):    proposal 4 | type 4 | key length / 8 8 | id 16
 */

/** Attribute (RFC 2408, section 3.3): type with the short-form bit, then a value or a length. */
const SHORT_FORM = 0x8000;
const ATTRIBUTES = 8;
const ATTRIBUTE_LENGTH = 4;
const ATTRIBUTES_MAX = 16;

const V1_CIPHER = 1;
const V1_HASH = 2;
const V1_AUTHENTICATION = 3;
const V1_GROUP = 4;
const KEY_LENGTH = 14;

const V2_TRANSFORM_TYPE = 4;
const V2_TRANSFORM_ID = 6;

/** Packs the phase 1 transform whose header is at `at`. */
export function packTransformV1(view: DataView, at: number, end: number): number {
  let word = 0;
  let attribute = at + ATTRIBUTES;
  for (let count = 0; count < ATTRIBUTES_MAX && end - attribute >= ATTRIBUTE_LENGTH; count++) {
    const type = view.getUint16(attribute);
    const value = view.getUint16(attribute + 2);
    if ((type & SHORT_FORM) === 0) {
      attribute += ATTRIBUTE_LENGTH + value;
      continue;
    }
    switch (type & ~SHORT_FORM) {
      case V1_CIPHER:
        word |= (value & 0xff) << 24;
        break;
      case KEY_LENGTH:
        word |= ((value >> 6) & 0xf) << 20;
        break;
      case V1_HASH:
        word |= (value & 0xf) << 16;
        break;
      case V1_GROUP:
        word |= (value & 0xff) << 8;
        break;
      case V1_AUTHENTICATION:
        // Values above 255 are private: hybrid 64221 …, XAUTH 65001 …; their low bytes differ.
        word |= value & 0xff;
        break;
    }
    attribute += ATTRIBUTE_LENGTH;
  }
  return word;
}

/** Packs the transform whose header is at `at`. */
export function packTransformV2(view: DataView, proposal: number, at: number, end: number): number {
  const word =
    ((proposal & 0xf) << 28) |
    ((view.getUint8(at + V2_TRANSFORM_TYPE) & 0xf) << 24) |
    view.getUint16(at + V2_TRANSFORM_ID);
  const attribute = at + ATTRIBUTES;
  if (end - attribute < ATTRIBUTE_LENGTH) return word;
  if (view.getUint16(attribute) !== (SHORT_FORM | KEY_LENGTH)) return word;
  return word | (((view.getUint16(attribute + 2) >> 3) & 0xff) << 16);
}

const CIPHERS_V1: Readonly<Record<number, string>> = {
  1: 'DES',
  2: 'IDEA',
  3: 'Blowfish',
  4: 'RC5',
  5: '3DES',
  6: 'CAST',
  7: 'AES',
  8: 'Camellia',
};
const HASHES_V1: Readonly<Record<number, string>> = {
  1: 'MD5',
  2: 'SHA1',
  3: 'Tiger',
  4: 'SHA2-256',
  5: 'SHA2-384',
  6: 'SHA2-512',
};
const AUTHENTICATIONS_V1: Readonly<Record<number, string>> = {
  1: 'PSK',
  2: 'DSS signature',
  3: 'RSA signature',
  4: 'RSA encryption',
  5: 'revised RSA encryption',
  9: 'ECDSA-256',
  10: 'ECDSA-384',
  11: 'ECDSA-521',
  [64_221 & 0xff]: 'hybrid RSA',
  [64_222 & 0xff]: 'hybrid RSA',
  [65_001 & 0xff]: 'XAUTH PSK',
  [65_002 & 0xff]: 'XAUTH PSK',
  [65_005 & 0xff]: 'XAUTH RSA',
  [65_006 & 0xff]: 'XAUTH RSA',
};

const TYPE_ENCRYPTION = 1;
const TYPE_PRF = 2;
const TYPE_INTEGRITY = 3;
const TYPE_GROUP = 4;
const TYPE_ESN = 5;

const CIPHERS_V2: Readonly<Record<number, string>> = {
  2: 'DES',
  3: '3DES',
  5: 'IDEA',
  6: 'CAST',
  7: 'Blowfish',
  11: 'NULL',
  12: 'AES-CBC',
  13: 'AES-CTR',
  14: 'AES-CCM-8',
  15: 'AES-CCM-12',
  16: 'AES-CCM-16',
  18: 'AES-GCM-8',
  19: 'AES-GCM-12',
  20: 'AES-GCM-16',
  23: 'Camellia-CBC',
  28: 'ChaCha20-Poly1305',
};
const PRFS_V2: Readonly<Record<number, string>> = {
  1: 'PRF MD5',
  2: 'PRF SHA1',
  4: 'PRF AES-XCBC',
  5: 'PRF SHA2-256',
  6: 'PRF SHA2-384',
  7: 'PRF SHA2-512',
  8: 'PRF AES-CMAC',
};
const INTEGRITIES_V2: Readonly<Record<number, string>> = {
  1: 'MD5-96',
  2: 'SHA1-96',
  5: 'AES-XCBC-96',
  7: 'SHA1-160',
  8: 'AES-CMAC-96',
  12: 'SHA2-256',
  13: 'SHA2-384',
  14: 'SHA2-512',
};

/** A phase 1 transform in words: "AES-128, SHA2-256, DH 14, PSK". */
export function transformTextV1(word: number): string {
  const cipher = word >>> 24;
  const keyLength = ((word >>> 20) & 0xf) * 64;
  const hash = (word >>> 16) & 0xf;
  const authentication = word & 0xff;
  return [
    (CIPHERS_V1[cipher] ?? `cipher ${cipher}`) + (keyLength > 0 ? `-${keyLength}` : ''),
    HASHES_V1[hash] ?? `hash ${hash}`,
    `DH ${(word >>> 8) & 0xff}`,
    AUTHENTICATIONS_V1[authentication] ?? `authentication ${authentication}`,
  ].join(', ');
}

/** An IKEv2 transform in words: "AES-CBC-256". */
function transformTextV2(word: number): string {
  const id = word & 0xffff;
  const keyLength = ((word >>> 16) & 0xff) * 8;
  switch ((word >>> 24) & 0xf) {
    case TYPE_ENCRYPTION:
      return (CIPHERS_V2[id] ?? `cipher ${id}`) + (keyLength > 0 ? `-${keyLength}` : '');
    case TYPE_PRF:
      return PRFS_V2[id] ?? `PRF ${id}`;
    case TYPE_INTEGRITY:
      return INTEGRITIES_V2[id] ?? `integrity ${id}`;
    case TYPE_GROUP:
      return `DH ${id}`;
    case TYPE_ESN:
      return id === 0 ? 'no ESN' : 'ESN';
    default:
      return `additional key exchange ${id}`;
  }
}

/** The transforms of a message in words; `count` is how many it had, of which `words` holds the first ones. */
export function proposalText(version: number, words: readonly number[], count: number): string {
  const more = count > TRANSFORMS_KEPT ? ' and more' : '';
  if (version === 1) return words.map(transformTextV1).join(' | ') + more;
  const proposals = new Map<number, string[]>();
  for (const word of words) {
    const number = word >>> 28;
    const texts = proposals.get(number);
    if (texts) texts.push(transformTextV2(word));
    else proposals.set(number, [transformTextV2(word)]);
  }
  return [...proposals.values()].map((texts) => texts.join(', ')).join(' | ') + more;
}
