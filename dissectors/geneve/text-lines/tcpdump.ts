import { blankLayer, type PacketLines, stacked } from '../../../src/capture/packet-lines.js';

const FLAG_CONTROL = 0x80;
const FLAG_CRITICAL = 0x40;
const ETHERTYPE_IPV4 = 0x0800;
const ETHERTYPE_IPV6 = 0x86dd;

/** `Geneve, Flags [none], vni 0x1: IP 10.0.0.1 > 10.0.0.2: …` (RFC 8926, section 3.4); options are not printed without -v. */
const geneve: PacketLines = {
  carriedBy: 'udp',
  read(words, line) {
    const [, flags = '', vni, rest = ''] =
      /^Geneve, Flags \[([^\]]{0,20})\], vni 0x([0-9a-f]{1,6})(?:, proto [^:]{1,60})?: (IP6? .*)$/.exec(
        words,
      ) ?? [];
    if (vni === undefined || flags.includes('O') || flags.includes('C')) return null;
    const { bytes, view } = blankLayer(8);
    view.setUint8(1, (flags.includes('O') ? FLAG_CONTROL : 0) | (flags.includes('C') ? FLAG_CRITICAL : 0));
    view.setUint16(2, rest.startsWith('IP6') ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4);
    view.setUint32(4, Number.parseInt(vni, 16) * 256);
    return stacked(bytes, line.packet(rest, line.more));
  },
};
export default geneve;
