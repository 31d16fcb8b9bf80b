import { defineRoles } from '../../src/dissect/protocol-role.js';
import { PORT_GPE, PORT_IANA, PORT_LINUX, PORT_MIDONET } from './layout.js';

const refusals = { by: 'vxlan.port-mismatch', ofPort: 'destination' } as const;

export default defineRoles(
  { name: 'VXLAN', carries: 'vxlan', udpPorts: [PORT_IANA, PORT_LINUX, PORT_MIDONET], refusals },
  { protocol: 'vxlan-gpe', name: 'VXLAN-GPE', carries: 'vxlan', udpPorts: [PORT_GPE], refusals },
);
