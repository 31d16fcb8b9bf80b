import type { FrameRef } from '../../src/moment.js';
import { FlowLedger } from './flow-ledger.js';
import * as graph from './graph-nodes.js';
import type { VppBufferPool, VppCounter, VppOutcome, VppPath, VppTrace, VppVisit } from './session.js';

const PATHS_KEPT = 10_000;
const SERVICES_MAX = 1024;
const ADDRESSES_MAX = 1024;
const LINES_KEPT = 10_000;

/** What is known of the paths that are closed. Bounded by the constants above and those of the FlowLedger. */
export class TraceTally {
  records = 0;
  first: FrameRef | null = null;
  last: FrameRef | null = null;
  readonly packetsOfThread = new Map<number, number>();
  private ledger = new FlowLedger();
  private readonly paths: VppPath[] = [];
  private pathCount = 0;
  private housekeeping = 0;
  private readonly counts: Record<VppOutcome, number> = {
    ...{ sent: 0, output: 0, punted: 0, dropped: 0, rejected: 0, consumed: 0, unfinished: 0 },
  };
  private readonly services = new Set<string>();
  private readonly answeringServices = new Set<string>();
  private readonly puntedTo = new Set<string>();
  private readonly ownAddresses = new Set<string>();
  private hasPunt = false;
  private readonly txKinds = new Set<string>();
  private orphans = 0;
  private readonly emptyThreads: VppVisit[] = [];
  private readonly limits: { packets: number; at: VppVisit }[] = [];
  private readonly counters: VppCounter[] = [];
  private readonly pools: VppBufferPool[] = [];

  get aggregatedFlows(): number {
    return this.ledger.aggregated;
  }

  take(path: VppPath): void {
    const { nodes, last, outcome, received } = path;
    this.pathCount++;
    this.counts[outcome]++;
    if (this.paths.length < PATHS_KEPT) this.paths.push(path);
    if (graph.isTxNode(last.node)) this.txKinds.add(graph.interfaceKind(last.node));
    if (path.origin === 'dispatch' && isSender(nodes[0] ?? '')) this.orphans++;
    if (nodes.some((node) => graph.isPuntNode(node) || node.startsWith('tap0-'))) this.hasPunt = true;
    this.learnServices(path);
    if (received !== null && outcome === 'punted') add(this.puntedTo, received.destination, ADDRESSES_MAX);
    if (received !== null && nodes.some(graph.isLocalNode))
      add(this.ownAddresses, received.destination, ADDRESSES_MAX);
    if (!this.ledger.take(path)) this.housekeeping++;
  }

  /** Only a request's destination is changed on its way to a backend; an answer gets the service's address as source. */
  private learnServices({ translation }: VppPath): void {
    if (translation === null) return;
    const { before, after } = translation;
    if (before.destination !== after.destination) {
      const { protocol, destination, destinationPort } = before;
      add(this.services, `${protocol} ${destination} ${destinationPort}`, SERVICES_MAX);
    } else if (after.sourcePort < after.destinationPort) {
      const { protocol, source, sourcePort } = after;
      add(this.answeringServices, `${protocol} ${source} ${sourcePort}`, SERVICES_MAX);
    }
  }

  takeEmptyThread(at: VppVisit): void {
    keep(this.emptyThreads, at);
  }

  takeLimit(packets: number, at: VppVisit): void {
    keep(this.limits, { packets, at });
  }

  takeCounter(counter: VppCounter): void {
    keep(this.counters, counter);
  }

  takePool(pool: VppBufferPool): void {
    keep(this.pools, pool);
  }

  /** The same, counting on by itself. */
  copy(): TraceTally {
    const copy = new TraceTally();
    copy.records = this.records;
    copy.first = this.first;
    copy.last = this.last;
    copy.ledger = this.ledger.copy();
    copy.pathCount = this.pathCount;
    copy.housekeeping = this.housekeeping;
    copy.hasPunt = this.hasPunt;
    copy.orphans = this.orphans;
    Object.assign(copy.counts, this.counts);
    for (const list of ['paths', 'emptyThreads', 'limits', 'counters', 'pools'] as const)
      (copy[list] as unknown[]).push(...this[list]);
    for (const set of ['services', 'answeringServices', 'puntedTo', 'ownAddresses', 'txKinds'] as const)
      for (const value of this[set]) copy[set].add(value);
    for (const [thread, count] of this.packetsOfThread) copy.packetsOfThread.set(thread, count);
    return copy;
  }

  trace(): VppTrace {
    const { ledger, paths, pathCount, records, housekeeping, counts, services, answeringServices } = this;
    const { puntedTo, ownAddresses, hasPunt, txKinds, orphans, first, last } = this;
    const { packetsOfThread, emptyThreads, limits, counters, pools } = this;
    return {
      ...{ paths, pathCount, records, housekeeping, counts, services, answeringServices },
      ...{ puntedTo, ownAddresses, hasPunt, txKinds, orphans, first, last },
      ...{ packetsOfThread, emptyThreads, limits, counters, pools },
      flows: [...ledger.flows.values()],
      aggregatedFlows: ledger.aggregated,
    };
  }
}

function isSender(node: string): boolean {
  return graph.isTxNode(node) || graph.isOutputNode(node);
}

function keep<Line>(lines: Line[], line: Line): void {
  if (lines.length < LINES_KEPT) lines.push(line);
}

function add(set: Set<string>, value: string, most: number): void {
  if (set.size < most) set.add(value);
}
