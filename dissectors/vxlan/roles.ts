import { defineRoles } from '../../src/dissect/protocol-role.js';
import { PORT_GPE, PORT_IANA, PORT_LINUX, PORT_MIDONET } from './layout.js';

const refusals = { by: 'vxlan.port-mismatch', ofPort: 'destination' } as const;

export default defineRoles(
  {
    name: 'VXLAN',
    carries: 'vxlan',
    udpPorts: [PORT_IANA, PORT_LINUX, PORT_MIDONET],
    refusals,
    // RFC 7348: an outer IP header, 8 bytes of UDP, 8 of VXLAN, 14 of Ethernet.
    overheads: [
      { bytes: 50, form: 'over IPv4' },
      { bytes: 70, form: 'over IPv6' },
      { bytes: 54, form: 'with an inner VLAN tag over IPv4', isRare: true },
      { bytes: 74, form: 'with an inner VLAN tag over IPv6', isRare: true },
    ],
  },
  { protocol: 'vxlan-gpe', name: 'VXLAN-GPE', carries: 'vxlan', udpPorts: [PORT_GPE], refusals },
);
