import { defineDissector } from '../../src/dissect/dissector.js';
import { ORIGIN_ASSEMBLED } from '../../src/observe/table.js';
import { PORT_IKE, PORT_NAT_TRAVERSAL } from '../../src/wire/transport.js';

//  0                   1                   2                   3
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// |  Non-ESP marker (four zero bytes): an IKE message follows     |   RFC 3948, section 2.2
// |  or the SPI of an ESP packet, never zero                      |   RFC 3948, section 2.1
// |  0xFF alone   | NAT keepalive                                     RFC 3948, section 2.3
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
const MARKER = 0;
const MARKER_LENGTH = 4;
const KEEPALIVE = 0xff;
/** SPI and sequence number, and the least that ciphers and ICVs in use add. */
const ESP_LENGTH_MIN = 20;
/** A client may use 4500 as its own, arbitrary port: its peer on a port below this is no IPsec gateway. */
const WELL_KNOWN_PORT_MAX = 1023;
/** SPIs up to here are reserved (RFC 4303, section 2.1) and are not negotiated by IKE. */
const SPI_RESERVED_MAX = 255;

/** Values of `kind`. */
export const KIND_UNKNOWN = 0;
export const KIND_KEEPALIVE = 1;
export const KIND_ISAKMP = 2;
export const KIND_ESP = 3;
/** An IKE message without the marker: the peer takes it for ESP. */
export const KIND_IKE_WITHOUT_MARKER = 4;
/** ESP behind the eight zero bytes of drafts before RFC 3948: the peer takes it for IKE. */
export const KIND_ESP_OF_DRAFT = 5;
/** What stands behind the marker has the length of no IKE message; where it counts up like ESP, the peer takes that for IKE. */
export const KIND_NO_IKE_BEHIND_MARKER = 6;

/** IKE header: version, exchange type, flags and length, counted from the cookie. */
const IKE_HEADER_LENGTH = 28;
const IKE_VERSION = 17;
const IKE_EXCHANGE_TYPE = 18;
const IKE_LENGTH = 24;
const IKE_V1 = 0x10;
const IKE_V2 = 0x20;
const EXCHANGE_TYPE_MAX = 44;
const DRAFT_MARKER_LENGTH = 8;

/** One row a datagram on port 4500, on the flow of its UDP conversation. */
export const udpencap = defineDissector({
  protocol: 'udpencap',
  // Either port: behind a NAT the other one is arbitrary.
  carriedBy: { udpPort: [PORT_NAT_TRAVERSAL] },
  // IKE messages with certificates may span IP fragments.
  assembles: true,
  observes: {
    /** KIND_ value. */
    kind: 'u8',
    /** Bytes of UDP payload on the wire. */
    payloadLength: 'u32',
    /** Of KIND_NO_IKE_BEHIND_MARKER: the two words that ESP would begin with. */
    spi: 'u32',
    sequence: 'u32',
  },

  bind(table, binding) {
    const dissectIsakmp = binding.subDissector('isakmp');
    const dissectEsp = binding.subDissector('esp');
    return function dissectUdpencap(frame, offset, end) {
      const view = frame.view;
      const captured = end - offset;
      const length = frame.payloadLength;
      // Either port is 4500, so the lower one is that or the peer's.
      const lowPort = Math.min(frame.sourcePort, frame.destinationPort);
      if (lowPort <= WELL_KNOWN_PORT_MAX && lowPort !== PORT_IKE) return;
      let kind = KIND_UNKNOWN;
      if (captured >= MARKER_LENGTH) {
        const marker = view.getInt32(offset + MARKER);
        if (marker === 0) {
          if (isEspOfDraft(view, offset, end, length)) kind = KIND_ESP_OF_DRAFT;
          else kind = isNoIke(view, offset, end, length) ? KIND_NO_IKE_BEHIND_MARKER : KIND_ISAKMP;
        } else if (isIke(view, offset, end, length)) kind = KIND_IKE_WITHOUT_MARKER;
        else if (length >= ESP_LENGTH_MIN && (marker < 0 || marker > SPI_RESERVED_MAX)) kind = KIND_ESP;
      } else if (captured >= 1 && length === 1) {
        if (view.getUint8(offset + MARKER) === KEEPALIVE) kind = KIND_KEEPALIVE;
      } else if (frame.isCut) {
        return frame.observeUnreadable(binding.protocolIndex);
      }
      if (frame.origin !== ORIGIN_ASSEMBLED) {
        const row = table.rows.append(frame);
        table.kind[row] = kind;
        table.payloadLength[row] = length;
        const isMarked = kind === KIND_NO_IKE_BEHIND_MARKER;
        table.spi[row] = isMarked ? view.getUint32(offset + MARKER_LENGTH) : 0;
        table.sequence[row] = isMarked ? view.getUint32(offset + 2 * MARKER_LENGTH) : 0;
      }
      if (kind === KIND_ESP) dissectEsp(frame, offset, end);
      else if (kind === KIND_ISAKMP || kind === KIND_NO_IKE_BEHIND_MARKER) {
        frame.payloadLength = length - MARKER_LENGTH;
        dissectIsakmp(frame, offset + MARKER_LENGTH, end);
      }
    };
  },
});

/**
 * By chance 2/256 · 44/256 · 2^-32 an ESP packet: version, exchange type, and a length field that is the length of the payload.
 */
function isIke(view: DataView, offset: number, end: number, length: number): boolean {
  if (end - offset < IKE_HEADER_LENGTH) return false;
  const version = view.getUint8(offset + IKE_VERSION);
  const type = view.getUint8(offset + IKE_EXCHANGE_TYPE);
  return (
    (version === IKE_V1 || version === IKE_V2) &&
    type > 0 &&
    type <= EXCHANGE_TYPE_MAX &&
    view.getUint32(offset + IKE_LENGTH) === length
  );
}

/** Eight zero bytes and an SPI, where no IKE header with a cookie that begins with zeros (2^-32) fits. */
function isEspOfDraft(view: DataView, offset: number, end: number, length: number): boolean {
  if (end - offset < DRAFT_MARKER_LENGTH + 8 || length < DRAFT_MARKER_LENGTH + ESP_LENGTH_MIN) return false;
  const spi = view.getInt32(offset + DRAFT_MARKER_LENGTH);
  return (
    view.getInt32(offset + MARKER_LENGTH) === 0 &&
    (spi < 0 || spi > SPI_RESERVED_MAX) &&
    !isIke(view, offset + MARKER_LENGTH, end, length - MARKER_LENGTH)
  );
}

/** The length field is not that of the datagram; fragments carry that of the whole message. */
function isNoIke(view: DataView, offset: number, end: number, length: number): boolean {
  return (
    end - offset >= MARKER_LENGTH + IKE_HEADER_LENGTH &&
    view.getUint32(offset + MARKER_LENGTH + IKE_LENGTH) !== length - MARKER_LENGTH
  );
}

export default udpencap;
