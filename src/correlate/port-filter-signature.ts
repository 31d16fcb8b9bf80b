import { PROTOCOL_TCP, PROTOCOL_UDP } from '../wire/ip.js';
import type { CaptureQuality } from './capture-quality.js';
import type { Conversation } from './traffic.js';

/** Fewer frames than this are a small excerpt, in which the rest may be missing by chance. */
const FRAMES_MIN = 10;

/** Asked for whatever a rule misses: found once a capture. */
const signatures = new WeakMap<CaptureQuality, readonly number[] | null>();

/**
 * Tells a capture that a port filter has thinned out: nothing but IP, nothing in it but UDP and TCP, no fragment
 * without ports, and one or two ports of which every packet has one.
 * @returns these ports, or null where the capture holds something that a port filter hides.
 */
export function portFilterSignature(quality: CaptureQuality): readonly number[] | null {
  const known = signatures.get(quality);
  if (known !== undefined) return known;
  const signature = signatureOf(quality);
  signatures.set(quality, signature);
  return signature;
}

function signatureOf(quality: CaptureQuality): readonly number[] | null {
  if (quality.frames < FRAMES_MIN || quality.frames !== quality.copies.framesWithIp) return null;
  const outer: Conversation[] = [];
  for (const { stack, conversations } of quality.traffic.all()) {
    if (stack === 0) outer.push(...conversations);
  }
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
