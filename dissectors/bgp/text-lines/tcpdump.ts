import type { Layer, PacketLines } from '../../../src/capture/packet-lines.js';
import { addressBytes } from '../../../src/wire/address-bytes.js';
import * as bgp from '../layout.js';

const MESSAGE =
  /^\s{1,8}(Open|Update|Notification|Keepalive|Route Refresh) Message \((\d{1,3})\), length: (\d{1,5})(.*)$/;
const OPEN = /^\s{1,8}Version (\d{1,3}), my AS (\d{1,5}), Holdtime (\d{1,5})s, ID ([\d.]{7,15})/;
const PARAMETERS = /^\s{1,8}Optional parameters, length: (\d{1,3})$/;
const CAPABILITY = /^\s{1,12}[^(]{1,60} \((\d{1,3})\), length: (\d{1,3})$/;
const FOUR_BYTE_AS = /^\s{1,12}4 Byte AS (\d{1,10})$/;
const PREFIX = /^\s{1,12}([\d.]{7,15})\/(\d{1,2})$/;
const ATTRIBUTE =
  /^\s{1,8}([A-Z][\w -]{1,40}) \((\d{1,3})\), length: (\d{1,5}), Flags \[([OTPE]{0,4})\+?[^\]]{0,3}\]: (.*)$/;
const ERROR = /^, [^(]{1,60} \((\d{1,3})\)(?:, subcode [^(]{1,60} \((\d{1,3})\))?/;

const ATTRIBUTE_OPTIONAL = 0x80;
const ATTRIBUTE_TRANSITIVE = 0x40;
const ATTRIBUTE_PARTIAL = 0x20;
const ATTRIBUTE_EXTENDED_LENGTH = 0x10;
const ATTRIBUTE_MULTI_EXIT = 4;

/**
 * `BGP`, and with -v its messages on the lines behind: `Open Message (1), length: 47`. Without them nothing but an empty
 * segment's worth is told, as a length says of a KEEPALIVE alone what it is.
 */
const bgpLines: PacketLines = {
  carriedBy: 'tcp',
  read(words, line): Layer | null {
    if (!words.startsWith('BGP')) return null;
    const messages: Uint8Array[] = [];
    let at = 0;
    while (at < line.more.length) {
      const found = MESSAGE.exec(line.more[at] ?? '');
      if (found === null) break;
      let next = at + 1;
      while (next < line.more.length && !MESSAGE.test(line.more[next] ?? '')) next++;
      const message = messageOf(found, line.more.slice(at + 1, next));
      // What follows a message that is not told cannot be placed.
      if (message === null) break;
      messages.push(message);
      at = next;
    }
    return messages.length === 0 ? null : { bytes: joined(messages), length: null };
  },
};
export default bgpLines;

function messageOf(found: RegExpExecArray, lines: readonly string[]): Uint8Array | null {
  const [, , type = '', length = '', rest = ''] = found;
  const message = new Uint8Array(Number(length));
  if (message.length < bgp.HEADER_LENGTH || message.length > bgp.MESSAGE_LENGTH_MAX) return null;
  const view = new DataView(message.buffer);
  message.fill(0xff, 0, bgp.MARKER_LENGTH);
  view.setUint16(bgp.LENGTH, message.length);
  view.setUint8(bgp.TYPE, Number(type));
  switch (Number(type)) {
    case bgp.TYPE_KEEPALIVE:
      return message.length === bgp.HEADER_LENGTH ? message : null;
    case bgp.TYPE_OPEN:
      return writeOpen(view, lines) ? message : null;
    case bgp.TYPE_NOTIFICATION:
      return writeNotification(view, rest) ? message : null;
    case bgp.TYPE_UPDATE:
      return writeUpdate(message, lines) ? message : null;
    default:
      return null;
  }
}

function writeOpen(view: DataView, lines: readonly string[]): boolean {
  const found = OPEN.exec(lines[0] ?? '');
  if (found === null || view.byteLength < bgp.OPEN_LENGTH_MIN) return false;
  const [, version, as, holdTime, identifier = ''] = found;
  view.setUint8(bgp.OPEN_VERSION, Number(version));
  view.setUint16(bgp.OPEN_AS, Number(as));
  view.setUint16(bgp.OPEN_HOLD_TIME, Number(holdTime));
  for (const [index, byte] of (addressBytes(identifier) ?? new Uint8Array(4)).entries()) {
    view.setUint8(bgp.OPEN_IDENTIFIER + index, byte);
  }
  const length = Number(PARAMETERS.exec(lines[1] ?? '')?.[1] ?? 0);
  if (bgp.OPEN_LENGTH_MIN + length !== view.byteLength) return length === 0;
  view.setUint8(bgp.OPEN_PARAMETERS_LENGTH, length);
  writeCapabilities(view, lines.slice(2));
  return true;
}

/** Parameters and the capabilities in them; values only where they say the AS. */
function writeCapabilities(view: DataView, lines: readonly string[]): void {
  let at = bgp.OPEN_LENGTH_MIN;
  for (const [index, line] of lines.entries()) {
    const [, code, length] = CAPABILITY.exec(line) ?? [];
    // Of a parameter its header; its capabilities follow.
    const isParameter = line.trimStart().startsWith('Option ');
    const size = isParameter ? 0 : Number(length);
    if (code === undefined || at + 2 + size > view.byteLength) continue;
    view.setUint8(at, Number(code));
    view.setUint8(at + 1, Number(length));
    const as = FOUR_BYTE_AS.exec(lines[index + 1] ?? '')?.[1];
    if (Number(code) === bgp.CAPABILITY_FOUR_BYTE_AS && size === 4 && as !== undefined) {
      view.setUint32(at + 2, Number(as));
    }
    at += 2 + size;
  }
}

function writeNotification(view: DataView, words: string): boolean {
  const [, code, subcode = '0'] = ERROR.exec(words) ?? [];
  if (code === undefined || view.byteLength < bgp.NOTIFICATION_DATA) return false;
  view.setUint8(bgp.HEADER_LENGTH, Number(code));
  view.setUint8(bgp.HEADER_LENGTH + 1, Number(subcode));
  return true;
}

/** Routes of IPv4 and the lengths of attributes, whose values stay zero but for the MED. */
function writeUpdate(message: Uint8Array, lines: readonly string[]): boolean {
  const withdrawn: number[] = [];
  const attributes: number[] = [];
  const routes: number[] = [];
  let into: number[] | null = null;
  for (const line of lines) {
    const heading = line.trim();
    if (heading === 'Withdrawn routes:') into = withdrawn;
    else if (heading === 'Updated routes:') into = routes;
    else if (PREFIX.test(line) && into !== null) into.push(...prefixOf(line));
    else {
      into = null;
      attributes.push(...attributeOf(line));
    }
  }
  const end = bgp.HEADER_LENGTH + 4 + withdrawn.length + attributes.length + routes.length;
  // Routes that are not printed so (of another family, with a path id), or an attribute that is not understood.
  if (end !== message.length) return false;
  const view = new DataView(message.buffer);
  view.setUint16(bgp.HEADER_LENGTH, withdrawn.length);
  message.set(withdrawn, bgp.HEADER_LENGTH + 2);
  view.setUint16(bgp.HEADER_LENGTH + 2 + withdrawn.length, attributes.length);
  message.set([...attributes, ...routes], bgp.HEADER_LENGTH + 4 + withdrawn.length);
  return true;
}

function prefixOf(line: string): number[] {
  const [, address = '', length] = PREFIX.exec(line) ?? [];
  const bits = Number(length);
  return [bits, ...(addressBytes(address) ?? new Uint8Array(4)).subarray(0, Math.ceil(bits / 8))];
}

function attributeOf(line: string): number[] {
  const [, , type, length, flags = '', value = ''] = ATTRIBUTE.exec(line) ?? [];
  if (type === undefined) return [];
  const size = Number(length);
  const bits =
    (flags.includes('O') ? ATTRIBUTE_OPTIONAL : 0) |
    (flags.includes('T') ? ATTRIBUTE_TRANSITIVE : 0) |
    (flags.includes('P') ? ATTRIBUTE_PARTIAL : 0) |
    (flags.includes('E') || size > 0xff ? ATTRIBUTE_EXTENDED_LENGTH : 0);
  const isMetric = Number(type) === ATTRIBUTE_MULTI_EXIT && size === 4;
  const metric = isMetric ? Number(value) : 0;
  const contents = isMetric
    ? [metric >>> 24, (metric >>> 16) & 0xff, (metric >>> 8) & 0xff, metric & 0xff]
    : new Array<number>(size).fill(0);
  const lengths = (bits & ATTRIBUTE_EXTENDED_LENGTH) === 0 ? [size] : [size >>> 8, size & 0xff];
  return [bits, Number(type), ...lengths, ...contents];
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
