import { LINK_TYPE } from '../build/link.js';
import { Names, renamedFrames } from './addresses.js';
import { dressedAs, type Frame, type Trace, type Transformation, withBytes } from './trace.js';

/* The same conversations over IPv6, and on ports that nobody owns, where their content says what they are. */

const ETHERNET = 14;
const IPV4 = 20;
const IPV6 = 40;
const PROTOCOL_ICMP = 1;
const PROTOCOL_TCP = 6;
const PROTOCOL_UDP = 17;
const PROTOCOL_ICMPV6 = 58;
/** Beside these: ESP, AH, GRE and tunnels of IP, whose bytes say nothing of the addresses outside. */
const CARRIED = [PROTOCOL_ICMP, 4, PROTOCOL_TCP, PROTOCOL_UDP, 41, 47, 50, 51];
/** IKE hashes addresses; DHCP and the names of others exist for IPv4 alone. */
const PORTS_OF_IPV4 = [67, 68, 500, 4500];
/** Checks of the link, of addresses as such, and of what IPv4 alone has. */
const READ_IPV4 = [
  'arp.*',
  'silk.*',
  'capture.*',
  'ike.nat-undetected',
  'mtu.mismatch',
  'packet.bad-checksum',
];

function word(bytes: Uint8Array, at: number): number {
  return (bytes[at] << 8) | bytes[at + 1];
}

function sumOf(bytes: Uint8Array): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += word(bytes, at);
  return sum;
}

function folded(sum: number): number {
  let rest = sum;
  while (rest > 0xffff) rest = (rest & 0xffff) + (rest >>> 16);
  return rest;
}

const PROTOCOL_IPV4 = 4;
const PROTOCOL_IPV6 = 41;

/** Why the packet cannot go over IPv6, or null. Of IPv4 inside IPv4 both change. */
function obstacle(ip: Uint8Array): string | null {
  if (ip.length < IPV4 + 8 || ip[0] !== 0x45 || word(ip, 2) < IPV4 + 8) return 'packets that are cut';
  if ((word(ip, 6) & 0x3fff) !== 0) return 'fragments, which are others in IPv6';
  if (ip[16] >= 224 || ip[12] === 0 || ip[16] === 255 || ip[15] === 255) return 'groups';
  const protocol = ip[9];
  if (!CARRIED.includes(protocol)) return 'a protocol of IPv4';
  if (protocol === PROTOCOL_IPV4) return obstacle(ip.subarray(IPV4));
  if (protocol === PROTOCOL_ICMP)
    return ip[20] === 8 || ip[20] === 0 ? null : 'errors, which are others in IPv6';
  if (protocol !== PROTOCOL_UDP && protocol !== PROTOCOL_TCP) return null;
  if (PORTS_OF_IPV4.some((port) => port === word(ip, 20) || port === word(ip, 22)))
    return 'a protocol of IPv4';
  return protocol === PROTOCOL_UDP && word(ip, 26) === 0 ? 'UDP without checksum' : null;
}

/** The packet behind an IPv6 header; its checksum is as right, as wrong or as unfinished as it was. */
function overIpv6(ip: Uint8Array, names: Names): Uint8Array {
  if (ip[9] === PROTOCOL_IPV4) {
    const inner = overIpv6(ip.subarray(IPV4), names);
    return Uint8Array.from([...ipv6Header(ip, PROTOCOL_IPV6, inner.length, names), ...inner]);
  }
  const length = word(ip, 2) - IPV4;
  const protocol = ip[9];
  const source = names.address(ip.slice(12, 16));
  const destination = names.address(ip.slice(16, 20));
  const payload = ip.slice(IPV4, IPV4 + length);
  const addresses = sumOf(source) + sumOf(destination);
  if (protocol === PROTOCOL_ICMP) {
    const type = payload[0] === 8 ? 128 : 129;
    const added = addresses + length + PROTOCOL_ICMPV6 + ((type - payload[0]) << 8);
    setSum(payload, 2, ~folded((~word(payload, 2) & 0xffff) + added) & 0xffff);
    payload[0] = type;
  } else if (protocol === PROTOCOL_UDP || protocol === PROTOCOL_TCP) {
    const at = protocol === PROTOCOL_UDP ? 6 : 16;
    if (payload.length >= at + 2) {
      const before = sumOf(ip.subarray(12, 20));
      const isUnfinished = word(payload, at) === folded(before + protocol + length);
      const sum = isUnfinished
        ? folded(addresses + protocol + length)
        : ~folded((~word(payload, at) & 0xffff) + (~folded(before) & 0xffff) + addresses) & 0xffff;
      setSum(payload, at, sum);
    }
  }
  const next = protocol === PROTOCOL_ICMP ? PROTOCOL_ICMPV6 : protocol;
  return Uint8Array.from([...ipv6Header(ip, next, length, names), ...payload]);
}

function ipv6Header(ip: Uint8Array, next: number, length: number, names: Names): Uint8Array {
  const header = new Uint8Array(IPV6);
  header.set([0x60 | (ip[1] >> 4), (ip[1] & 0xf) << 4, 0, 0, length >> 8, length & 0xff]);
  header.set([next, ip[8]], 6);
  header.set(names.address(ip.slice(12, 16)), 8);
  header.set(names.address(ip.slice(16, 20)), 24);
  return header;
}

function setSum(bytes: Uint8Array, at: number, sum: number): void {
  bytes.set([sum >> 8, sum & 0xff], at);
}

const ipv6: Transformation['apply'] = ({ frames, linkType }) => {
  if (linkType !== LINK_TYPE.ethernet) return 'not Ethernet';
  const isIp = ({ bytes }: Frame): boolean => bytes.length >= ETHERNET && word(bytes, 12) === 0x0800;
  const packets = frames.filter(isIp);
  const reason = packets.map(({ bytes }) => obstacle(bytes.subarray(ETHERNET))).find((one) => one !== null);
  if (reason || packets.length === 0) return reason ?? 'no IPv4';
  // Networks of 24 bits become networks of 64.
  const names = new Names((bytes) =>
    bytes.length === 16
      ? bytes
      : Uint8Array.from([0x20, 0x01, 0x0d, 0xb8, ...bytes.subarray(0, 3), 1, 0, 0, 0, 0, 0, 0, 0, bytes[3]]),
  );
  const other = packets.map((frame): Frame => {
    const packet = overIpv6(frame.bytes.subarray(ETHERNET), names);
    const bytes = Uint8Array.from([...frame.bytes.subarray(0, 12), 0x86, 0xdd, ...packet]);
    return { ...frame, bytes, originalLength: ETHERNET + IPV6 + word(packet, 4) };
  });
  return dressedAs(other, linkType, names.nameBefore);
};

/** Ports by which protocols are known that are known by their content too. */
const KNOWN_PORTS = new Map([
  [1194, 21_194],
  [51_820, 41_820],
]);

const otherPorts: Transformation['apply'] = (trace: Trace) => {
  const names = new Names((bytes) => bytes);
  let moved = 0;
  const port = (one: number, protocol: number): number => {
    const other = protocol === PROTOCOL_UDP ? KNOWN_PORTS.get(one) : undefined;
    if (other !== undefined) moved++;
    return other ?? one;
  };
  const frames = renamedFrames(trace, names, { port });
  return moved === 0
    ? 'nothing that its content tells'
    : dressedAs(
        frames.map((frame, at) => withBytes(trace.frames[at], frame.bytes)),
        trace.linkType,
      );
};

export const OTHER_PROTOCOLS: readonly Transformation[] = [
  { name: 'over IPv6', promise: 'same', apply: ipv6, silences: READ_IPV4 },
  { name: 'on other ports', promise: 'same', apply: otherPorts, silences: ['openvpn.port-unreachable'] },
];
