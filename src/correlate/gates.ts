import type { Moment } from '../moment.js';
import { NS_PER_SECOND } from '../units.js';
import { PROTOCOL_UDP } from '../wire/ip.js';
import { ipProtocolName } from '../wire/ip-protocols.js';
import { filterPasses, type PacketClass } from './capture-filter.js';
import type { CaptureQuality } from './capture-quality.js';
import { portFilterSignature } from './port-filter-signature.js';
import { pauseAfter, pauseBefore, secondsToPause, watchedSecondsAfter } from './watched.js';

/*
 * What a rule asks of the capture before it speaks. Each gate answers null where nothing stands in the way, or a
 * limit with the words to print. Gates need positive evidence: that something is absent from a capture never
 * proves that the capture hides it.
 */

/** A fact about the capture that keeps a rule from being sure. */
export interface Limit {
  /** The capture.* finding that states the fact, for `limitedBy`. */
  readonly id: string;
  /** What is missing and which capture would settle it, in one sentence, for `insufficient-data`. */
  readonly reason: string;
}

/** A limit that a longer capture would lift. */
export interface Shortage extends Limit {
  /** Seconds of capture after the trigger that the rule needs, for `Judgement.neededSeconds`. */
  readonly neededSeconds: number;
}

/** The limit that no finding states: it is the operator's own doing, and `part` of the report says it. */
export const PART = 'part';
/** Frames that must carry a direction before "all of them the same way" means anything. */
const DIRECTED_FRAMES_MIN = 100;
/** Pairs of hosts that must be one-way before direction flags alone prove a one-sided capture. */
const ONE_WAY_PAIRS_MIN = 3;
/** Decision on fragments at the edges of a capture: 50 times the usual spread of a complete datagram, at least 1 s. */
const FRAGMENT_EDGE_SPREADS = 50;
const FRAGMENT_EDGE_SECONDS_MIN = 1;
/** Share of lost packets (%) from which gaps lose one level of confidence, and from which loss rules become info. */
export const DROP_SHARE_NOTABLE = 0.1;
export const DROP_SHARE_SEVERE = 2;

/** The fact that only whole packets would lift, and what to do about it. */
export const SNAPLEN = 'capture.snaplen';
export const WHOLE_PACKETS_RECIPE = 'capture whole packets: -s 0.';

/** Why packets of one direction between two hosts are missing through the capture's fault, so that silence proves nothing; or null. */
export function oneSidedLimit(quality: CaptureQuality, a: string, b: string, stack = 0): Limit | null {
  return (
    partedDirectionsLimit(quality, a, b, stack) ??
    reverseWasHeard(quality, a, b, stack) ??
    reverseWasHeard(quality, b, a, stack) ??
    oneWayCaptureLimit(quality) ??
    heardOnlyLimit(quality)
  );
}

/** Of a part of the capture that was asked for: one direction between the hosts may be in it, and the other may not. */
function partedDirectionsLimit(quality: CaptureQuality, a: string, b: string, stack: number): Limit | null {
  const { part } = quality;
  if (part === undefined || !part.mayPartDirections) return null;
  const tunnels = quality.flows.tunnelLayers(stack);
  const mayHide =
    part.mayLeaveOut({ from: a, to: b, tunnels }) || part.mayLeaveOut({ from: b, to: a, tunnels });
  return mayHide ? partLimit(part.words, `packets of one direction between ${a} and ${b}`) : null;
}

function partLimit(words: string, what: string): Limit {
  return { id: PART, reason: `${words} may leave out ${what}; look at the capture without it.` };
}

/**
 * Packets of `peer` reached `hearer` (a field in the hearer's own packets proves it), yet the capture holds none of
 * them: the reverse path does not pass the capture point. Null where that is not proved.
 */
export function reverseWasHeard(
  quality: CaptureQuality,
  hearer: string,
  peer: string,
  stack = 0,
): Limit | null {
  const hearing = quality.hearsPeer.find(hearer, peer);
  if (!hearing) return null;
  const captured = quality.traffic.between(peer, hearer, stack);
  if (captured && captured.fromA.packets > 0) return null;
  return {
    id: 'capture.one-sided',
    reason:
      `${hearer} hears ${peer} (${hearing.via}), but no packet from ${peer} to ${hearer} is in the capture; ` +
      'capture where both directions pass, best on one of the two hosts.',
  };
}

const heardOnly = new WeakMap<CaptureQuality, Limit | null>();

/**
 * A host proves to hear a peer whose packets the capture lacks, and of no two hosts it holds both directions: then it
 * holds one direction of everything, also of those that cannot prove it. Null where that is not so.
 */
function heardOnlyLimit(quality: CaptureQuality): Limit | null {
  const known = heardOnly.get(quality);
  if (known !== undefined) return known;
  const limit = findHeardOnly(quality);
  heardOnly.set(quality, limit);
  return limit;
}

function findHeardOnly(quality: CaptureQuality): Limit | null {
  let proof: Limit | null = null;
  for (const { a, b, fromA, fromB, stack } of quality.traffic.all()) {
    if (fromA.packets > 0 && fromB.packets > 0) return null;
    const [hearer, peer] = fromA.packets > 0 ? [a, b] : [b, a];
    const hearing = quality.hearsPeer.find(hearer, peer);
    const window = hearing && quality.window(hearing.last.segment);
    // What the first frame knows may have been heard before the capture began.
    if (!hearing || (window && hearing.last.timeNs <= window.first.timeNs)) continue;
    proof ??= reverseWasHeard(quality, hearer, peer, stack);
  }
  return (
    proof && {
      id: proof.id,
      reason: `Of no two hosts both directions are in the capture, and ${proof.reason}`,
    }
  );
}

/** The capture states a direction for its frames, and all of them go one way between several pairs of hosts. */
export function oneWayCaptureLimit(quality: CaptureQuality): Limit | null {
  const { inbound, outbound } = quality;
  if (inbound + outbound < DIRECTED_FRAMES_MIN || (inbound > 0 && outbound > 0)) return null;
  let pairs = 0;
  for (const { fromA, fromB, stack } of quality.traffic.all()) {
    if (stack !== 0) continue;
    if (fromA.packets > 0 && fromB.packets > 0) return null;
    pairs++;
  }
  if (pairs < ONE_WAY_PAIRS_MIN) return null;
  const way = inbound > 0 ? 'inbound' : 'outbound';
  return {
    id: 'capture.one-sided',
    reason: `Every frame of the capture is marked ${way}; capture both directions (no -Q in or -Q out, both sides of a mirror port).`,
  };
}

/**
 * Whether a capture filter keeps packets of that class out of the capture: the filter that the file states, or the
 * signature of a port filter in what `host` and those around it send, or anybody where it is null (no ARP, no ICMP, no other port, no fragment without
 * ports). `stack`: where the packets would be. A filter sees the outermost packet, so it hides nothing inside a tunnel that it lets pass.
 */
export function captureMayHide(
  quality: CaptureQuality,
  packet: PacketClass,
  host: string | null,
  stack = 0,
): Limit | null {
  const leftOut = leftOutOfPart(quality, packet, host, stack);
  if (leftOut !== null || stack !== 0) return leftOut;
  for (const { filter } of quality.interfaces) {
    if (filter === null || filter === '' || filterPasses(filter, packet) !== false) continue;
    return {
      id: 'capture.filter',
      reason: `The capture filter '${filter}' hides ${packetWords(packet)}; capture all packets of the peer: host <peer> and not port 22.`,
    };
  }
  const signature = portFilterSignature(quality, host);
  if (signature === null || !isHiddenByPorts(packet, signature)) return null;
  return {
    id: 'capture.filter',
    reason:
      `The capture holds nothing${host === null ? '' : ` of ${host}`} but port ${signature.join(' and ')}, as if a capture filter had kept the rest out ` +
      `(${packetWords(packet)} too); capture all packets of the peer: host <peer> and not port 22.`,
  };
}

/** The same of a part of the capture that was asked for, which looks at every layer. */
function leftOutOfPart(
  quality: CaptureQuality,
  packet: PacketClass,
  host: string | null,
  stack: number,
): Limit | null {
  const { part } = quality;
  if (part === undefined) return null;
  const isLeftOut = part.mayLeaveOut({
    ...(host === null ? {} : { host }),
    protocol: packet.protocol,
    ...(packet.port === undefined ? {} : { port: packet.port }),
    ...(packet.fragment === undefined ? {} : { isLaterFragment: packet.fragment }),
    tunnels: quality.flows.tunnelLayers(stack),
  });
  return isLeftOut ? partLimit(part.words, packetWords(packet)) : null;
}

/**
 * As `captureMayHide`, for one direction of a UDP conversation of which the other one is in the capture: a filter that
 * lets the one pass hides the other only where it says `src` or `dst`.
 */
export function captureMayHideWayBack(
  quality: CaptureQuality,
  ports: readonly [number, number],
  stack = 0,
): Limit | null {
  if (quality.part?.mayPartDirections === true)
    return partLimit(quality.part.words, `packets of one direction of UDP port ${ports.join(' and ')}`);
  if (stack !== 0) return null;
  for (const { filter } of quality.interfaces) {
    if (filter === null || filter === '') continue;
    const isHidden = ports.every((port) => filterPasses(filter, { protocol: PROTOCOL_UDP, port }) === false);
    if (!isHidden && !/\b(?:src|dst|inbound|outbound)\b/.test(filter)) continue;
    return {
      id: 'capture.filter',
      reason: `The capture filter '${filter}' may let one direction pass only; capture all packets of the peer: host <peer> and not port 22.`,
    };
  }
  return null;
}

/** Share in percent of packets that the capture itself reports as dropped; 0 where it reports none. */
export function dropShare(quality: CaptureQuality): number {
  const drops = reportedDrops(quality);
  return drops === 0 ? 0 : (100 * drops) / (drops + quality.frames);
}

/** Packets that the capture files report as dropped. */
export function reportedDrops(quality: CaptureQuality): number {
  return quality.captures.reduce((sum, { drops }) => sum + (drops ?? 0), 0);
}

/** No more packets are missing than the capture says that it dropped itself: it may be these. */
export function mayBeOwnDrops(quality: CaptureQuality, missing: number): boolean {
  return missing <= reportedDrops(quality);
}

/** The capture itself lost packets: gaps in sequences may be its own. `share` in percent. */
export function dropLimit(quality: CaptureQuality): (Limit & { readonly share: number }) | null {
  const share = dropShare(quality);
  if (share <= DROP_SHARE_NOTABLE) return null;
  return {
    id: 'capture.kernel-drops',
    share,
    reason: `The capture itself dropped ${share.toFixed(2)} % of the packets; capture to a file with a larger buffer: -B 4096 -w FILE.`,
  };
}

/** Frames were cut below `bytes` (from the link layer on), so that fields beyond are missing in some of them. */
export function snaplenLimit(quality: CaptureQuality, bytes: number): Limit | null {
  const { count, smallestBytes } = quality.cut;
  if (count === 0 || smallestBytes >= bytes) return null;
  return {
    id: SNAPLEN,
    reason: `${count} frames were cut, down to ${smallestBytes} bytes; ${WHOLE_PACKETS_RECIPE}`,
  };
}

/**
 * The capture ends, pauses or steps in time sooner than `seconds` after the trigger: an answer may have come all the
 * same. Times that are unknown count as too short.
 */
export function tooShortAfter(quality: CaptureQuality, trigger: Moment, seconds: number): Shortage | null {
  const left = secondsToPause(quality, trigger);
  if (left >= seconds) return null;
  const pause = pauseAfter(quality, trigger) === null ? '' : ', then it holds no frame at all for a while';
  return shortage(`The capture goes on for ${left.toFixed(1)} s after that${pause}`, seconds);
}

/** As `tooShortAfter`, for what ought to go on all the time: what comes after a pause was watched too. */
export function tooLittleAfter(quality: CaptureQuality, trigger: Moment, seconds: number): Shortage | null {
  const left = watchedSecondsAfter(quality, trigger);
  if (left >= seconds) return null;
  const pause = pauseAfter(quality, trigger) === null ? '' : ', not counting times without any frame';
  return shortage(`The capture goes on for ${left.toFixed(1)} s after that${pause}`, seconds);
}

function shortage(goesOn: string, neededSeconds: number): Shortage {
  return {
    id: 'capture.too-short',
    neededSeconds,
    reason: `${goesOn}, and ${neededSeconds} s are needed to judge; capture for longer.`,
  };
}

/** Seconds from the start of the moment's time segment, or from the last pause before it; 0 where unknown. */
export function secondsFromStart(quality: CaptureQuality, moment: Moment): number {
  const window = quality.window(moment.segment);
  const startNs = pauseBefore(quality, moment)?.toNs ?? window?.first.timeNs ?? Number.NaN;
  const elapsedNs = moment.timeNs - startNs;
  return elapsedNs > 0 ? elapsedNs / NS_PER_SECOND : 0;
}

/** How near to an edge of the capture a datagram cannot be judged, in seconds, from the usual spread of complete ones. */
export function fragmentEdgeSeconds(usualSpreadSeconds: number): number {
  const edge = FRAGMENT_EDGE_SPREADS * usualSpreadSeconds;
  return Math.max(FRAGMENT_EDGE_SECONDS_MIN, Number.isNaN(edge) ? 0 : edge);
}

function isHiddenByPorts(packet: PacketClass, ports: readonly number[]): boolean {
  if (packet.fragment === true || packet.port === undefined) return true;
  return !ports.includes(packet.port);
}

function packetWords(packet: PacketClass): string {
  if (packet.fragment === true) return 'fragments other than the first of a datagram';
  const protocol = ipProtocolName(packet.protocol);
  return packet.port === undefined ? protocol : `${protocol} port ${packet.port}`;
}
