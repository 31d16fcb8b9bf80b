import { address } from './address.js';
import { concat, u8, u16, u32, zeros } from './bytes.js';

/** `17-ffaa:1:64` and a host: an IPv4 or IPv6 address, or the number of a service. */
export interface ScionHost {
  readonly isdAs: string;
  readonly host: string | number;
}

export interface ScionHop {
  readonly expiry: number;
  readonly ingress: number;
  readonly egress: number;
}

export interface ScionSegment {
  /** Seconds since 1970. */
  readonly timestamp: number;
  readonly hops: readonly ScionHop[];
}

export interface ScionPacket {
  readonly source: ScionHost;
  readonly destination: ScionHost;
  readonly segments?: readonly ScionSegment[];
  readonly nextHeader: number;
  readonly payload: Uint8Array;
  /** Traffic class and flow id of the current header: its first four bytes. */
  readonly firstWord?: number;
  /** A one-hop path (current header), made at that time. */
  readonly oneHopTimestamp?: number;
}

export const NEXT = { udp: 17, oldScmp: 1, scmp: 202, bfd: 203 } as const;

function isdAs(text: string): Uint8Array {
  const [isd, as] = text.split('-');
  const groups = as.split(':').map((group) => Number.parseInt(group, 16));
  const bytes = as.includes(':') ? concat(...groups.map(u16)) : concat(u16(0), u32(Number(as)));
  return concat(u16(Number(isd)), bytes);
}

function isService(host: ScionHost['host']): host is number {
  return typeof host === 'number';
}

const MAC = [0x3b, 0x9c, 0x51, 0xe7, 0x0d, 0x62];

/** The current header (SCION header specification). */
export function scionPacket(packet: ScionPacket): Uint8Array {
  const { source, destination, nextHeader, payload, firstWord = 1 } = packet;
  const host = (one: ScionHost): Uint8Array =>
    isService(one.host) ? concat(u16(one.host), zeros(2)) : address(one.host);
  const type = (one: ScionHost): number =>
    isService(one.host) ? 4 : address(one.host).length === 16 ? 3 : 0;
  const addresses = concat(isdAs(destination.isdAs), isdAs(source.isdAs), host(destination), host(source));
  const [pathType, path] = currentPath(packet);
  const headerLength = 12 + addresses.length + path.length;
  return concat(
    u32(firstWord),
    u8(nextHeader),
    u8(headerLength / 4),
    u16(payload.length),
    u8(pathType),
    u8((type(destination) << 4) | type(source)),
    u16(0),
    addresses,
    path,
    payload,
  );
}

function currentPath({ segments = [], oneHopTimestamp }: ScionPacket): [number, Uint8Array] {
  const info = (timestamp: number): Uint8Array => concat(u8(1), u8(0), u16(0x6c3e), u32(timestamp));
  const hop = ({ expiry, ingress, egress }: ScionHop): Uint8Array =>
    concat(u8(0), u8(expiry), u16(ingress), u16(egress), Uint8Array.from(MAC));
  if (oneHopTimestamp !== undefined) {
    const path = concat(info(oneHopTimestamp), hop({ expiry: 63, ingress: 0, egress: 1 }), zeros(12));
    return [2, path];
  }
  if (segments.length === 0) return [0, zeros(0)];
  const [first, second, third] = [0, 1, 2].map((index) => segments[index]?.hops.length ?? 0);
  return [
    1,
    concat(
      u32((first << 12) | (second << 6) | third),
      ...segments.map(({ timestamp }) => info(timestamp)),
      ...segments.flatMap(({ hops }) => hops.map(hop)),
    ),
  ];
}

/** The header of 2016 to 2020; its current info and hop field are the first ones. */
export function oldScionPacket(packet: ScionPacket): Uint8Array {
  const { source, destination, nextHeader, payload, segments = [] } = packet;
  const host = (one: ScionHost): Uint8Array => (isService(one.host) ? u16(one.host) : address(one.host));
  const type = (one: ScionHost): number =>
    isService(one.host) ? 3 : address(one.host).length === 16 ? 2 : 1;
  const hosts = concat(host(destination), host(source));
  const path = concat(
    ...segments.flatMap(({ timestamp, hops }) => [
      concat(u8(1), u32(timestamp), u16(17), u8(hops.length)),
      ...hops.map(({ expiry, ingress, egress }) =>
        concat(
          u8(0),
          u8(expiry),
          u8(ingress >> 4),
          u16(((ingress & 15) << 12) | egress),
          Uint8Array.from(MAC.slice(0, 3)),
        ),
      ),
    ]),
  );
  const pathAt = 24 + Math.ceil(hosts.length / 8) * 8;
  const headerLength = pathAt + path.length;
  return concat(
    u16((type(destination) << 6) | type(source)),
    u16(headerLength + payload.length),
    u8(headerLength / 8),
    u8(path.length > 0 ? pathAt / 8 : 0),
    u8(path.length > 0 ? pathAt / 8 + 1 : 0),
    u8(nextHeader),
    isdAs(destination.isdAs),
    isdAs(source.isdAs),
    hosts,
    zeros(pathAt - 24 - hosts.length),
    path,
    payload,
  );
}

/** UDP over SCION; the checksum is left out. */
export function scionUdp(sourcePort: number, destinationPort: number, payload: Uint8Array): Uint8Array {
  return concat(u16(sourcePort), u16(destinationPort), u16(8 + payload.length), u16(0), payload);
}

/** SCMP of the current header. */
export function scmp(type: number, code: number, rest: Uint8Array): Uint8Array {
  return concat(u8(type), u8(code), u16(0), rest);
}

export function scmpEcho(isReply: boolean, identifier: number, sequence: number): Uint8Array {
  return scmp(isReply ? 129 : 128, 0, concat(u16(identifier), u16(sequence), zeros(8)));
}

/** SCMP of 2018: header, lengths, info. */
export function oldScmp(scmpClass: number, type: number, info: Uint8Array): Uint8Array {
  const lengths = concat(u8(Math.ceil(info.length / 8)), zeros(7));
  return concat(
    u16(scmpClass),
    u16(type),
    u16(24 + info.length),
    u16(0),
    u32(0x0005_6a34),
    u32(0xeedc_63f6),
    lengths,
    info,
  );
}

/** Packs words as Cap'n Proto does. */
export function capnpPack(words: Uint8Array): Uint8Array {
  const out: number[] = [];
  const zeroBytes = (at: number): number => words.subarray(at, at + 8).filter((byte) => byte === 0).length;
  for (let at = 0; at < words.length; ) {
    const word = words.subarray(at, at + 8);
    at += 8;
    const tag = word.reduce((bits, byte, index) => bits | (byte === 0 ? 0 : 1 << index), 0);
    out.push(tag, ...word.filter((byte) => byte !== 0));
    if (tag !== 0 && tag !== 0xff) continue;
    const from = at;
    while (at < words.length && at - from < 255 * 8) {
      if (tag === 0 ? zeroBytes(at) !== 8 : zeroBytes(at) > 1) break;
      at += 8;
    }
    out.push((at - from) / 8);
    if (tag === 0xff) out.push(...words.subarray(from, at));
  }
  return Uint8Array.from(out);
}

/** A little-endian word: lower and upper 32 bits. */
function word(low: number, high: number): Uint8Array {
  const bytes = new DataView(new ArrayBuffer(8));
  bytes.setInt32(0, low, true);
  bytes.setUint32(4, high >>> 0, true);
  return new Uint8Array(bytes.buffer);
}

const structPointer = (offset: number, data: number, pointers: number): Uint8Array =>
  word(offset << 2, data | (pointers << 16));

function message(...words: Uint8Array[]): Uint8Array {
  const body = concat(...words);
  return capnpPack(concat(word(0, body.length / 8), body));
}

/** Kinds of control message by their union tags; path management carries its own in `managementTag`. */
export interface ControlMessage {
  readonly tag: number;
  readonly managementTag?: number;
  /** Interface id of a keepalive. */
  readonly interfaceId?: number;
  readonly requestId: Uint8Array;
  /** Further contents, to give the message its size; a multiple of 8 bytes. */
  readonly filling?: Uint8Array;
}

/** A control message of 2018 as UDP/SCION carries it: length, then SignedCtrlPld with an empty signature. */
export function controlPayload({
  tag,
  managementTag,
  interfaceId,
  requestId,
  filling,
}: ControlMessage): Uint8Array {
  const contents = filling ?? zeros(0);
  const hasPointers = interfaceId === undefined;
  const blob = message(
    structPointer(0, 2, 2),
    word(tag, 0),
    requestId,
    structPointer(1, 1, hasPointers ? 1 : 0),
    word(0, 0),
    word(interfaceId ?? managementTag ?? 0, 0),
    ...(hasPointers ? [word(0, 0)] : []),
    contents,
  );
  const blobWords = Math.ceil(blob.length / 8);
  const signed = message(
    structPointer(0, 0, 2),
    word((1 << 2) | 1, blob.length * 8 + 2),
    structPointer(blobWords, 1, 2),
    concat(blob, zeros(blobWords * 8 - blob.length)),
    word(0, 0),
    word(0, 0),
    word(0, 0),
  );
  return concat(u32(signed.length), signed);
}
