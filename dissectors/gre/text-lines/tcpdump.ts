import { blankLayer, lengthOf, type PacketLines, stacked } from '../../../src/capture/packet-lines.js';
import { PROTOCOL_GRE } from '../../../src/wire/ip.js';

const FLAG_KEY = 0x2000;
const FLAG_SEQUENCE = 0x1000;
const ETHERTYPE_TEB = 0x6558;

/** `GREv0, key=0x1bc, seq 7, length 96: IP 10.0.0.1 > 10.0.0.2: …` (RFC 2784, RFC 2890) */
const gre: PacketLines = {
  carriedBy: 'ip',
  read(words, line) {
    const [, options, length, rest = ''] =
      /^GREv0((?:, (?:key=0x[0-9a-f]{1,8}|seq \d{1,10}|Flags \[[^\]]{0,40}\]|proto [^,]{1,40}|off 0x\S{1,8}|sum 0x\S{1,8}))*), length (\d{1,6}): (.*)$/.exec(
        words,
      ) ?? [];
    if (options === undefined || options.includes('sum 0x') || options.includes('off 0x')) return null;
    const key = /key=0x([0-9a-f]+)/.exec(options)?.[1];
    const sequence = /seq (\d+)/.exec(options)?.[1];
    const type = typeOf(rest);
    if (type === null) return null;
    const { bytes, view } = blankLayer(4 + (key === undefined ? 0 : 4) + (sequence === undefined ? 0 : 4));
    view.setUint16(0, (key === undefined ? 0 : FLAG_KEY) | (sequence === undefined ? 0 : FLAG_SEQUENCE));
    view.setUint16(2, type);
    if (key !== undefined) view.setUint32(4, Number.parseInt(key, 16));
    if (sequence !== undefined) view.setUint32(bytes.length - 4, Number(sequence));
    const inner =
      type === ETHERTYPE_TEB
        ? line.frame(rest, line.more)
        : /^IP6? /.test(rest)
          ? line.packet(rest, line.more)
          : null;
    const whole = stacked(bytes, inner);
    return { bytes: whole.bytes, length: Number(length) || lengthOf(words), protocol: PROTOCOL_GRE };
  },
};
export default gre;

/** EtherType of what is carried. */
function typeOf(rest: string): number | null {
  if (/^IP6 /.test(rest)) return 0x86dd;
  if (/^IP /.test(rest)) return 0x0800;
  if (/^(?:[0-9a-f]{2}:){5}[0-9a-f]{2} > /.test(rest)) return ETHERTYPE_TEB;
  const named = /^gre-proto-0x([0-9a-f]{1,4})/i.exec(rest)?.[1];
  return named === undefined ? null : Number.parseInt(named, 16);
}
