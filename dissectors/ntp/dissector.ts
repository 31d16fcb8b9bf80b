import { defineDissector } from '../../src/dissect/dissector.js';
import type { FrameContext } from '../../src/dissect/frame-context.js';
import type { ObservationTable, Schema } from '../../src/observe/table.js';
import * as ntp from './layout.js';

const NTP_ROWS = {
  leap: 'u8',
  mode: 'u8',
  stratum: 'u8',
  /** Power of two, in seconds, as sent: a signed byte. */
  poll: 'u8',
  /** Of the packet at the capture point. */
  timeToLive: 'u8',
  /** Four characters where the stratum is 0 or 1. */
  referenceId: 'u32',
  /** Timestamps: seconds since 1900, and 2^-32 s. */
  originateSeconds: 'u32',
  originateFraction: 'u32',
  receiveSeconds: 'u32',
  receiveFraction: 'u32',
  transmitSeconds: 'u32',
  transmitFraction: 'u32',
} as const satisfies Schema;

export type NtpTable = ObservationTable<typeof NTP_ROWS>;

/**
 * One row for each request and answer of a time service: modes 1 to 4. Broadcasts (5) need no answer, and control and
 * private messages (6, 7) have another layout.
 */
export const ntpDissector = defineDissector({
  protocol: 'ntp',
  carriedBy: { udpPort: [ntp.PORT_NTP] },
  observes: NTP_ROWS,
  rowsPerChunk: 4096,
  bind(table, { protocolIndex }) {
    return (frame, offset, end) => dissectMessage(table, protocolIndex, frame, offset, end);
  },
});

export default ntpDissector;

function dissectMessage(
  table: NtpTable,
  protocolIndex: number,
  frame: FrameContext,
  offset: number,
  end: number,
): void {
  if (end === offset) return;
  const view = frame.view;
  const flags = view.getUint8(offset + ntp.FLAGS);
  const version = (flags >> ntp.VERSION_SHIFT) & ntp.VERSION_MASK;
  const mode = flags & ntp.MODE_MASK;
  // Other programs use the port too, and time was once told by other means.
  if (version === 0 || version > ntp.VERSION_MAX) return;
  if (mode < ntp.MODE_SYMMETRIC_ACTIVE || mode > ntp.MODE_SERVER) return;
  if (end - offset < ntp.HEADER_LENGTH) return frame.observeUnreadable(protocolIndex);
  const stratum = view.getUint8(offset + ntp.STRATUM);
  if (stratum > ntp.STRATUM_UNSYNCHRONISED) return;
  const row = table.rows.append(frame);
  table.leap[row] = flags >> ntp.LEAP_SHIFT;
  table.mode[row] = mode;
  table.stratum[row] = stratum;
  table.poll[row] = view.getUint8(offset + ntp.POLL);
  table.timeToLive[row] = frame.timeToLive;
  table.referenceId[row] = view.getUint32(offset + ntp.REFERENCE_ID);
  table.originateSeconds[row] = view.getUint32(offset + ntp.ORIGINATE);
  table.originateFraction[row] = view.getUint32(offset + ntp.ORIGINATE + 4);
  table.receiveSeconds[row] = view.getUint32(offset + ntp.RECEIVE);
  table.receiveFraction[row] = view.getUint32(offset + ntp.RECEIVE + 4);
  table.transmitSeconds[row] = view.getUint32(offset + ntp.TRANSMIT);
  table.transmitFraction[row] = view.getUint32(offset + ntp.TRANSMIT + 4);
}
