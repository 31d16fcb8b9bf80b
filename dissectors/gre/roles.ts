import { defineRoles } from '../../src/dissect/protocol-role.js';

export default defineRoles({
  name: 'GRE',
  carries: 'gre',
  // RFC 2784 and 2890: 4 bytes, and 4 each for key and sequence number; 14 of Ethernet.
  overheads: [
    { bytes: 24, form: '' },
    { bytes: 28, form: 'with key' },
    { bytes: 38, form: 'with Ethernet' },
    { bytes: 42, form: 'with Ethernet and key' },
    { bytes: 32, form: 'with key and sequence number', isRare: true },
    { bytes: 44, form: 'over IPv6', isRare: true },
    { bytes: 46, form: 'with Ethernet, key and sequence number', isRare: true },
    { bytes: 62, form: 'with Ethernet and key over IPv6', isRare: true },
  ],
  // Linux refuses GRE that matches no tunnel by port unreachable.
  refusals: { by: 'gre.proto-unreachable', ofProtocol: ['protocol', 'port'] },
});
