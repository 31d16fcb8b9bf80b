import { defineDissector } from '../../src/dissect/dissector.js';
import { HEADER_MALFORMED } from '../../src/observe/engine-tables.js';
import { ORIGIN_ASSEMBLED } from '../../src/observe/table.js';
import { PROTOCOL_ESP, PROTOCOL_UDP } from '../../src/wire/ip.js';

//  0                   1                   2                   3
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// |               Security Parameters Index (SPI)                 |
// |                      Sequence Number                          |
// |   Payload Data: IV, ciphertext, padding, next header (encrypted)
// |   Integrity Check Value                                       |   RFC 4303, section 2
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
const SPI = 0;
const SEQUENCE = 4;
const HEADER_LENGTH = 8;
/** The end of a packet is its ICV: as good as random, and different in any two packets of an SA. */
const TAIL_LENGTH = 8;

/** `encapsulation`: directly in IP (protocol 50), or in UDP (RFC 3948). */
export const ENCAPSULATION_NATIVE = 0;
export const ENCAPSULATION_UDP = 1;

/**
 * One row a packet, of a fragmented one from its first fragment. The row's flow is the address pair (no ports, all
 * SPIs together), so that both directions of a tunnel arrive in order whatever their encapsulation.
 */
export const esp = defineDissector({
  protocol: 'esp',
  headerFields: [
    { name: 'ESP SPI', at: 0, bits: 32, isHex: true },
    { name: 'ESP sequence number', at: 32, bits: 32 },
  ],
  carriedBy: { ipProtocol: [PROTOCOL_ESP], subDissector: ['udpencap.esp', 'isakmp.esp', 'ah.esp'] },
  observes: {
    spi: 'u32',
    /** The low 32 bits where extended sequence numbers are in use. */
    sequence: 'u32',
    /** Bytes on the wire from the SPI to the end of the ICV. */
    payloadLength: 'u32',
    /** ENCAPSULATION_ value. */
    encapsulation: 'u8',
    /** Of the UDP header; 0 without one. */
    sourcePort: 'u16',
    destinationPort: 'u16',
    /** The last 8 bytes of the packet, folded to one word; 0 where the capture cut them off. */
    tailDigest: 'i32',
    capturedFully: 'u8',
  },

  bind(table, binding) {
    return function dissectEsp(frame, offset, end) {
      // The first fragment has told everything; the assembled packet is the same one again.
      if (frame.origin === ORIGIN_ASSEMBLED) return;
      if (end - offset < HEADER_LENGTH) return frame.observeUnreadable(binding.protocolIndex);
      const view = frame.view;
      // RFC 4303, section 2.1: 0 is for local use and never sent.
      if (view.getInt32(offset + SPI) === 0) {
        return frame.observeUnreadableOf(binding.protocolIndex, HEADER_MALFORMED);
      }
      const isUdp = frame.protocol === PROTOCOL_UDP;
      const capturedFully = frame.payloadLength <= end - offset;
      const row = table.rows.append(frame);
      table.rows.flow[row] = frame.discriminatedFlow(PROTOCOL_ESP, 0);
      table.rows.direction[row] = frame.addressDirection();
      table.spi[row] = view.getUint32(offset + SPI);
      table.sequence[row] = view.getUint32(offset + SEQUENCE);
      table.payloadLength[row] = frame.payloadLength;
      table.encapsulation[row] = isUdp ? ENCAPSULATION_UDP : ENCAPSULATION_NATIVE;
      table.sourcePort[row] = isUdp ? frame.sourcePort : 0;
      table.destinationPort[row] = isUdp ? frame.destinationPort : 0;
      table.capturedFully[row] = capturedFully ? 1 : 0;
      table.tailDigest[row] =
        capturedFully && end - offset >= HEADER_LENGTH + TAIL_LENGTH
          ? Math.imul(view.getInt32(end - TAIL_LENGTH), 0x01000193) ^ view.getInt32(end - TAIL_LENGTH / 2)
          : 0;
    };
  },
});

export default esp;
