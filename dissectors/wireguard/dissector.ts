import { type Binding, type Dissect, defineDissector } from '../../src/dissect/dissector.js';
import { CLAIM_PORT, CLAIM_STRONG, CLAIM_WEAK, type FrameContext } from '../../src/dissect/frame-context.js';
import { type ObservationTable, ORIGIN_WHOLE } from '../../src/observe/table.js';
import * as wireguard from './layout.js';
import { hasForm, PROOF_STRONG, PROOF_WEAK, recognise } from './recognition.js';
import { WIREGUARD_ROWS, type WireguardRows } from './rows.js';

/** Below OpenVPN and the protocols that claim more of a packet. */
const HEURISTIC_PRIORITY = 50;
const ROWS_PER_CHUNK = 16_384;

/** One row a message of WireGuard. */
export const wireguardDissector = defineDissector({
  protocol: 'wireguard',
  carriedBy: {
    udpPort: [wireguard.PORT],
    udpHeuristic: { priority: HEURISTIC_PRIORITY, recognise: claim },
  },
  headerFields: [{ name: 'WireGuard type', at: 0, bits: 8 }],
  observes: WIREGUARD_ROWS,
  rowsPerChunk: ROWS_PER_CHUNK,
  bind,
});

export default wireguardDissector;

function claim(frame: FrameContext, offset: number, end: number): number {
  const proof = recognise(frame, offset, end);
  if (proof === PROOF_STRONG) return CLAIM_STRONG;
  return proof === PROOF_WEAK ? CLAIM_WEAK : CLAIM_PORT;
}

function bind(table: ObservationTable<WireguardRows>, { protocolIndex }: Binding): Dissect {
  return function dissectWireguard(frame, offset, end) {
    if (end - offset < wireguard.DATA_HEADER_LENGTH) return frame.observeUnreadable(protocolIndex);
    const isWhole = frame.origin === ORIGIN_WHOLE;
    // What has not the form is another protocol on this port.
    if (!hasForm(frame.view, offset, frame.payloadLength, isWhole)) {
      return frame.observeUnreadable(protocolIndex);
    }
    appendRow(table, frame, offset);
  };
}

function appendRow(table: ObservationTable<WireguardRows>, frame: FrameContext, offset: number): void {
  const { view } = frame;
  const row = table.rows.append(frame);
  const type = view.getUint8(offset + wireguard.TYPE);
  const isData = type === wireguard.DATA;
  const hasSender = type === wireguard.INITIATION || type === wireguard.RESPONSE;
  table.type[row] = type;
  table.length[row] = frame.payloadLength;
  table.sender[row] = hasSender ? view.getUint32(offset + wireguard.SENDER, true) : 0;
  const receiverAt = type === wireguard.RESPONSE ? wireguard.RESPONSE_RECEIVER : wireguard.RECEIVER;
  // Indices may exceed 2^31: returned from a function they would be allocated.
  table.receiver[row] = type === wireguard.INITIATION ? 0 : view.getUint32(offset + receiverAt, true);
  table.counterLow[row] = isData ? view.getUint32(offset + wireguard.COUNTER, true) : 0;
  table.counterHigh[row] = isData ? view.getUint32(offset + wireguard.COUNTER + 4, true) : 0;
}
