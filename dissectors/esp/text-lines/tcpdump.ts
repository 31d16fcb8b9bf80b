import { blankLayer, lengthOf, type PacketLines } from '../../../src/capture/packet-lines.js';
import { PROTOCOL_ESP } from '../../../src/wire/ip.js';

const SA = /^ESP\(spi=0x([0-9a-f]{1,8}),seq=0x([0-9a-f]{1,8})\)/;

/** `ESP(spi=0xc36bd018,seq=0x2), length 88` */
const esp: PacketLines = {
  carriedBy: 'ip',
  read(words, line) {
    const found = SA.exec(words);
    if (found === null) return null;
    const { bytes, view } = blankLayer(8);
    view.setUint32(0, Number.parseInt(found[1] ?? '', 16));
    view.setUint32(4, Number.parseInt(found[2] ?? '', 16));
    return { bytes, length: lengthOf(words) ?? line.length, protocol: PROTOCOL_ESP };
  },
};
export default esp;
