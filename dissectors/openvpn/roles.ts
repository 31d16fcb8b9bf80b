import { defineRoles } from '../../src/dissect/protocol-role.js';

export default defineRoles({
  name: 'OpenVPN',
  carries: 'openvpn',
  isEncrypted: true,
  // Of the server's packets too: the client has ended and the server goes on.
  refusals: { by: 'openvpn.port-unreachable', ofPort: 'either' },
});
