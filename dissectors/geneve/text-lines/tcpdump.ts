import { blankLayer, type PacketLines, stacked } from '../../../src/capture/packet-lines.js';

const HEAD =
  /^Geneve, Flags \[([^\]]{0,20})\], vni 0x([0-9a-f]{1,6})(?:, proto [^(:]{1,40} \(0x([0-9a-f]{4})\))?(, options [^:]{1,400})?(?:: (.*))?$/;
const ETHERTYPE_IPV4 = 0x0800;
const ETHERTYPE_IPV6 = 0x86dd;
const PROTOCOL_ETHERNET = 0x6558;

/**
 * `Geneve, Flags [none], vni 0x1: IP 10.0.0.1 > 10.0.0.2: …` (RFC 8926, section 3.4); with -v the protocol, and the inner
 * frame on the next line. Options have lengths that are printed for some alone, so a packet with options is not read.
 */
const geneve: PacketLines = {
  carriedBy: 'udp',
  read(words, line) {
    const [, flags = '', vni, proto, options, rest = ''] = HEAD.exec(words) ?? [];
    if (vni === undefined || flags !== 'none' || options !== undefined) return null;
    const [first = '', ...later] = line.more;
    const inner = rest === '' ? first.trim() : rest;
    const more = rest === '' ? later : line.more;
    const said = inner.startsWith('IP6 ') ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4;
    const type = proto === undefined ? said : Number.parseInt(proto, 16);
    const { bytes, view } = blankLayer(8);
    view.setUint16(2, type);
    view.setUint32(4, Number.parseInt(vni, 16) * 256);
    return stacked(bytes, type === PROTOCOL_ETHERNET ? line.frame(inner, more) : line.packet(inner, more));
  },
};
export default geneve;
