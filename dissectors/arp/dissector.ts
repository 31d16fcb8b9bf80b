import { defineDissector } from '../../src/dissect/dissector.js';
import { ETHERTYPE_ARP, ETHERTYPE_IPV4 } from '../../src/wire/ethernet.js';

//  0                   1                   2                   3
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// |         Hardware type         |         Protocol type         |
// |  Hw. length   | Proto. length |           Operation           |
// |               Sender hardware address (6 bytes)               |
// |                               |    Sender protocol address    |
// |                               |    Target hardware address    |
// |                                                               |
// |                    Target protocol address                    |   RFC 826
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
const PROTOCOL_TYPE = 2;
const HARDWARE_LENGTH = 4;
const PROTOCOL_LENGTH = 5;
const OPERATION = 6;
const SENDER_MAC = 8;
const SENDER_ADDRESS = 14;
const TARGET_MAC = 18;
const TARGET_ADDRESS = 24;
const PACKET_LENGTH = 28;
const FIXED_LENGTH = 8;

const MAC_LENGTH = 6;
const IPV4_LENGTH = 4;

export const ARP_REQUEST = 1;
export const ARP_REPLY = 2;

/**
 * ARP for IPv4 over six-byte hardware addresses; any other kind gives no row. Inside a tunnel the row's flow
 * is the tunnel itself, in the direction of the outer packet; outside there is none.
 */
export const arp = defineDissector({
  protocol: 'arp',
  carriedBy: { etherType: [ETHERTYPE_ARP] },
  observes: {
    operation: 'u16',
    /** The first two bytes of a MAC address, and its last four. */
    senderMacHigh: 'u16',
    senderMacLow: 'u32',
    targetMacHigh: 'u16',
    targetMacLow: 'u32',
    /** IPv4 addresses as numbers. */
    senderAddress: 'u32',
    targetAddress: 'u32',
  },
  bind(table, binding) {
    return (frame, offset, end) => {
      const view = frame.view;
      // No IP header has said yet whether the capture or the sender cut the packet.
      frame.clamp(offset + PACKET_LENGTH, end);
      if (end - offset < FIXED_LENGTH) return frame.observeUnreadable(binding.protocolIndex);
      if (
        view.getUint16(offset + PROTOCOL_TYPE) !== ETHERTYPE_IPV4 ||
        view.getUint8(offset + HARDWARE_LENGTH) !== MAC_LENGTH ||
        view.getUint8(offset + PROTOCOL_LENGTH) !== IPV4_LENGTH
      ) {
        return;
      }
      if (end - offset < PACKET_LENGTH) return frame.observeUnreadable(binding.protocolIndex);
      const row = table.rows.append(frame);
      if (frame.depth > 0) {
        table.rows.flow[row] = frame.discriminatedFlow(0, ETHERTYPE_ARP);
        table.rows.direction[row] = frame.addressDirection();
      }
      table.operation[row] = view.getUint16(offset + OPERATION);
      table.senderMacHigh[row] = view.getUint16(offset + SENDER_MAC);
      table.senderMacLow[row] = view.getUint32(offset + SENDER_MAC + 2);
      table.targetMacHigh[row] = view.getUint16(offset + TARGET_MAC);
      table.targetMacLow[row] = view.getUint32(offset + TARGET_MAC + 2);
      table.senderAddress[row] = view.getUint32(offset + SENDER_ADDRESS);
      table.targetAddress[row] = view.getUint32(offset + TARGET_ADDRESS);
    };
  },
});

export default arp;
