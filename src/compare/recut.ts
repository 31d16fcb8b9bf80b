import { IDENTITY_FRAGMENT, IDENTITY_MORE_FRAGMENTS } from '../observe/engine-tables.js';
import { type Nanoseconds, NS_PER_SECOND } from '../units.js';
import { PROTOCOL_TCP } from '../wire/ip.js';
import { TCP_HEADER_LENGTH_MIN } from '../wire/transport.js';
import type { Channel, DirectionPlan } from './channel.js';
import type { ComparedPacket } from './compared-packet.js';
import type { DirectionState } from './direction-state.js';

const TCP_HEADER_LENGTH_MAX = 60;
/** Packets further apart are not looked at. */
const NEAR_NS = 4 * NS_PER_SECOND;
/** A packet that was changed on the way is taken for the same one only this near to the usual delay. */
const MODIFIED_NS = NS_PER_SECOND;
/** Header and first 48 bytes of a datagram, at most. */
const PART_BYTES = 64;

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
  const isTcp = channel.protocol === PROTOCOL_TCP;
  const isWholeTcp = isTcp && (packet.flags & IDENTITY_FRAGMENT) === 0;
  return (
    (direction.keepsIdentification && joinNearest(packet, state.open.withContent(packet), state, 'none')) ||
    joinFragments(packet, isTcp, state, direction.keepsIdentification, nowNs) ||
    (isWholeTcp && joinRewritten(packet, state)) ||
    (isTcp && packet.length > 0 && joinSegments(packet, state, later)) ||
    (direction.keepsIdentification && joinModified(packet, state)) ||
    (!isTcp && joinChangedPart(packet, state, direction.keepsIdentification))
  );
}

function openNear(
  packet: ComparedPacket,
  state: DirectionState,
  nowNs: Nanoseconds,
): readonly ComparedPacket[] {
  return state.openReceived(nowNs).filter((one) => Math.abs(one.timeNs - packet.timeNs) < NEAR_NS);
}

/** The same identification and flow, other content. */
function joinModified(packet: ComparedPacket, state: DirectionState): boolean {
  const changed = state.open
    .withIdentification(packet)
    .filter(
      (one) =>
        (one.flags & IDENTITY_FRAGMENT) === (packet.flags & IDENTITY_FRAGMENT) &&
        (one.shape === packet.shape || one.length === packet.length) &&
        isExpected(one, packet, state),
    );
  return changed.length === 1 && joinNearest(packet, changed, state, 'modified');
}

/** The same bytes of a TCP connection, or the same acknowledgment, with another header or other content. */
function joinRewritten(packet: ComparedPacket, state: DirectionState): boolean {
  const same = state.open
    .withSequence(packet)
    .filter(
      (one) =>
        one.length === packet.length &&
        (one.flags & IDENTITY_FRAGMENT) === 0 &&
        isExpected(one, packet, state) &&
        (packet.length > 0 || one.acknowledgment === packet.acknowledgment),
    );
  const equal = same.filter((one) => one.body === packet.body);
  if (packet.length > 0 && equal.length > 0) return joinNearest(packet, equal, state, 'modified');
  return same.length === 1 && joinNearest(packet, same, state, 'modified');
}

/** A datagram of which the path changed the first bytes only, such as the header of a tunnel. */
function joinChangedPart(
  packet: ComparedPacket,
  state: DirectionState,
  keepsIdentification: boolean,
): boolean {
  if (packet.rest === 0 || (packet.flags & IDENTITY_FRAGMENT) !== 0 || packet.length <= PART_BYTES)
    return false;
  const alike = state.open
    .withShape(packet)
    .filter(
      (one) =>
        (one.flags & IDENTITY_FRAGMENT) === 0 &&
        one.rest === packet.rest &&
        (!keepsIdentification || one.identification === packet.identification) &&
        isExpected(one, packet, state),
    );
  return alike.length === 1 && joinNearest(packet, alike, state, 'modified');
}

/** Near the time expected, and not the second copy of a packet that was found. */
function isExpected(one: ComparedPacket, packet: ComparedPacket, state: DirectionState): boolean {
  if ((one.bucket?.matched ?? 0) > 0) return false;
  return Math.abs(one.timeNs - packet.timeNs - (state.typicalNs || 0)) < MODIFIED_NS;
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
    if (Math.abs(candidate.timeNs - packet.timeNs) >= NEAR_NS) continue;
    if (!best || Math.abs(candidate.timeNs - expectedNs) < Math.abs(best.timeNs - expectedNs))
      best = candidate;
  }
  if (!best) return false;
  packet.partner = best;
  best.partner = packet;
  // It stays among the equal ones of its bucket.
  packet.isHeld = true;
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
  state: DirectionState,
  keeps: boolean,
  nowNs: Nanoseconds,
): boolean {
  const isFragment = (packet.flags & IDENTITY_FRAGMENT) !== 0;
  const pieces = state.datagrams.piecesOf(packet, keeps);
  if (isFragment) {
    const to = packet.offset + packet.length;
    const sent = pieces.length === 0 ? state.datagrams.wholeOf(packet) : null;
    const whole = openNear(packet, state, nowNs).find(
      (one) =>
        (one.flags & IDENTITY_FRAGMENT) === 0 &&
        ((keeps && one.identification === packet.identification && one.networkLength >= to) ||
          (sent !== null && one.full === sent.digest && one.length === sent.length)),
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
