import { canonicalAddress } from '../../../src/side-files/networks.js';
import type { Origin } from '../../../src/side-files/origin.js';
import { defineSideFileReader } from '../../../src/side-files/side-file-reader.js';
import type { TextFile } from '../../../src/side-files/text-file.js';

export interface LinkAddress {
  readonly address: string;
  /** Length of the prefix; 32 or 128 where the line has none. */
  readonly prefix: number;
  /** Other end of a point-to-point link. */
  readonly peer: string | null;
}

export interface LinkTunnel {
  /** `vxlan`, `geneve`, `gre`, `gretap`, `ipip`, `sit`, `wireguard`, `tun` … */
  readonly kind: string;
  /** VNI, or key of GRE. */
  readonly key: number | null;
  readonly local: string | null;
  readonly remote: string | null;
  /** UDP port that the device sends to and listens on. */
  readonly destinationPort: number | null;
  /** Group based policy is switched on (VXLAN). */
  readonly hasGroupPolicy: boolean;
}

/** An interface of the host whose output it is. */
export interface HostLink {
  readonly origin: Origin;
  readonly name: string;
  readonly flags: readonly string[];
  /** In bytes. */
  readonly mtu: number;
  readonly mac: string | null;
  readonly addresses: readonly LinkAddress[];
  readonly tunnel: LinkTunnel | null;
}

const HEADING = /^\s*\d{1,9}: ([^\s@:]{1,64})(?:@[^\s:]{1,64})?: <([A-Z0-9_,-]{0,300})> mtu (\d{1,6})\b/;
const MAC = /^\s+link\/ether ([0-9a-f]{2}(?::[0-9a-f]{2}){5})\b/i;
const INET = /^\s+inet6? ([0-9a-fA-F.:]{2,45})(?: peer ([0-9a-fA-F.:]{2,45}))?(?:\/(\d{1,3}))?\b/;
const TUNNEL =
  /^\s+(vxlan|geneve|gretap|gre6|gre|ip6gretap|ip6gre|ipip|ip6tnl|sit|wireguard|tun|erspan)\b(.*)$/;

interface Draft extends HostLink {
  mac: string | null;
  readonly addresses: LinkAddress[];
  tunnel: LinkTunnel | null;
}

/**
 * Output of `ip -d link`, `ip addr` and `ip -d addr` (iproute2): the interfaces of one host, tunnels with their
 * parameters.
 */
export default defineSideFileReader<HostLink>({
  kind: 'ip link',
  text: { words: { outputOf: ['ip -d link', 'ip addr'] }, read: readIpLink },
  names: { rank: 'interface', nameOf: interfaceName },
  tunnelPorts: ({ tunnel }) =>
    tunnel?.destinationPort ? [{ tunnel: tunnel.kind, port: tunnel.destinationPort }] : [],
  commands: ['ip a', 'ip addr show', 'ip link'],
  usedBy: [
    'scion.tun-address-mismatch',
    'overlay.subnet-overlap',
    'host.link-down',
    'silk.mac-mismatch',
    'vxlan.port-mismatch',
    'vxlan.vni-mismatch',
    'vxlan.reserved-bits',
  ],
});

/** Empty where no line opens an interface. */
function readIpLink({ file, lines }: TextFile): HostLink[] {
  const links: Draft[] = [];
  for (const { text, number } of lines) {
    const heading = HEADING.exec(text);
    if (heading !== null) {
      const [, name, flags, mtu] = heading;
      links.push({
        origin: { file, place: `line ${number}` },
        name,
        flags: flags.split(',').filter((flag) => flag !== ''),
        mtu: Number(mtu),
        mac: null,
        addresses: [],
        tunnel: null,
      });
      continue;
    }
    const link = links.at(-1);
    if (link !== undefined) readDetail(link, text);
  }
  return joined(links);
}

function readDetail(link: Draft, text: string): void {
  const mac = MAC.exec(text);
  if (mac !== null) link.mac = mac[1].toLowerCase();
  const inet = INET.exec(text);
  if (inet !== null) {
    const address = canonicalAddress(inet[1]);
    const whole = inet[1].includes(':') ? 128 : 32;
    const peer = inet[2] === undefined ? null : canonicalAddress(inet[2]);
    if (address !== null) link.addresses.push({ address, prefix: Number(inet[3] ?? whole), peer });
  }
  const tunnel = TUNNEL.exec(text);
  if (tunnel !== null) link.tunnel = tunnelOf(tunnel[1], tunnel[2]);
}

function tunnelOf(kind: string, rest: string): LinkTunnel {
  const after = (word: string): string | null =>
    new RegExp(`\\b${word} ([^\\s]{1,64})`).exec(rest)?.[1] ?? null;
  const address = (word: string): string | null => canonicalAddress(after(word) ?? '');
  const port = Number(after('dstport') ?? 'none');
  return {
    kind,
    key: keyNumber(after('id') ?? after('okey') ?? after('key')),
    local: address('local'),
    remote: address('remote') ?? address('group'),
    destinationPort: port > 0 && port <= 65_535 ? port : null,
    hasGroupPolicy: /\bgbp\b/.test(rest) && !/\bnogbp\b/.test(rest),
  };
}

/** Keys of GRE are written as numbers or like addresses. */
function keyNumber(text: string | null): number | null {
  if (text === null) return null;
  if (/^\d{1,10}$/.test(text)) return Number(text);
  const parts = text.split('.').map(Number);
  if (parts.length !== 4 || parts.some((part) => !(part >= 0 && part <= 255))) return null;
  return parts.reduce((sum, part) => sum * 256 + part, 0);
}

/** `ip -d link` and `ip addr` of one host, pasted into one file, speak of the same interfaces. */
function joined(links: readonly Draft[]): HostLink[] {
  const byName = new Map<string, Draft>();
  for (const link of links) {
    const known = byName.get(link.name);
    if (known === undefined) {
      byName.set(link.name, link);
      continue;
    }
    known.mac ??= link.mac;
    known.tunnel ??= link.tunnel;
    for (const one of link.addresses) {
      if (!known.addresses.some(({ address }) => address === one.address)) known.addresses.push(one);
    }
  }
  return [...byName.values()];
}

/** Where the interfaces of several hosts are given, an interface alone would not say whose it is. */
function interfaceName(address: string, links: readonly HostLink[]): string | null {
  const link = links.find(({ addresses }) => addresses.some((one) => one.address === address));
  if (link === undefined) return null;
  const isOneHost = links.every(({ origin }) => origin.file === link.origin.file);
  return isOneHost ? link.name : `${link.name} of ${link.origin.file}`;
}
