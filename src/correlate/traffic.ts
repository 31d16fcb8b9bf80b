import type { FrameRef, Moment } from '../moment.js';
import { FLOW_HIGH, FLOW_LOW } from '../observe/flow-key.js';
import { KEY_WORDS, type KeyTable } from '../observe/key-table.js';
import { formatAddress } from '../wire/address.js';
import type { Claims } from './claims.js';
import type { FlowId } from './flow-id.js';
import { FIRST, type FlowRegistry, LAST } from './flow-registry.js';

/** Packets from one host to another, all protocols of one tunnel stack together. */
export interface OneWayTraffic {
  readonly packets: number;
  readonly bytes: number;
  readonly first: FrameRef | null;
  readonly last: FrameRef | null;
}

export interface Conversation {
  /** IP protocol number. */
  readonly protocol: number;
  readonly portOfA: number;
  readonly portOfB: number;
  /** The protocol (folder of the catalogue) that its payload was recognised as, whatever its ports; null where it was not. */
  readonly recognisedAs: string | null;
  readonly fromA: OneWayTraffic;
  readonly fromB: OneWayTraffic;
}

/** Whose a flow is by its payload (`Claims`). */
export type FlowOwners = Pick<Claims, 'ownerOf'>;

/** Everything between two hosts in one tunnel stack. */
export interface PairTraffic {
  readonly a: string;
  readonly b: string;
  readonly stack: number;
  readonly fromA: OneWayTraffic;
  readonly fromB: OneWayTraffic;
  readonly conversations: readonly Conversation[];
}

/** Conversations kept one by one for a pair; the sums count all of them. */
const CONVERSATIONS_KEPT = 256;
/** Pairs and conversations kept in all; a pair takes about half a kilobyte. */
const PAIRS_MAX = 1 << 16;
const CONVERSATIONS_MAX = 1 << 17;
/** Packets from which on a flow is more than a scan. */
const LONG_PACKETS_MIN = 3;

/**
 * Who talked to whom, over all flows of the run; made when a report is asked for, and valid until the registry takes in
 * more.
 */
export class Traffic {
  private readonly pairs = new Map<string, Pair>();
  /** The same pairs by the numbers of their hosts, in order of first appearance. */
  private readonly hosts: KeyTable;
  private readonly byHosts: Pair[] = [];
  private readonly seenProtocols = new Set<number>();
  private readonly seenPorts = new Set<number>();

  private conversationCount = 0;
  private readonly key = new Int32Array(KEY_WORDS);

  constructor(
    private readonly flows: FlowRegistry,
    private readonly owners: FlowOwners,
  ) {
    this.hosts = flows.tableOfHosts(PAIRS_MAX);
    if (flows.size <= PAIRS_MAX) {
      flows.forEachConversation((flow) => this.add(flow));
      return;
    }
    // A scan has a packet or two a pair: what talks longer comes first, then others as long as there is room.
    const isLong = (flow: FlowId): boolean =>
      flows.packetCount(flow, 0) + flows.packetCount(flow, 1) >= LONG_PACKETS_MIN;
    flows.forEachConversation((flow) => {
      if (isLong(flow)) this.add(flow);
    });
    flows.forEachConversation((flow) => {
      if (!isLong(flow)) this.add(flow);
    });
  }

  private add(flow: FlowId): void {
    const { flows, seenPorts } = this;
    if (flows.packetCount(flow, 0) + flows.packetCount(flow, 1) === 0) return;
    this.seenProtocols.add(flows.protocol(flow));
    if (seenPorts.size < CONVERSATIONS_KEPT) {
      const { from, to } = flows.ports(flow, 0);
      seenPorts.add(from).add(to);
    }
    const pair = this.pairOf(flow);
    if (!pair) return;
    pair.fromA.add(flow);
    pair.fromB.add(flow);
    if (pair.kept.length < CONVERSATIONS_KEPT && this.conversationCount < CONVERSATIONS_MAX) {
      this.conversationCount++;
      pair.kept.push(flow);
    }
  }

  /** All traffic between two hosts, `a` and `b` as asked for; null where there is none. */
  between(a: string, b: string, stack = 0): PairTraffic | null {
    if (a <= b) return this.pairs.get(`${a} ${b} ${stack}`) ?? null;
    return this.pairs.get(`${b} ${a} ${stack}`)?.reversed ?? null;
  }

  /** Every pair, in no particular order. */
  all(): Iterable<PairTraffic> {
    return this.byHosts;
  }

  /** IP protocol numbers that occur anywhere, tunnels included. */
  get protocols(): ReadonlySet<number> {
    return this.seenProtocols;
  }

  /** UDP, TCP and SCTP ports that occur (a sample of at most 256 where there are more). */
  get ports(): ReadonlySet<number> {
    return this.seenPorts;
  }

  private pairOf(flow: FlowId): Pair | null {
    const { flows, owners, key } = this;
    flows.writeHosts(flow, key);
    const index = this.hosts.findOrAdd(key);
    if (index < 0) return null;
    const known = this.byHosts[index];
    if (known) return known;
    const low = formatAddress(key, FLOW_LOW);
    const high = formatAddress(key, FLOW_HIGH);
    const pair =
      low <= high ? new Pair(flows, owners, low, high, flow, 0) : new Pair(flows, owners, high, low, flow, 1);
    this.byHosts.push(pair);
    this.pairs.set(`${pair.a} ${pair.b} ${pair.stack}`, pair);
    return pair;
  }
}

/** One direction of one or more flows. */
class FlowSum implements OneWayTraffic {
  packets = 0;
  bytes = 0;
  /** The flows with the first and the last packet; -1: none. */
  private firstFlow: FlowId = -1;
  private lastFlow: FlowId = -1;

  constructor(
    private readonly flows: FlowRegistry,
    private readonly direction: number,
  ) {}

  add(flow: FlowId): void {
    const { flows, direction, firstFlow, lastFlow } = this;
    const packets = flows.packetCount(flow, direction);
    if (packets === 0) return;
    this.packets += packets;
    this.bytes += flows.byteCount(flow, direction);
    if (firstFlow < 0 || flows.isBefore(flow, firstFlow, direction, FIRST)) this.firstFlow = flow;
    if (lastFlow < 0 || flows.isBefore(lastFlow, flow, direction, LAST)) this.lastFlow = flow;
  }

  get first(): FrameRef | null {
    return this.firstFlow < 0 ? null : this.flows.edgeOf(this.firstFlow, this.direction, FIRST);
  }

  get last(): FrameRef | null {
    return this.lastFlow < 0 ? null : this.flows.edgeOf(this.lastFlow, this.direction, LAST);
  }
}

/** A pair; its conversations are made when somebody asks for them. */
class Pair implements PairTraffic {
  readonly stack: number;
  readonly fromA: FlowSum;
  readonly fromB: FlowSum;
  /** Flows of the conversations that are kept. */
  readonly kept: FlowId[] = [];
  private made: readonly Conversation[] | null = null;

  /** `flow`: any flow of the pair. `directionOfA`: of its packets from `a`. */
  constructor(
    private readonly flows: FlowRegistry,
    private readonly owners: FlowOwners,
    readonly a: string,
    readonly b: string,
    flow: FlowId,
    private readonly directionOfA: number,
  ) {
    this.stack = flows.stack(flow);
    this.fromA = new FlowSum(flows, directionOfA);
    this.fromB = new FlowSum(flows, directionOfA ^ 1);
  }

  get conversations(): readonly Conversation[] {
    this.made ??= this.kept.map((flow) => this.conversation(flow));
    return this.made;
  }

  get reversed(): PairTraffic {
    const pair = this;
    return {
      a: pair.b,
      b: pair.a,
      stack: pair.stack,
      fromA: pair.fromB,
      fromB: pair.fromA,
      get conversations() {
        return pair.conversations.map(reversed);
      },
    };
  }

  private conversation(flow: FlowId): Conversation {
    const { flows, directionOfA } = this;
    const ports = flows.ports(flow, directionOfA);
    const fromA = new FlowSum(flows, directionOfA);
    const fromB = new FlowSum(flows, directionOfA ^ 1);
    fromA.add(flow);
    fromB.add(flow);
    return {
      protocol: flows.protocol(flow),
      portOfA: ports.from,
      portOfB: ports.to,
      recognisedAs: this.owners.ownerOf(flow),
      fromA,
      fromB,
    };
  }
}

function reversed(one: Conversation): Conversation {
  const { portOfA, portOfB, fromA, fromB } = one;
  return { ...one, portOfA: portOfB, portOfB: portOfA, fromA: fromB, fromB: fromA };
}

/** Order of two moments: by segment, then by time. */
export function isBefore(a: Moment, b: Moment): boolean {
  return a.segment < b.segment || (a.segment === b.segment && a.timeNs < b.timeNs);
}
