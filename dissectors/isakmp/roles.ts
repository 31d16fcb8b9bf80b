import { defineRoles } from '../../src/dissect/protocol-role.js';
import { PORT_IKE, PORT_NAT_TRAVERSAL } from '../../src/wire/transport.js';

export default defineRoles({
  name: 'IKE',
  controls: 'ipsec',
  // It shares the port of ESP in UDP (RFC 3948, section 2.2).
  udpPorts: [PORT_IKE, PORT_NAT_TRAVERSAL],
  refusals: { by: 'ike.port-unreachable', ofPort: 'destination' },
});
