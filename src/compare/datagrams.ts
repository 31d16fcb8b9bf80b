import {
  IDENTITY_FRAGMENT,
  IDENTITY_LEVEL_MASK,
  IDENTITY_MORE_FRAGMENTS,
  LEVEL_FULL,
} from '../observe/engine-tables.js';
import { type Nanoseconds, NS_PER_SECOND } from '../units.js';
import type { ComparedPacket } from './compared-packet.js';

/** Pieces further apart belong to different datagrams: identifications come again. */
const DATAGRAM_NS: Nanoseconds = 4 * NS_PER_SECOND;

/**
 * Fragments of one direction in flight, by the identification that their datagram has on each side. Where something on the path gives
 * datagrams other identifications, one is recognised by its length and content: digests of fragments add up to that of
 * the datagram, however it was cut.
 */
export class Datagrams {
  private readonly sent = new Map<number, ComparedPacket[]>();
  private readonly received = new Map<number, ComparedPacket[]>();
  /** Identifications of received datagrams by their length, as their last fragment tells it. */
  private readonly byLength = new Map<number, number[]>();
  /** By identification of the sender that of the receiver, until the last fragment of the sender is settled. */
  private readonly renamed = new Map<number, number>();

  noteSent(packet: ComparedPacket): void {
    push(this.sent, packet.identification, packet);
  }

  noteReceived(packet: ComparedPacket): void {
    push(this.received, packet.identification, packet);
    if (isLast(packet)) push(this.byLength, packet.offset + packet.length, packet.identification);
  }

  /** In the order in which they were noted. */
  forgetSent({ identification }: ComparedPacket): void {
    if (shift(this.sent, identification)) this.renamed.delete(identification);
  }

  forgetReceived(packet: ComparedPacket): void {
    shift(this.received, packet.identification);
    if (isLast(packet)) shift(this.byLength, packet.offset + packet.length);
  }

  /**
   * The fragments that arrived of the datagram that the packet is, or is a fragment of. Where identifications are
   * rewritten, an equal one is chance.
   */
  piecesOf(packet: ComparedPacket, keepsIdentification: boolean): readonly ComparedPacket[] {
    const { identification } = packet;
    const same = keepsIdentification ? near(this.received.get(identification) ?? [], packet) : [];
    if (same.length > 0) return same;
    const known = this.renamed.get(identification);
    if (known !== undefined) return near(this.received.get(known) ?? [], packet);
    const whole = this.wholeOf(packet);
    if (whole === null) return [];
    for (const candidate of this.byLength.get(whole.length) ?? []) {
      const pieces = near(this.received.get(candidate) ?? [], packet);
      if (sumOf(pieces) !== whole.digest) continue;
      if (isFragment(packet)) this.renamed.set(identification, candidate);
      return pieces;
    }
    return [];
  }

  /** Length and digest of the datagram that left; null where not all of it was captured. */
  wholeOf(packet: ComparedPacket): { length: number; digest: number } | null {
    const pieces = isFragment(packet) ? near(this.sent.get(packet.identification) ?? [], packet) : [packet];
    const last = pieces.find((one) => !isFragment(one) || isLast(one));
    const digest = sumOf(pieces);
    if (!last || digest === null) return null;
    return { length: last.offset + last.length, digest };
  }
}

function isFragment({ flags }: ComparedPacket): boolean {
  return (flags & IDENTITY_FRAGMENT) !== 0;
}

function isLast({ flags }: ComparedPacket): boolean {
  return (flags & IDENTITY_MORE_FRAGMENTS) === 0;
}

function near(pieces: readonly ComparedPacket[], { timeNs }: ComparedPacket): ComparedPacket[] {
  return pieces.filter((one) => Math.abs(one.timeNs - timeNs) < DATAGRAM_NS);
}

/** Null where a piece was not captured whole; what arrived twice counts once. */
function sumOf(pieces: readonly ComparedPacket[]): number | null {
  if (pieces.length === 0) return null;
  if (pieces.some(({ flags }) => (flags & IDENTITY_LEVEL_MASK) !== LEVEL_FULL)) return null;
  const distinct = new Map(pieces.map((one) => [one.offset, one]));
  return [...distinct.values()].reduce((sum, { full }) => (sum + full) | 0, 0);
}

function push<Value>(lists: Map<number, Value[]>, key: number, value: Value): void {
  const known = lists.get(key);
  if (known) known.push(value);
  else lists.set(key, [value]);
}

/** Takes out the oldest. @returns true where none is left */
function shift<Value>(lists: Map<number, Value[]>, key: number): boolean {
  const known = lists.get(key);
  known?.shift();
  if (known === undefined || known.length > 0) return false;
  lists.delete(key);
  return true;
}
