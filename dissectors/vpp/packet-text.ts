// Makes the packet of a node out of what the node printed of it: its hex dump, or the IP header in words.

const IPV4_HEADER_LENGTH = 20;
const IPV6_HEADER_LENGTH = 40;
const PORTS_LENGTH = 4;
const HEX_BYTES_MAX = 512;

const HEX_LINE = /^\s*([0-9a-f]{8}): ([0-9a-f]{2,})\s*$/;
const ADDRESSES = /^\s*(?:unknown )?([A-Za-z0-9_]+): ([0-9a-f.:]+) -> ([0-9a-f.:]+)\s*$/;
const IPV4_LINE = /^\s*tos 0x[0-9a-f]+, ttl (\d+), length (\d+), checksum 0x([0-9a-f]+)/;
const IPV6_LINE = /^\s*tos 0x[0-9a-f]+, flow label 0x[0-9a-f]+, hop limit (\d+), payload length (\d+)/;
const FRAGMENT_LINE = /^\s*fragment id 0x([0-9a-f]+)(?:[, ]+offset (\d+))?(?:, flags (.*))?$/;
const PORTS = /^\s*(?:TCP|UDP|SCTP): (\d+) -> (\d+)\s*$/;

/** Names by which VPP prints IP protocols (its list of IANA's names). */
const PROTOCOLS: ReadonlyMap<string, number> = new Map([
  ['ICMP', 1],
  ['IGMP', 2],
  ['IP_IN_IP', 4],
  ['TCP', 6],
  ['UDP', 17],
  ['IPV6', 41],
  ['GRE', 47],
  ['IPSEC_ESP', 50],
  ['IPSEC_AH', 51],
  ['ICMP6', 58],
  ['OSPF', 89],
  ['PIM', 103],
  ['VRRP', 112],
  ['SCTP', 132],
]);
/** "Use for experimentation" (RFC 3692): a protocol whose name is not known must not pass for another one. */
const PROTOCOL_UNKNOWN = 253;

/** The beginning of the packet that the lines of a node show: as dumped, or its IP header and ports; null for none. */
export function readPacketText(lines: readonly string[]): Uint8Array | null {
  const dumped = hexDumpOf(lines);
  return dumped !== null && looksLikePacket(dumped) ? dumped : headerOf(lines);
}

function hexDumpOf(lines: readonly string[]): Uint8Array | null {
  let digits = '';
  for (const line of lines) {
    const [, offset, hex] = HEX_LINE.exec(line) ?? [];
    if (offset === undefined || hex === undefined) continue;
    // A second dump of the same node begins at 0 again.
    if (Number.parseInt(offset, 16) !== digits.length / 2) break;
    digits += hex;
  }
  if (digits.length < 2) return null;
  return Uint8Array.from(Buffer.from(digits.slice(0, HEX_BYTES_MAX * 2), 'hex'));
}

/** IPv4 or IPv6, by itself or behind an Ethernet header. */
function looksLikePacket(bytes: Uint8Array): boolean {
  if (bytes.length < IPV4_HEADER_LENGTH) return false;
  const etherType = ((bytes[12] ?? 0) << 8) | (bytes[13] ?? 0);
  const version = (bytes[0] ?? 0) >> 4;
  return etherType === 0x0800 || etherType === 0x86dd || version === 4 || version === 6;
}

function headerOf(lines: readonly string[]): Uint8Array | null {
  for (let at = 0; at + 1 < lines.length; at++) {
    const [, protocol, source, destination] = ADDRESSES.exec(lines[at] ?? '') ?? [];
    if (protocol === undefined || source === undefined || destination === undefined) continue;
    const rest = lines.slice(at + 1, at + 5);
    const header = { protocol: PROTOCOLS.get(protocol) ?? PROTOCOL_UNKNOWN, source, destination };
    const packet = ipv4Of(rest, header) ?? ipv6Of(rest, header);
    if (packet !== null) return packet;
  }
  return null;
}

interface Header {
  readonly protocol: number;
  readonly source: string;
  readonly destination: string;
}

function ipv4Of(lines: readonly string[], { protocol, source, destination }: Header): Uint8Array | null {
  const [, ttl, length, checksum] = IPV4_LINE.exec(lines[0] ?? '') ?? [];
  const from = ipv4Bytes(source);
  const to = ipv4Bytes(destination);
  if (ttl === undefined || length === undefined || from === null || to === null) return null;
  const [, identification = '0', offset = '0', flags = ''] = FRAGMENT_LINE.exec(lines[1] ?? '') ?? [];
  const bytes = new Uint8Array(IPV4_HEADER_LENGTH + PORTS_LENGTH);
  const view = new DataView(bytes.buffer);
  bytes[0] = 0x45;
  view.setUint16(2, Number(length));
  view.setUint16(4, Number.parseInt(identification, 16));
  view.setUint16(6, fragmentField(Number(offset), flags));
  bytes[8] = Number(ttl);
  bytes[9] = protocol;
  view.setUint16(10, Number.parseInt(checksum ?? '0', 16));
  bytes.set(from, 12);
  bytes.set(to, 16);
  writePorts(view, IPV4_HEADER_LENGTH, lines.slice(1));
  return bytes;
}

/** VPP prints the offset in bytes. */
function fragmentField(offset: number, flags: string): number {
  const dontFragment = flags.includes('DONT_FRAGMENT') ? 0x4000 : 0;
  const moreFragments = flags.includes('MORE_FRAGMENTS') ? 0x2000 : 0;
  return dontFragment | moreFragments | (Math.floor(offset / 8) & 0x1fff);
}

function ipv6Of(lines: readonly string[], { protocol, source, destination }: Header): Uint8Array | null {
  const [, hopLimit, payloadLength] = IPV6_LINE.exec(lines[0] ?? '') ?? [];
  const from = ipv6Bytes(source);
  const to = ipv6Bytes(destination);
  if (hopLimit === undefined || payloadLength === undefined || from === null || to === null) return null;
  const bytes = new Uint8Array(IPV6_HEADER_LENGTH + PORTS_LENGTH);
  const view = new DataView(bytes.buffer);
  bytes[0] = 0x60;
  view.setUint16(4, Number(payloadLength));
  bytes[6] = protocol;
  bytes[7] = Number(hopLimit);
  bytes.set(from, 8);
  bytes.set(to, 24);
  writePorts(view, IPV6_HEADER_LENGTH, lines.slice(1));
  return bytes;
}

function writePorts(view: DataView, at: number, lines: readonly string[]): void {
  for (const line of lines) {
    const [, source, destination] = PORTS.exec(line) ?? [];
    if (source === undefined || destination === undefined) continue;
    view.setUint16(at, Number(source));
    view.setUint16(at + 2, Number(destination));
    return;
  }
}

function ipv4Bytes(text: string): Uint8Array | null {
  const parts = text.split('.').map(Number);
  const isAddress = parts.length === 4 && parts.every((part) => part >= 0 && part <= 255);
  return isAddress ? Uint8Array.from(parts) : null;
}

function ipv6Bytes(text: string): Uint8Array | null {
  const [head = '', tail, extra] = text.split('::');
  if (extra !== undefined || !text.includes(':')) return null;
  const groups = (part: string): number[] =>
    part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16));
  const high = groups(head);
  const low = tail === undefined ? [] : groups(tail);
  const missing = 8 - high.length - low.length;
  if (missing < 0 || (tail === undefined && missing !== 0)) return null;
  const all = [...high, ...new Array<number>(missing).fill(0), ...low];
  if (all.some((group) => !(group >= 0 && group <= 0xffff))) return null;
  return Uint8Array.from(all.flatMap((group) => [group >> 8, group & 0xff]));
}
