/** Bits of `authentication`: the TCP MD5 signature (RFC 2385), the authentication option (RFC 5925). */
export const AUTHENTICATION_MD5 = 1;
export const AUTHENTICATION_OPTION = 2;
