import { defineDissector } from '../../src/dissect/dissector.js';

//  0                   1                   2                   3
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// |     Type      |    Reserved   |          Identifier           |   RFC and section
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
const TYPE = 0;
const IDENTIFIER = 2;
const HEADER_LENGTH = 4;

export const TEMPLATE_PORT = 9;
export const QUESTION = 1;
export const ANSWER = 2;

export default defineDissector({
  protocol: 'template',
  carriedBy: { udpPort: [TEMPLATE_PORT] },
  observes: { type: 'u8', identifier: 'u16' },

  bind(template, { protocolIndex }) {
    return function dissectTemplate(frame, offset, end) {
      if (end - offset < HEADER_LENGTH) return frame.observeUnreadable(protocolIndex);
      const row = template.rows.append(frame);
      template.type[row] = frame.view.getUint8(offset + TYPE);
      template.identifier[row] = frame.view.getUint16(offset + IDENTIFIER);
    };
  },
});
