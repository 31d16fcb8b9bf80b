import { isPrivateAddress } from '../wire/address.js';
import type { LaneEnds } from './lane-table.js';
import type { NatEntry } from './plan.js';
import type { Side } from './side.js';

const NAT_ENTRIES_MAX = 200;

/** Which address of B is which of A, learned from flows that were found on both sides. */
export class HostNames {
  private readonly toA = new Map<string, Map<string, number>>();
  private readonly toB = new Map<string, Map<string, number>>();
  private readonly entries = new Map<string, NatEntry>();

  /** A flow of A that is the same as one of B, with the number of packets that say so. */
  learn(a: LaneEnds, b: LaneEnds, weight: number): void {
    this.pair(a.from, b.from, weight);
    this.pair(a.to, b.to, weight);
  }

  /** Of a flow whose source passes `sender` first: what lies between changes that end. */
  noteTranslation(a: LaneEnds, b: LaneEnds, sender: Side): void {
    if (a.protocol !== b.protocol) return;
    this.noteEnd(a.from, a.fromPort, b.from, b.fromPort, sender);
    this.noteEnd(a.to, a.toPort, b.to, b.toPort, sender === 'a' ? 'b' : 'a');
  }

  /** The name in A's capture of a host that B's capture names so; itself where nothing else is known. */
  ofB(address: string): string {
    return best(this.toA.get(address)) ?? address;
  }

  ofA(address: string): string {
    return best(this.toB.get(address)) ?? address;
  }

  /** Names of B that differ from A's. */
  renamed(): Map<string, string> {
    const names = new Map<string, string>();
    for (const address of this.toA.keys()) {
      const known = this.ofB(address);
      if (known !== address) names.set(address, known);
    }
    return names;
  }

  /** The translations seen, address pairs before pairs with ports. */
  nat(): NatEntry[] {
    return [...this.entries.values()].slice(0, NAT_ENTRIES_MAX);
  }

  private pair(a: string, b: string, weight: number): void {
    add(this.toA, b, a, weight);
    add(this.toB, a, b, weight);
  }

  /**
   * The host's own address is the one on its own side: what the other side shows is the translation.
   * `side` is the side on which the host lies.
   */
  private noteEnd(addressA: string, portA: number, addressB: string, portB: number, side: Side): void {
    if (addressA === addressB && portA === portB) return;
    const at = addressA === addressB ? side : translatedSide(addressA, addressB, side);
    const a = addressA.includes(':') ? `[${addressA}]:${portA}` : `${addressA}:${portA}`;
    const b = addressB.includes(':') ? `[${addressB}]:${portB}` : `${addressB}:${portB}`;
    const withPorts = portA !== portB;
    const entry = { a: withPorts ? a : addressA, b: withPorts ? b : addressB, translatedAt: at };
    if (this.entries.size < NAT_ENTRIES_MAX) this.entries.set(`${entry.a} ${entry.b}`, entry);
  }
}

/** A private address that the other side shows as a public one settles it; otherwise it is the side of the host. */
export function translatedSide(addressA: string, addressB: string, side: Side): Side {
  const [privateA, privateB] = [isPrivateAddress(addressA), isPrivateAddress(addressB)];
  if (privateA !== privateB) return privateA ? 'a' : 'b';
  return side;
}

function add(names: Map<string, Map<string, number>>, from: string, to: string, weight: number): void {
  const votes = names.get(from) ?? new Map<string, number>();
  votes.set(to, (votes.get(to) ?? 0) + weight);
  names.set(from, votes);
}

function best(votes: ReadonlyMap<string, number> | undefined): string | null {
  if (!votes) return null;
  let name: string | null = null;
  let most = 0;
  for (const [candidate, count] of votes) {
    if (count > most) {
      name = candidate;
      most = count;
    }
  }
  return name;
}
