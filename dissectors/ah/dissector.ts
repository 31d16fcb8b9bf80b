import { defineDissector } from '../../src/dissect/dissector.js';
import { PROTOCOL_AH, PROTOCOL_ESP } from '../../src/wire/ip.js';

//  0                   1                   2                   3
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// | Next Header   |  Payload Len  |          RESERVED             |
// |                 Security Parameters Index (SPI)               |
// |                    Sequence Number Field                      |
// |                Integrity Check Value (variable)               |   RFC 4302, section 2
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
const NEXT_HEADER = 0;
const PAYLOAD_LENGTH = 1;
const SPI = 4;
const SEQUENCE = 8;
const FIXED_LENGTH = 12;

/** One row a packet, of a fragmented one from its first fragment. */
export const ah = defineDissector({
  protocol: 'ah',
  carriedBy: { ipProtocol: [PROTOCOL_AH] },
  observes: {
    nextHeader: 'u8',
    /** Header with ICV, in bytes. */
    headerLength: 'u16',
    spi: 'u32',
    sequence: 'u32',
    /** Bytes on the wire from the next-header field on. */
    payloadLength: 'u32',
  },

  bind(table, binding) {
    const dissectEsp = binding.subDissector('esp');
    return function dissectAh(frame, offset, end) {
      if (end - offset < FIXED_LENGTH) return frame.observeUnreadable(binding.protocolIndex);
      const view = frame.view;
      // In 32-bit words, minus 2 (RFC 4302, section 2.2).
      const headerLength = (view.getUint8(offset + PAYLOAD_LENGTH) + 2) * 4;
      if (headerLength < FIXED_LENGTH || headerLength > frame.payloadLength) {
        return frame.observeUnreadable(binding.protocolIndex);
      }
      const nextHeader = view.getUint8(offset + NEXT_HEADER);
      const row = table.rows.append(frame);
      table.rows.flow[row] = frame.discriminatedFlow(PROTOCOL_AH, 0);
      table.rows.direction[row] = frame.addressDirection();
      table.nextHeader[row] = nextHeader;
      table.headerLength[row] = headerLength;
      table.spi[row] = view.getUint32(offset + SPI);
      table.sequence[row] = view.getUint32(offset + SEQUENCE);
      table.payloadLength[row] = frame.payloadLength;
      if (nextHeader !== PROTOCOL_ESP || end - offset < headerLength) return;
      frame.payloadLength -= headerLength;
      dissectEsp(frame, offset + headerLength, end);
    };
  },
});

export default ah;
