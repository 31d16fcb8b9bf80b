import { blankLayer, type PacketLines } from '../../../src/capture/packet-lines.js';
import { PROTOCOL_AH, PROTOCOL_IPIP, PROTOCOL_IPV6 } from '../../../src/wire/ip.js';

const SA =
  /^AH\(spi=0x([0-9a-f]{1,8}),(?:sumlen=\d{1,4},)?seq=0x([0-9a-f]{1,8}),icv=0x([0-9a-f]{0,512})\): (.*)$/;

/** `AH(spi=0x1,seq=0x2,icv=0x…): IP 10.0.0.1 > 10.0.0.2: …` (RFC 4302, section 2) */
const ah: PacketLines = {
  carriedBy: 'ip',
  read(words, line) {
    const [, spi = '', sequence = '', icv = '', rest = ''] = SA.exec(words) ?? [];
    if (spi === '') return null;
    const length = 12 + Math.ceil(icv.length / 8) * 4;
    const { bytes, view } = blankLayer(length);
    const inner = /^IP6? /.test(rest) ? line.packet(rest) : null;
    view.setUint8(0, inner === null ? 0 : rest.startsWith('IP6') ? PROTOCOL_IPV6 : PROTOCOL_IPIP);
    view.setUint8(1, length / 4 - 2);
    view.setUint32(4, Number.parseInt(spi, 16));
    view.setUint32(8, Number.parseInt(sequence, 16));
    for (let at = 0; at + 2 <= icv.length; at += 2)
      view.setUint8(12 + at / 2, Number.parseInt(icv.slice(at, at + 2), 16));
    // What a transport SA carries is not told by its first field: the words end with the header.
    if (inner === null) return { bytes, length: line.length, protocol: PROTOCOL_AH };
    const whole = new Uint8Array(length + inner.bytes.length);
    whole.set(bytes);
    whole.set(inner.bytes, length);
    return {
      bytes: whole,
      length: inner.length === null ? line.length : length + inner.length,
      protocol: PROTOCOL_AH,
    };
  },
};
export default ah;
