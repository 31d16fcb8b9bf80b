import { defineRoles } from '../../src/dissect/protocol-role.js';
import { PORT_NAT_TRAVERSAL } from '../../src/wire/transport.js';

export default defineRoles({
  name: 'ESP in UDP',
  carries: 'ipsec',
  isEncrypted: true,
  // Over TCP as well (RFC 9329).
  tcpPorts: [PORT_NAT_TRAVERSAL],
});
