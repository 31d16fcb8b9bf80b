import { IDENTITY_FRAGMENT, IDENTITY_MORE_FRAGMENTS } from '../observe/engine-tables.js';
import { type Nanoseconds, NS_PER_SECOND } from '../units.js';
import { PROTOCOL_TCP } from '../wire/ip.js';
import { TCP_HEADER_LENGTH_MIN } from '../wire/transport.js';
import type { ComparedPacket } from './compared-packet.js';
import type { DirectionState } from './packet-join.js';
import type { Channel, DirectionPlan } from './plan.js';

const TCP_HEADER_LENGTH_MAX = 60;
/** A packet that was changed on the way is taken for the same one only this near to the usual delay. */
const MODIFIED_NS = NS_PER_SECOND;

/**
 * Looks for a packet that was not found as it was: with another identification, cut into other fragments, put
 * together or cut by segmentation offload, or changed. Marks what it finds. `later`: packets of the sender that repeat
 * bytes of TCP.
 * @returns false where nothing of it arrived, or not all of it.
 */
export function rejoin(
  packet: ComparedPacket,
  channel: Channel,
  direction: DirectionPlan,
  state: DirectionState,
  nowNs: Nanoseconds,
  later: readonly ComparedPacket[],
): boolean {
  const open = state
    .openReceived(nowNs)
    .filter((one) => Math.abs(one.timeNs - packet.timeNs) < 4 * NS_PER_SECOND);
  return (
    (direction.keepsIdentification && joinRenumbered(packet, open, state)) ||
    joinFragments(packet, channel.protocol === PROTOCOL_TCP, open, state) ||
    (channel.protocol === PROTOCOL_TCP && packet.length > 0 && joinSegments(packet, state, later)) ||
    (direction.keepsIdentification && joinModified(packet, open, state))
  );
}

/** Equal content under another identification. */
function joinRenumbered(
  packet: ComparedPacket,
  open: readonly ComparedPacket[],
  state: DirectionState,
): boolean {
  const equal = open.filter(
    (one) => one.channel === packet.channel && one.shape === packet.shape && one.digest === packet.digest,
  );
  return joinNearest(packet, equal, state, 'none');
}

/** The same identification and flow, other content. */
function joinModified(
  packet: ComparedPacket,
  open: readonly ComparedPacket[],
  state: DirectionState,
): boolean {
  if (packet.identification === 0) return false;
  const expectedNs = packet.timeNs + (state.typicalNs || 0);
  const changed = open.filter(
    (one) =>
      one.channel === packet.channel &&
      one.identification === packet.identification &&
      (one.flags & IDENTITY_FRAGMENT) === (packet.flags & IDENTITY_FRAGMENT) &&
      (one.shape === packet.shape || one.length === packet.length) &&
      Math.abs(one.timeNs - expectedNs) < MODIFIED_NS,
  );
  return changed.length === 1 && joinNearest(packet, changed, state, 'modified');
}

function joinNearest(
  packet: ComparedPacket,
  candidates: readonly ComparedPacket[],
  state: DirectionState,
  change: ComparedPacket['change'],
): boolean {
  const expectedNs = packet.timeNs + (state.typicalNs || 0);
  let best: ComparedPacket | null = null;
  for (const candidate of candidates) {
    if (!best || Math.abs(candidate.timeNs - expectedNs) < Math.abs(best.timeNs - expectedNs))
      best = candidate;
  }
  if (!best) return false;
  packet.partner = best;
  best.partner = packet;
  packet.change = change;
  best.change = change;
  return true;
}

/**
 * A datagram or a fragment of one, whose bytes arrived in other pieces: all of them under the same identification, or
 * the whole datagram where something on the way put it together.
 */
function joinFragments(
  packet: ComparedPacket,
  isTcp: boolean,
  open: readonly ComparedPacket[],
  state: DirectionState,
): boolean {
  const isFragment = (packet.flags & IDENTITY_FRAGMENT) !== 0;
  const pieces = (state.fragments.get(packet.identification) ?? []).filter(
    (one) => Math.abs(one.timeNs - packet.timeNs) < 4 * NS_PER_SECOND,
  );
  if (isFragment) {
    const to = packet.offset + packet.length;
    const whole = open.find(
      (one) =>
        (one.flags & IDENTITY_FRAGMENT) === 0 &&
        one.identification === packet.identification &&
        one.networkLength >= to,
    );
    if (whole) {
      whole.change = 'recut';
      packet.change = 'recut';
      packet.arrivedNs = whole.timeNs;
      return true;
    }
    return cover(packet, pieces, packet.offset, to);
  }
  const last = pieces.find((one) => (one.flags & IDENTITY_MORE_FRAGMENTS) === 0);
  if (!last) {
    markParts(packet, pieces, 0, packet.length + (isTcp ? TCP_HEADER_LENGTH_MAX : 0));
    return false;
  }
  const end = last.offset + last.length;
  const header = end - packet.length;
  const fits = isTcp ? header >= TCP_HEADER_LENGTH_MIN && header <= TCP_HEADER_LENGTH_MAX : header === 0;
  return fits && cover(packet, pieces, 0, end);
}

/** A TCP segment whose bytes arrived in smaller or larger segments. */
function joinSegments(
  packet: ComparedPacket,
  state: DirectionState,
  later: readonly ComparedPacket[],
): boolean {
  const arrivedNs = state.segments.claim(packet, later, Math.max(0, state.leastNs || 0));
  if (Number.isNaN(arrivedNs)) return false;
  packet.change = 'recut';
  packet.arrivedNs = arrivedNs;
  return true;
}

/** Marks `pieces` as parts of the packet where they hold all its bytes. Positions are 32-bit numbers that may wrap. */
function cover(packet: ComparedPacket, pieces: readonly ComparedPacket[], from: number, to: number): boolean {
  const used: ComparedPacket[] = [];
  let at = from;
  let arrivedNs = Number.NEGATIVE_INFINITY;
  while (((to - at) | 0) > 0) {
    const position = at;
    const next = pieces.find(
      (one) => ((one.offset - position) | 0) <= 0 && ((one.offset + one.length - position) | 0) > 0,
    );
    if (!next) {
      markParts(packet, pieces, from, to);
      return false;
    }
    used.push(next);
    at = next.offset + next.length;
    arrivedNs = Math.max(arrivedNs, next.timeNs);
  }
  for (const piece of used) {
    if (piece.partner === null) piece.change = 'recut';
  }
  packet.change = 'recut';
  packet.arrivedNs = arrivedNs;
  return true;
}

/** Marks what arrived of a packet of which other parts did not: it is nothing that was never sent. */
function markParts(
  packet: ComparedPacket,
  pieces: readonly ComparedPacket[],
  from: number,
  to: number,
): void {
  for (const piece of pieces) {
    const isInside = piece.offset >= from && piece.offset + piece.length <= to;
    if (isInside && piece.isOpen && piece.timeNs >= packet.timeNs - NS_PER_SECOND) piece.change = 'recut';
  }
}
