import * as ip from '../wire/ip.js';
import {
  LINKTYPE_ETHERNET,
  LINKTYPE_LINUX_SLL,
  LINKTYPE_LINUX_SLL2,
  LINKTYPE_RAW,
} from '../wire/link-types.js';
import { PORT_DNS, PORT_IKE, PORT_NAT_TRAVERSAL } from '../wire/transport.js';
import { rewriteBgp } from './bgp.js';
import { adjustChecksum, fold, sumOf } from './checksum.js';
import type { Datagram } from './datagram.js';
import { rewriteHttp } from './http.js';
import { looksLikeIke, rewriteIke } from './ike.js';
import { rewriteBfd, rewriteDhcp, rewriteDns, rewriteNtp } from './plain-protocols.js';
import type { Renaming } from './renaming.js';
import { scramble } from './scramble.js';

/** Layers inside each other that are followed; what is deeper is scrambled. */
const DEPTH_MAX = 12;

const ETHERTYPE_ARP = 0x0806;
const ETHERTYPE_IPV4 = 0x0800;
const ETHERTYPE_IPV6 = 0x86dd;
const ETHERTYPE_ETHERNET = 0x6558;
const ERSPAN_II = 0x88be;
const ERSPAN_III = 0x22eb;
const TAGS = [0x8100, 0x88a8, 0x9100, 0x9200];

const RAW_LINKS: readonly number[] = [LINKTYPE_RAW, 12, 14, 228, 229];

/**
 * Writes other names into frames, in place: addresses of every layer, MACs, names. Whatever is not known to be harmless is
 * replaced by bytes that tell nothing but whether two are equal.
 */
export class FrameRewriter {
  private view: DataView = new DataView(new ArrayBuffer(0));
  private bytes: Uint8Array = new Uint8Array(0);

  constructor(
    private readonly names: Renaming,
    private readonly ports: CarryingPorts,
  ) {}

  /** @param bytes of one frame */
  rewrite(bytes: Uint8Array, linkType: number): void {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const end = bytes.length;
    if (linkType === LINKTYPE_ETHERNET) return this.ethernet(0, end, 0);
    if (RAW_LINKS.includes(linkType)) return this.ip(0, end, 0);
    if (linkType === LINKTYPE_LINUX_SLL && end >= 16) {
      if (this.view.getUint16(4) === 6) this.mac(6);
      return this.etherType(this.view.getUint16(14), 16, end, 0);
    }
    if (linkType === LINKTYPE_LINUX_SLL2 && end >= 20) {
      if (this.view.getUint8(11) === 6) this.mac(12);
      return this.etherType(this.view.getUint16(0), 20, end, 0);
    }
    if ((linkType === 0 || linkType === 108) && end > 4) return this.ip(4, end, 0);
    this.scramble(0, end);
  }

  private ethernet(at: number, end: number, depth: number): void {
    if (end - at < 14 || depth > DEPTH_MAX) return this.scramble(at, end);
    this.mac(at);
    this.mac(at + 6);
    const type = this.view.getUint16(at + 12);
    this.etherType(type, at + 14, end, depth);
  }

  private etherType(type: number, start: number, end: number, depth: number): void {
    let at = start;
    let inner = type;
    for (; TAGS.includes(inner) && end - at >= 4; at += 4) inner = this.view.getUint16(at + 2);
    if (inner === ETHERTYPE_IPV4 || inner === ETHERTYPE_IPV6) return this.ip(at, end, depth);
    if (inner === ETHERTYPE_ARP) return this.arp(at, end);
    if (inner === ETHERTYPE_ETHERNET) return this.ethernet(at, end, depth + 1);
    this.scramble(at, end);
  }

  private arp(at: number, end: number): void {
    const isPlain =
      end - at >= 28 && this.view.getUint32(at) === 0x0001_0800 && this.view.getUint16(at + 4) === 0x0604;
    if (!isPlain) return this.scramble(at, end);
    this.mac(at + 8);
    this.address(at + 14, 4);
    this.mac(at + 18);
    this.address(at + 24, 4);
    this.bytes.fill(0, at + 28, end);
  }

  private ip(at: number, end: number, depth: number): void {
    if (at >= end) return;
    const version = this.view.getUint8(at) >> 4;
    if (depth > DEPTH_MAX) return this.scramble(at, end);
    if (version === 4 && end - at >= 20) this.ipv4(at, end, depth);
    else if (version === 6 && end - at >= 40) this.ipv6(at, end, depth);
    else this.scramble(at, end);
  }

  private ipv4(at: number, end: number, depth: number): void {
    const { view } = this;
    const payload = at + (view.getUint8(at) & 0x0f) * 4;
    if (payload < at + 20 || payload > end) return this.scramble(at, end);
    const claimed = view.getUint16(at + ip.IPV4_TOTAL_LENGTH);
    const packetEnd = claimed === 0 ? end : Math.min(end, Math.max(payload, at + claimed));
    const before = sumOf(view, at, payload);
    const source = this.address(at + ip.IPV4_SOURCE, 4);
    const destination = this.address(at + ip.IPV4_DESTINATION, 4);
    // Options may hold addresses; that there are some stays.
    this.bytes.fill(1, at + 20, payload);
    const fragment = view.getUint16(at + ip.IPV4_FRAGMENT);
    const isLater = (fragment & ip.IPV4_OFFSET_MASK) !== 0;
    this.transport(
      view.getUint8(at + ip.IPV4_PROTOCOL),
      payload,
      packetEnd,
      { source, destination },
      isLater,
      depth,
    );
    adjustChecksum(view, at + 10, before, sumOf(view, at, payload));
    this.bytes.fill(0, packetEnd, end);
  }

  private ipv6(at: number, end: number, depth: number): void {
    const { view } = this;
    const length = view.getUint16(at + ip.IPV6_PAYLOAD_LENGTH);
    const packetEnd = length === 0 ? end : Math.min(end, at + 40 + length);
    const source = this.address(at + ip.IPV6_SOURCE, 16);
    const destination = this.address(at + ip.IPV6_DESTINATION, 16);
    let next = view.getUint8(at + ip.IPV6_NEXT_HEADER);
    let payload = at + 40;
    let isLater = false;
    while ([0, 43, 44, 60].includes(next) && payload + 8 <= packetEnd) {
      const own = next;
      next = view.getUint8(payload);
      if (own === 44) {
        isLater = (view.getUint16(payload + 2) & ip.IPV6_FRAGMENT_OFFSET_MASK) !== 0;
        payload += 8;
      } else {
        const after = Math.min(packetEnd, payload + 8 + view.getUint8(payload + 1) * 8);
        this.scramble(payload + 4, after);
        payload = after;
      }
    }
    this.transport(next, payload, packetEnd, { source, destination }, isLater, depth);
    this.bytes.fill(0, packetEnd, end);
  }

  private transport(
    protocol: number,
    at: number,
    end: number,
    ends: Pick<Datagram, 'source' | 'destination'>,
    isLater: boolean,
    depth: number,
  ): void {
    if (at >= end) return;
    if (isLater) return this.scramble(at, end);
    const { view } = this;
    const before = sumOf(view, at, end);
    this.protocol(protocol, at, end, ends, depth);
    const after = sumOf(view, at, end);
    const isSix = ends.source.old.length === 16;
    const place = CHECKSUM_AT.get(protocol);
    if (place === undefined || at + place + 2 > end) return;
    const isPseudo = protocol !== ip.PROTOCOL_ICMP;
    const pseudo = ({ source, destination }: typeof ends, of: 'old' | 'fresh'): number =>
      isPseudo ? fold(sumOfBytes(source[of]) + sumOfBytes(destination[of])) : 0;
    const isUdp = protocol === ip.PROTOCOL_UDP;
    // A card had yet to fill it in: it is the sum of the pseudo header alone.
    const unfilled = fold(pseudo(ends, 'old') + protocol + (end - at));
    if (isPseudo && view.getUint16(at + place) === unfilled)
      return view.setUint16(at + place, fold(pseudo(ends, 'fresh') + protocol + (end - at)));
    adjustChecksum(
      view,
      at + place,
      fold(before + pseudo(ends, 'old')),
      fold(after + pseudo(ends, 'fresh')),
      isUdp && !isSix,
    );
  }

  private protocol(
    protocol: number,
    at: number,
    end: number,
    ends: Pick<Datagram, 'source' | 'destination'>,
    depth: number,
  ): void {
    switch (protocol) {
      case ip.PROTOCOL_UDP:
        return this.udp(at, end, ends, depth);
      case ip.PROTOCOL_TCP:
        return this.tcp(at, end);
      case ip.PROTOCOL_ICMP:
      case ip.PROTOCOL_ICMPV6:
        return this.icmp(at, end, protocol === ip.PROTOCOL_ICMPV6, depth);
      case ip.PROTOCOL_GRE:
        return this.gre(at, end, depth);
      case ip.PROTOCOL_IPIP:
      case ip.PROTOCOL_IPV6:
        return this.ip(at, end, depth + 1);
      case ip.PROTOCOL_ESP:
        return this.scramble(at + 8, end);
      case ip.PROTOCOL_AH:
        return this.ah(at, end, ends, depth);
      default:
        return this.scramble(at, end);
    }
  }

  private ah(at: number, end: number, ends: Pick<Datagram, 'source' | 'destination'>, depth: number): void {
    if (end - at < 12) return this.scramble(at, end);
    const payload = Math.min(end, at + (this.view.getUint8(at + 1) + 2) * 4);
    this.scramble(at + 12, payload);
    this.transport(this.view.getUint8(at), payload, end, ends, false, depth);
  }

  private tcp(at: number, end: number): void {
    if (end - at < 20) return;
    const payload = Math.min(end, at + (this.view.getUint8(at + 12) >> 4) * 4);
    const { view, bytes, names, ports } = this;
    const from = Math.max(payload, at + 20);
    const has = (list: readonly number[]): boolean =>
      list.includes(view.getUint16(at)) || list.includes(view.getUint16(at + 2));
    const rest = has(ports.bgp)
      ? rewriteBgp(view, bytes, from, end, names)
      : has(ports.openvpn) && end - from >= 2
        ? from + 2 + keptHeader(view, from + 2, end, true)
        : rewriteHttp(bytes, from, end, names);
    this.scramble(Math.min(end, rest), end);
  }

  private icmp(at: number, end: number, isSix: boolean, depth: number): void {
    if (end - at < 8) return this.scramble(at + 4, end);
    const type = this.view.getUint8(at);
    const isError = isSix ? type >= 1 && type <= 4 : [3, 4, 5, 11, 12].includes(type);
    if (!isSix && type === 5) this.address(at + 4, 4);
    if (isError) return this.ip(at + 8, end, depth + 1);
    if (isSix && (type === 135 || type === 136)) {
      if (end - at >= 24) this.address(at + 8, 16);
      if (end - at >= 32) this.mac(at + 26);
      return this.scramble(Math.min(end, at + 32), end);
    }
    const isEcho = isSix ? type === 128 || type === 129 : type === 0 || type === 8;
    this.scramble(isEcho ? at + 8 : at + 4, end);
  }

  private gre(at: number, end: number, depth: number): void {
    if (end - at < 4) return;
    const flags = this.view.getUint16(at);
    const payload = at + 4 + [0x8000, 0x2000, 0x1000].filter((bit) => (flags & bit) !== 0).length * 4;
    if ((flags & 7) !== 0 || payload > end) return this.scramble(Math.min(end, at + 8), end);
    const type = this.view.getUint16(at + 2);
    if (type === ERSPAN_II) return this.ethernet(payload + ((flags & 0x1000) === 0 ? 0 : 8), end, depth + 1);
    if (type === ERSPAN_III) return this.ethernet(payload + 12, end, depth + 1);
    this.etherType(type, payload, end, depth + 1);
  }

  private udp(at: number, end: number, ends: Pick<Datagram, 'source' | 'destination'>, depth: number): void {
    if (end - at < 8) return;
    const { view, bytes, names } = this;
    const datagram = { ...ends, sourcePort: view.getUint16(at), destinationPort: view.getUint16(at + 2) };
    const payload = at + 8;
    const has = (...ports: number[]): boolean =>
      ports.includes(datagram.destinationPort) || ports.includes(datagram.sourcePort);
    const body = { view, bytes, from: payload, to: end, names, datagram };
    const { vxlan, geneve, bfd } = this.ports;
    if (vxlan.includes(datagram.destinationPort) || looksLikeVxlan(view, payload, end))
      return this.vxlan(payload, end, depth);
    if (geneve.includes(datagram.destinationPort)) return this.geneve(payload, end, depth);
    if (has(PORT_IKE, PORT_NAT_TRAVERSAL) && this.ipsecInUdp(payload, end, has(PORT_NAT_TRAVERSAL), body))
      return;
    if (has(PORT_DNS) && rewriteDns(body)) return;
    if (has(67, 68) && rewriteDhcp(body)) return;
    if (has(123) && rewriteNtp(body)) return;
    if (has(...bfd) && rewriteBfd(body)) return;
    this.scramble(
      Math.min(end, payload + keptHeader(view, payload, end, has(...this.ports.openvpnUdp))),
      end,
    );
  }

  /** IKE, ESP in UDP, a keepalive of one byte. */
  private ipsecInUdp(
    at: number,
    end: number,
    isPort4500: boolean,
    body: Parameters<typeof rewriteIke>[0],
  ): boolean {
    if (end - at <= 1) return true;
    if (!isPort4500) return rewriteIke(body);
    if (looksLikeIke(this.view, at, end)) return rewriteIke(body);
    if (end - at < 4 || this.view.getUint32(at) !== 0) {
      this.scramble(Math.min(end, at + 8), end);
      return true;
    }
    const isIke = looksLikeIke(this.view, at + 4, end);
    if (isIke && rewriteIke({ ...body, from: at + 4 })) return true;
    this.behindMarker(at, end, body);
    return true;
  }

  /** ESP where IKE is expected, behind four or (drafts before RFC 3948) eight zero bytes; a part of an IKE message. */
  private behindMarker(at: number, end: number, body: Parameters<typeof rewriteIke>[0]): void {
    const isDraft = end - at >= 8 && this.view.getUint32(at + 4) === 0;
    if (!isDraft && rewriteIke({ ...body, from: at + 4 })) return;
    this.scramble(Math.min(end, at + (isDraft ? 16 : 12)), end);
  }

  private vxlan(at: number, end: number, depth: number): void {
    if (end - at < 8) return;
    this.ethernet(at + 8, end, depth + 1);
  }

  private geneve(at: number, end: number, depth: number): void {
    if (end - at < 8) return;
    const payload = Math.min(end, at + 8 + (this.view.getUint8(at) & 0x3f) * 4);
    this.scramble(at + 8, payload);
    this.etherType(this.view.getUint16(at + 2), payload, end, depth + 1);
  }

  private mac(at: number): void {
    this.bytes.set(this.names.mac(this.bytes.slice(at, at + 6)), at);
  }

  private address(at: number, length: number): { old: Uint8Array; fresh: Uint8Array } {
    const old = this.bytes.slice(at, at + length);
    const fresh = this.names.address(old);
    this.bytes.set(fresh, at);
    return { old, fresh };
  }

  private scramble(from: number, to: number): void {
    scramble(this.view, this.bytes, from, to, this.names);
  }
}

/** Where UDP carries what, as the catalogue says. */
export interface CarryingPorts {
  readonly vxlan: readonly number[];
  readonly geneve: readonly number[];
  readonly bfd: readonly number[];
  readonly openvpnUdp: readonly number[];
  /** Of TCP. */
  readonly bgp: readonly number[];
  readonly openvpn: readonly number[];
}

const VXLAN_FLAGS = 0x0800_0000;
const ETHERNET_TYPES = [ETHERTYPE_IPV4, ETHERTYPE_IPV6, ETHERTYPE_ARP];

/** On whatever port (RFC 7348, section 5). */
function looksLikeVxlan(view: DataView, from: number, to: number): boolean {
  return (
    to - from >= 22 &&
    view.getUint32(from) === VXLAN_FLAGS &&
    view.getUint8(from + 7) === 0 &&
    ETHERNET_TYPES.includes(view.getUint16(from + 20))
  );
}

const OPENVPN_OPCODES = [1, 2, 3, 4, 5, 7, 8, 10];
const OPENVPN_DATA = [6, 9];
/** Opcode, session, HMAC, time, acknowledgments and packet id; of what is behind them no more than a TLS record header. */
const OPENVPN_HEADER = 54;
const OPENVPN_DATA_HEADER = 8;
const WIREGUARD_LENGTHS: ReadonlyMap<number, number> = new Map([
  [1, 148],
  [2, 92],
  [3, 64],
]);
const WIREGUARD_HEADER = 16;

/** Bytes in front that are numbers of the tunnel's own: what tells WireGuard on whatever port, and OpenVPN on its own. */
function keptHeader(view: DataView, from: number, to: number, isOpenVpn: boolean): number {
  const length = to - from;
  if (length < OPENVPN_DATA_HEADER) return 0;
  const type = view.getUint32(from, true);
  if (WIREGUARD_LENGTHS.get(type) === length || (type === 4 && length >= 32 && length % 16 === 0))
    return WIREGUARD_HEADER;
  if (!isOpenVpn) return 0;
  const opcode = view.getUint8(from) >> 3;
  if (OPENVPN_OPCODES.includes(opcode)) return OPENVPN_HEADER;
  return OPENVPN_DATA.includes(opcode) ? OPENVPN_DATA_HEADER : 0;
}

const CHECKSUM_AT: ReadonlyMap<number, number> = new Map([
  [ip.PROTOCOL_UDP, 6],
  [ip.PROTOCOL_TCP, 16],
  [ip.PROTOCOL_ICMP, 2],
  [ip.PROTOCOL_ICMPV6, 2],
]);

function sumOfBytes(bytes: Uint8Array): number {
  return sumOf(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), 0, bytes.length);
}
