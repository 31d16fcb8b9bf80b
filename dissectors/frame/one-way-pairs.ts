import type { CaptureQuality } from '../../src/correlate/capture-quality.js';
import type { Hearing } from '../../src/correlate/hears-peer.js';
import type { Conversation, OneWayTraffic, PairTraffic } from '../../src/correlate/traffic.js';
import { PROTOCOL_TCP } from '../../src/wire/ip.js';

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
}

const EPHEMERAL_PORT_MIN = 1024;

/**
 * Looks for pairs of which one direction passes elsewhere. Not counted: a pair whose other direction goes through a
 * tunnel that is in the capture and cannot be read (Linux shows inbound packets after decryption, outbound ones only
 * encrypted), and a connection that is answered from another address (destination NAT, virtual addresses).
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
    if (hearing) suspects.push({ pair, hearing, isA });
  }
  // What else passes is of interest only where something is missing.
  const oneWay = suspects.length > 0 ? withoutDetours(quality, suspects) : [];
  return { oneWay, twoWay };
}

/** A pair of which one host alone is seen, and hears the other; `isA`: that host is the pair's `a`. */
interface Suspect {
  readonly pair: PairTraffic;
  readonly hearing: Hearing;
  readonly isA: boolean;
}

function withoutDetours(quality: CaptureQuality, suspects: readonly Suspect[]): OneWayPair[] {
  const { protocols } = quality;
  const seenWays = new Set<string>();
  const reached = new Set<string>();
  let hasIpsec = false;
  let hasInner = false;
  let hasPlainTunnel = false;
  for (const pair of quality.traffic.all()) {
    if (pair.fromA.packets > 0) addReached(seenWays, reached, pair, pair.a, pair.b, true);
    if (pair.fromB.packets > 0) addReached(seenWays, reached, pair, pair.b, pair.a, false);
    if (pair.stack !== 0) hasInner = true;
    if (pair.conversations.some((one) => protocols.carriesReadable(one))) hasPlainTunnel = true;
    if (pair.conversations.some((one) => protocols.carries(one, 'ipsec'))) hasIpsec = true;
  }
  const oneWay: OneWayPair[] = [];
  for (const { pair, hearing, isA } of suspects) {
    const { a, b, fromA, fromB, conversations } = pair;
    const [hearer, peer, captured] = isA ? [a, b, fromA] : [b, a, fromB];
    if (seenWays.has(`${peer} ${hearer}`)) continue;
    const isTunnel = conversations.some((one) => protocols.concernsTunnel(one));
    if ((hasIpsec || (!hasInner && hasPlainTunnel)) && !isTunnel) continue;
    if (conversations.every((one) => isAnsweredElsewhere(one, hearer, isA, reached))) continue;
    oneWay.push({ hearing, captured, isTunnel });
  }
  return oneWay.sort((one, other) => (nameOf(one) < nameOf(other) ? -1 : 1));
}

/** Distinct for each pair and direction. */
function nameOf({ hearing }: OneWayPair): string {
  return `${hearing.hearer} ${hearing.peer}`;
}

function addReached(
  seenWays: Set<string>,
  reached: Set<string>,
  pair: PairTraffic,
  from: string,
  to: string,
  isFromA: boolean,
): void {
  seenWays.add(`${from} ${to}`);
  for (const { protocol, portOfA, portOfB, fromA, fromB } of pair.conversations) {
    if (protocol !== PROTOCOL_TCP || (isFromA ? fromA : fromB).packets === 0) continue;
    reached.add(`${to} ${isFromA ? portOfB : portOfA}`);
  }
}

function isAnsweredElsewhere(
  { protocol, portOfA, portOfB }: Conversation,
  hearer: string,
  hearerIsA: boolean,
  reached: ReadonlySet<string>,
): boolean {
  const port = hearerIsA ? portOfA : portOfB;
  return protocol === PROTOCOL_TCP && port >= EPHEMERAL_PORT_MIN && reached.has(`${hearer} ${port}`);
}
