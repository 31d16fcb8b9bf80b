import { blankLayer, type PacketLines, stacked } from '../../../src/capture/packet-lines.js';
import { PROTOCOL_UDP } from '../../../src/wire/ip.js';
import { DESTINATION_PORT, SOURCE_PORT, UDP_HEADER_LENGTH } from '../../../src/wire/transport.js';
import tcpdump from './tcpdump.js';

const PORT_DNS = 53;
const LINE =
  /^DNS Standard query (response )?0x([0-9a-f]{4}) (?:(No such name|Server failure|Refused|Not implemented|Format error) )?([A-Z]{1,10}) (\S{1,255})(.{0,4000})$/;
const RESPONSE_CODES: Readonly<Record<string, string>> = {
  'No such name': ' NXDomain',
  'Server failure': ' ServFail',
  Refused: ' Refused',
  'Not implemented': ' NotImp',
  'Format error': ' FormErr',
};

/** `DNS Standard query 0x4cff A www.example.org`, as tshark lists it; the port of the asker is not told, and 53 stands for it. */
const dns: PacketLines = {
  carriedBy: 'ip',
  read(words, line) {
    const [, response, id = '', code = '', type, name = '', more = ''] = LINE.exec(words) ?? [];
    if (type === undefined) return null;
    const said =
      response === undefined
        ? `${Number.parseInt(id, 16)}+ ${type}? ${name}. (0)`
        : `${Number.parseInt(id, 16)}${RESPONSE_CODES[code] ?? ''} ${more.trim() === '' ? 0 : 1}/0/0 (0)`;
    const inner = tcpdump.read(said, { ...line, sourcePort: PORT_DNS, destinationPort: PORT_DNS });
    if (inner === null) return null;
    const { bytes, view } = blankLayer(UDP_HEADER_LENGTH);
    view.setUint16(SOURCE_PORT, PORT_DNS);
    view.setUint16(DESTINATION_PORT, PORT_DNS);
    view.setUint16(4, UDP_HEADER_LENGTH + inner.bytes.length);
    return { ...stacked(bytes, { bytes: inner.bytes, length: inner.bytes.length }), protocol: PROTOCOL_UDP };
  },
};
export default dns;
