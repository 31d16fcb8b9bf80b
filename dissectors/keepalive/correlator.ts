import {
  type Batch,
  type Correlation,
  type CorrelationRun,
  defineCorrelator,
} from '../../src/correlate/correlator.js';
import type { FlowId } from '../../src/correlate/flow-id.js';
import type { FlowStates } from '../../src/correlate/flow-states.js';
import { LinkTracker } from '../../src/correlate/periodic/link-tracker.js';
import type { KeepaliveLink } from '../../src/correlate/periodic/session.js';
import type { Arrival } from '../../src/correlate/periodic/size-class.js';
import { SessionStore } from '../../src/correlate/session-store.js';
import { unclaimedUdp } from './dissector.js';

/** Flows that are followed at once. */
const LINKS_MAX = 1 << 15;
/** Epochs without a packet after which a flow that shows nothing yet makes room, once half the room is taken. */
const IDLE_EPOCHS_MAX = 2;

/** State of a flow that found no room. */
const NOT_FOLLOWED = 'not followed';
/** Hosts of MidoNet tell each other of flows there, one way, under a tunnel key of its own; nothing of it is due. */
const MIDONET_FLOW_STATE_PORT = 2925;

type Rows = Batch<typeof unclaimedUdp.observes>;

interface FollowedLink {
  readonly tracker: LinkTracker;
  lastEpoch: number;
  isForgotten: boolean;
}

/**
 * Follows at most LINKS_MAX flows, six length classes of 20 intervals and 16 pauses in each direction; of closed ones
 * the first 500 and the 500 that missed most. Flows beyond that are counted in `summarised`.
 */
class KeepaliveCorrelation implements Correlation<KeepaliveLink, typeof unclaimedUdp.observes> {
  private readonly states: FlowStates<FollowedLink | typeof NOT_FOLLOWED>;
  private readonly followed = new Set<FollowedLink>();
  private readonly promising = new Set<FollowedLink>();
  private readonly closed = new SessionStore<KeepaliveLink>(missedOf);
  private epoch = 0;
  private untracked = 0;
  private readonly arrival: Arrival = {
    ns: 0,
    frame: 0,
    segment: 0,
    ownPackets: 0,
    reversePackets: 0,
    ownNs: 0,
    reverseNs: 0,
  };

  constructor(private readonly run: CorrelationRun) {
    this.states = run.flows.trackStates((link) => {
      if (link !== NOT_FOLLOWED) this.close(link);
    });
  }

  consume(batch: Rows, flow: FlowId, from: number, to: number): void {
    if (flow < 0) return;
    const { columns, order, timeNs } = batch;
    const { frame, direction } = columns.rows;
    const link = this.follow(batch, flow, frame[order[from]]);
    if (link === null) return;
    link.lastEpoch = this.epoch;
    const { tracker } = link;
    if (this.isBulk(tracker, flow)) return;
    const { arrival } = this;
    arrival.segment = batch.segment;
    for (let at = from; at < to; at++) {
      const row = order[at];
      const ns = timeNs[frame[row]];
      if (Number.isNaN(ns)) continue;
      arrival.ns = ns;
      arrival.frame = batch.frameIdOf(frame[row]);
      if (!tracker.take(direction[row], columns.payloadLength[row], arrival)) continue;
      tracker.keepEndpoints(this.run.flows, flow);
      this.promising.add(link);
    }
  }

  /** Bulk in every direction that carries packets: the rows need not be looked at. */
  private isBulk({ directions }: LinkTracker, flow: FlowId): boolean {
    const [up, down] = directions;
    if (!up.isBulk && !down.isBulk) return false;
    return (
      (up.isBulk || this.run.flows.packetCount(flow, 0) === 0) &&
      (down.isBulk || this.run.flows.packetCount(flow, 1) === 0)
    );
  }

  private follow(batch: Rows, flow: FlowId, frameIndex: number): FollowedLink | null {
    const known = this.states.get(flow);
    if (known === NOT_FOLLOWED) return null;
    if (known && !known.isForgotten) return known;
    const { from, to } = this.run.flows.ports(flow, 0);
    if (from === MIDONET_FLOW_STATE_PORT && to === from) {
      this.states.set(flow, NOT_FOLLOWED);
      return null;
    }
    if (this.followed.size >= LINKS_MAX) {
      this.untracked++;
      this.states.set(flow, NOT_FOLLOWED);
      return null;
    }
    const tracker = new LinkTracker(batch.segment, batch.frameIdOf(frameIndex));
    const link: FollowedLink = { tracker, lastEpoch: this.epoch, isForgotten: false };
    this.states.set(flow, link);
    this.followed.add(link);
    return link;
  }

  private close(link: FollowedLink): void {
    this.followed.delete(link);
    this.promising.delete(link);
    const session = link.tracker.describe();
    if (session) this.closed.add(session);
  }

  endSegment(): void {
    this.states.clear();
  }

  endEpoch(): void {
    this.epoch++;
    if (this.followed.size < LINKS_MAX / 2) return;
    for (const link of this.followed) {
      if (link.tracker.isPromising || this.epoch - link.lastEpoch <= IDLE_EPOCHS_MAX) continue;
      link.isForgotten = true;
      this.followed.delete(link);
    }
  }

  get summarised(): number {
    return this.closed.summarised + this.untracked;
  }

  sessions(): readonly KeepaliveLink[] {
    const open = [...this.promising].flatMap(({ tracker }) => tracker.describe() ?? []);
    return [...this.closed.sessions(), ...open].sort(
      (a, b) => a.segment - b.segment || a.firstFrame - b.firstFrame,
    );
  }
}

function missedOf({ directions }: KeepaliveLink): number {
  let missed = 0;
  for (const { stream } of directions) for (const pause of stream?.pauses ?? []) missed += pause.missed;
  return missed;
}

/** Flows of UDP on unclaimed ports in which a direction repeats datagrams of one length. */
export const keepaliveLinks = defineCorrelator<KeepaliveLink, typeof unclaimedUdp.observes>({
  name: 'keepalive',
  reads: unclaimedUdp,
  order: 'flow',
  create: (run) => new KeepaliveCorrelation(run),
});

export default [keepaliveLinks];
