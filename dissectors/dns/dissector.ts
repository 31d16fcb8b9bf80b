import { defineDissector } from '../../src/dissect/dissector.js';
import type { FrameContext } from '../../src/dissect/frame-context.js';
import { HEADER_MALFORMED } from '../../src/observe/engine-tables.js';
import { columnsOf, numberedColumns } from '../../src/observe/numbered-columns.js';
import type { ObservationTable, Schema } from '../../src/observe/table.js';
import { PROTOCOL_TCP } from '../../src/wire/ip.js';
import { PORT_DNS } from '../../src/wire/transport.js';
import * as dns from './layout.js';

/** Bytes of the question's name that a row keeps, as on the wire: names that people read are shorter; reports show the rest as cut. */
export const NAME_BYTES_KEPT = 64;
const NAME_WORDS = NAME_BYTES_KEPT / 4;

const HASH_START = 0x811c9dc5;
const HASH_PRIME = 0x01000193;
const CASE_BIT = 0x20;

const DNS_ROWS = {
  id: 'u16',
  flags: 'u16',
  answers: 'u16',
  authorities: 'u16',
  /** Upper bits of the RCODE, from an OPT record right behind the question (RFC 6891, section 6.1.3); else 0. */
  extendedRcode: 'u8',
  /** Of the first question: type, length of its name as on the wire (0: none, or cut off), hash of it in lower case. */
  type: 'u16',
  nameLength: 'u8',
  nameHash: 'i32',
  /** The first NAME_BYTES_KEPT bytes of the name in lower case, four a word, zeros behind its end. */
  ...numberedColumns('name', 16, 'i32'),
} as const satisfies Schema;

export type DnsTable = ObservationTable<typeof DNS_ROWS>;

/** The name columns of a table in order. */
export function nameColumns(table: DnsTable): readonly Int32Array[] {
  return columnsOf(table, 'name', 16);
}

/**
 * One row a message on port 53; of a fragmented one from its first fragment, which holds header and question. The ports of multicast DNS and LLMNR are owned but give no row: nobody there has to
 * answer.
 */
export const dnsDissector = defineDissector({
  protocol: 'dns',
  carriedBy: { udpPort: [PORT_DNS, dns.PORT_MDNS, dns.PORT_LLMNR], tcpPort: [PORT_DNS] },
  observes: DNS_ROWS,
  rowsPerChunk: 4096,
  stream: { messageLength },
  bind(table, { protocolIndex }) {
    const name = nameColumns(table);
    return (frame, offset, end) => dissectMessage(table, name, protocolIndex, frame, offset, end);
  },
});

export default dnsDissector;

/** 0 until the header's first counts are there; -1 where no DNS message could begin so. */
function messageLength(view: DataView, offset: number, end: number): number {
  if (end - offset < dns.TCP_LENGTH_PREFIX + dns.ANSWERS) return 0;
  const length = view.getUint16(offset);
  const flags = view.getUint16(offset + dns.TCP_LENGTH_PREFIX + dns.FLAGS);
  const questions = view.getUint16(offset + dns.TCP_LENGTH_PREFIX + dns.QUESTIONS);
  const opcode = (flags & dns.OPCODE_MASK) >> dns.OPCODE_SHIFT;
  if (length < dns.HEADER_LENGTH || opcode > dns.OPCODE_MAX || questions > 1) return -1;
  return dns.TCP_LENGTH_PREFIX + length;
}

function dissectMessage(
  table: DnsTable,
  name: readonly Int32Array[],
  protocolIndex: number,
  frame: FrameContext,
  offset: number,
  end: number,
): void {
  if (frame.sourcePort !== PORT_DNS && frame.destinationPort !== PORT_DNS) return;
  const at = frame.protocol === PROTOCOL_TCP ? offset + dns.TCP_LENGTH_PREFIX : offset;
  if (end - at < dns.HEADER_LENGTH) return frame.observeUnreadable(protocolIndex);
  const view = frame.view;
  const flags = view.getUint16(at + dns.FLAGS);
  if ((flags & dns.OPCODE_MASK) >> dns.OPCODE_SHIFT > dns.OPCODE_MAX) {
    return frame.observeUnreadableOf(protocolIndex, HEADER_MALFORMED);
  }
  const row = table.rows.append(frame);
  table.id[row] = view.getUint16(at + dns.ID);
  table.flags[row] = flags;
  table.answers[row] = view.getUint16(at + dns.ANSWERS);
  table.authorities[row] = view.getUint16(at + dns.AUTHORITIES);
  table.type[row] = 0;
  table.extendedRcode[row] = 0;
  table.nameLength[row] = 0;
  table.nameHash[row] = 0;
  for (let word = 0; word < NAME_WORDS; word++) name[word][row] = 0;
  if (view.getUint16(at + dns.QUESTIONS) === 0) return;
  const question = at + dns.HEADER_LENGTH;
  const length = nameLength(view, question, end);
  if (length === 0 || end - question - length < dns.QUESTION_LENGTH)
    return frame.observeUnreadable(protocolIndex);
  table.nameLength[row] = length;
  table.type[row] = view.getUint16(question + length);
  copyName(table, name, row, view, question, length);
  if (table.answers[row] === 0 && table.authorities[row] === 0) {
    table.extendedRcode[row] = extendedRcode(view, question + length + dns.QUESTION_LENGTH, end);
  }
}

function extendedRcode(view: DataView, offset: number, end: number): number {
  if (end - offset < dns.OPT_LENGTH_MIN || view.getUint8(offset) !== 0) return 0;
  if (view.getUint16(offset + dns.OPT_TYPE) !== dns.TYPE_OPT) return 0;
  return view.getUint8(offset + dns.OPT_EXTENDED_RCODE);
}

/** Bytes of the uncompressed name at `offset`, its end included; 0 where it does not fit or is none. */
function nameLength(view: DataView, offset: number, end: number): number {
  let at = offset;
  while (at < end && at - offset < dns.NAME_LENGTH_MAX) {
    const label = view.getUint8(at);
    if (label === 0) return at + 1 - offset;
    // A pointer (RFC 1035, section 4.1.4) has nothing before it to point to.
    if (label > dns.LABEL_MAX) return 0;
    at += label + 1;
  }
  return 0;
}

/** Writes the name and its hash; letters in lower case, since resolvers play with the case of questions. */
function copyName(
  table: DnsTable,
  name: readonly Int32Array[],
  row: number,
  view: DataView,
  offset: number,
  length: number,
): void {
  let hash = HASH_START;
  for (let index = 0; index < length; index++) {
    const byte = view.getUint8(offset + index);
    const lower = byte >= 0x41 && byte <= 0x5a ? byte | CASE_BIT : byte;
    hash = Math.imul(hash ^ lower, HASH_PRIME);
    if (index < NAME_BYTES_KEPT) name[index >> 2][row] |= lower << (24 - (index & 3) * 8);
  }
  table.nameHash[row] = hash;
}
