import type { Service } from './filter-verdict.js';

export interface NamedService extends Service {
  readonly name: string;
  /** The tunnel or control that it belongs to, as diagnoses name it; absent where none does. */
  readonly technology?: string;
}

/** What tunnels and their control need, with the words for it. */
export const SERVICES: readonly NamedService[] = [
  { protocol: 17, port: 4789, name: 'VXLAN (UDP 4789)', technology: 'vxlan' },
  { protocol: 17, port: 8472, name: 'VXLAN (UDP 8472)', technology: 'vxlan' },
  { protocol: 17, port: 6677, name: 'VXLAN of MidoNet (UDP 6677)', technology: 'vxlan' },
  { protocol: 17, port: 6081, name: 'Geneve (UDP 6081)', technology: 'geneve' },
  { protocol: 17, port: 500, name: 'IKE (UDP 500)', technology: 'ipsec' },
  { protocol: 17, port: 4500, name: 'IPsec behind NAT (UDP 4500)', technology: 'ipsec' },
  { protocol: 50, port: 0, name: 'ESP (protocol 50)', technology: 'ipsec' },
  { protocol: 51, port: 0, name: 'AH (protocol 51)', technology: 'ipsec' },
  { protocol: 47, port: 0, name: 'GRE (protocol 47)', technology: 'gre' },
  { protocol: 17, port: 1194, name: 'OpenVPN (UDP 1194)', technology: 'openvpn' },
  { protocol: 6, port: 1194, name: 'OpenVPN (TCP 1194)', technology: 'openvpn' },
  { protocol: 17, port: 51820, name: 'WireGuard (UDP 51820)', technology: 'wireguard' },
  { protocol: 17, port: 123, name: 'NTP (UDP 123)' },
  { protocol: 6, port: 179, name: 'BGP (TCP 179)', technology: 'bgp' },
  { protocol: 17, port: 3784, name: 'BFD (UDP 3784)', technology: 'bfd' },
  { protocol: 6, port: 2181, name: 'ZooKeeper (TCP 2181)' },
  { protocol: 6, port: 9042, name: 'Cassandra (TCP 9042)' },
];
