import { NS_PER_SECOND, type SegmentIndex } from '../units.js';
import type { CaptureQuality } from './capture-quality.js';
import { outermostTunnel } from './mirrors.js';
import type { PairTraffic } from './traffic.js';

/*
 * What surrounds a conversation: the hosts that have to do with each other, directly or by way of others. A capture
 * may hold several such groups that know nothing of each other; what one of them does says nothing about another, so
 * a verdict about a conversation asks its group, never the whole file.
 */

/** Hosts that talk, inside tunnels too, with all their traffic. */
export interface HostGroup {
  readonly pairs: readonly PairTraffic[];
  /** Addresses of the group that ARP was about: their frames without IP passed the capture filter. */
  readonly usesArp: boolean;
  /** Time that its traffic spans in seconds, summed over time segments. */
  readonly seconds: number;
}

type Known = Pick<CaptureQuality, 'traffic' | 'flows' | 'linkNeighbours'>;

interface OpenGroup extends HostGroup {
  readonly pairs: PairTraffic[];
  usesArp: boolean;
  seconds: number;
}

const NO_GROUP: HostGroup = { pairs: [], usesArp: false, seconds: 0 };
/** Of the traffic of a run, which is made anew for each report. */
const groupsOfRun = new WeakMap<Known['traffic'], HostGroups>();

/** The group of a host in a tunnel stack (0: in none); an empty one where the host has no IP traffic. */
export function hostGroup(quality: Known, host: string, stack = 0): HostGroup {
  let groups = groupsOfRun.get(quality.traffic);
  if (!groups) {
    groups = new HostGroups(quality);
    groupsOfRun.set(quality.traffic, groups);
  }
  return groups.of(host, stack);
}

/** As many groups as the traffic has unconnected parts; it keeps pairs within its own bounds. */
class HostGroups {
  private readonly numbers = new Map<string, number>();
  /** Union-find over hosts. */
  private readonly parents: number[] = [];
  private readonly carriers = new Map<number, readonly string[]>();
  private readonly groups = new Map<number, OpenGroup>();

  constructor(private readonly quality: Known) {
    const { traffic, flows, linkNeighbours } = quality;
    for (const { a, b, stack } of traffic.all()) {
      // A host that sends to everybody is no partner of any one host.
      const named = [a, b].filter((host) => !isForAll(host));
      const ends = named.length > 0 ? named.map((host) => nameOf(host, stack)) : [nameOf(a, stack)];
      this.join([...ends, ...this.carriersOf(flows, stack)]);
    }
    for (const { asker, target } of linkNeighbours.pairs()) this.join([nameOf(asker, 0), nameOf(target, 0)]);
    for (const pair of traffic.all())
      this.groupAt(
        nameOf(isForAll(pair.a) ? pair.b : pair.a, pair.stack),
        nameOf(pair.a, pair.stack),
      ).pairs.push(pair);
    for (const { asker } of linkNeighbours.pairs()) this.groupAt(nameOf(asker, 0)).usesArp = true;
    for (const group of this.groups.values()) group.seconds = secondsOf(group.pairs);
  }

  of(host: string, stack: number): HostGroup {
    const number = this.numbers.get(nameOf(host, stack));
    return number === undefined ? NO_GROUP : (this.groups.get(this.root(number)) ?? NO_GROUP);
  }

  /** The group of the first of the names that is known. */
  private groupAt(...names: readonly string[]): OpenGroup {
    const number = names.map((name) => this.numbers.get(name)).find((one) => one !== undefined) ?? -1;
    const root = number < 0 ? number : this.root(number);
    const known = this.groups.get(root);
    if (known) return known;
    const group: OpenGroup = { pairs: [], usesArp: false, seconds: 0 };
    this.groups.set(root, group);
    return group;
  }

  /** The ends of the outermost tunnel around it; mirror sessions are none. */
  private carriersOf(flows: Known['flows'], stack: number): readonly string[] {
    if (stack === 0) return [];
    const known = this.carriers.get(stack);
    if (known) return known;
    const tunnel = outermostTunnel(this.quality, stack);
    const ends = flows.tunnelLayers(tunnel).at(-1);
    const parent = flows.parentStack(tunnel);
    const names = ends ? [nameOf(ends.low, parent), nameOf(ends.high, parent)] : [];
    this.carriers.set(stack, names);
    return names;
  }

  private join(names: readonly string[]): void {
    const roots = names.map((name) => this.root(this.numberOf(name)));
    for (const root of roots) this.parents[this.root(root)] = this.root(roots[0]);
  }

  private numberOf(name: string): number {
    const known = this.numbers.get(name);
    if (known !== undefined) return known;
    const number = this.parents.length;
    this.parents.push(number);
    this.numbers.set(name, number);
    return number;
  }

  private root(number: number): number {
    let at = number;
    while (this.parents[at] !== at) {
      this.parents[at] = this.parents[this.parents[at]];
      at = this.parents[at];
    }
    return at;
  }
}

/** The same address in another tunnel is another host. */
function nameOf(host: string, stack: number): string {
  return `${stack} ${host}`;
}

/** Multicast, broadcast, and the address of who has none yet. */
function isForAll(host: string): boolean {
  if (host.includes(':')) return host.startsWith('ff') || host === '::';
  const first = Number.parseInt(host, 10);
  return first >= 224 || first === 0 || host.endsWith('.255');
}

function secondsOf(pairs: readonly PairTraffic[]): number {
  const spans = new Map<SegmentIndex, { from: number; to: number }>();
  for (const { fromA, fromB } of pairs) {
    for (const edge of [fromA.first, fromA.last, fromB.first, fromB.last]) {
      if (!edge || Number.isNaN(edge.timeNs)) continue;
      const span = spans.get(edge.segment);
      if (!span) spans.set(edge.segment, { from: edge.timeNs, to: edge.timeNs });
      else {
        span.from = Math.min(span.from, edge.timeNs);
        span.to = Math.max(span.to, edge.timeNs);
      }
    }
  }
  return [...spans.values()].reduce((sum, { from, to }) => sum + (to - from) / NS_PER_SECOND, 0);
}
