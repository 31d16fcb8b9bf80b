import type { Subject } from '../../src/report/report.js';
import type { SegmentIndex } from '../../src/units.js';
import { addressFamily, pairFilter } from '../../src/wording/display-filters.js';
import { KEY_MIDONET_FLOW_STATE } from './layout.js';
import type { GreDirection, GreTunnel } from './session.js';

/** Two ends of GRE with all keys between them, in one time segment. Neither mirror sessions nor PPTP. */
export interface GrePair {
  readonly low: string;
  readonly high: string;
  readonly outerStack: number;
  readonly segment: SegmentIndex;
  readonly tunnels: readonly GreTunnel[];
}

/** Groups tunnels by their ends, in order of appearance. */
export function grePairs(tunnels: readonly GreTunnel[]): GrePair[] {
  const pairs = new Map<string, GrePair & { tunnels: GreTunnel[] }>();
  for (const tunnel of tunnels) {
    if (tunnel.kind !== 'gre' || tunnel.isPptp) continue;
    const { low, high, outerStack, segment } = tunnel;
    const key = `${segment} ${outerStack} ${low} ${high}`;
    const known = pairs.get(key);
    if (known) known.tunnels.push(tunnel);
    else pairs.set(key, { low, high, outerStack, segment, tunnels: [tunnel] });
  }
  return [...pairs.values()];
}

/** The ends of a direction: 0 from low to high. */
export function endsOf({ low, high }: GrePair, direction: number): { from: string; to: string } {
  return direction === 0 ? { from: low, to: high } : { from: high, to: low };
}

/** Packets of one direction that carry inner packets, so neither keepalives nor MidoNet's flow state. */
export function dataPackets({ tunnels }: GrePair, direction: number): number {
  return tunnels.reduce((sum, { directions }) => sum + carryingPackets(directions[direction]), 0);
}

export function carryingPackets({ keyed, plain }: Pick<GreDirection, 'keyed' | 'plain'>): number {
  return keyed + plain;
}

/** MidoNet names the receiving port by the key: its keys differ per direction by design. */
export function isMidonet({ tunnels }: GrePair): boolean {
  return tunnels.some(({ key }) => key === KEY_MIDONET_FLOW_STATE);
}

export function pairSubject({ low, high }: Pick<GrePair, 'low' | 'high'>): Subject {
  return { kind: 'tunnel', encapsulation: 'gre', endpoints: [low, high] };
}

/** Display filter for GRE between two hosts; fragments of it included. */
export function greFilter(a: string, b: string): string {
  const protocol = addressFamily(a) === 'ipv6' ? 'ipv6.nxt' : 'ip.proto';
  return `(gre || ${protocol} == 47) && ${pairFilter(a, b)}`;
}
