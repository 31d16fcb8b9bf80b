import type { HeaderField } from '../dissect/dissector.js';
import * as ip from '../wire/ip.js';
import * as transport from '../wire/transport.js';
import type { FieldDifference } from './packet-changes.js';
import { tcpDifferences } from './tcp-diff.js';

/** An IP packet from its header on, as far as it was captured. */
export type PacketBytes = Uint8Array;

/** What is known of the two packets beside their bytes. */
export interface DiffContext {
  /** The header above UDP, or above IP where that is neither UDP nor TCP; none where its protocol names no fields. */
  readonly fieldsOf: (protocol: number, ports: readonly number[]) => readonly HeaderField[];
  /** The numbers of the TCP connection are rewritten as a rule: no news of a packet. */
  readonly isRenumbered: boolean;
}

interface Layers {
  readonly view: DataView;
  readonly isIpv4: boolean;
  readonly protocol: number;
  readonly isLaterFragment: boolean;
  /** Above the IP header and its extensions, and where the packet ends on the wire. */
  readonly transport: number;
  readonly wireEnd: number;
}

const FLOW_LABEL = 0xf_ffff;
const BYTES_SHOWN = 8;
const RUNS_SHOWN = 4;
const ICMP_HEADER_LENGTH = 8;
const EXTENSIONS = [
  ip.PROTOCOL_HOP_BY_HOP,
  ip.PROTOCOL_ROUTING,
  ip.PROTOCOL_DESTINATION_OPTIONS,
  ip.PROTOCOL_MOBILITY,
];

/**
 * The fields in which a packet differs from itself at the other end, less what routers and NATs change by design
 * (addresses, ports, TTL, checksums, identification) and what the records tell already (DSCP, ECN, do not fragment).
 */
export function fieldDifferences(
  sent: PacketBytes,
  received: PacketBytes,
  context: DiffContext,
): FieldDifference[] {
  const [a, b] = [layersOf(sent), layersOf(received)];
  if (a === null || b === null || a.protocol !== b.protocol) return [];
  const differences: FieldDifference[] = [];
  const note = (field: string, from: string | number, to: string | number): void => {
    if (from !== to) differences.push({ field, from: String(from), to: String(to) });
  };
  if (a.isIpv4 !== b.isIpv4) note('IP version', a.isIpv4 ? 4 : 6, b.isIpv4 ? 4 : 6);
  else noteIp(note, a, b);
  if (a.isLaterFragment || b.isLaterFragment) notePayload(note, 'fragment', a, b, a.transport, b.transport);
  else if (a.protocol === ip.PROTOCOL_TCP) noteTcp(note, a, b, context);
  else if (a.protocol === ip.PROTOCOL_UDP) noteUdp(note, a, b, context);
  else noteOther(note, a, b, context);
  return differences;
}

type Note = (field: string, from: string | number, to: string | number) => void;

function noteIp(note: Note, a: Layers, b: Layers): void {
  if (a.isIpv4) {
    note(
      'IPv4 options',
      hexOf(a, ip.IPV4_HEADER_LENGTH_MIN, a.transport),
      hexOf(b, ip.IPV4_HEADER_LENGTH_MIN, b.transport),
    );
    return;
  }
  note('IPv6 flow label', hex(a.view.getUint32(0) & FLOW_LABEL), hex(b.view.getUint32(0) & FLOW_LABEL));
  note(
    'IPv6 extension headers',
    hexOf(a, ip.IPV6_HEADER_LENGTH, a.transport),
    hexOf(b, ip.IPV6_HEADER_LENGTH, b.transport),
  );
}

function noteTcp(note: Note, a: Layers, b: Layers, { isRenumbered }: DiffContext): void {
  const [atA, atB] = [a, b].map((layers) => tcpPayload(layers));
  if (atA < 0 || atB < 0) return;
  const [headerA, headerB] = [
    new DataView(a.view.buffer, a.view.byteOffset + a.transport, atA - a.transport),
    new DataView(b.view.buffer, b.view.byteOffset + b.transport, atB - b.transport),
  ];
  for (const { field, from, to } of tcpDifferences(headerA, headerB, isRenumbered)) note(field, from, to);
  notePayload(note, 'TCP payload', a, b, atA, atB);
}

function noteUdp(note: Note, a: Layers, b: Layers, { fieldsOf }: DiffContext): void {
  const header = transport.UDP_HEADER_LENGTH;
  if (capturedFrom(a, a.transport) < header || capturedFrom(b, b.transport) < header) return;
  const checksum = ({ view, transport: at }: Layers): string =>
    view.getUint16(at + transport.UDP_CHECKSUM) === 0 ? 'none' : 'present';
  note('UDP checksum', checksum(a), checksum(b));
  const ports = [a, b].flatMap(({ view, transport: at }) => [
    view.getUint16(at + transport.SOURCE_PORT),
    view.getUint16(at + transport.DESTINATION_PORT),
  ]);
  noteNamed(note, 'UDP payload', fieldsOf(ip.PROTOCOL_UDP, ports), a, b, header);
}

function noteOther(note: Note, a: Layers, b: Layers, { fieldsOf }: DiffContext): void {
  const isIcmp = a.protocol === ip.PROTOCOL_ICMP || a.protocol === ip.PROTOCOL_ICMPV6;
  if (!isIcmp) {
    noteNamed(note, 'IP payload', fieldsOf(a.protocol, []), a, b, 0);
    return;
  }
  const header = ICMP_HEADER_LENGTH;
  if (capturedFrom(a, a.transport) < header || capturedFrom(b, b.transport) < header) return;
  note('ICMP type', a.view.getUint8(a.transport), b.view.getUint8(b.transport));
  note('ICMP code', a.view.getUint8(a.transport + 1), b.view.getUint8(b.transport + 1));
  // Of an echo the identifier is a NAT's to change; of "too big" this is the MTU.
  note('ICMP bytes 6 and 7', a.view.getUint16(a.transport + 6), b.view.getUint16(b.transport + 6));
  notePayload(note, 'ICMP payload', a, b, a.transport + header, b.transport + header);
}

/** The fields of a header at `skip` bytes above IP, then what is behind them byte by byte. */
function noteNamed(
  note: Note,
  name: string,
  fields: readonly HeaderField[],
  a: Layers,
  b: Layers,
  skip: number,
): void {
  const [atA, atB] = [a.transport + skip, b.transport + skip];
  const named = Math.ceil(Math.max(0, ...fields.map(({ at, bits }) => at + bits)) / 8);
  const isWhole = capturedFrom(a, atA) >= named && capturedFrom(b, atB) >= named;
  if (named === 0 || !isWhole) {
    notePayload(note, name, a, b, atA, atB);
    return;
  }
  for (const field of fields) note(field.name, fieldValue(a, atA, field), fieldValue(b, atB, field));
  notePayload(note, name, a, b, atA, atB, named);
}

/** Runs of bytes that differ, from byte `from` of the payload on. */
function notePayload(
  note: Note,
  name: string,
  a: Layers,
  b: Layers,
  atA: number,
  atB: number,
  from = 0,
): void {
  note(`${name} length`, a.wireEnd - atA, b.wireEnd - atB);
  const length = Math.min(capturedFrom(a, atA), capturedFrom(b, atB));
  const differs = (index: number): boolean => a.view.getUint8(atA + index) !== b.view.getUint8(atB + index);
  let runs = 0;
  for (let index = from; index < length; index++) {
    if (!differs(index)) continue;
    const start = index;
    while (index + 1 < length && differs(index + 1)) index++;
    if (++runs > RUNS_SHOWN) {
      note(`${name} bytes further on`, 'as sent', 'changed');
      return;
    }
    const place = index > start ? `bytes ${start} to ${index}` : `byte ${start}`;
    note(`${name} ${place}`, hexOf(a, atA + start, atA + index + 1), hexOf(b, atB + start, atB + index + 1));
  }
}

function layersOf(bytes: PacketBytes): Layers | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < ip.IPV4_HEADER_LENGTH_MIN) return null;
  return view.getUint8(0) >> 4 === 4 ? ipv4Layers(view) : ipv6Layers(view);
}

function ipv4Layers(view: DataView): Layers | null {
  const header = (view.getUint8(0) & 0x0f) * 4;
  if (header < ip.IPV4_HEADER_LENGTH_MIN || header > view.byteLength) return null;
  return {
    view,
    isIpv4: true,
    protocol: view.getUint8(ip.IPV4_PROTOCOL),
    isLaterFragment: (view.getUint16(ip.IPV4_FRAGMENT) & ip.IPV4_OFFSET_MASK) !== 0,
    transport: header,
    wireEnd: view.getUint16(ip.IPV4_TOTAL_LENGTH) || view.byteLength,
  };
}

function ipv6Layers(view: DataView): Layers | null {
  if (view.byteLength < ip.IPV6_HEADER_LENGTH) return null;
  let protocol = view.getUint8(ip.IPV6_NEXT_HEADER);
  let at = ip.IPV6_HEADER_LENGTH;
  let isLaterFragment = false;
  while (at + ip.IPV6_FRAGMENT_HEADER_LENGTH <= view.byteLength) {
    const isFragment = protocol === ip.PROTOCOL_FRAGMENT;
    if (!isFragment && !EXTENSIONS.includes(protocol)) break;
    if (isFragment)
      isLaterFragment = (view.getUint16(at + ip.IPV6_FRAGMENT_OFFSET) & ip.IPV6_FRAGMENT_OFFSET_MASK) !== 0;
    protocol = view.getUint8(at);
    at += isFragment ? ip.IPV6_FRAGMENT_HEADER_LENGTH : (view.getUint8(at + 1) + 1) * 8;
  }
  if (at > view.byteLength) return null;
  const payload = view.getUint16(ip.IPV6_PAYLOAD_LENGTH);
  const wireEnd = payload === 0 ? view.byteLength : payload + ip.IPV6_HEADER_LENGTH;
  return { view, isIpv4: false, protocol, isLaterFragment, transport: at, wireEnd };
}

/** Where the payload of a TCP segment begins; -1 where its header was not captured whole. */
function tcpPayload({ view, transport: at }: Layers): number {
  if (view.byteLength - at < transport.TCP_HEADER_LENGTH_MIN) return -1;
  const length = (view.getUint8(at + transport.TCP_DATA_OFFSET) >> 4) * 4;
  return length < transport.TCP_HEADER_LENGTH_MIN || at + length > view.byteLength ? -1 : at + length;
}

function capturedFrom({ view, wireEnd }: Layers, at: number): number {
  return Math.max(0, Math.min(view.byteLength, wireEnd) - at);
}

function fieldValue({ view }: Layers, base: number, { at, bits, isHex }: HeaderField): string | number {
  let value = 0;
  for (let bit = at; bit < at + bits; bit++) {
    value = value * 2 + ((view.getUint8(base + (bit >> 3)) >> (7 - (bit & 7))) & 1);
  }
  return isHex ? hex(value) : value;
}

function hex(value: number): string {
  return `0x${value.toString(16)}`;
}

/** `0xc0ffee…`, `none` where there is nothing. */
function hexOf({ view }: Layers, from: number, to: number): string {
  const end = Math.min(to, view.byteLength);
  if (end <= from) return 'none';
  let text = '0x';
  for (let at = from; at < Math.min(end, from + BYTES_SHOWN); at++)
    text += view.getUint8(at).toString(16).padStart(2, '0');
  return end - from > BYTES_SHOWN ? `${text}…` : text;
}
