import {
  PROTOCOL_AH,
  PROTOCOL_ESP,
  PROTOCOL_GRE,
  PROTOCOL_ICMP,
  PROTOCOL_ICMPV6,
  PROTOCOL_SCTP,
  PROTOCOL_TCP,
  PROTOCOL_UDP,
} from '../wire/ip.js';

/** A class of packets, asked about as a whole. */
export interface PacketClass {
  /** IP protocol number. */
  readonly protocol: number;
  /** One of its two ports. */
  readonly port?: number;
  /** True for fragments other than the first of a datagram: they carry no ports. */
  readonly fragment?: boolean;
}

/** Kleene's third value: depends on what the class leaves open (an address, a length, the other port). */
type Truth = boolean | null;

const FILTER_LENGTH_MAX = 4096;
const NESTING_MAX = 64;

const PROTOCOLS: ReadonlyMap<string, number> = new Map([
  ['icmp', PROTOCOL_ICMP],
  ['tcp', PROTOCOL_TCP],
  ['udp', PROTOCOL_UDP],
  ['gre', PROTOCOL_GRE],
  ['esp', PROTOCOL_ESP],
  ['ah', PROTOCOL_AH],
  ['icmp6', PROTOCOL_ICMPV6],
  ['sctp', PROTOCOL_SCTP],
]);

const PORT_NAMES: ReadonlyMap<string, number> = new Map([
  ['ssh', 22],
  ['domain', 53],
  ['bootps', 67],
  ['bootpc', 68],
  ['http', 80],
  ['ntp', 123],
  ['bgp', 179],
  ['https', 443],
  ['isakmp', 500],
  ['openvpn', 1194],
  ['ipsec-nat-t', 4500],
  ['ipsec-msft', 4500],
  ['vxlan', 4789],
]);

const QUALIFIERS = new Set([
  'ether',
  'ip',
  'ip6',
  'arp',
  'rarp',
  'src',
  'dst',
  'host',
  'net',
  'port',
  'portrange',
  'proto',
]);

/**
 * Whether packets of that class pass a capture filter (pcap-filter(7)): false where none of them can, true where all
 * do, null where it depends on more than the class says or where the expression is not understood.
 */
export function filterPasses(filter: string, packet: PacketClass): boolean | null {
  if (filter.length > FILTER_LENGTH_MAX) return null;
  const tokens = tokensOf(filter);
  if (tokens.length === 0) return true;
  const reading = new Reading(tokens, packet);
  const truth = reading.expression(0);
  return reading.isWhole ? truth : null;
}

function tokensOf(filter: string): string[] {
  return filter
    .toLowerCase()
    .replace(/\(([^()]{0,64}\[[^()]{0,64})\)(?=\s*[!=<>])/g, '$1')
    .replace(/&&/g, ' and ')
    .replace(/\|\|/g, ' or ')
    .replace(/!(?!=)/g, ' not ')
    .replace(/[()]/g, ' $& ')
    .split(/\s+/)
    .filter((token) => token !== '');
}

/** Recursive descent; `and` and `or` have equal precedence and associate to the left, `not` binds tighter. */
class Reading {
  private at = 0;
  private failed = false;
  /** Qualifiers of the last primitive: `port 500 or 4500` repeats them. */
  private qualifiers: string[] = [];

  constructor(
    private readonly tokens: readonly string[],
    private readonly packet: PacketClass,
  ) {}

  get isWhole(): boolean {
    return !this.failed && this.at === this.tokens.length;
  }

  expression(depth: number): Truth {
    let truth = this.unary(depth);
    for (let token = this.peek(); token === 'and' || token === 'or'; token = this.peek()) {
      this.at++;
      const right = this.unary(depth);
      truth = token === 'and' ? both(truth, right) : either(truth, right);
    }
    return truth;
  }

  private unary(depth: number): Truth {
    if (depth > NESTING_MAX) this.failed = true;
    if (this.failed) return null;
    const token = this.peek();
    if (token === 'not') {
      this.at++;
      const truth = this.unary(depth + 1);
      return truth === null ? null : !truth;
    }
    if (token === '(') {
      this.at++;
      const truth = this.expression(depth + 1);
      if (this.peek() !== ')') this.failed = true;
      this.at++;
      return truth;
    }
    return this.primitive();
  }

  private primitive(): Truth {
    const words: string[] = [];
    for (let token = this.peek(); token !== undefined && !isConnective(token); token = this.peek()) {
      words.push(token);
      this.at++;
    }
    if (words.length === 0) {
      this.failed = true;
      return null;
    }
    if (words.some((word) => word.includes('['))) return this.comparison(words.join(''));
    const isBare = words.length === 1 && !PROTOCOLS.has(words[0] ?? '') && !QUALIFIERS.has(words[0] ?? '');
    if (isBare && this.qualifiers.length > 0) return this.qualified([...this.qualifiers, ...words]);
    this.qualifiers = words.slice(0, -1);
    return this.qualified(words);
  }

  /** A test of header bytes: only the one for fragments is understood. */
  private comparison(text: string): Truth {
    if (!/^ip\[6(:2)?\]&0x1f(ff)?(!=|>)0$/.test(text)) return null;
    return this.packet.fragment === true;
  }

  private qualified(words: readonly string[]): Truth {
    const { protocol, port, fragment } = this.packet;
    const value = words[words.length - 1] ?? '';
    const named = words.map((word) => PROTOCOLS.get(word)).find((number) => number !== undefined);
    if (words.includes('port') || words.includes('portrange')) {
      if (fragment === true || !hasPorts(protocol) || (named !== undefined && named !== protocol))
        return false;
      if (port === undefined) return null;
      const isInside = portInside(value, port);
      return isInside === true && (words.includes('src') || words.includes('dst')) ? null : isInside;
    }
    if (words.includes('proto')) {
      const number =
        PROTOCOLS.get(value.replace(/^\\/, '')) ?? (/^\d+$/.test(value) ? Number(value) : undefined);
      if (number === undefined || words.includes('ether')) return null;
      return number === protocol;
    }
    if (words.length === 1) {
      if (named !== undefined) return named === protocol;
      if (value === 'arp' || value === 'rarp') return false;
    }
    if (words[0] === 'arp' || words[0] === 'rarp') return false;
    if (named !== undefined && named !== protocol) return false;
    return null;
  }

  private peek(): string | undefined {
    return this.tokens[this.at];
  }
}

function isConnective(token: string): boolean {
  return token === 'and' || token === 'or' || token === 'not' || token === '(' || token === ')';
}

function hasPorts(protocol: number): boolean {
  return protocol === PROTOCOL_UDP || protocol === PROTOCOL_TCP || protocol === PROTOCOL_SCTP;
}

/** `text` is a number, a range or a service name. */
function portInside(text: string, port: number): Truth {
  const [from, to] = text.split('-').map((end) => (/^\d+$/.test(end) ? Number(end) : PORT_NAMES.get(end)));
  const whole = PORT_NAMES.get(text);
  if (whole !== undefined) return whole === port;
  if (from === undefined) return null;
  return to === undefined ? (text.includes('-') ? null : from === port) : from <= port && port <= to;
}

function both(left: Truth, right: Truth): Truth {
  if (left === false || right === false) return false;
  return left === null || right === null ? null : true;
}

function either(left: Truth, right: Truth): Truth {
  if (left === true || right === true) return true;
  return left === null || right === null ? null : false;
}
