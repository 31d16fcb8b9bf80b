import { blankLayer, type PacketLines, stacked } from '../../../src/capture/packet-lines.js';

const VXLAN_HEADER_LENGTH = 8;

/**
 * `VXLAN, flags [I] (0x08), vni 1`, and the inner packet on the next line. The tag of a group policy is not printed. On
 * the port of older kernels tcpdump calls it `OTV, flags [I] (0x08), overlay 0, instance 100`.
 */
const vxlan: PacketLines = {
  carriedBy: 'udp',
  read(words, line) {
    const [, flags = '', vni = ''] =
      /^(?:VXLAN|OTV), flags \[[^\]]{0,20}\] \(0x([0-9a-f]{2})\), (?:overlay \d{1,8}, instance|vni) (\d{1,8})/.exec(
        words,
      ) ?? [];
    if (flags === '') return null;
    const { bytes, view } = blankLayer(VXLAN_HEADER_LENGTH);
    view.setUint8(0, Number.parseInt(flags, 16));
    view.setUint32(4, Number(vni) * 256);
    const [first = '', ...rest] = line.more;
    return stacked(bytes, line.frame(first, rest));
  },
};
export default vxlan;
