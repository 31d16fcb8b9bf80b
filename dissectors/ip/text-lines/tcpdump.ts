import {
  blankLayer,
  type Layer,
  type LineContext,
  lengthOf,
  type PacketLines,
  stacked,
} from '../../../src/capture/packet-lines.js';
import { addressBytes } from '../../../src/wire/address-bytes.js';
import { areSameSum, foldSum, IPV4_HEADER_CHECKSUM, sumOfBytes } from '../../../src/wire/checksum.js';
import * as ip from '../../../src/wire/ip.js';
import { statedSum } from '../../../src/wire/stated-sum.js';
import {
  DESTINATION_PORT,
  SOURCE_PORT,
  UDP_CHECKSUM,
  UDP_HEADER_LENGTH,
  UDP_LENGTH,
} from '../../../src/wire/transport.js';

/** What -v prints of an IPv4 header; old versions write `length: 320` and the protocol as a number. */
const DETAILS_V4 =
  /^IP \(tos 0x([0-9a-f]{1,2})(?:,(?:ECT|CE)[^,]{0,10})?, ttl +(\d{1,3}), id (\d{1,5}), offset (\d{1,5}), flags \[([^\]]{0,12})\], proto:? (?:[\w-]{1,20} \()?(\d{1,3})\)?, length:? (\d{1,5})(?:, (bad cksum [^)]{1,40}))?[^)]{0,200}\)/;
const DETAILS_V6 =
  /^IP6 \((?:class 0x([0-9a-f]{1,2})(?:,[^,]{1,10})?, )?(?:flowlabel 0x([0-9a-f]{1,5}), )?hlim (\d{1,3}), next-header (?:[\w-]{1,20} \()?(\d{1,3})\)? payload length: (\d{1,5})\)/;
/** Less was captured than the header says: what is printed is the header's word. */
const TRUNCATED = /^(IP6? )truncated-ip6? - \d{1,5} bytes missing! ?/;
const ENDPOINTS = /^([0-9a-fA-F:.]{2,60}) > ([0-9a-fA-F:.]{2,60}): ?(.*)$/;

/** What -vv prints of the checksum of UDP. */
const UDP_SUM = /^\[(?:no cksum|udp sum ok|bad udp cksum 0x([0-9a-f]{1,4})[^\]]{0,40})\] /;

/** The values that stand for what the line does not print. */
const TTL_USUAL = 64;

/** What is known of the header beside its addresses. */
interface Details {
  readonly tos: number;
  readonly ttl: number;
  readonly identification: number | null;
  /** In bytes. */
  readonly offset: number;
  readonly flags: number;
  readonly protocol: number | null;
  /** Of all that IP carries. */
  readonly length: number | null;
  readonly hasBadChecksum: boolean;
}
const NO_DETAILS: Details = {
  tos: 0,
  ttl: TTL_USUAL,
  identification: null,
  offset: 0,
  flags: 0,
  protocol: null,
  length: null,
  hasBadChecksum: false,
};

/**
 * `IP 10.0.0.1.500 > 10.0.0.2.500: …`, `IP6 2001:db8::1 > 2001:db8::2: …`, and with -v the header in parentheses, whose
 * packet stands on the next line. UDP is read here too, as it has no folder of its own.
 */
const packets: PacketLines = {
  carriedBy: 'link',
  read(words, line) {
    const isIpv6 = words.startsWith('IP6 ');
    if (!isIpv6 && !words.startsWith('IP ')) return null;
    const whole = words.replace(TRUNCATED, '$1');
    const verbose = (isIpv6 ? DETAILS_V6 : DETAILS_V4).exec(whole);
    const behind = verbose === null ? whole.slice(isIpv6 ? 4 : 3) : whole.slice(verbose[0].length).trim();
    const [next = '', ...later] = line.more;
    const spoken = behind === '' ? next.trim() : behind;
    const [, source = '', destination = '', rest = ''] = ENDPOINTS.exec(spoken) ?? [];
    const from = endpointOf(source, isIpv6);
    const to = endpointOf(destination, isIpv6);
    if (from === null || to === null) return null;
    const details = verbose === null ? NO_DETAILS : isIpv6 ? detailsV6(verbose) : detailsV4(verbose);
    const context: LineContext = {
      ...line,
      source: from.text,
      destination: to.text,
      sourcePort: from.port,
      destinationPort: to.port,
      length: details.length,
      more: behind === '' ? later : line.more,
    };
    const carried = carriedOf(rest, context, details);
    return isIpv6
      ? stackedV6(from.bytes, to.bytes, details, carried)
      : stackedV4(from.bytes, to.bytes, identified(details, words, rest, context), carried);
  },
};
export default packets;

interface Carried extends Layer {
  readonly protocol: number;
}

function carriedOf(rest: string, line: LineContext, details: Details): Carried {
  const nothing = new Uint8Array(0);
  const { protocol } = details;
  // Later fragments have no header of what they carry.
  if (details.offset > 0) return { bytes: nothing, length: details.length, protocol: protocol ?? 0 };
  const fragment = /^frag \((?:0x[0-9a-f]{1,8}:)?(\d{1,5})\|(\d{1,5})\)/.exec(rest);
  if (fragment !== null) {
    return { bytes: nothing, length: Number(fragment[2]) + 8, protocol: ip.PROTOCOL_FRAGMENT };
  }
  const numbered = /^ip-proto-(\d{1,3})/.exec(rest)?.[1];
  const layer = numbered === undefined ? layerOf(rest, line, details) : null;
  if (layer?.protocol !== undefined) {
    return { bytes: layer.bytes, length: details.length ?? layer.length, protocol: layer.protocol };
  }
  const number =
    numbered === undefined ? (protocol ?? (line.sourcePort < 0 ? 0xff : ip.PROTOCOL_UDP)) : Number(numbered);
  return { bytes: nothing, length: details.length ?? lengthOf(rest), protocol: number };
}

function layerOf(rest: string, line: LineContext, details: Details): Layer | null {
  if (/^IP6? /.test(rest)) {
    const inner = line.packet(rest, line.more);
    return inner === null
      ? null
      : { ...inner, protocol: rest.startsWith('IP6') ? ip.PROTOCOL_IPV6 : ip.PROTOCOL_IPIP };
  }
  const [said = '', wrong] = UDP_SUM.exec(rest) ?? [];
  const words = rest.slice(said.length);
  const layer = line.payload(words);
  if (layer !== null && layer.protocol !== undefined) return layer;
  if (line.sourcePort < 0 || (details.protocol !== null && details.protocol !== ip.PROTOCOL_UDP)) return null;
  const length = details.length ?? lengthOfUdp(words, layer);
  const { bytes, view } = blankLayer(UDP_HEADER_LENGTH);
  view.setUint16(SOURCE_PORT, line.sourcePort);
  view.setUint16(DESTINATION_PORT, line.destinationPort);
  // A length that no word says is left to the end of the packet; of a first fragment UDP says that of the datagram.
  const isFirst = (details.flags & ip.IPV4_MORE_FRAGMENTS) !== 0;
  view.setUint16(UDP_LENGTH, (isFirst ? lengthOfUdp(words, layer) : length) ?? 0);
  if (wrong !== undefined) view.setUint16(UDP_CHECKSUM, statedSum(wrong, line, ip.PROTOCOL_UDP));
  const inner = layer?.bytes ?? new Uint8Array(0);
  return { bytes: stacked(bytes, { bytes: inner, length: null }).bytes, length, protocol: ip.PROTOCOL_UDP };
}

/** `UDP, length 81`, `NTPv4, Client, length 48`, `12345+ A? example.org. (29)`. */
function lengthOfUdp(words: string, layer: Layer | null): number | null {
  if (layer !== null && layer.length !== null) return UDP_HEADER_LENGTH + layer.length;
  const said = layer === null ? (lengthOf(words) ?? bracketed(words)) : bracketed(words);
  return said === null ? null : UDP_HEADER_LENGTH + said;
}

function bracketed(words: string): number | null {
  const found = /\((\d{1,5})\)$/.exec(words);
  return found === null ? null : Number(found[1]);
}

function stackedV4(source: Uint8Array, destination: Uint8Array, details: Details, carried: Carried): Layer {
  const { bytes, view } = blankLayer(ip.IPV4_HEADER_LENGTH_MIN + carried.bytes.length);
  const length = carried.length === null ? null : ip.IPV4_HEADER_LENGTH_MIN + carried.length;
  view.setUint8(0, 0x45);
  view.setUint8(1, details.tos);
  view.setUint16(ip.IPV4_TOTAL_LENGTH, Math.min(length ?? bytes.length + UNKNOWN_REST, 65_535));
  view.setUint16(ip.IPV4_IDENTIFICATION, details.identification ?? 0);
  view.setUint16(ip.IPV4_FRAGMENT, (details.offset >>> 3) | details.flags);
  view.setUint8(ip.IPV4_TIME_TO_LIVE, details.ttl);
  view.setUint8(ip.IPV4_PROTOCOL, carried.protocol);
  bytes.set(source, ip.IPV4_SOURCE);
  bytes.set(destination, ip.IPV4_DESTINATION);
  const sum = foldSum(sumOfBytes(view, 0, ip.IPV4_HEADER_LENGTH_MIN));
  const checksum = ~sum & 0xffff;
  view.setUint16(IPV4_HEADER_CHECKSUM, details.hasBadChecksum ? (areSameSum(checksum, 1) ? 2 : 1) : checksum);
  bytes.set(carried.bytes, ip.IPV4_HEADER_LENGTH_MIN);
  return { bytes, length: length ?? bytes.length + UNKNOWN_REST };
}

/** What stands for the rest of a packet whose length no line says: enough to show that there is one. */
const UNKNOWN_REST = 200;

function stackedV6(source: Uint8Array, destination: Uint8Array, details: Details, carried: Carried): Layer {
  const { bytes, view } = blankLayer(ip.IPV6_HEADER_LENGTH + carried.bytes.length);
  const length = carried.length ?? carried.bytes.length + UNKNOWN_REST;
  view.setUint32(0, 0x6000_0000 | (details.tos << 20));
  view.setUint16(ip.IPV6_PAYLOAD_LENGTH, Math.min(length, 65_535));
  view.setUint8(ip.IPV6_NEXT_HEADER, carried.protocol);
  view.setUint8(ip.IPV6_HOP_LIMIT, details.ttl);
  bytes.set(source, ip.IPV6_SOURCE);
  bytes.set(destination, ip.IPV6_DESTINATION);
  bytes.set(carried.bytes, ip.IPV6_HEADER_LENGTH);
  return { bytes, length: ip.IPV6_HEADER_LENGTH + length };
}

function detailsV4(found: RegExpExecArray): Details {
  const [, tos, ttl, identification, offset, flags = '', protocol, length, bad] = found;
  return {
    tos: Number.parseInt(tos ?? '0', 16),
    ttl: Number(ttl),
    identification: Number(identification),
    offset: Number(offset),
    flags:
      (flags.includes('DF') ? ip.IPV4_DONT_FRAGMENT : 0) | (flags.includes('+') ? ip.IPV4_MORE_FRAGMENTS : 0),
    protocol: Number(protocol),
    length: Math.max(0, Number(length) - ip.IPV4_HEADER_LENGTH_MIN),
    hasBadChecksum: bad !== undefined,
  };
}

function detailsV6(found: RegExpExecArray): Details {
  const [, trafficClass, , hopLimit, protocol, length] = found;
  return {
    ...NO_DETAILS,
    tos: Number.parseInt(trafficClass ?? '0', 16),
    ttl: Number(hopLimit),
    protocol: Number(protocol),
    length: Number(length),
  };
}

/** Lines that were printed, and how often in a row without a pause. */
interface Seen {
  timeNs: bigint | null;
  count: number;
}

/**
 * Without -v the identification is not printed. One is made of what is said behind the addresses, so that both ends of a path
 * and several interfaces of a host give a packet the same one, whatever a NAT does; lines that an interface repeats at once are
 * told apart, as they are several packets.
 */
function identified(details: Details, words: string, rest: string, line: LineContext): Details {
  if (details.identification !== null) return details;
  const seen = line.memory('ip', () => new Map<string, Seen>());
  const said = `${rest} ${line.more[0] ?? ''}`;
  const key = `${line.tap} ${words} ${said}`;
  if (seen.size >= WORDS_MAX) seen.clear();
  const before = seen.get(key);
  const isRepeated =
    before !== undefined &&
    (line.timeNs === null || before.timeNs === null || line.timeNs - before.timeNs < REPEATED_WITHIN_NS);
  const count = isRepeated ? before.count + 1 : 0;
  seen.set(key, { timeNs: line.timeNs, count });
  let hash = count;
  for (let at = 0; at < said.length; at++) hash = (Math.imul(hash, 31) + said.charCodeAt(at)) | 0;
  return { ...details, identification: (hash ^ (hash >>> 16)) & 0xffff };
}
const WORDS_MAX = 65_536;
/** Copies of a packet that several taps saw are no further apart than this. */
const REPEATED_WITHIN_NS = 50_000_000n;

/** An address, with the port behind it that tcpdump separates by a dot. */
function endpointOf(text: string, isIpv6: boolean): { text: string; port: number; bytes: Uint8Array } | null {
  const whole = addressBytes(text);
  if (whole !== null && whole.length === (isIpv6 ? 16 : 4)) return { text, port: -1, bytes: whole };
  const dot = text.lastIndexOf('.');
  const port = Number(text.slice(dot + 1));
  const bytes = dot < 0 ? null : addressBytes(text.slice(0, dot));
  if (bytes === null || bytes.length !== (isIpv6 ? 16 : 4) || !(port >= 0 && port <= 65_535)) return null;
  return { text: text.slice(0, dot), port, bytes };
}
