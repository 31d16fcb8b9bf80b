import { defineDissector } from '../../src/dissect/dissector.js';
import { HEADER_MALFORMED, HEADER_TOO_DEEP } from '../../src/observe/engine-tables.js';
import { TUNNEL_KINDS } from '../../src/observe/flow-key.js';
import { ORIGIN_WHOLE } from '../../src/observe/table.js';
import { ETHERTYPE_TRANSPARENT_ETHERNET } from '../../src/wire/ethernet.js';
import { PROTOCOL_UDP } from '../../src/wire/ip.js';

//  0                   1                   2                   3
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// |Ver|  Opt Len  |O|C|    Rsvd.  |          Protocol Type        |
// |        Virtual Network Identifier (VNI)       |    Reserved   |
// |                    Variable-Length Options                    |   RFC 8926, section 3.1
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
const VERSION_AND_LENGTH = 0;
const FLAGS = 1;
const PROTOCOL_TYPE = 2;
const VNI_AND_RESERVED = 4;
const HEADER_LENGTH = 8;

const VERSION_MASK = 0xc0;
const OPTION_WORDS_MASK = 0x3f;
/** Control packet: what it carries is no frame of the tenant (RFC 8926, section 3.4). */
export const FLAG_CONTROL = 0x80;
export const FLAG_CRITICAL_OPTIONS = 0x40;

const GENEVE_PORT = 6081;
const KIND = TUNNEL_KINDS.indexOf('geneve');

/**
 * One row a packet, of a fragmented one from its first fragment. The row's flow is the tunnel: endpoints (no
 * ports) and VNI.
 */
export const geneve = defineDissector({
  protocol: 'geneve',
  carriedBy: { udpPort: [GENEVE_PORT] },
  hasEntropySourcePort: true,
  headerFields: [
    { name: 'Geneve option length', at: 2, bits: 6 },
    { name: 'Geneve flags', at: 8, bits: 8, isHex: true },
    { name: 'Geneve protocol type', at: 16, bits: 16, isHex: true },
    { name: 'Geneve VNI', at: 32, bits: 24 },
    { name: 'Geneve reserved byte', at: 56, bits: 8, isHex: true },
  ],
  observes: {
    /** FLAG_ bits. */
    flags: 'u8',
    /** EtherType of the payload; 0x6558 Ethernet. */
    protocolType: 'u16',
    vni: 'u32',
    /** In bytes. */
    optionsLength: 'u16',
    destinationPort: 'u16',
    /** Length of the outer IP packet in bytes; of a fragmented one the length it had before. */
    outerLength: 'u32',
    /** Length that the inner IP header claims, in bytes; 0 where the inner packet is not IP. */
    innerLength: 'u32',
  },
  bind(table, binding) {
    return function dissectGeneve(frame, offset, end) {
      if (end - offset < HEADER_LENGTH) return frame.observeUnreadable(binding.protocolIndex);
      const view = frame.view;
      const first = view.getUint8(offset + VERSION_AND_LENGTH);
      const optionsLength = (first & OPTION_WORDS_MASK) * 4;
      const inner = offset + HEADER_LENGTH + optionsLength;
      // Both ends send to the port: with it as source alone this is some client's datagram.
      const isMine = frame.destinationPort === GENEVE_PORT && (first & VERSION_MASK) === 0;
      if (!isMine || HEADER_LENGTH + optionsLength > frame.payloadLength) {
        return frame.observeUnreadableOf(binding.protocolIndex, HEADER_MALFORMED);
      }
      const { networkOffset: outerOffset, flow: outerFlow } = frame;
      const protocolType = view.getUint16(offset + PROTOCOL_TYPE);
      const flags = view.getUint8(offset + FLAGS);
      const row = table.rows.append(frame);
      table.flags[row] = flags;
      table.protocolType[row] = protocolType;
      table.vni[row] = view.getUint32(offset + VNI_AND_RESERVED) >>> 8;
      table.optionsLength[row] = optionsLength;
      table.destinationPort[row] = frame.destinationPort;
      table.outerLength[row] = frame.networkLength;
      table.innerLength[row] = 0;
      table.rows.flow[row] = frame.discriminatedFlow(PROTOCOL_UDP, table.vni[row]);
      table.rows.direction[row] = frame.addressDirection();
      if (inner > end) return frame.observeUnreadable(binding.protocolIndex);
      if ((flags & FLAG_CONTROL) !== 0 || inner === end) return;
      if (!frame.enterTunnel(KIND, table.vni[row])) {
        return frame.observeUnreadableOf(binding.protocolIndex, HEADER_TOO_DEEP);
      }
      frame.payloadLength -= HEADER_LENGTH + optionsLength;
      if (protocolType === ETHERTYPE_TRANSPARENT_ETHERNET) binding.innerEthernet(frame, inner, end);
      else binding.innerEtherType(frame, protocolType, inner, end);
      if (frame.flow !== outerFlow) {
        table.innerLength[row] = frame.networkLength;
        // The outer header of a first fragment tells only its own length.
        if (frame.origin !== ORIGIN_WHOLE) {
          table.outerLength[row] = frame.networkOffset - outerOffset + frame.networkLength;
        }
      }
      frame.leaveTunnel();
    };
  },
});

export default geneve;
