import { PROTOCOL_TCP, PROTOCOL_UDP } from '../wire/ip.js';
import type { CaptureQuality } from './capture-quality.js';
import { type HostGroup, hostGroup } from './host-groups.js';
import type { Conversation, PairTraffic } from './traffic.js';

/** Fewer packets than this are a small excerpt, in which the rest may be missing by chance. */
const PACKETS_MIN = 10;

/** Asked for whatever a rule misses: found once a group. */
const signatures = new WeakMap<HostGroup, readonly number[] | null>();

/**
 * Tells traffic that a port filter has thinned out, of `host` and those that have to do with it: nothing but IP, nothing
 * in it but UDP and TCP, no fragment without ports, and one or two ports of which every packet has one. Other hosts may
 * stand in the capture by another filter, or come from another file. Null: of everybody.
 * @returns these ports, or null where something is there that a port filter hides.
 */
export function portFilterSignature(quality: CaptureQuality, host: string | null): readonly number[] | null {
  if (host === null) {
    const pairs = [...quality.traffic.all()];
    return quality.frames === quality.copies.framesWithIp ? signatureOf(pairs) : null;
  }
  const group = hostGroup(quality, host);
  const known = signatures.get(group);
  if (known !== undefined) return known;
  const signature = group.usesArp ? null : signatureOf(group.pairs);
  signatures.set(group, signature);
  return signature;
}

/** Nothing of that host and those around it shows that no port filter was at work, however few packets there are. */
export function isNoMoreThanPorts(quality: CaptureQuality, host: string): boolean {
  const { usesArp, pairs } = hostGroup(quality, host);
  return !usesArp && signatureOf(pairs, 1) !== null;
}

function signatureOf(pairs: readonly PairTraffic[], packetsMin = PACKETS_MIN): readonly number[] | null {
  const outside = pairs.filter(({ stack }) => stack === 0);
  const packets = outside.reduce((sum, { fromA, fromB }) => sum + fromA.packets + fromB.packets, 0);
  if (packets < packetsMin) return null;
  const outer = outside.flatMap(({ conversations }) => conversations);
  const [first] = outer;
  if (!first || !outer.every(hasPorts)) return null;
  for (const port of lowestFirst(first)) {
    const others = outer.filter((one) => !touches(one, port));
    const [other] = others;
    if (!other) return [port];
    for (const second of lowestFirst(other)) {
      if (others.every((one) => touches(one, second))) return [port, second].sort((a, b) => a - b);
    }
  }
  return null;
}

/** A filter names the port of a service, which is the lower one. */
function lowestFirst({ portOfA, portOfB }: Conversation): readonly number[] {
  return portOfA <= portOfB ? [portOfA, portOfB] : [portOfB, portOfA];
}

/** Fragments other than the first stand in a conversation without ports. */
function hasPorts({ protocol, portOfA, portOfB }: Conversation): boolean {
  return (protocol === PROTOCOL_UDP || protocol === PROTOCOL_TCP) && portOfA !== 0 && portOfB !== 0;
}

function touches({ portOfA, portOfB }: Conversation, port: number): boolean {
  return portOfA === port || portOfB === port;
}
