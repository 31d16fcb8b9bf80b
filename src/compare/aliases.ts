import { PROTOCOL_TCP } from '../wire/ip.js';
import type { FlowPair } from './flow-pairs.js';
import type { LaneEnds } from './lane-table.js';
import { otherSide, type Side } from './side.js';

/** What a side shows of hosts that a translation hides from it. */
interface Alias {
  /** Names on their own side. */
  readonly hosts: Set<string>;
  /** By port: the host that it stood for last. */
  readonly ports: Map<number, string>;
  keepsPorts: boolean;
  /** Packets come from it that none of those hosts has sent. */
  isShared: boolean;
}

/**
 * Addresses that a translation gives to hosts, by the side that shows them. Several hosts may share one, on ports of
 * their own, and one host may get another one in the course of time.
 */
export class Aliases {
  /** The path gives TCP other numbers: that packets of a connection are not found says nothing of whose it is. */
  isRenumbering = false;
  private readonly known: Record<Side, Map<string, Alias>> = { a: new Map(), b: new Map() };

  /** `inside`: the side that shows the host under its own address. */
  note({ a, b, isFromChanged, isToChanged }: FlowPair, inside: Side): void {
    const [own, shown] = inside === 'a' ? [a, b] : [b, a];
    const side = otherSide(inside);
    if (isFromChanged) this.noteEnd(side, shown.from, shown.fromPort, own.from, own.fromPort);
    if (isToChanged) this.noteEnd(side, shown.to, shown.toPort, own.to, own.toPort);
  }

  get isEmpty(): boolean {
    return this.known.a.size + this.known.b.size === 0;
  }

  /** An address of the lane's sender that stands for a host of the other side. */
  hides(side: Side, address: string): boolean {
    return this.known[side].has(address);
  }

  /** Somebody else is behind it too. */
  share(side: Side, address: string): void {
    const alias = this.known[side].get(address);
    if (alias) alias.isShared = true;
  }

  /** The hosts of the other side that the address stands for. */
  hostsOf(side: Side, address: string): ReadonlySet<string> {
    return this.known[side].get(address)?.hosts ?? new Set();
  }

  /** The ends of a lane with the hosts behind them; null where an end may be any of several. */
  hostsBehind(side: Side, ends: LaneEnds): LaneEnds | null {
    const from = this.hostOf(side, ends.from, ends.fromPort, ends.protocol);
    const to = this.hostOf(side, ends.to, ends.toPort, ends.protocol);
    return from === null || to === null ? null : { ...ends, from, to };
  }

  private hostOf(side: Side, address: string, port: number, protocol: number): string | null {
    const alias = this.known[side].get(address);
    if (!alias) return address;
    const known = alias.ports.get(port);
    if (known !== undefined) return known;
    const [host, ...others] = alias.hosts;
    const isPlain = port === 0 || alias.keepsPorts || (this.isRenumbering && protocol === PROTOCOL_TCP);
    return isPlain && !alias.isShared && others.length === 0 ? host : null;
  }

  private noteEnd(side: Side, address: string, port: number, host: string, ownPort: number): void {
    if (address === host && port === ownPort) return;
    const known = this.known[side].get(address);
    const alias = known ?? { hosts: new Set(), ports: new Map(), keepsPorts: true, isShared: false };
    alias.hosts.add(host);
    if (port !== 0) alias.ports.set(port, host);
    if (port !== ownPort) alias.keepsPorts = false;
    if (!known) this.known[side].set(address, alias);
  }
}
