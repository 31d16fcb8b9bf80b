import { blankLayer, type PacketLines } from '../../../src/capture/packet-lines.js';
import { PROTOCOL_TCP } from '../../../src/wire/ip.js';
import * as transport from '../../../src/wire/transport.js';

const LINE =
  /^TCP (?:\[[^\]]{1,60}\] ?){0,4}(\d{1,5}) (?:→|->|>) (\d{1,5}) \[([A-Z]{3}(?:, [A-Z]{2,3}){0,7})\] Seq=(\d{1,10})(?: Ack=(\d{1,10}))? Win=(\d{1,10})(?: [A-Za-z]{1,9}=\S{1,40}){0,2} Len=(\d{1,6})\b/;
const FLAGS: readonly (readonly [string, number])[] = [
  ['FIN', 0x01],
  ['SYN', 0x02],
  ['RST', 0x04],
  ['PSH', 0x08],
  ['ACK', 0x10],
  ['URG', 0x20],
  ['ECE', 0x40],
  ['CWR', 0x80],
];

/**
 * `TCP 41874 → 1194 [SYN] Seq=0 Win=64240 Len=0`, as tshark lists it. Numbers are those of the list, which begin at 0;
 * segments that carry a protocol that it knows are listed by that, so that there are gaps between them.
 */
const tcp: PacketLines = {
  carriedBy: 'ip',
  read(words) {
    const [, source, destination, letters = '', sequence, acknowledgment, window, payload] =
      LINE.exec(words) ?? [];
    if (source === undefined) return null;
    const { bytes, view } = blankLayer(transport.TCP_HEADER_LENGTH_MIN);
    view.setUint16(transport.SOURCE_PORT, Number(source));
    view.setUint16(transport.DESTINATION_PORT, Number(destination));
    view.setUint32(transport.TCP_SEQUENCE, Number(sequence));
    view.setUint32(transport.TCP_ACKNOWLEDGMENT, Number(acknowledgment ?? 0));
    view.setUint8(transport.TCP_DATA_OFFSET, (bytes.length / 4) << 4);
    const names = letters.split(', ');
    view.setUint8(
      transport.TCP_FLAGS,
      FLAGS.reduce((bits, [name, bit]) => (names.includes(name) ? bits | bit : bits), 0),
    );
    view.setUint16(transport.TCP_WINDOW, Math.min(Number(window), 0xffff));
    return { bytes, length: bytes.length + Number(payload), protocol: PROTOCOL_TCP };
  },
};
export default tcp;
