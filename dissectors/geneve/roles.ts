import { defineRoles } from '../../src/dissect/protocol-role.js';

/** RFC 8926: an outer IP header, 8 bytes of UDP, 8 of Geneve, 14 of Ethernet, and options. */
export default defineRoles({
  name: 'Geneve',
  carries: 'geneve',
  overheads: [
    { bytes: 50, form: 'over IPv4' },
    { bytes: 70, form: 'over IPv6' },
    { bytes: 58, form: 'with an option over IPv4', isRare: true },
    { bytes: 78, form: 'with an option over IPv6', isRare: true },
  ],
});
