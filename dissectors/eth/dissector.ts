import { defineDissector } from '../../src/dissect/dissector.js';
import { ETHERNET_DESTINATION, ETHERNET_SOURCE } from '../../src/wire/ethernet.js';
import { hasSilkForm } from './shared/silk-mac.js';

/**
 * The MAC addresses of outermost IP packets, where one of them is made from an IPv4 address; other frames give no row, so
 * that ordinary captures pay for two comparisons. The row's flow is the packet's, which names the addresses.
 */
export const eth = defineDissector({
  protocol: 'eth',
  carriedBy: { ethernetIp: true },
  observes: {
    /** The first two bytes of a MAC address, and its last four. */
    sourceMacHigh: 'u16',
    sourceMacLow: 'u32',
    destinationMacHigh: 'u16',
    destinationMacLow: 'u32',
  },
  bind(table) {
    return (frame, offset) => {
      const { view } = frame;
      const sourceHigh = view.getUint16(offset + ETHERNET_SOURCE);
      const sourceLow = view.getUint32(offset + ETHERNET_SOURCE + 2);
      const destinationHigh = view.getUint16(offset + ETHERNET_DESTINATION);
      const destinationLow = view.getUint32(offset + ETHERNET_DESTINATION + 2);
      if (!hasSilkForm(sourceHigh, sourceLow) && !hasSilkForm(destinationHigh, destinationLow)) return;
      const row = table.rows.append(frame);
      table.sourceMacHigh[row] = sourceHigh;
      table.sourceMacLow[row] = sourceLow;
      table.destinationMacHigh[row] = destinationHigh;
      table.destinationMacLow[row] = destinationLow;
    };
  },
});

export default eth;
