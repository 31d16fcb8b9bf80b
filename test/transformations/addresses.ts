import { LINK_TYPE } from '../build/link.js';
import { type Renaming, renamed } from './rename-packets.js';
import { type Dressed, dressedAs, type Frame, type Trace, type Transformation, withBytes } from './trace.js';

/* Other addresses: what a host is called decides nothing. Prefixes of 24 bits stay together, last octets stay. */

type Name = (bytes: Uint8Array) => Uint8Array;

/** The text form of an address of 4 or 16 bytes, as reports write it. */
export function textOf(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.');
  const groups = Array.from({ length: 8 }, (_, at) =>
    ((bytes[2 * at] << 8) | bytes[2 * at + 1]).toString(16),
  );
  const runs = [...groups.join(':').matchAll(/(?<![0-9a-f])0(?::0(?![0-9a-f]))+/g)].map(([run]) => run);
  const longest = runs.sort((a, b) => b.length - a.length)[0];
  if (longest === undefined) return groups.join(':');
  return groups
    .join(':')
    .replace(longest, '')
    .replace(/^:?$|^:|:$|::/, '::')
    .replace(/:{3,}/, '::');
}

/** Addresses that say what they are, and so keep their name. */
function isFixed(bytes: Uint8Array): boolean {
  const [first, second] = bytes;
  if (bytes.length === 16)
    return first === 0xff || (first === 0xfe && (second & 0xc0) === 0x80) || first === 0;
  return first === 0 || first === 127 || first >= 224 || (first === 169 && second === 254);
}

/** IPv4 and IPv6 addresses in a text; of IPv4 with a port, the address. */
export const ADDRESS =
  /(?<![\w.])\d+\.\d+\.\d+\.\d+(?![\w.])|(?<![\w:])[0-9a-f]{0,4}:[0-9a-f]{0,4}:[0-9a-f:]*(?![\w:])/g;

/** Renames and remembers, so that names can be turned back. */
export class Names {
  private readonly given = new Map<string, Uint8Array>();
  private readonly before = new Map<string, string>();

  constructor(private readonly name: Name) {}

  readonly address = (bytes: Uint8Array): Uint8Array => {
    const key = textOf(bytes);
    const known = this.given.get(key);
    if (known) return known;
    const other = isFixed(bytes) ? bytes : this.name(bytes);
    this.given.set(key, other);
    this.before.set(textOf(other), key);
    return other;
  };

  readonly nameBefore = (text: string): string => text.replace(ADDRESS, (one) => this.before.get(one) ?? one);

  /** Addresses met so far. */
  met(): Uint8Array[] {
    return [...this.given.keys()]
      .filter((text) => !text.includes(':'))
      .map((text) => Uint8Array.from(text.split('.').map(Number)));
  }
}

const IKE_PORTS = [500, 4500, 1011, 1024];

function unchanged<Name>(name: Name): Name {
  return name;
}

/** Another network card, but for groups and for what protocols give a meaning. */
export function otherMac(bytes: Uint8Array): Uint8Array {
  const isSpecial = (bytes[0] & 1) !== 0 || bytes.every((byte) => byte === bytes[0]);
  return isSpecial ? bytes : Uint8Array.from(bytes, (byte, at) => (at === 3 ? byte ^ 0x5a : byte));
}

/** All frames with other names; ports stay unless `port` says otherwise. */
export function renamedFrames(
  { frames, linkType }: Trace,
  names: Names,
  { port = unchanged, mac = unchanged }: Partial<Pick<Renaming, 'port' | 'mac'>> = {},
): Frame[] {
  // Once to meet everybody, since a hash may be of an address that comes later.
  const ports = new Set(IKE_PORTS);
  const meet: Renaming = {
    address: names.address,
    port: (one) => {
      ports.add(one);
      return one;
    },
    mac: unchanged,
    hashed: [],
  };
  for (const { bytes } of frames) renamed(bytes, linkType, meet);
  const hashed =
    ports.has(500) && ports.size < 200
      ? names.met().flatMap((address) => [...ports].map((one) => ({ address, port: one })))
      : [];
  const by: Renaming = { address: names.address, port, mac, hashed };
  return frames.map((frame) => withBytes(frame, renamed(frame.bytes, linkType, by)));
}

/** Another /24 for each /24, and another /64 for each /64, drawn by `random` from `prefix24`. */
function otherNetworks(
  random: () => number,
  prefix24: () => readonly [number, number, number],
  taken = new Set<string>(),
): Name {
  const networks = new Map<string, readonly number[]>();
  const network = (key: string, draw: () => readonly number[]): readonly number[] => {
    const known = networks.get(key);
    if (known) return known;
    let drawn = draw();
    while (taken.has(drawn.join())) drawn = draw();
    taken.add(drawn.join());
    networks.set(key, drawn);
    return drawn;
  };
  const byte = (): number => Math.floor(random() * 256);
  return (bytes) => {
    if (bytes.length === 4) {
      return Uint8Array.from([
        ...network(textOf(bytes.subarray(0, 4)).replace(/\.\d+$/, ''), prefix24),
        bytes[3],
      ]);
    }
    const prefix = network(bytes.subarray(0, 8).join(), () => [
      0x20,
      0x01,
      0x0d,
      0xb8,
      byte(),
      byte(),
      byte(),
      byte(),
    ]);
    return Uint8Array.from([...prefix, ...bytes.subarray(8)]);
  };
}

function privatePrefix(random: () => number): () => readonly [number, number, number] {
  return () => [10, Math.floor(random() * 256), Math.floor(random() * 256)];
}

function isPrivate([first, second]: Uint8Array): boolean {
  return first === 10 || (first === 172 && (second & 0xf0) === 16) || (first === 192 && second === 168);
}

/** Private addresses for private ones, public for public ones. `taken`: networks that others in the capture have. */
export function otherOfKind(random: () => number, taken = new Set<string>()): Name {
  const inside = otherNetworks(random, privatePrefix(random), taken);
  const outside = otherNetworks(random, publicPrefix(random), taken);
  return (bytes) => (bytes.length === 4 && isPrivate(bytes) ? inside(bytes) : outside(bytes));
}

function publicPrefix(random: () => number): () => readonly [number, number, number] {
  return () => [Math.floor(20 + random() * 40), Math.floor(random() * 256), Math.floor(random() * 256)];
}

function readdressed(trace: Trace, name: Name): Dressed {
  const names = new Names(name);
  return dressedAs(renamedFrames(trace, names), trace.linkType, names.nameBefore);
}

/**
 * What the two ends are called, exchanged, of the two that talk most: the one that had the lower address has the higher.
 * Where they are of two networks, these are exchanged, since who is a neighbour of whom is no name.
 */
function exchanged(trace: Trace): Dressed | string {
  const counts = new Map<string, { a: Uint8Array; b: Uint8Array; count: number }>();
  for (const { bytes } of trace.frames) {
    const pair = outermostPair(bytes, trace.linkType);
    if (!pair || isFixed(pair[0]) || isFixed(pair[1])) continue;
    const [a, b] = pair;
    const key = [textOf(a), textOf(b)].sort().join(' ');
    const known = counts.get(key);
    if (known) known.count++;
    else counts.set(key, { a, b, count: 1 });
  }
  const most = [...counts.values()].sort((x, y) => y.count - x.count)[0];
  if (!most) return 'no two ends';
  const { a, b } = most;
  const networkLength = a.length === 4 ? 3 : 8;
  const isOneNetwork = startsWith(a, b.subarray(0, networkLength));
  const length = isOneNetwork ? a.length : networkLength;
  const [ofA, ofB] = [a.subarray(0, length), b.subarray(0, length)];
  return readdressed(trace, (bytes) => {
    if (bytes.length !== a.length) return bytes;
    const other = startsWith(bytes, ofA) ? ofB : startsWith(bytes, ofB) ? ofA : null;
    return other ? Uint8Array.from([...other, ...bytes.subarray(length)]) : bytes;
  });
}

function startsWith(bytes: Uint8Array, prefix: Uint8Array): boolean {
  return prefix.every((byte, at) => bytes[at] === byte);
}

/** Source and destination of the outermost IP header, or null. */
export function outermostPair(bytes: Uint8Array, linkType: number): readonly [Uint8Array, Uint8Array] | null {
  const at = ipOffset(bytes, linkType);
  if (at < 0) return null;
  return bytes[at] >> 4 === 4
    ? [bytes.slice(at + 12, at + 16), bytes.slice(at + 16, at + 20)]
    : [bytes.slice(at + 8, at + 24), bytes.slice(at + 24, at + 40)];
}

/** Where the outermost IP header begins, or -1; headers that are cut count as none. */
export function ipOffset(bytes: Uint8Array, linkType: number): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  let etherType = 0;
  if (linkType === LINK_TYPE.ethernet && bytes.length >= 14) {
    etherType = view.getUint16(12);
    at = 14;
    while ((etherType === 0x8100 || etherType === 0x88a8) && bytes.length >= at + 4) {
      etherType = view.getUint16(at + 2);
      at += 4;
    }
  } else if (linkType === LINK_TYPE.linuxSll && bytes.length >= 16) {
    etherType = view.getUint16(14);
    at = 16;
  } else if (linkType === LINK_TYPE.linuxSll2 && bytes.length >= 20) {
    etherType = view.getUint16(0);
    at = 20;
  } else if (linkType === LINK_TYPE.raw && bytes.length >= 1) {
    etherType = bytes[0] >> 4 === 6 ? 0x86dd : 0x0800;
  }
  if (etherType === 0x0800 && bytes.length >= at + 20 && bytes[at] >> 4 === 4) return at;
  return etherType === 0x86dd && bytes.length >= at + 40 && bytes[at] >> 4 === 6 ? at : -1;
}

/** That a private address talks to a public one is what they read. */
const READ_KIND = ['ike.nat-undetected', 'mtu.mismatch'];

export const ADDRESSES: readonly Transformation[] = [
  {
    name: 'private addresses',
    promise: 'same',
    apply: (trace, { random }) => readdressed(trace, otherNetworks(random, privatePrefix(random))),
    silences: READ_KIND,
  },
  {
    name: 'public addresses',
    promise: 'same',
    apply: (trace, { random }) => readdressed(trace, otherNetworks(random, publicPrefix(random))),
    silences: READ_KIND,
  },
  { name: 'ends exchanged', promise: 'same', apply: exchanged },
];
