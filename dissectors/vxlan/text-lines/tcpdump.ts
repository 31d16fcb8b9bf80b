import { blankLayer, type Layer, type PacketLines, stacked } from '../../../src/capture/packet-lines.js';

const VXLAN_HEADER_LENGTH = 8;
const ETHERNET_LENGTH = 14;
const ETHERTYPE_OFFSET = 12;

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
    const inner = innerFrame(line.more, line.packet);
    return stacked(bytes, inner);
  },
};
export default vxlan;

/** The inner Ethernet header is printed with -e alone; without it the addresses are not known and stay zero. */
function innerFrame(
  more: readonly string[],
  packet: (words: string, more: readonly string[]) => Layer | null,
): Layer | null {
  const [first, ...rest] = more;
  if (first === undefined) return null;
  const { bytes, view } = blankLayer(ETHERNET_LENGTH);
  const [prefix = '', source, destination, type] =
    /^((?:[0-9a-f]{2}:){5}[0-9a-f]{2}) > ((?:[0-9a-f]{2}:){5}[0-9a-f]{2}|Broadcast), ethertype [^(]{0,40}\(0x([0-9a-f]{4})\), length \d{1,6}: /.exec(
      first.trim(),
    ) ?? [];
  let words = first.trim().slice(prefix.length);
  if (source !== undefined && destination !== undefined) {
    bytes.set(macOf(destination));
    bytes.set(macOf(source), 6);
    words = `${{ '0800': 'IP ', '86dd': 'IP6 ', '0806': 'ARP, ' }[type ?? ''] ?? ''}${words}`;
  }
  const kind = words.startsWith('IP6')
    ? 0x86dd
    : words.startsWith('IP')
      ? 0x0800
      : words.startsWith('ARP')
        ? 0x0806
        : 0;
  if (kind === 0) return null;
  view.setUint16(ETHERTYPE_OFFSET, kind);
  return stacked(bytes, packet(words, rest));
}

function macOf(text: string): number[] {
  return text === 'Broadcast'
    ? [255, 255, 255, 255, 255, 255]
    : text.split(':').map((part) => Number.parseInt(part, 16));
}
