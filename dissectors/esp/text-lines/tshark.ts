import { blankLayer, type PacketLines } from '../../../src/capture/packet-lines.js';
import { PROTOCOL_ESP } from '../../../src/wire/ip.js';

/** `ESP ESP (SPI=0xc570e4a2)`, as tshark lists it: neither a sequence number nor whether UDP carries it. */
const esp: PacketLines = {
  carriedBy: 'ip',
  read(words) {
    const spi = /^ESP ESP \(SPI=0x([0-9a-f]{1,8})\)/.exec(words)?.[1];
    if (spi === undefined) return null;
    const { bytes, view } = blankLayer(4);
    view.setUint32(0, Number.parseInt(spi, 16));
    return { bytes, length: null, protocol: PROTOCOL_ESP };
  },
};
export default esp;
