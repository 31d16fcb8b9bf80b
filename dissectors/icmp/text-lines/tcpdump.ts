import {
  blankLayer,
  type Layer,
  type LineContext,
  lengthOf,
  type PacketLines,
} from '../../../src/capture/packet-lines.js';
import { addressBytes } from '../../../src/wire/address-bytes.js';
import { ICMP_CHECKSUM } from '../../../src/wire/checksum.js';
import {
  PROTOCOL_ESP,
  PROTOCOL_ICMP,
  PROTOCOL_ICMPV6,
  PROTOCOL_TCP,
  PROTOCOL_UDP,
} from '../../../src/wire/ip.js';

const ECHO = /^ICMP(6?),? echo (request|reply), id (\d{1,5}), seq (\d{1,5})/;
const WRONG_SUM = /\(wrong icmp cksum ([0-9a-f]{1,4}) \(->[0-9a-f]{1,4}\)!\)$/;
const UNREACHABLE = /^ICMP (?:host |net )?([\d.]{7,15}) (.{0,80}?)unreachable(.{0,60}?)(?:, length \d+)?$/;
const ETHERTYPE_LENGTH_V4 = 20;

/** Codes of destination unreachable (RFC 792, RFC 1122, RFC 1812) by what tcpdump prints. */
const CODES: readonly (readonly [RegExp, number])[] = [
  [/^ICMP net \S+ unreachable - admin prohibited/, 9],
  [/^ICMP host \S+ unreachable - admin prohibited filter/, 13],
  [/^ICMP host \S+ unreachable - admin prohibited/, 10],
  [/^ICMP \S+ unreachable - need to frag/, 4],
  [/^ICMP \S+ protocol \S+ unreachable/, 2],
  [/^ICMP \S+ (?:udp|tcp) port \S+ unreachable/, 3],
  [/^ICMP net \S+ unreachable/, 0],
  [/^ICMP host \S+ unreachable/, 1],
];

/** Echoes whole; errors with as much of the quoted packet as the words tell. */
const icmp: PacketLines = {
  carriedBy: 'ip',
  read(words, line) {
    if (!words.startsWith('ICMP')) return null;
    const [, isV6, kind, id, sequence] = ECHO.exec(words) ?? [];
    if (kind !== undefined) {
      const { bytes, view } = blankLayer(8);
      view.setUint8(0, isV6 === '6' ? (kind === 'request' ? 128 : 129) : kind === 'request' ? 8 : 0);
      view.setUint16(4, Number(id));
      view.setUint16(6, Number(sequence));
      const wrong = WRONG_SUM.exec(words)?.[1];
      if (wrong !== undefined) view.setUint16(ICMP_CHECKSUM, Number.parseInt(wrong, 16));
      return {
        bytes,
        length: line.length ?? lengthOf(words),
        protocol: isV6 === '6' ? PROTOCOL_ICMPV6 : PROTOCOL_ICMP,
      };
    }
    return words.startsWith('ICMP6') ? errorV6(words, line) : errorV4(words, line);
  },
};
export default icmp;

function errorV4(words: string, line: LineContext): Layer | null {
  const length = line.length ?? lengthOf(words);
  const { bytes, view } = blankLayer(8);
  const code = CODES.find(([pattern]) => pattern.test(words))?.[1];
  if (code !== undefined) {
    view.setUint8(0, 3);
    view.setUint8(1, code);
    const mtu = /need to frag \(mtu (\d{1,5})\)/.exec(words)?.[1];
    if (mtu !== undefined) view.setUint16(6, Number(mtu));
    const quoted = quotedPacket(words, line);
    const whole = new Uint8Array(bytes.length + quoted.length);
    whole.set(bytes);
    whole.set(quoted, bytes.length);
    return { bytes: whole, length, protocol: PROTOCOL_ICMP };
  }
  const exceeded = /^ICMP (time exceeded in-transit|ip reassembly time exceeded)/.exec(words)?.[1];
  if (exceeded === undefined) return null;
  view.setUint8(0, 11);
  view.setUint8(1, exceeded.startsWith('ip') ? 1 : 0);
  const quoted = quotedPacket(words, line);
  const whole = new Uint8Array(bytes.length + quoted.length);
  whole.set(bytes);
  whole.set(quoted, bytes.length);
  return { bytes: whole, length, protocol: PROTOCOL_ICMP };
}

/** What -v prints on the lines behind, or else what the error itself says: whither the packet went, and its protocol. */
function quotedPacket(words: string, line: LineContext): Uint8Array {
  const [first = '', ...rest] = line.more;
  const shown = /^\s*IP \(/.test(first) ? line.packet(first.trim(), rest) : null;
  if (shown !== null) return shown.bytes;
  const [, target = '', what = ''] = UNREACHABLE.exec(words) ?? [];
  const destination = addressBytes(target);
  const source = addressBytes(line.destination);
  const protocol = /^udp port/.test(what)
    ? PROTOCOL_UDP
    : /^tcp port/.test(what)
      ? PROTOCOL_TCP
      : protocolNumber(what);
  // Without the protocol no field behind it may be made up.
  if (destination === null || source === null || protocol === null) return new Uint8Array(0);
  const port = /port (\d{1,5}) /.exec(`${what} `)?.[1];
  const { bytes, view } = blankLayer(port === undefined ? ETHERTYPE_LENGTH_V4 : ETHERTYPE_LENGTH_V4 + 8);
  view.setUint8(0, 0x45);
  view.setUint16(2, ETHERTYPE_LENGTH_V4 + 8);
  view.setUint8(9, protocol);
  bytes.set(source, 12);
  bytes.set(destination, 16);
  if (port !== undefined) view.setUint16(ETHERTYPE_LENGTH_V4 + 2, Number(port));
  return bytes;
}

function protocolNumber(what: string): number | null {
  const number = /^protocol (\d{1,3}) /.exec(what)?.[1];
  if (number !== undefined) return Number(number);
  return /^protocol esp/i.test(what) ? PROTOCOL_ESP : null;
}

function errorV6(words: string, line: LineContext): Layer | null {
  const length = line.length ?? lengthOf(words);
  const mtu = /^ICMP6, packet too big, mtu (\d{1,9})/.exec(words)?.[1];
  const { bytes, view } = blankLayer(8);
  if (mtu !== undefined) {
    view.setUint8(0, 2);
    view.setUint32(4, Number(mtu));
    return { bytes, length, protocol: PROTOCOL_ICMPV6 };
  }
  const [, solicits, target] =
    /^ICMP6, neighbor (solicitation, who has|advertisement, tgt is) ([0-9a-f:.]{2,45})/.exec(words) ?? [];
  const address = target === undefined ? null : addressBytes(target);
  if (address === null) return { bytes: new Uint8Array(0), length, protocol: PROTOCOL_ICMPV6 };
  view.setUint8(0, solicits?.startsWith('s') === true ? 135 : 136);
  const whole = new Uint8Array(24);
  whole.set(bytes);
  whole.set(address, 8);
  return { bytes: whole, length, protocol: PROTOCOL_ICMPV6 };
}
