import { defineRoles } from '../../src/dissect/protocol-role.js';

/** IANA's numbers and ports; the document that gives each. */
export default defineRoles(
  { protocol: 'etherip', name: 'EtherIP', carries: 'etherip', isUndissected: true, ipProtocols: [97] }, // RFC 3378
  {
    protocol: 'l2tp',
    name: 'L2TP',
    carries: 'l2tp',
    isUndissected: true,
    ipProtocols: [115],
    udpPorts: [1701],
  }, // RFC 2661, RFC 3931
  { protocol: 'gtp', name: 'GTP-U', carries: 'gtp', isUndissected: true, udpPorts: [2152] }, // 3GPP TS 29.281
  {
    protocol: 'mpls',
    name: 'MPLS in IP',
    carries: 'mpls',
    isUndissected: true,
    ipProtocols: [137],
    udpPorts: [6635],
  }, // RFC 4023, RFC 7510
  { protocol: 'dhcpv6', name: 'DHCPv6', udpPorts: [546, 547] }, // RFC 8415
);
