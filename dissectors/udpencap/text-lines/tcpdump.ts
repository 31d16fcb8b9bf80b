import { type PacketLines, stacked } from '../../../src/capture/packet-lines.js';

const NON_ESP_MARKER_LENGTH = 4;

/** What port 4500 carries (RFC 3948): ESP, IKE behind a marker, and keepalives. */
const udpencap: PacketLines = {
  carriedBy: 'udp',
  read(words, line) {
    if (words.startsWith('isakmp-nat-keep-alive')) return { bytes: Uint8Array.of(0xff), length: 1 };
    const [, kind, rest = ''] = /^(UDP-encap|NONESP-encap): (.*)$/.exec(words) ?? [];
    if (kind === undefined) return null;
    const inner = line.payload(rest);
    // Carried by UDP, it is not what IP carries.
    if (kind === 'UDP-encap') return inner === null ? null : { bytes: inner.bytes, length: inner.length };
    return stacked(new Uint8Array(NON_ESP_MARKER_LENGTH), inner);
  },
};
export default udpencap;
