import { blankLayer, type PacketLines } from '../../../src/capture/packet-lines.js';
import { PROTOCOL_ICMP, PROTOCOL_ICMPV6 } from '../../../src/wire/ip.js';

const ECHO = /^ICMP(v6)? Echo \(ping\) (request|reply) {1,4}id=0x([0-9a-f]{1,4}), seq=(\d{1,5})/;
const ERROR = /^ICMP (Destination unreachable|Time-to-live exceeded) \(([^)]{1,60})\)/;
const TYPE_UNREACHABLE = 3;
const TYPE_EXCEEDED = 11;
/** Codes by the names that tshark gives them. */
const CODES: Readonly<Record<string, number>> = {
  'Network unreachable': 0,
  'Host unreachable': 1,
  'Protocol unreachable': 2,
  'Port unreachable': 3,
  'Fragmentation needed': 4,
  'Network administratively prohibited': 9,
  'Host administratively prohibited': 10,
  'Communication administratively filtered': 13,
  'Time to live exceeded in transit': 0,
  'Fragment reassembly time exceeded': 1,
};

/** Echoes, and type and code of errors, as tshark lists them; the packet that an error quotes is not told. */
const icmp: PacketLines = {
  carriedBy: 'ip',
  read(words) {
    const [, isV6, kind, id = '', sequence] = ECHO.exec(words) ?? [];
    if (kind !== undefined) {
      const { bytes, view } = blankLayer(8);
      const isRequest = kind === 'request';
      view.setUint8(0, isV6 === undefined ? (isRequest ? 8 : 0) : isRequest ? 128 : 129);
      view.setUint16(4, Number.parseInt(id, 16));
      view.setUint16(6, Number(sequence));
      return { bytes, length: null, protocol: isV6 === undefined ? PROTOCOL_ICMP : PROTOCOL_ICMPV6 };
    }
    const [, type, name = ''] = ERROR.exec(words) ?? [];
    const code = CODES[name];
    if (code === undefined) return null;
    const isUnreachable = type === 'Destination unreachable';
    return {
      bytes: Uint8Array.of(isUnreachable ? TYPE_UNREACHABLE : TYPE_EXCEEDED, code),
      length: null,
      protocol: PROTOCOL_ICMP,
    };
  },
};
export default icmp;
