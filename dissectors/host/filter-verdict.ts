import type { FilterChain, FilterRule, PortRange } from './side-files/packet-filter.js';

/** A class of packets: all to one service. */
export interface Service {
  readonly protocol: number;
  /** Of the destination; 0 for protocols without ports. */
  readonly port: number;
  /** Of the sender, where packets show it; absent: whatever it is. */
  readonly sourcePort?: number;
}

/** What a chain does with the packets of a service. */
export interface FilterVerdict {
  readonly chain: FilterChain;
  /** The rule that drops them; null where it is the policy of the chain. */
  readonly rule: FilterRule | null;
}

const DEPTH_MAX = 8;
const DROPS = new Set(['DROP', 'REJECT']);
/** Chains of the table `filter`; those of `nat` and `mangle` have the same names and no rules that drop. */
export const HOST_CHAINS: readonly string[] = ['INPUT', 'OUTPUT', 'FORWARD'];

/**
 * How the packets of a service end in a chain, by its rules in their order: null where they are accepted, or where it depends
 * on more than the class says.
 */
export function verdictOf(
  chains: readonly FilterChain[],
  chain: FilterChain,
  service: Service,
): FilterVerdict | null {
  const end = walk(chains, chain, service, 0);
  if (end === 'accepted' || end === 'depends') return null;
  if (end !== null) return end;
  return chain.policy !== null && DROPS.has(chain.policy) ? { chain, rule: null } : null;
}

/** Null: no rule of the chain decides. */
function walk(
  chains: readonly FilterChain[],
  chain: FilterChain,
  service: Service,
  depth: number,
): FilterVerdict | 'accepted' | 'depends' | null {
  let depends = false;
  for (const rule of chain.rules) {
    if (!concerns(rule, service)) continue;
    const isSure = !rule.isPartial && (rule.sourcePorts.length === 0 || service.sourcePort !== undefined);
    if (DROPS.has(rule.target)) {
      if (isSure) return { chain, rule };
      // It took packets of this very service, whichever they were.
      if (rule.protocol !== null && rule.packets !== null && rule.packets > 0) return { chain, rule };
    } else if (rule.target === 'ACCEPT') {
      if (isSure) return 'accepted';
      depends = true;
    } else if (rule.target === 'RETURN') {
      if (isSure) return null;
    } else if (depth < DEPTH_MAX) {
      const next = chains.find(({ name }) => name === rule.target);
      const end = next ? walk(chains, next, service, depth + 1) : null;
      if (end === 'depends' || (end !== null && !isSure)) depends = true;
      else if (end !== null) return end;
    }
  }
  return depends ? 'depends' : null;
}

function concerns(
  { protocol, sourcePorts, destinationPorts, isLoopback }: FilterRule,
  service: Service,
): boolean {
  if (isLoopback) return false;
  if (protocol !== null && protocol !== service.protocol) return false;
  const { sourcePort } = service;
  if (
    sourcePort !== undefined &&
    sourcePorts.length > 0 &&
    !sourcePorts.some((range) => holds(range, sourcePort))
  )
    return false;
  return destinationPorts.length === 0 || destinationPorts.some((range) => holds(range, service.port));
}

function holds({ from, to }: PortRange, port: number): boolean {
  return port >= from && port <= to;
}
