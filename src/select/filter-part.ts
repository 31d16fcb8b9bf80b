import type { PartOfCapture, SoughtPacket } from '../correlate/part-of-capture.js';
import { addressBytes } from '../wire/address-bytes.js';
import type { FilterExpression, FilterNode } from './filter-expression.js';
import { atEnds, hasPorts, isInNet, isPortOf, type Net, netOf, type Term } from './filter-terms.js';

/** Kleene's third value: depends on what is not known of the packet. */
type Truth = boolean | null;

/** From here on ports are drawn by the sender, for tunnels anew in each direction. */
const EPHEMERAL_PORT_MIN = 32_768;

/**
 * What a filter may leave out, for rules that rest on absence.
 * @param said what of it the operator wrote: a tunnel that is named keeps both its directions
 */
export function partOfFilter(
  words: string,
  { root, terms }: FilterExpression,
  said: FilterExpression | null,
): PartOfCapture {
  return {
    words,
    mayPartDirections: said?.terms.some(partsDirections) ?? false,
    mayLeaveOut: (packet) => truthOf(root, terms, packet) !== true,
  };
}

function partsDirections(term: Term): boolean {
  switch (term.kind) {
    case 'net':
      return term.end === 'source' || term.end === 'destination';
    case 'isd-as':
      return term.end === 'source' || term.end === 'destination';
    case 'port':
      return term.end === 'source' || term.end === 'destination' || term.to >= EPHEMERAL_PORT_MIN;
    case 'column':
    case 'length':
      return true;
    default:
      return false;
  }
}

function truthOf(node: FilterNode, terms: readonly Term[], packet: SoughtPacket): Truth {
  switch (node.op) {
    case 'term':
      return termTruth(terms[node.term], packet);
    case 'not': {
      const truth = truthOf(node.of, terms, packet);
      return truth === null ? null : !truth;
    }
    case 'and': {
      const [left, right] = [truthOf(node.left, terms, packet), truthOf(node.right, terms, packet)];
      return left === false || right === false ? false : left === null || right === null ? null : true;
    }
    case 'or': {
      const [left, right] = [truthOf(node.left, terms, packet), truthOf(node.right, terms, packet)];
      return left === true || right === true ? true : left === null || right === null ? null : false;
    }
  }
}

function termTruth(term: Term, packet: SoughtPacket): Truth {
  // What is inside a tunnel may meet a condition by the tunnel's own packet.
  const otherwise: Truth = packet.tunnels.length > 0 ? null : false;
  switch (term.kind) {
    case 'net':
      return netTruth(term, packet, otherwise);
    case 'pair': {
      const around = packet.tunnels.some(({ low, high }) => isPair(term, low, high));
      if (around) return true;
      if (packet.from === undefined || packet.to === undefined) return null;
      return isPair(term, packet.from, packet.to) ? true : otherwise;
    }
    case 'port':
      return portTruth(term, packet, otherwise);
    case 'ip-protocol':
      return packet.protocol === undefined ? null : packet.protocol === term.protocol ? true : otherwise;
    default:
      return null;
  }
}

function netTruth(term: Extract<Term, { kind: 'net' }>, packet: SoughtPacket, otherwise: Truth): Truth {
  const { from, to, host, tunnels } = packet;
  const isEither = term.end === 'either';
  if (isEither && tunnels.some(({ low, high }) => isIn(term.net, low) || isIn(term.net, high))) return true;
  if (from !== undefined && to !== undefined)
    return atEnds(term.end, isIn(term.net, from), isIn(term.net, to)) ? true : otherwise;
  const known = host ?? from ?? to;
  return isEither && known !== undefined && isIn(term.net, known) ? true : null;
}

function portTruth(term: Extract<Term, { kind: 'port' }>, packet: SoughtPacket, otherwise: Truth): Truth {
  const { protocol, port, isLaterFragment } = packet;
  if (isLaterFragment === true) return otherwise;
  if (protocol === undefined) return null;
  if (!hasPorts(protocol) || (term.protocol !== null && term.protocol !== protocol)) return otherwise;
  if (port === undefined) return null;
  if (isPortOf(term, port)) return term.end === 'either' ? true : null;
  return null;
}

function isPair({ a, b }: Extract<Term, { kind: 'pair' }>, low: string, high: string): boolean {
  return (isIn(a, low) && isIn(b, high)) || (isIn(b, low) && isIn(a, high));
}

function isIn(net: Net, address: string): boolean {
  const bytes = addressBytes(address);
  return bytes !== null && isInNet(net, netOf(bytes, bytes.length * 8).words, 0);
}
