import { defineDissector } from '../../src/dissect/dissector.js';

/**
 * One row a datagram on ports that no dissector owns or recognises. There is no header to read: what a learned
 * keepalive is shows in times and lengths only.
 */
export const unclaimedUdp = defineDissector({
  protocol: 'keepalive',
  carriedBy: { udpUnclaimed: true },
  observes: {
    /** Bytes of UDP payload on the wire. */
    payloadLength: 'u16',
  },

  bind(table) {
    return function dissectUnclaimedUdp(frame) {
      const row = table.rows.append(frame);
      table.payloadLength[row] = frame.payloadLength;
    };
  },
});

export default unclaimedUdp;
