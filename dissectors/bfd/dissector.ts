import { defineDissector } from '../../src/dissect/dissector.js';
import type { FrameContext } from '../../src/dissect/frame-context.js';
import { HEADER_MALFORMED } from '../../src/observe/engine-tables.js';
import type { ObservationTable, Schema } from '../../src/observe/table.js';
import * as bfd from './layout.js';

const BFD_ROWS = {
  /** CARRIER_ constants. */
  carrier: 'u8',
  /** STATE_ constants. */
  state: 'u8',
  diagnostic: 'u8',
  /** FLAG_ bits. */
  flags: 'u8',
  multiplier: 'u8',
  /** 0 where there is no authentication section. */
  authentication: 'u8',
  /** Of the IP packet at the capture point; 0 inside a protocol that is not UDP over IP. */
  timeToLive: 'u8',
  myDiscriminator: 'u32',
  yourDiscriminator: 'u32',
  /** In microseconds. */
  desiredMinTx: 'u32',
  requiredMinRx: 'u32',
  requiredMinEchoRx: 'u32',
} as const satisfies Schema;

export type BfdTable = ObservationTable<typeof BFD_ROWS>;

/**
 * One row a control packet that a receiver would not throw away for its form (RFC 5880, section 6.8.6). The port of
 * echo packets is owned but gives no row: what is in them concerns their sender alone (RFC 5881, section 4).
 */
export const bfdDissector = defineDissector({
  protocol: 'bfd',
  carriedBy: {
    udpPort: [bfd.PORT_SINGLE_HOP, bfd.PORT_ECHO, bfd.PORT_MULTIHOP, bfd.PORT_MICRO, bfd.PORT_REFLECTOR],
    subDissector: ['scion.bfd'],
  },
  observes: BFD_ROWS,
  bind(table, { protocolIndex }) {
    return (frame, offset, end) => dissectControl(table, protocolIndex, frame, offset, end);
  },
});

export default bfdDissector;

function dissectControl(
  table: BfdTable,
  protocolIndex: number,
  frame: FrameContext,
  offset: number,
  end: number,
): void {
  const carrier = carrierOf(frame.destinationPort, frame.sourcePort);
  if (carrier === bfd.CARRIER_OTHER && isUdpPort(frame.sourcePort)) return;
  if (frame.destinationPort === bfd.PORT_ECHO) return;
  if (end - offset < bfd.MANDATORY_LENGTH) return frame.observeUnreadable(protocolIndex);
  const view = frame.view;
  const stateAndFlags = view.getUint8(offset + bfd.STATE_AND_FLAGS);
  const state = stateAndFlags >> bfd.STATE_SHIFT;
  const flags = stateAndFlags & bfd.FLAGS_MASK;
  const hasAuthentication = (flags & bfd.FLAG_AUTHENTICATION) !== 0;
  if (!isAcceptable(frame, offset, state, flags)) {
    return frame.observeUnreadableOf(protocolIndex, HEADER_MALFORMED);
  }
  const isTypeThere = hasAuthentication && end - offset > bfd.AUTHENTICATION_TYPE;
  const row = table.rows.append(frame);
  table.carrier[row] = carrier;
  table.state[row] = state;
  table.diagnostic[row] = view.getUint8(offset + bfd.VERSION_AND_DIAGNOSTIC) & bfd.DIAGNOSTIC_MASK;
  table.flags[row] = flags;
  table.multiplier[row] = view.getUint8(offset + bfd.DETECT_MULTIPLIER);
  table.authentication[row] = isTypeThere ? view.getUint8(offset + bfd.AUTHENTICATION_TYPE) : 0;
  table.timeToLive[row] = carrier === bfd.CARRIER_OTHER ? 0 : frame.timeToLive;
  table.myDiscriminator[row] = view.getUint32(offset + bfd.MY_DISCRIMINATOR);
  table.yourDiscriminator[row] = view.getUint32(offset + bfd.YOUR_DISCRIMINATOR);
  table.desiredMinTx[row] = view.getUint32(offset + bfd.DESIRED_MIN_TX);
  table.requiredMinRx[row] = view.getUint32(offset + bfd.REQUIRED_MIN_RX);
  table.requiredMinEchoRx[row] = view.getUint32(offset + bfd.REQUIRED_MIN_ECHO_RX);
}

function carrierOf(destinationPort: number, sourcePort: number): number {
  if (destinationPort === bfd.PORT_SINGLE_HOP) return bfd.CARRIER_SINGLE_HOP;
  if (destinationPort === bfd.PORT_MULTIHOP) return bfd.CARRIER_MULTIHOP;
  if (destinationPort === bfd.PORT_MICRO) return bfd.CARRIER_MICRO;
  if (destinationPort === bfd.PORT_REFLECTOR) return bfd.CARRIER_TO_REFLECTOR;
  if (sourcePort === bfd.PORT_REFLECTOR) return bfd.CARRIER_FROM_REFLECTOR;
  return bfd.CARRIER_OTHER;
}

/** Somebody's ephemeral port that happens to be one of BFD's: nobody sends from them (RFC 5881, section 4). */
function isUdpPort(port: number): boolean {
  return (
    port === bfd.PORT_SINGLE_HOP ||
    port === bfd.PORT_ECHO ||
    port === bfd.PORT_MULTIHOP ||
    port === bfd.PORT_MICRO
  );
}

/** The checks of RFC 5880, section 6.8.6, that need no session. */
function isAcceptable(frame: FrameContext, offset: number, state: number, flags: number): boolean {
  const view = frame.view;
  const length = view.getUint8(offset + bfd.LENGTH);
  const lengthMin =
    (flags & bfd.FLAG_AUTHENTICATION) === 0
      ? bfd.MANDATORY_LENGTH
      : bfd.MANDATORY_LENGTH + bfd.AUTHENTICATION_LENGTH_MIN;
  const mayLackPeer = state === bfd.STATE_DOWN || state === bfd.STATE_ADMIN_DOWN;
  return (
    view.getUint8(offset + bfd.VERSION_AND_DIAGNOSTIC) >> bfd.VERSION_SHIFT === bfd.VERSION &&
    length >= lengthMin &&
    length <= frame.payloadLength &&
    view.getUint8(offset + bfd.DETECT_MULTIPLIER) !== 0 &&
    (flags & bfd.FLAG_MULTIPOINT) === 0 &&
    view.getUint32(offset + bfd.MY_DISCRIMINATOR) !== 0 &&
    (mayLackPeer || view.getUint32(offset + bfd.YOUR_DISCRIMINATOR) !== 0)
  );
}
