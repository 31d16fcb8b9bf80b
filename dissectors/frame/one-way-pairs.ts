import type { CaptureQuality } from '../../src/correlate/capture-quality.js';
import type { Hearing } from '../../src/correlate/hears-peer.js';
import type { Conversation, OneWayTraffic, PairTraffic } from '../../src/correlate/traffic.js';
import { PROTOCOL_SCTP, PROTOCOL_TCP, PROTOCOL_UDP } from '../../src/wire/ip.js';

/** A host whose packets are in the capture, and prove that it hears a peer whose packets are not. */
export interface OneWayPair {
  readonly hearing: Hearing;
  readonly captured: OneWayTraffic;
  /** True where the pair are the ends of a tunnel. */
  readonly isTunnel: boolean;
}

export interface PairCensus {
  readonly oneWay: readonly OneWayPair[];
  /** Pairs of which both directions are in the capture. */
  readonly twoWay: number;
  /** Packets that may hold the missing direction: what carries them is not read. */
  readonly undecoded: number;
}

const EPHEMERAL_PORT_MIN = 1024;

/**
 * Looks for pairs of which one direction passes elsewhere. Not counted: a pair whose other direction goes through a
 * tunnel that is in the capture and cannot be read (Linux shows inbound packets after decryption, outbound ones only
 * encrypted), a conversation that is answered from another address than was asked, or whose addresses a NAT rewrote
 * between the two directions, and a peer that may have spoken before the capture began.
 */
export function takeCensus(quality: CaptureQuality): PairCensus {
  const suspects: Suspect[] = [];
  let twoWay = 0;
  for (const pair of quality.traffic.all()) {
    const { a, b, fromA, fromB } = pair;
    if (fromA.packets > 0 && fromB.packets > 0) twoWay++;
    if (fromA.packets > 0 === fromB.packets > 0) continue;
    const isA = fromA.packets > 0;
    const hearing = isA ? quality.hearsPeer.find(a, b) : quality.hearsPeer.find(b, a);
    if (hearing && heardWithin(quality, hearing)) suspects.push({ pair, hearing, isA });
  }
  // What else passes is of interest only where something is missing.
  if (suspects.length === 0) return { oneWay: [], twoWay, undecoded: 0 };
  return { twoWay, ...withoutDetours(quality, suspects) };
}

/** What the first frame knows of the peer it may have heard before the capture began. */
function heardWithin(quality: CaptureQuality, { last }: Hearing): boolean {
  const window = quality.window(last.segment);
  return window === null || last.timeNs > window.first.timeNs;
}

/** A pair of which one host alone is seen, and hears the other; `isA`: that host is the pair's `a`. */
interface Suspect {
  readonly pair: PairTraffic;
  readonly hearing: Hearing;
  readonly isA: boolean;
}

function withoutDetours(
  quality: CaptureQuality,
  suspects: readonly Suspect[],
): Pick<PairCensus, 'oneWay' | 'undecoded'> {
  const { protocols } = quality;
  const ways = new SeenWays();
  let undecoded = quality.undecoded + quality.unknownLinkType.count + quality.tooDeep.count;
  let hasIpsec = false;
  let hasInner = false;
  let hasPlainTunnel = false;
  for (const pair of quality.traffic.all()) {
    ways.add(pair);
    if (pair.stack !== 0) hasInner = true;
    for (const one of pair.conversations) {
      if (protocols.carriesReadable(one)) hasPlainTunnel = true;
      if (protocols.carries(one, 'ipsec')) hasIpsec = true;
      if (protocols.carriesUndissected(one)) undecoded += one.fromA.packets + one.fromB.packets;
    }
  }
  const oneWay: OneWayPair[] = [];
  for (const { pair, hearing, isA } of suspects) {
    const { a, b, fromA, fromB, conversations } = pair;
    const [hearer, peer, captured] = isA ? [a, b, fromA] : [b, a, fromB];
    if (ways.has(peer, hearer)) continue;
    const isTunnel = conversations.some((one) => protocols.concernsTunnel(one));
    if ((hasIpsec || (!hasInner && hasPlainTunnel)) && !isTunnel) continue;
    if (conversations.every((one) => ways.answersElsewhere(pair, one, isA))) continue;
    oneWay.push({ hearing, captured, isTunnel });
  }
  return { oneWay: oneWay.sort((one, other) => (nameOf(one) < nameOf(other) ? -1 : 1)), undecoded };
}

/** Distinct for each pair and direction. */
function nameOf({ hearing }: OneWayPair): string {
  return `${hearing.hearer} ${hearing.peer}`;
}

/** Which ways packets take in the capture, of all tunnel stacks together. */
class SeenWays {
  private readonly ways = new Set<string>();
  /** Hosts and their TCP ports that somebody sends to. */
  private readonly reached = new Set<string>();
  /** Conversations seen one way only, by protocol and ports: the pairs of hosts, `from to`. */
  private readonly oneWay = new Map<string, string[]>();

  add(pair: PairTraffic): void {
    const { a, b, fromA, fromB, conversations } = pair;
    if (fromA.packets > 0) this.ways.add(`${a} ${b}`);
    if (fromB.packets > 0) this.ways.add(`${b} ${a}`);
    for (const one of conversations) {
      const { protocol, portOfA, portOfB } = one;
      if (protocol === PROTOCOL_TCP) {
        if (one.fromA.packets > 0) this.reached.add(`${b} ${portOfB}`);
        if (one.fromB.packets > 0) this.reached.add(`${a} ${portOfA}`);
      }
      if (!hasPorts(protocol) || one.fromA.packets > 0 === one.fromB.packets > 0) continue;
      const [key, hosts] =
        one.fromA.packets > 0
          ? [`${protocol} ${portOfA} ${portOfB}`, `${a} ${b}`]
          : [`${protocol} ${portOfB} ${portOfA}`, `${b} ${a}`];
      const known = this.oneWay.get(key);
      if (known) known.push(hosts);
      else this.oneWay.set(key, [hosts]);
    }
  }

  has(from: string, to: string): boolean {
    return this.ways.has(`${from} ${to}`);
  }

  /**
   * Whether the other direction of a conversation may pass between other addresses: a virtual address or destination
   * NAT (the port of the host that hears is reached from elsewhere), an answer that leaves from another address of a
   * host, or a capture on both sides of a NAT. Ports are then the same, and each half is alone.
   */
  answersElsewhere({ a, b }: PairTraffic, one: Conversation, hearerIsA: boolean): boolean {
    const { protocol, portOfA, portOfB } = one;
    const [hearer, peer, ownPort, peerPort] = hearerIsA ? [a, b, portOfA, portOfB] : [b, a, portOfB, portOfA];
    if (
      protocol === PROTOCOL_TCP &&
      ownPort >= EPHEMERAL_PORT_MIN &&
      this.reached.has(`${hearer} ${ownPort}`)
    )
      return true;
    const mirrors = this.oneWay.get(`${protocol} ${peerPort} ${ownPort}`) ?? [];
    if (Math.max(ownPort, peerPort) >= EPHEMERAL_PORT_MIN && ownPort !== peerPort) return mirrors.length > 0;
    // Ports that every host has tell nothing by themselves.
    return mirrors.some((hosts) => hosts.startsWith(`${peer} `) || hosts.endsWith(` ${hearer}`));
  }
}

function hasPorts(protocol: number): boolean {
  return protocol === PROTOCOL_TCP || protocol === PROTOCOL_UDP || protocol === PROTOCOL_SCTP;
}
