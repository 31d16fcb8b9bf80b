import type { Origin } from '../../../src/side-files/origin.js';
import { defineSideFileReader } from '../../../src/side-files/side-file-reader.js';
import { type TextFile, type TextLine, withoutPrompt } from '../../../src/side-files/text-file.js';

export interface PortRange {
  readonly from: number;
  readonly to: number;
}

export interface FilterRule {
  readonly origin: Origin;
  /** `DROP`, `REJECT`, `ACCEPT`, `DNAT`, or the chain that it goes on in; '' for a rule that only counts. */
  readonly target: string;
  /** IP protocol number; null for all. */
  readonly protocol: number | null;
  readonly sourcePorts: readonly PortRange[];
  readonly destinationPorts: readonly PortRange[];
  /** It names an address, an interface or a state, so that it takes some packets of the class only. */
  readonly isPartial: boolean;
  /** It is for packets of the host to itself. */
  readonly isLoopback: boolean;
  /** Packets that it took; null where the output does not count. */
  readonly packets: number | null;
  /** Of DNAT. */
  readonly toDestination: string | null;
  readonly text: string;
}

export interface FilterChain {
  readonly origin: Origin;
  /** In upper case as printed. */
  readonly name: string;
  /** `ACCEPT` or `DROP`; null for a chain of the user. */
  readonly policy: string | null;
  readonly rules: readonly FilterRule[];
}

type DraftChain = FilterChain & { policy: string | null; readonly rules: FilterRule[] };

const RULES_MAX = 100_000;
const CHAIN = /^Chain (\S{1,64}) \((?:policy (\w{1,16})|(\d{1,9}) references?)/;
const POLICY = /^-P (\S{1,64}) (\w{1,16})$/;
const NEW_CHAIN = /^-N (\S{1,64})$/;
const APPEND =
  /^(?:\[(\d{1,18}):\d{1,18}\] )?(?:iptables )?(?:-t \S{1,16} )?-[AI] (\S{1,64})(?: \d{1,6})? (.{1,2000})$/;
/** With -v: counters, target, protocol, options, interfaces, networks; without: target, protocol, options, networks. */
const COUNTED =
  /^\s*(\d{1,18}[KMGT]?)\s+\d{1,18}[KMGT]?\s+(\S{1,64})?\s+(all|tcp|udp|icmp|icmpv6|ipv6-icmp|esp|ah|gre|sctp|ipencap|\d{1,3})\s+(?:--|-f|!f)\s+(\S{1,32})\s+(\S{1,32})\s+(\S{1,64})\s+(\S{1,64})\s*(.{0,1000})$/;
const PLAIN =
  /^(\S{1,64})?\s+(all|tcp|udp|icmp|icmpv6|ipv6-icmp|esp|ah|gre|sctp|ipencap|\d{1,3})\s+(?:--|-f|!f)\s+(\S{1,64})\s+(\S{1,64})\s*(.{0,1000})$/;

const PROTOCOLS: ReadonlyMap<string, number> = new Map([
  ['icmp', 1],
  ['ipencap', 4],
  ['tcp', 6],
  ['udp', 17],
  ['gre', 47],
  ['esp', 50],
  ['ah', 51],
  ['icmpv6', 58],
  ['ipv6-icmp', 58],
  ['sctp', 132],
]);
const SCALES = new Map([
  ['K', 1e3],
  ['M', 1e6],
  ['G', 1e9],
  ['T', 1e12],
]);
const ANYWHERE = new Set(['0.0.0.0/0', '::/0', 'anywhere', '*', 'any']);

/** Output of `iptables -S`, `iptables -L -v -n`, `iptables-save`, of every table, and their ip6tables likes. */
export default defineSideFileReader<FilterChain>({
  kind: 'packet filter',
  text: { words: { outputOf: ['iptables -S', 'iptables -L -v -n'] }, read: readPacketFilter },
  statements: ({ rules, policy }) => rules.length + (policy === null ? 0 : 1),
  usedBy: ['underlay.host-filter', 'silk.ssh-forward'],
});

/** Empty where no line is a rule, a policy or the head of a chain. */
function readPacketFilter({ file, lines }: TextFile): FilterChain[] {
  const chains = new Map<string, DraftChain>();
  let open: DraftChain | null = null;
  let count = 0;
  for (const line of lines) {
    if (count >= RULES_MAX) break;
    const text = withoutPrompt(line.text).trim();
    const origin = { file, place: `line ${line.number}` };
    const chainOf = (name: string): DraftChain => {
      const known = chains.get(name);
      if (known) return known;
      const chain = { origin, name, policy: null, rules: [] };
      chains.set(name, chain);
      return chain;
    };
    const [, listed, policy] = CHAIN.exec(text) ?? [];
    const [, ruled, rule] = POLICY.exec(text) ?? [];
    if (listed !== undefined) {
      open = chainOf(listed);
      open.policy = policy ?? open.policy;
    } else if (ruled !== undefined) chainOf(ruled).policy = rule;
    else if (NEW_CHAIN.test(text)) chainOf(text.slice(3));
    else {
      const [, packets, name, words] = APPEND.exec(text) ?? [];
      const read =
        name !== undefined
          ? ruleOfCommand(words, packets, origin)
          : open === null
            ? null
            : (ruleOfList(line, origin) ?? null);
      if (read === null) continue;
      count++;
      (name === undefined ? open : chainOf(name))?.rules.push(read);
    }
  }
  return [...chains.values()].filter(({ rules, policy }) => rules.length > 0 || policy !== null);
}

/** `-p udp -m udp --dport 4789 -j DROP` */
function ruleOfCommand(words: string, packets: string | undefined, origin: Origin): FilterRule | null {
  const after = (...options: readonly string[]): string | null => {
    for (const option of options) {
      const found = new RegExp(`(?:^|\\s)${option} (\\S{1,200})`).exec(words)?.[1];
      if (found !== undefined) return found;
    }
    return null;
  };
  const target = after('-j', '-g');
  if (target === null) return null;
  const hasNetwork = [after('-s', '--source'), after('-d', '--destination')].some(
    (network) => network !== null && !ANYWHERE.has(network),
  );
  const isPartial =
    hasNetwork || /(?:^|\s)(?:!|-[io]|--state|--ctstate|--mark|--uid-owner|--limit|--src-type) ?/.test(words);
  return {
    origin,
    target,
    protocol: protocolOf(after('-p', '--protocol')),
    sourcePorts: portsOf(after('--sport', '--source-port', '--sports', '--source-ports')),
    destinationPorts: portsOf(after('--dport', '--destination-port', '--dports', '--destination-ports')),
    isPartial,
    isLoopback: [after('-i'), after('-o')].includes('lo') && !/(?:^|\s)! -[io] lo\b/.test(words),
    packets: packets === undefined ? null : Number(packets),
    toDestination: after('--to-destination'),
    text: words.slice(0, 160),
  };
}

/** A line below `Chain NAME`. */
function ruleOfList({ text }: TextLine, origin: Origin): FilterRule | null {
  const counted = COUNTED.exec(text);
  const plain = counted === null ? PLAIN.exec(text.trim()) : null;
  if (counted === null && plain === null) return null;
  const [packets, target, protocol, interfaces, networks, rest] =
    counted === null
      ? [null, plain?.[1], plain?.[2], [], [plain?.[3], plain?.[4]], plain?.[5] ?? '']
      : [counted[1], counted[2], counted[3], [counted[4], counted[5]], [counted[6], counted[7]], counted[8]];
  const isSome = [...interfaces, ...networks].some((one) => one !== undefined && !ANYWHERE.has(one));
  const match = (word: string): string | null =>
    new RegExp(`\\b${word}:(\\S{1,200})`).exec(rest)?.[1] ?? null;
  return {
    origin,
    target: target ?? '',
    protocol: protocolOf(protocol ?? null),
    sourcePorts: portsOf(match('spts') ?? match('spt') ?? multiport(rest, 'sports')),
    destinationPorts: portsOf(match('dpts') ?? match('dpt') ?? multiport(rest, 'dports')),
    isPartial: isSome || /\b(?:state|ctstate|mark match|limit:|owner)\b/.test(rest),
    isLoopback: counted?.[4] === 'lo' || counted?.[5] === 'lo',
    packets: packets === null ? null : scaled(packets),
    toDestination: /\bto:(\S{1,80})/.exec(rest)?.[1] ?? null,
    text: text.trim().replace(/\s+/g, ' ').slice(0, 160),
  };
}

function multiport(rest: string, word: string): string | null {
  return new RegExp(`multiport ${word} (\\S{1,200})`).exec(rest)?.[1] ?? null;
}

function protocolOf(text: string | null): number | null {
  if (text === null || text === 'all' || text === '0') return null;
  return PROTOCOLS.get(text) ?? (/^\d{1,3}$/.test(text) ? Number(text) : null);
}

/** `500`, `1024:65535`, `500,4500`; names of services are not printed with -n, and mean nothing here. */
function portsOf(text: string | null): PortRange[] {
  if (text === null) return [];
  return text.split(',').flatMap((part) => {
    const [from, to = from] = part.split(':').map(Number);
    return Number.isInteger(from) && Number.isInteger(to) ? [{ from, to }] : [];
  });
}

/** `12K` */
function scaled(text: string): number {
  const scale = SCALES.get(text.slice(-1));
  return scale === undefined ? Number(text) : Number(text.slice(0, -1)) * scale;
}
