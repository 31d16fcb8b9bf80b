import type { Dissector } from '../dissect/dissector.js';
import { addressBytes } from '../wire/address-bytes.js';
import * as ip from '../wire/ip.js';
import { type End, type Net, netOf, type Term } from './filter-terms.js';
import { FilterError, implied, isAddressLike, partialNet, type Token, tokensOf } from './filter-words.js';

export { FilterError } from './filter-words.js';

/** What a filter says, over its terms by their index. */
export type FilterNode =
  | { readonly op: 'term'; readonly term: number }
  | { readonly op: 'not'; readonly of: FilterNode }
  | { readonly op: 'and' | 'or'; readonly left: FilterNode; readonly right: FilterNode };

/** A filter in the words of pcap-filter(7), of which every condition may hold of any layer of a frame. */
export interface FilterExpression {
  readonly text: string;
  readonly terms: readonly Term[];
  readonly root: FilterNode;
}

/** One bit each in a word; half of them are left to what a tunnel adds. */
const TERMS_MAX = 14;
const NESTING_MAX = 64;
const LENGTH_MAX = 4096;

const IP_PROTOCOLS: ReadonlyMap<string, number> = new Map([
  ['icmp', ip.PROTOCOL_ICMP],
  ['icmp6', ip.PROTOCOL_ICMPV6],
  ['tcp', ip.PROTOCOL_TCP],
  ['udp', ip.PROTOCOL_UDP],
  ['sctp', ip.PROTOCOL_SCTP],
]);

/** Other words for protocols of the catalogue. */
const OTHER_NAMES: ReadonlyMap<string, string> = new Map([
  ['ike', 'isakmp'],
  ['wg', 'wireguard'],
]);

/** Of services that no folder of the catalogue names (services(5)). */
const PORT_NAMES: ReadonlyMap<string, number> = new Map([
  ['ssh', 22],
  ['domain', 53],
  ['bootps', 67],
  ['bootpc', 68],
  ['http', 80],
  ['https', 443],
]);

/**
 * Reads a filter.
 * @param dissectors whose names are protocols of it
 * @throws FilterError
 */
export function parseFilter(text: string, dissectors: readonly Dissector[]): FilterExpression {
  if (text.length > LENGTH_MAX)
    throw new FilterError(`it is longer than ${LENGTH_MAX} characters`, LENGTH_MAX);
  return new Parser(text, dissectors).parse();
}

type Quantity = 'host' | 'net' | 'port' | 'portrange';

/** What a bare value repeats: `port 500 or 4500`. */
interface Qualifiers {
  readonly end: End;
  readonly quantity: Quantity;
  readonly protocol: string | null;
}

class Parser {
  private readonly tokens: readonly Token[];
  private readonly terms: Term[] = [];
  private at = 0;
  private last: Qualifiers | null = null;

  constructor(
    private readonly text: string,
    private readonly dissectors: readonly Dissector[],
  ) {
    this.tokens = tokensOf(text);
  }

  parse(): FilterExpression {
    if (this.tokens.length === 0) throw new FilterError('it is empty', 1);
    const root = this.expression(0);
    const rest = this.tokens[this.at];
    if (rest !== undefined) {
      const what =
        rest.text === ')' ? "')' closes nothing" : `'and' or 'or' is missing before '${rest.text}'`;
      throw new FilterError(what, rest.at);
    }
    return { text: this.text, terms: this.terms, root };
  }

  /** As in pcap-filter(7): `and` and `or` have equal precedence and associate to the left. */
  private expression(depth: number): FilterNode {
    let node = this.unary(depth);
    for (let op = this.peek(); op === 'and' || op === 'or'; op = this.peek()) {
      this.at++;
      node = { op, left: node, right: this.unary(depth) };
    }
    return node;
  }

  private unary(depth: number): FilterNode {
    const token = this.tokens[this.at];
    if (token === undefined) throw this.missing('a condition is missing at the end');
    if (depth > NESTING_MAX) throw new FilterError('it is nested too deep', token.at);
    if (token.text === 'not') {
      this.at++;
      return { op: 'not', of: this.unary(depth + 1) };
    }
    if (token.text === '(') {
      this.at++;
      const node = this.expression(depth + 1);
      if (this.peek() !== ')') throw new FilterError("'(' is not closed", token.at);
      this.at++;
      return node;
    }
    return this.primitive(token);
  }

  private primitive(token: Token): FilterNode {
    switch (token.text) {
      case 'vni':
        this.at++;
        return this.term({
          kind: 'column',
          protocol: null,
          column: 'vni',
          value: this.number('vni', 0xff_ffff),
        });
      case 'spi':
        this.at++;
        return this.term({
          kind: 'column',
          protocol: null,
          column: 'spi',
          value: this.number('spi', 0xffff_ffff),
        });
      case 'less':
        this.at++;
        return this.term({ kind: 'length', least: 0, most: this.number('less', 0xffff_ffff) });
      case 'greater':
        this.at++;
        return this.term({
          kind: 'length',
          least: this.number('greater', 0xffff_ffff),
          most: Number.MAX_SAFE_INTEGER,
        });
      case 'proto':
        this.at++;
        return this.term({ kind: 'ip-protocol', protocol: this.ipProtocol() });
      case 'gre':
        return this.gre();
      default:
        return this.qualified(token);
    }
  }

  private gre(): FilterNode {
    this.at++;
    if (this.peek() !== 'key') return this.protocol('gre');
    this.at++;
    return this.term({
      kind: 'column',
      protocol: 'gre',
      column: 'key',
      value: this.number('gre key', 0xffff_ffff),
    });
  }

  /** `[protocol] [src | dst] [host | net | port | portrange | isd-as] value`, a protocol alone, or a bare value. */
  private qualified(first: Token): FilterNode {
    const protocol = this.isProtocol(first.text) ? first.text : null;
    if (protocol !== null) this.at++;
    const end = this.end();
    const quantity = this.peek();
    if (quantity === 'isd-as' && protocol === null) {
      this.at++;
      return this.isdAs(end ?? 'either');
    }
    if (quantity === 'proto' && (protocol === 'ip' || protocol === 'ip6') && end === null) {
      this.at++;
      return this.term({ kind: 'ip-protocol', protocol: this.ipProtocol() });
    }
    if (quantity === 'host' || quantity === 'net' || quantity === 'port' || quantity === 'portrange') {
      this.at++;
      this.last = { end: end ?? 'either', quantity, protocol };
      return this.value(this.last);
    }
    if (end !== null) {
      this.last = { end, quantity: 'host', protocol };
      return this.value(this.last);
    }
    if (protocol !== null) return this.protocol(protocol);
    if (isAddressLike(first.text)) {
      const repeated = this.last !== null && this.last.quantity !== 'port' ? this.last : null;
      const quantity = first.text.includes('/') ? 'net' : 'host';
      return this.value({ end: repeated?.end ?? 'either', quantity, protocol: null });
    }
    if (this.last !== null && (/^\d/.test(first.text) || this.portNamed(first.text) !== undefined))
      return this.value(this.last);
    throw new FilterError(
      `'${first.text}' is no condition that is known (host, net, port, src, dst, vni, spi, gre key, isd-as, a protocol)`,
      first.at,
    );
  }

  /** `src`, `dst`, `src or dst`, `src and dst`. */
  private end(): End | null {
    const word = this.peek();
    if (word !== 'src' && word !== 'dst') return null;
    this.at++;
    const connective = this.peek();
    const other = this.tokens[this.at + 1]?.text;
    const isBoth =
      (connective === 'or' || connective === 'and') && other === (word === 'src' ? 'dst' : 'src');
    if (!isBoth) return word === 'src' ? 'source' : 'destination';
    this.at += 2;
    return connective === 'or' ? 'either' : 'both';
  }

  private value({ end, quantity, protocol }: Qualifiers): FilterNode {
    const token = this.take(`${quantity} needs a value`);
    switch (quantity) {
      case 'host':
      case 'net': {
        const net = this.net(token, quantity);
        const term = this.term({ kind: 'net', end, net });
        return protocol === 'arp' ? { op: 'and', left: this.protocol('arp'), right: term } : term;
      }
      case 'port':
      case 'portrange': {
        const [from, to] = this.ports(token, quantity);
        const number = protocol === null ? null : (IP_PROTOCOLS.get(protocol) ?? null);
        if (protocol !== null && number === null)
          throw new FilterError(`'${protocol}' has no ports of its own; tcp, udp or sctp has`, token.at);
        return this.term({ kind: 'port', end, from, to, protocol: number });
      }
    }
  }

  private net(token: Token, quantity: 'host' | 'net'): Net {
    const [address, length, ...more] = token.text.split('/');
    const bytes = addressBytes(address) ?? (quantity === 'net' ? partialNet(address) : null);
    if (bytes === null || more.length > 0)
      throw new FilterError(
        `'${token.text}' is no IPv4 or IPv6 address${quantity === 'net' ? ' with a prefix length' : ''}`,
        token.at,
      );
    if (quantity === 'host' && length !== undefined)
      throw new FilterError(`host needs one address; 'net ${token.text}' means all of them`, token.at);
    const bits =
      length === undefined ? implied(address, bytes) : /^\d{1,3}$/.test(length) ? Number(length) : -1;
    if (bits < 0 || bits > bytes.length * 8)
      throw new FilterError(`'/${length}' is no prefix length from 0 to ${bytes.length * 8}`, token.at);
    return netOf(bytes, bits);
  }

  private ports(token: Token, quantity: 'port' | 'portrange'): [number, number] {
    const named = this.portNamed(token.text);
    if (named !== undefined) return [named, named];
    const [from, to, ...more] = token.text
      .split('-')
      .map((one) => (/^\d{1,5}$/.test(one) ? Number(one) : Number.NaN));
    const last = to ?? from;
    const isRange = to !== undefined;
    if (more.length > 0 || !(from <= last && last <= 0xffff) || (quantity === 'portrange') !== isRange)
      throw new FilterError(
        `'${token.text}' is no ${quantity === 'port' ? 'port from 0 to 65535' : 'range of ports such as 6000-6010'}`,
        token.at,
      );
    return [from, last];
  }

  private portNamed(name: string): number | undefined {
    const known = this.dissectors.find(({ protocol }) => protocol === (OTHER_NAMES.get(name) ?? name));
    return PORT_NAMES.get(name) ?? known?.carriedBy.udpPort?.[0] ?? known?.carriedBy.tcpPort?.[0];
  }

  private isdAs(end: End): FilterNode {
    const token = this.take('isd-as needs a value such as 17-ffaa:1:64');
    const match = /^(\d{1,5})(?:-(?:(\d{1,10})|([0-9a-f]{1,4}):([0-9a-f]{1,4}):([0-9a-f]{1,4})))?$/.exec(
      token.text,
    );
    if (match === null) throw new FilterError(`'${token.text}' is no ISD-AS such as 17-ffaa:1:64`, token.at);
    const [, isd, decimal, ...groups] = match;
    const hex = groups.map((group) => Number.parseInt(group, 16));
    const as =
      decimal !== undefined
        ? Number(decimal)
        : groups[0] === undefined
          ? null
          : hex[0] * 2 ** 32 + hex[1] * 2 ** 16 + hex[2];
    return this.term({ kind: 'isd-as', end, isd: Number(isd), as });
  }

  private ipProtocol(): number {
    const token = this.take('proto needs a number or a name');
    const name = token.text.replace(/^\\/, '');
    const number =
      IP_PROTOCOLS.get(name) ??
      this.dissectors.find((one) => one.protocol === name)?.carriedBy.ipProtocol?.[0];
    const value = number ?? (/^\d{1,3}$/.test(name) ? Number(name) : Number.NaN);
    if (!(value <= 255)) throw new FilterError(`'${token.text}' is no IP protocol`, token.at);
    return value;
  }

  private isProtocol(word: string): boolean {
    const name = OTHER_NAMES.get(word) ?? word;
    return (
      word === 'ip' ||
      word === 'ip6' ||
      IP_PROTOCOLS.has(word) ||
      this.dissectors.some(({ protocol }) => protocol === name)
    );
  }

  private protocol(word: string): FilterNode {
    const number = IP_PROTOCOLS.get(word);
    if (number !== undefined) return this.term({ kind: 'ip-protocol', protocol: number });
    if (word === 'ip' || word === 'ip6') return this.term({ kind: 'family', family: word === 'ip' ? 4 : 6 });
    const name = OTHER_NAMES.get(word) ?? word;
    const known = this.dissectors.find(({ protocol }) => protocol === name);
    const rows = this.term({ kind: 'protocol', name, tcpPorts: known?.carriedBy.tcpPort ?? [] });
    const [ipProtocol] = known?.carriedBy.ipProtocol ?? [];
    if (ipProtocol === undefined) return rows;
    return { op: 'or', left: rows, right: this.term({ kind: 'ip-protocol', protocol: ipProtocol }) };
  }

  private number(name: string, max: number): number {
    const token = this.take(`${name} needs a number`);
    const value = /^(0x[0-9a-f]{1,8}|\d{1,10})$/.test(token.text) ? Number(token.text) : Number.NaN;
    if (!(value <= max)) throw new FilterError(`'${token.text}' is no ${name} up to ${max}`, token.at);
    return value;
  }

  private term(term: Term): FilterNode {
    if (this.terms.length >= TERMS_MAX)
      throw new FilterError(
        `it has more than ${TERMS_MAX} conditions; a net says many hosts`,
        this.tokens[this.at - 1]?.at ?? 1,
      );
    this.terms.push(term);
    return { op: 'term', term: this.terms.length - 1 };
  }

  private take(otherwise: string): Token {
    const token = this.tokens[this.at];
    if (token === undefined) throw this.missing(otherwise);
    this.at++;
    return token;
  }

  private missing(what: string): FilterError {
    return new FilterError(what, this.text.length + 1);
  }

  private peek(): string | undefined {
    return this.tokens[this.at]?.text;
  }
}
