import { defineDissector } from '../../src/dissect/dissector.js';
import { HEADER_TOO_DEEP } from '../../src/observe/engine-tables.js';
import { TUNNEL_KINDS } from '../../src/observe/flow-key.js';
import { ORIGIN_WHOLE, type Schema } from '../../src/observe/table.js';
import { PROTOCOL_IPIP, PROTOCOL_IPV6 } from '../../src/wire/ip.js';

const KIND = TUNNEL_KINDS.indexOf('ipip');

const IPIP_ROWS = {
  /** 4 or 6, by the outer protocol number. */
  innerVersion: 'u8',
  /** Bytes on the wire of the outer IP packet and of what is in it. */
  outerLength: 'u32',
  innerLength: 'u32',
} as const satisfies Schema;

/**
 * An IP packet right behind an IP header: IPv4 (protocol 4, RFC 2003) or IPv6 (protocol 41, RFC 4213 and RFC 2473).
 * One row a packet, of the flow between the outer addresses.
 */
export const ipipDissector = defineDissector({
  protocol: 'ipip',
  carriedBy: { ipProtocol: [PROTOCOL_IPIP, PROTOCOL_IPV6] },
  observes: IPIP_ROWS,
  bind(table, { protocolIndex, innerIp }) {
    return (frame, offset, end) => {
      const row = table.rows.append(frame);
      const { networkOffset: outerOffset } = frame;
      table.innerVersion[row] = frame.protocol === PROTOCOL_IPIP ? 4 : 6;
      table.outerLength[row] = frame.networkLength;
      table.innerLength[row] = frame.payloadLength;
      if (!frame.enterTunnel(KIND, 0)) return frame.observeUnreadableOf(protocolIndex, HEADER_TOO_DEEP);
      innerIp(frame, offset, end);
      // The outer header of a first fragment tells only its own length.
      if (frame.origin !== ORIGIN_WHOLE && frame.networkOffset >= offset) {
        table.innerLength[row] = frame.networkLength;
        table.outerLength[row] = frame.networkOffset - outerOffset + frame.networkLength;
      }
      frame.leaveTunnel();
    };
  },
});

export default ipipDissector;
