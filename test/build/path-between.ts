import { address } from './address.js';
import { concat, u16 } from './bytes.js';
import { type CaptureFrame, writePcap } from './capture-file.js';
import { internetChecksum, pseudoHeader } from './checksum.js';
import { IP_PROTOCOL } from './ip.js';

const LINK_HEADER = 14;
const DELAY_SECONDS = 0.003;
const HOPS = 3;

/** An IPv4 packet as its sender's end captures it. */
export interface SentPacket {
  /** From the first frame of the traffic on. */
  readonly seconds: number;
  /** Sent by a host on the near side. */
  readonly isForth: boolean;
  readonly protocol: number;
  /** 0 where the protocol has none, and in later fragments. */
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** Of the IP packet. */
  readonly length: number;
  /** UDP or ICMP content, or what is above IP. */
  readonly content: Uint8Array;
  readonly isFragment: boolean;
  /** Position among the packets of its direction. */
  readonly index: number;
}

/** A NAT in front of the near host: what the far end shows instead of its address and ports. */
export interface NearNat {
  readonly inside: string;
  readonly outside: string;
  readonly ports: ReadonlyMap<number, number>;
}

/** What lies between two capture points. */
export interface PathBetween {
  /** Addresses of hosts on the side of the near capture point. */
  readonly near: readonly string[];
  readonly loses?: (packet: SentPacket) => boolean;
  readonly nat?: NearNat;
  readonly delaySeconds?: number;
  /** Routers on the way; 0: the ends are neighbours and TTL stays. */
  readonly hops?: number;
  /** Seconds that the clock of the far end is ahead. */
  readonly ahead?: number;
}

export interface BothEnds {
  readonly near: CaptureFrame[];
  readonly far: CaptureFrame[];
}

/**
 * Traffic as its senders send it (Ethernet frames), as the captures at both ends show it. What is no IPv4 is seen by
 * the near end alone.
 */
export function bothEnds(traffic: readonly CaptureFrame[], path: PathBetween): BothEnds {
  const { near, loses = () => false, nat, delaySeconds = DELAY_SECONDS, hops = HOPS, ahead = 0 } = path;
  const ends: BothEnds = { near: [], far: [] };
  const startNs = traffic[0]?.timeNs ?? 0n;
  const sent = { forth: 0, back: 0 };
  const delayNs = BigInt(Math.round(delaySeconds * 1e9));
  const aheadNs = BigInt(Math.round(ahead * 1e9));
  for (const frame of traffic) {
    const { bytes, timeNs } = frame;
    if (bytes[12] !== 0x08 || bytes[13] !== 0x00) {
      ends.near.push(frame);
      continue;
    }
    const isForth = near.some((host) => isAddressAt(bytes, LINK_HEADER + 12, host));
    const index = isForth ? sent.forth++ : sent.back++;
    const packet = describe(bytes, Number(timeNs - startNs) / 1e9, isForth, index);
    const isLost = loses(packet);
    const arriving = forwarded(bytes, hops);
    if (isForth) {
      ends.near.push(frame);
      if (!isLost) ends.far.push({ timeNs: timeNs + delayNs + aheadNs, bytes: translated(arriving, nat) });
    } else {
      ends.far.push({ timeNs: timeNs + aheadNs, bytes: translated(bytes, nat) });
      if (!isLost) ends.near.push({ timeNs: timeNs + delayNs, bytes: arriving });
    }
  }
  return { near: inOrder(ends.near), far: inOrder(ends.far) };
}

/** Both ends as capture files. */
export function bothFiles(traffic: readonly CaptureFrame[], path: PathBetween): Uint8Array[] {
  const { near, far } = bothEnds(traffic, path);
  return [writePcap(near), writePcap(far)];
}

function describe(bytes: Uint8Array, seconds: number, isForth: boolean, index: number): SentPacket {
  const word = (at: number): number => ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
  const protocol = bytes[LINK_HEADER + 9] ?? 0;
  const fragmentField = word(LINK_HEADER + 6);
  const above = LINK_HEADER + 20;
  const hasPorts =
    (protocol === IP_PROTOCOL.udp || protocol === IP_PROTOCOL.tcp) && (fragmentField & 0x1fff) === 0;
  return {
    seconds,
    isForth,
    protocol,
    sourcePort: hasPorts ? word(above) : 0,
    destinationPort: hasPorts ? word(above + 2) : 0,
    length: word(LINK_HEADER + 2),
    content: bytes.subarray(protocol === IP_PROTOCOL.udp ? above + 8 : above),
    isFragment: (fragmentField & 0x3fff) !== 0,
    index,
  };
}

function isAddressAt(bytes: Uint8Array, at: number, host: string): boolean {
  const wanted = address(host);
  return wanted.every((byte, index) => bytes[at + index] === byte);
}

function forwarded(bytes: Uint8Array, hops: number): Uint8Array {
  const copy = bytes.slice();
  copy[LINK_HEADER + 8] = (copy[LINK_HEADER + 8] ?? 0) - hops;
  return withHeaderChecksum(copy);
}

/** The frame as the far side of the NAT shows it. */
function translated(bytes: Uint8Array, nat: NearNat | undefined): Uint8Array {
  if (nat === undefined) return bytes;
  const copy = bytes.slice();
  const above = LINK_HEADER + 20;
  const isUdp = copy[LINK_HEADER + 9] === IP_PROTOCOL.udp;
  for (const [at, portAt] of [
    [LINK_HEADER + 12, above],
    [LINK_HEADER + 16, above + 2],
  ] as const) {
    if (!isAddressAt(copy, at, nat.inside)) continue;
    copy.set(address(nat.outside), at);
    const port = nat.ports.get(((copy[portAt] ?? 0) << 8) | (copy[portAt + 1] ?? 0));
    if (isUdp && port !== undefined) copy.set(u16(port), portAt);
  }
  if (isUdp) setUdpChecksum(copy, above);
  return withHeaderChecksum(copy);
}

function withHeaderChecksum(frame: Uint8Array): Uint8Array {
  frame.set(u16(0), LINK_HEADER + 10);
  frame.set(u16(internetChecksum(frame.subarray(LINK_HEADER, LINK_HEADER + 20))), LINK_HEADER + 10);
  return frame;
}

function setUdpChecksum(frame: Uint8Array, at: number): void {
  const dotted = (from: number): string => [...frame.subarray(from, from + 4)].join('.');
  const datagram = frame.subarray(at);
  datagram.set(u16(0), 6);
  const pseudo = pseudoHeader(
    dotted(LINK_HEADER + 12),
    dotted(LINK_HEADER + 16),
    IP_PROTOCOL.udp,
    datagram.length,
  );
  datagram.set(u16(internetChecksum(concat(pseudo, datagram)) || 0xffff), 6);
}

function inOrder(frames: CaptureFrame[]): CaptureFrame[] {
  return frames.sort((a, b) => (a.timeNs < b.timeNs ? -1 : a.timeNs > b.timeNs ? 1 : 0));
}
