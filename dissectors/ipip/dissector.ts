import { defineDissector } from '../../src/dissect/dissector.js';
import { SHORTFALL_TOO_DEEP } from '../../src/observe/engine-tables.js';
import { TUNNEL_KINDS } from '../../src/observe/flow-key.js';
import { PROTOCOL_IPIP, PROTOCOL_IPV6 } from '../../src/wire/ip.js';

const KIND = TUNNEL_KINDS.indexOf('ipip');

/**
 * An IP packet right behind an IP header: IPv4 (protocol 4, RFC 2003) or IPv6 (protocol 41, RFC 4213 and RFC 2473).
 * There is no header of its own, hence no row: the engine counts the outer flow, and the inner one in its tunnel.
 */
export default defineDissector({
  protocol: 'ipip',
  carriedBy: { ipProtocol: [PROTOCOL_IPIP, PROTOCOL_IPV6] },
  observes: {},
  rowsPerChunk: 1,
  bind(_table, { protocolIndex, innerIp }) {
    return (frame, offset, end) => {
      if (!frame.enterTunnel(KIND, 0)) return frame.observeShortfallOf(protocolIndex, SHORTFALL_TOO_DEEP);
      innerIp(frame, offset, end);
      frame.leaveTunnel();
    };
  },
});
