import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import * as isakmp from './layout.js';
import { vendorBit } from './vendor-ids.js';

const DRAFT = 'draft-ietf-ipsec-nat-t-ike';

/** Vendor ids are the MD5 of what they are called (RFC 3947, section 3.1). */
const HASHED: readonly (readonly [string, number])[] = [
  ['RFC 3947', isakmp.VENDOR_NAT_T],
  [DRAFT, isakmp.VENDOR_NAT_T_DRAFT],
  [`${DRAFT}-02\n`, isakmp.VENDOR_NAT_T_DRAFT],
  ...['00', '01', '02', '03', '04', '05', '06', '07', '08'].map(
    (version) => [`${DRAFT}-${version}`, isakmp.VENDOR_NAT_T_DRAFT] as const,
  ),
  ['strongSwan', isakmp.VENDOR_STRONGSWAN],
];

describe('vendor ids', () => {
  it.each(HASHED)('%j is known by its MD5', (text, bit) => {
    const digest = createHash('md5').update(text).digest();
    const view = new DataView(digest.buffer, digest.byteOffset, digest.length);
    expect(vendorBit(view, 0, digest.length)).toBe(bit);
  });

  it('are not read from fewer than eight bytes', () => {
    expect(vendorBit(new DataView(new ArrayBuffer(7)), 0, 7)).toBe(0);
  });
});
