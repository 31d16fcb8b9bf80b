import { blankLayer, type PacketLines } from '../../../src/capture/packet-lines.js';
import { PROTOCOL_UDP } from '../../../src/wire/ip.js';
import { DESTINATION_PORT, SOURCE_PORT, UDP_HEADER_LENGTH, UDP_LENGTH } from '../../../src/wire/transport.js';
import * as openvpn from '../layout.js';

const LINE = /^OpenVPN MessageType: (P_[A-Z0-9_]{1,40})/;
const OVER_TCP = /^TCP (?:\[[^\]]{1,60}\] ?){0,4}(\d{1,5}) (?:→|->|>) (\d{1,5}) \[/;
const OPCODES: Readonly<Record<string, number>> = {
  P_CONTROL_HARD_RESET_CLIENT_V2: openvpn.HARD_RESET_CLIENT_V2,
  P_CONTROL_HARD_RESET_SERVER_V2: openvpn.HARD_RESET_SERVER_V2,
};
/** Pairs of hosts that speak over TCP. */
const PAIRS_MAX = 4096;

/**
 * `OpenVPN MessageType: P_CONTROL_HARD_RESET_CLIENT_V2`, as tshark lists it. Ports are not told: 1194 stands for them. Of
 * other messages it is told that there was one.
 */
const messages: PacketLines = {
  carriedBy: 'ip',
  read(words, { source, destination, memory }) {
    const isOverTcp = OVER_TCP.exec(words)?.includes(String(openvpn.PORT)) === true;
    const message = isOverTcp ? undefined : LINE.exec(words)?.[1];
    if (!isOverTcp && message === undefined) return null;
    const overTcp = memory('openvpn over TCP', () => new Set<string>());
    if (isOverTcp && overTcp.size < PAIRS_MAX) overTcp.add(`${source} ${destination}`);
    const isKnownTcp = overTcp.has(`${source} ${destination}`) || overTcp.has(`${destination} ${source}`);
    if (message === undefined || isKnownTcp) return null;
    const opcode = OPCODES[message];
    const { bytes, view } = blankLayer(UDP_HEADER_LENGTH + (opcode === undefined ? 0 : 1));
    view.setUint16(SOURCE_PORT, openvpn.PORT);
    view.setUint16(DESTINATION_PORT, openvpn.PORT);
    if (opcode === undefined) return { bytes, length: null, protocol: PROTOCOL_UDP };
    view.setUint8(UDP_HEADER_LENGTH, opcode << openvpn.OPCODE_SHIFT);
    // No reset is shorter.
    const length = UDP_HEADER_LENGTH + openvpn.RESET_LENGTH_MIN;
    view.setUint16(UDP_LENGTH, length);
    return { bytes, length, protocol: PROTOCOL_UDP };
  },
};
export default messages;
