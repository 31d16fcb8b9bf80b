import { defineRoles } from '../../src/dissect/protocol-role.js';

/** 8 bytes of UDP, 16 of header and 16 of authentication tag behind the outer IP header. */
export default defineRoles({
  name: 'WireGuard',
  carries: 'wireguard',
  isEncrypted: true,
  overheads: [
    { bytes: 60, form: 'over IPv4' },
    { bytes: 80, form: 'over IPv6' },
  ],
});
