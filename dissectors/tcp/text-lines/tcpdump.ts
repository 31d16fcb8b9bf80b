import {
  blankLayer,
  type Layer,
  type LineContext,
  lengthOf,
  type PacketLines,
  stacked,
} from '../../../src/capture/packet-lines.js';
import { PROTOCOL_TCP } from '../../../src/wire/ip.js';
import { statedSum } from '../../../src/wire/stated-sum.js';
import {
  DESTINATION_PORT,
  SOURCE_PORT,
  TCP_ACKNOWLEDGMENT,
  TCP_CHECKSUM,
  TCP_DATA_OFFSET,
  TCP_FIN,
  TCP_FLAGS,
  TCP_HEADER_LENGTH_MIN,
  TCP_SEQUENCE,
  TCP_SYN,
  TCP_WINDOW,
} from '../../../src/wire/transport.js';

const FLAG_LETTERS: Readonly<Record<string, number>> = {
  F: 0x01,
  S: 0x02,
  R: 0x04,
  P: 0x08,
  '.': 0x10,
  U: 0x20,
  E: 0x40,
  W: 0x80,
};
const LINE =
  /^Flags \[([FSRP.UEW]{1,9}|none)\](?:, cksum 0x([0-9a-f]{1,4}) \((correct|incorrect -> 0x[0-9a-f]{1,4})\))?(?:, seq (\d{1,10})(?::(\d{1,10}))?)?(?:, ack (\d{1,10}))?(?:, win (\d{1,6}))?(?:, urg \d{1,6})?(?:, options \[([^\]]{0,400})\])?/;
/** Connections of a run whose numbers are kept. */
const CONNECTIONS_MAX = 65_536;

/** tcpdump prints numbers less the first that it saw of each direction; those are kept to undo it. */
interface Connection {
  /** Of the direction of its first line, and of the other one. */
  readonly base: [number, number];
  readonly next: [number, number];
  readonly from: string;
  /** Whether tcpdump has numbers to subtract. */
  hasBase: boolean;
}

/** `Flags [P.], seq 1:83, ack 1, win 215, options [nop,nop,TS val 9490690 ecr 9562410], length 82: HTTP: GET / HTTP/1.1` */
const tcp: PacketLines = {
  carriedBy: 'ip',
  read(words, line) {
    if (line.sourcePort < 0) return null;
    const found = LINE.exec(words);
    if (found === null) return quiet(words, line);
    const [matched, letters = '', sum = '', verdict, first, , ack, window, options = ''] = found;
    const rest = words.slice(matched.length);
    const payload = lengthOf(rest.slice(0, 20)) ?? 0;
    const flags = [...letters].reduce((bits, letter) => bits | (FLAG_LETTERS[letter] ?? 0), 0);
    const kinds = optionsOf(options);
    const bytes = new Uint8Array(TCP_HEADER_LENGTH_MIN + kinds.length);
    const view = new DataView(bytes.buffer);
    const numbers = absolute(
      line,
      flags,
      first === undefined ? null : Number(first),
      ack === undefined ? null : Number(ack),
      payload,
    );
    view.setUint16(SOURCE_PORT, line.sourcePort);
    view.setUint16(DESTINATION_PORT, line.destinationPort);
    view.setUint32(TCP_SEQUENCE, numbers.sequence);
    view.setUint32(TCP_ACKNOWLEDGMENT, numbers.acknowledgment);
    view.setUint8(TCP_DATA_OFFSET, (bytes.length / 4) << 4);
    view.setUint8(TCP_FLAGS, flags);
    view.setUint16(TCP_WINDOW, Number(window ?? 0) & 0xffff);
    if (verdict?.startsWith('incorrect')) view.setUint16(TCP_CHECKSUM, statedSum(sum, line, PROTOCOL_TCP));
    bytes.set(kinds, TCP_HEADER_LENGTH_MIN);
    const carried = payload > 0 ? line.segment(rest.replace(PAYLOAD_LENGTH, '')) : null;
    const shown = carried !== null && carried.bytes.length <= payload ? carried : NOTHING;
    return {
      bytes: stacked(bytes, shown).bytes,
      length: bytes.length + payload,
      protocol: PROTOCOL_TCP,
    };
  },
};
export default tcp;
const PAYLOAD_LENGTH = /^, length \d{1,6}: /;
const NOTHING: Layer = { bytes: new Uint8Array(0), length: null };

/** `tcp 100`: with -q the ports and the length of the payload are all that is printed. */
function quiet(words: string, line: LineContext): Layer | null {
  const payload = /^tcp (\d{1,6})$/.exec(words)?.[1];
  if (payload === undefined) return null;
  const { bytes, view } = blankLayer(PORTS_LENGTH);
  view.setUint16(SOURCE_PORT, line.sourcePort);
  view.setUint16(DESTINATION_PORT, line.destinationPort);
  return { bytes, length: line.length ?? TCP_HEADER_LENGTH_MIN + Number(payload), protocol: PROTOCOL_TCP };
}
const PORTS_LENGTH = 4;

function absolute(
  line: LineContext,
  flags: number,
  first: number | null,
  ack: number | null,
  payload: number,
): { sequence: number; acknowledgment: number } {
  const connections = line.memory('tcp', () => new Map<string, Connection>());
  const here = `${line.source} ${line.sourcePort}`;
  const there = `${line.destination} ${line.destinationPort}`;
  const key = here < there ? `${here} ${there}` : `${there} ${here}`;
  let known = connections.get(key);
  if (known === undefined) {
    if (connections.size >= CONNECTIONS_MAX) connections.clear();
    known = { base: [0, 0], next: [0, 0], from: here, hasBase: false };
    connections.set(key, known);
  }
  // What does not acknowledge is printed as it is, and so is the first that does.
  const isAbsolute = ack === null || !known.hasBase || (flags & TCP_SYN) !== 0;
  if (ack !== null) known.hasBase = true;
  const own = known.from === here ? 0 : 1;
  const other = own === 0 ? 1 : 0;
  if (isAbsolute) {
    known.base[own] = first ?? known.next[own];
    if (ack !== null) known.base[other] = (ack - 1) >>> 0;
    if (ack !== null && known.next[other] === 0) known.next[other] = ack;
  }
  const offset = (side: 0 | 1, value: number): number =>
    isAbsolute ? value : (known.base[side] + value) >>> 0;
  // Where nothing is carried no number is printed: it is the next one.
  const sequence = first === null ? known.next[own] : offset(own, first);
  const taken = payload + ((flags & TCP_SYN) === 0 ? 0 : 1) + ((flags & TCP_FIN) === 0 ? 0 : 1);
  if (taken > 0) known.next[own] = (sequence + taken) >>> 0;
  return { sequence, acknowledgment: ack === null ? 0 : offset(other, ack) };
}

function optionsOf(text: string): Uint8Array {
  const bytes: number[] = [];
  for (const option of text === '' ? [] : text.split(',')) {
    const [name = '', ...values] = option.trim().split(' ');
    if (name === 'nop') bytes.push(1);
    else if (name === 'eol') bytes.push(0);
    else if (name === 'mss') bytes.push(2, 4, ...words16(values[0]));
    else if (name === 'wscale') bytes.push(3, 3, Number(values[0]) & 0xff);
    else if (name === 'sackOK') bytes.push(4, 2);
    else if (name === 'TS') bytes.push(8, 10, ...words32(values[1]), ...words32(values[3]));
    else if (name === 'md5') bytes.push(19, 18, ...new Array<number>(16).fill(0));
    // Blocks of sack are relative and hold braces; what follows an option that is not known cannot be placed.
    else break;
  }
  while (bytes.length % 4 !== 0) bytes.push(0);
  return Uint8Array.from(bytes.slice(0, 40));
}

function words16(text: string | undefined): number[] {
  const value = Number(text ?? 0);
  return [(value >>> 8) & 0xff, value & 0xff];
}

function words32(text: string | undefined): number[] {
  const value = Number(text ?? 0) >>> 0;
  return [value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff];
}
