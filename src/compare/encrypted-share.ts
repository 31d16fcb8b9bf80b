import { PROTOCOL_ESP, PROTOCOL_UDP } from '../wire/ip.js';
import { PORT_NAT_TRAVERSAL } from '../wire/transport.js';
import type { IdentityCollector } from './identity-collector.js';

/** Of the IP packets that a side shows outside tunnels, the share that is ESP, native or in UDP (RFC 3948). */
export function encryptedShare({ lanes, packets }: IdentityCollector): number {
  let all = 0;
  let encrypted = 0;
  for (let lane = 0; lane < lanes.flowCount * 2; lane++) {
    if (packets[lane] === 0 || lanes.stackOf(lane >> 1) !== 0) continue;
    const { protocol, fromPort, toPort } = lanes.ends(lane);
    if (protocol < 0) continue;
    all += packets[lane];
    const isNatTraversal =
      protocol === PROTOCOL_UDP && (fromPort === PORT_NAT_TRAVERSAL || toPort === PORT_NAT_TRAVERSAL);
    if (protocol === PROTOCOL_ESP || isNatTraversal) encrypted += packets[lane];
  }
  return all === 0 ? 0 : encrypted / all;
}
