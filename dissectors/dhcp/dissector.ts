import { defineDissector } from '../../src/dissect/dissector.js';
import type { FrameContext } from '../../src/dissect/frame-context.js';
import type { ObservationTable, Schema } from '../../src/observe/table.js';
import * as dhcp from './layout.js';

const DHCP_ROWS = {
  /** Option 53; 0: the message has none (BOOTP), or it was cut off. */
  messageType: 'u8',
  transaction: 'u32',
  /** Hardware address of the client: its first two bytes and the last four. */
  clientHigh: 'u16',
  clientLow: 'u32',
  /** IPv4 addresses; 0: none. */
  yourAddress: 'u32',
  relayAddress: 'u32',
  /** Option 54. */
  server: 'u32',
  /** Option 26, in bytes; 0: not there. */
  interfaceMtu: 'u16',
  /** 1 where the client asks for option 26. */
  asksForMtu: 'u8',
} as const satisfies Schema;

export type DhcpTable = ObservationTable<typeof DHCP_ROWS>;

/** One row a message between clients on Ethernet and servers or relays; options in the name fields (overload) are not read. */
export const dhcpDissector = defineDissector({
  protocol: 'dhcp',
  carriedBy: { udpPort: [dhcp.PORT_SERVER, dhcp.PORT_CLIENT] },
  observes: DHCP_ROWS,
  rowsPerChunk: 2048,
  bind(table, { protocolIndex }) {
    return (frame, offset, end) => dissectMessage(table, protocolIndex, frame, offset, end);
  },
});

export default dhcpDissector;

function dissectMessage(
  table: DhcpTable,
  protocolIndex: number,
  frame: FrameContext,
  offset: number,
  end: number,
): void {
  if (end - offset < dhcp.OPTIONS) return frame.observeUnreadable(protocolIndex);
  const view = frame.view;
  if (view.getInt32(offset + dhcp.COOKIE) !== dhcp.MAGIC_COOKIE) return;
  if (view.getUint8(offset + dhcp.HARDWARE_LENGTH) !== dhcp.ETHERNET_LENGTH) return;
  const row = table.rows.append(frame);
  table.messageType[row] = 0;
  table.transaction[row] = view.getUint32(offset + dhcp.TRANSACTION);
  table.clientHigh[row] = view.getUint16(offset + dhcp.CLIENT_HARDWARE);
  table.clientLow[row] = view.getUint32(offset + dhcp.CLIENT_HARDWARE + 2);
  table.yourAddress[row] = view.getUint32(offset + dhcp.YOUR_ADDRESS);
  table.relayAddress[row] = view.getUint32(offset + dhcp.RELAY_ADDRESS);
  table.server[row] = 0;
  table.interfaceMtu[row] = 0;
  table.asksForMtu[row] = 0;
  readOptions(table, row, view, offset + dhcp.OPTIONS, end);
}

function readOptions(table: DhcpTable, row: number, view: DataView, offset: number, end: number): void {
  let at = offset;
  while (at < end) {
    const option = view.getUint8(at);
    if (option === dhcp.OPTION_END) return;
    if (option === dhcp.OPTION_PAD) {
      at++;
      continue;
    }
    if (end - at < 2) return;
    const length = view.getUint8(at + 1);
    const value = at + 2;
    at = value + length;
    if (at > end) return;
    if (option === dhcp.OPTION_MESSAGE_TYPE && length === 1) table.messageType[row] = view.getUint8(value);
    else if (option === dhcp.OPTION_INTERFACE_MTU && length === 2)
      table.interfaceMtu[row] = view.getUint16(value);
    else if (option === dhcp.OPTION_SERVER && length === 4) table.server[row] = view.getUint32(value);
    else if (option === dhcp.OPTION_PARAMETERS) {
      for (let index = value; index < at; index++) {
        if (view.getUint8(index) === dhcp.OPTION_INTERFACE_MTU) table.asksForMtu[row] = 1;
      }
    }
  }
}
