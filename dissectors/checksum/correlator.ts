import { MARK_INBOUND, MARK_OUTBOUND } from '../../src/capture/frame-marks.js';
import { type Batch, type Correlation, defineCorrelator } from '../../src/correlate/correlator.js';
import type { FlowId } from '../../src/correlate/flow-id.js';
import type { FlowRegistry } from '../../src/correlate/flow-registry.js';
import type { FlowStates } from '../../src/correlate/flow-states.js';
import { refOf } from '../../src/correlate/frame-reference.js';
import { OpenRef } from '../../src/correlate/open-ref.js';
import { SessionStore } from '../../src/correlate/session-store.js';
import type { FrameRef } from '../../src/moment.js';
import { formatAddress } from '../../src/wire/address.js';
import dissector, { type CHECKSUM_ROWS } from './dissector.js';

/** Checksums of one kind that do not fit, in one direction of one conversation. */
export interface ChecksumFaults {
  /** CHECKSUM_ and VERDICT_ values of the engine. */
  readonly kind: number;
  readonly verdict: number;
  /** Addresses of the layer with the checksum, and the tunnel stack that this layer lies in. */
  readonly sender: string;
  readonly receiver: string;
  readonly layerStack: number;
  /** The innermost conversation in its direction: an answer to that shows whether packets are accepted. */
  readonly conversation: {
    readonly stack: number;
    readonly protocol: number;
    readonly from: string;
    readonly to: string;
    readonly fromPort: number;
    readonly toPort: number;
  };
  readonly packets: number;
  /** Packets that those seen stand for, as larger ones are sampled; and those of no more than an Ethernet frame. */
  readonly estimated: number;
  readonly ordinary: number;
  /** Different offsets from the right sum, as far as 8: chance makes many, a fault of a program few. */
  readonly differences: ReadonlySet<number>;
  /** As the capture marks the frames. */
  readonly inbound: number;
  readonly outbound: number;
  readonly found: number;
  readonly expected: number;
  readonly first: FrameRef;
  readonly last: FrameRef;
}

type Rows = Batch<typeof CHECKSUM_ROWS>;
type OpenFaults = { -readonly [Field in keyof ChecksumFaults]: ChecksumFaults[Field] } & {
  readonly differences: Set<number>;
  readonly last: OpenRef;
};

/** Faults of a flow, a handful: directions, layers and kinds, which `keyOf` puts into one number. */
type FaultsOfFlow = Map<number, OpenFaults>;

/** Flows with faults held open when an epoch ends; above that the least recently seen half is closed. */
const FLOWS_MAX = 4096;
const DIFFERENCES_MAX = 8;
/** The largest IP packet in an ordinary Ethernet frame; larger ones may have been merged on the way to the capture. */
const ORDINARY_BYTES_MAX = 1500;

/**
 * Faulty checksums by innermost conversation. Holds those of at most FLOWS_MAX flows between epochs; of those closed, the
 * first 500 and the 500 with the most packets.
 */
class ChecksumCorrelation implements Correlation<ChecksumFaults, typeof CHECKSUM_ROWS> {
  private readonly states: FlowStates<FaultsOfFlow>;
  private readonly open = new Set<FaultsOfFlow>();
  private readonly closed = new SessionStore<ChecksumFaults>(({ packets }) => packets);

  constructor(private readonly flows: FlowRegistry) {
    this.states = flows.trackStates((state) => this.close(state));
  }

  get summarised(): number {
    return this.closed.summarised;
  }

  consume(batch: Rows, flow: FlowId, from: number, to: number): void {
    if (flow < 0) return;
    const { columns, order } = batch;
    for (let at = from; at < to; at++) {
      const row = order[at];
      const faults = this.faultsOf(batch, flow, row);
      const mark = batch.marks[columns.rows.frame[row]];
      faults.packets++;
      faults.estimated += columns.weight[row];
      if (columns.length[row] <= ORDINARY_BYTES_MAX) faults.ordinary++;
      if ((mark & MARK_INBOUND) !== 0) faults.inbound++;
      else if ((mark & MARK_OUTBOUND) !== 0) faults.outbound++;
      if (faults.differences.size < DIFFERENCES_MAX) {
        faults.differences.add((columns.found[row] - columns.expected[row]) & 0xffff);
      }
      const frame = columns.rows.frame[row];
      faults.last.set(batch.frameIdOf(frame), batch.timeNs[frame]);
    }
  }

  endSegment(): void {
    this.states.clear();
  }

  endEpoch(): void {
    if (this.open.size <= FLOWS_MAX) return;
    const bySeen = Array.from(this.open, (state) => ({ state, seen: lastFrame(state) }));
    bySeen.sort((a, b) => a.seen - b.seen);
    for (const { state } of bySeen.slice(0, bySeen.length - FLOWS_MAX / 2)) this.close(state);
  }

  sessions(): readonly ChecksumFaults[] {
    const open = [...this.open].flatMap((state) => [...state.values()]);
    return [...this.closed.sessions(), ...open].sort((a, b) => a.first.frame - b.first.frame);
  }

  private faultsOf(batch: Rows, flow: FlowId, row: number): OpenFaults {
    const { columns } = batch;
    let state = this.states.get(flow);
    if (!state || !this.open.has(state)) {
      state = new Map();
      this.states.set(flow, state);
      this.open.add(state);
    }
    const key = keyOf(columns, row);
    const known = state.get(key);
    if (known) return known;
    const faults = this.describe(batch, flow, row);
    state.set(key, faults);
    return faults;
  }

  private describe(batch: Rows, flow: FlowId, row: number): OpenFaults {
    const { columns } = batch;
    const { flows } = this;
    const direction = columns.rows.direction[row];
    const { from, to } = flows.addresses(flow, direction);
    const ports = flows.ports(flow, direction);
    const ref = refOf(batch, row);
    const { source0, source1, source2, source3 } = columns;
    const { destination0, destination1, destination2, destination3 } = columns;
    const source = Int32Array.of(source0[row], source1[row], source2[row], source3[row]);
    const destination = Int32Array.of(
      destination0[row],
      destination1[row],
      destination2[row],
      destination3[row],
    );
    return {
      kind: columns.kind[row],
      verdict: columns.verdict[row],
      sender: formatAddress(source),
      receiver: formatAddress(destination),
      layerStack: this.stackAround(flows.stack(flow), columns.depth[row]),
      conversation: {
        stack: flows.stack(flow),
        protocol: flows.protocol(flow),
        from,
        to,
        fromPort: ports.from,
        toPort: ports.to,
      },
      packets: 0,
      estimated: 0,
      ordinary: 0,
      differences: new Set(),
      inbound: 0,
      outbound: 0,
      found: columns.found[row],
      expected: columns.expected[row],
      first: ref,
      last: new OpenRef(ref.frame, ref.timeNs, ref.segment),
    };
  }

  /** Of a stack, the part around the layer with `depth` tunnels around it. */
  private stackAround(innermost: number, depth: number): number {
    let stack = innermost;
    for (let at = this.flows.tunnelLayers(innermost).length; at > depth; at--) {
      stack = this.flows.parentStack(stack);
    }
    return stack;
  }

  private close(state: FaultsOfFlow): void {
    if (!this.open.delete(state)) return;
    for (const faults of state.values()) this.closed.add(faults);
    // The flow still knows it.
    state.clear();
  }
}

/** Each below 256. */
function keyOf({ rows, kind, verdict, depth }: Rows['columns'], row: number): number {
  return (rows.direction[row] << 24) | (kind[row] << 16) | (verdict[row] << 8) | depth[row];
}

function lastFrame(state: FaultsOfFlow): number {
  let last = 0;
  for (const faults of state.values()) last = Math.max(last, faults.last.frame);
  return last;
}

/** Checksums that do not fit, by conversation and layer, in order of first appearance. */
export const checksumFaults = defineCorrelator<ChecksumFaults, typeof CHECKSUM_ROWS>({
  name: 'checksum.faults',
  reads: dissector,
  order: 'flow',
  create: ({ flows }) => new ChecksumCorrelation(flows),
});

export default [checksumFaults];
