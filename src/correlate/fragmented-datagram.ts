import type { FlowStates } from './flow-states.js';
import type { Piece } from './piece.js';

/** Datagrams of one flow that are open, by identification and direction (RFC 791, section 3.2). */
export type Siblings<Datagram> = Map<number, Datagram>;

/** The datagram that a fragment belongs to; the first one opens it. */
export function datagramOfPiece<Datagram>(
  flowStates: FlowStates<Siblings<Datagram>>,
  piece: Piece,
  open: (siblings: Siblings<Datagram>, key: number) => Datagram,
): Datagram {
  let siblings = flowStates.get(piece.flow);
  if (!siblings) {
    siblings = new Map();
    flowStates.set(piece.flow, siblings);
  }
  const key = piece.identification * 2 + piece.direction;
  let datagram = siblings.get(key);
  if (datagram === undefined) {
    datagram = open(siblings, key);
    siblings.set(key, datagram);
  }
  return datagram;
}
