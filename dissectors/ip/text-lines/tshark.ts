import { blankLayer, type PacketLines } from '../../../src/capture/packet-lines.js';
import { PROTOCOL_UDP } from '../../../src/wire/ip.js';
import { DESTINATION_PORT, SOURCE_PORT, UDP_HEADER_LENGTH, UDP_LENGTH } from '../../../src/wire/transport.js';

const LINE = /^UDP (\d{1,5}) (?:→|->|>) (\d{1,5}) Len=(\d{1,5})\b/;

/** `UDP 40211 → 40211 Len=60`, as tshark lists it; UDP has no folder of its own. */
const udp: PacketLines = {
  carriedBy: 'ip',
  read(words) {
    const [, source, destination, payload] = LINE.exec(words) ?? [];
    if (source === undefined) return null;
    const { bytes, view } = blankLayer(UDP_HEADER_LENGTH);
    const length = UDP_HEADER_LENGTH + Number(payload);
    view.setUint16(SOURCE_PORT, Number(source));
    view.setUint16(DESTINATION_PORT, Number(destination));
    view.setUint16(UDP_LENGTH, Math.min(length, 0xffff));
    return { bytes, length, protocol: PROTOCOL_UDP };
  },
};
export default udp;
