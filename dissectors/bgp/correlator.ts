import {
  type Batch,
  type Correlation,
  type CorrelationRun,
  type Correlator,
  defineCorrelator,
} from '../../src/correlate/correlator.js';
import type { FlowId } from '../../src/correlate/flow-id.js';
import type { FlowRegistry } from '../../src/correlate/flow-registry.js';
import type { FlowStates } from '../../src/correlate/flow-states.js';
import { SessionStore } from '../../src/correlate/session-store.js';
import type { FrameRef } from '../../src/moment.js';
import type { Schema } from '../../src/observe/table.js';
import { tcp } from '../tcp/dissector.js';
import { bgpDissector } from './dissector.js';
import { PORT_BGP, ROW_ROUTE, TYPE_OPEN } from './layout.js';
import { textColumns } from './rows.js';
import type { BgpConnection, BgpConversation, ConnectionKey } from './session.js';
import { SpeakerTracker } from './speaker-tracker.js';
import { type Segment, TransportTracker } from './transport-tracker.js';

/** Connections that are followed at once, of each kind. */
const OPEN_MAX = 16_384;
/** Withdrawn routes that are followed at once, over all connections. */
const ROUTES_MAX = 65_536;

type MessageRows = typeof bgpDissector.observes;
type SegmentRows = typeof tcp.observes;

interface OpenConversation extends ConnectionKey {
  readonly speakers: readonly [SpeakerTracker, SpeakerTracker];
  readonly first: FrameRef;
  last: FrameRef;
}

/**
 * Follows at most OPEN_MAX connections, each side with the routes that RouteLedger holds, ROUTES_MAX of them in all at the
 * end of an epoch; of closed ones the first 500 and the 500 with most
 * messages are kept.
 */
class MessageCorrelation implements Correlation<BgpConversation, MessageRows> {
  private readonly states: FlowStates<OpenConversation>;
  private readonly open = new Set<OpenConversation>();
  private readonly closed = new SessionStore<BgpConversation>(({ speakers }) =>
    speakers.reduce((sum, { messages, notifications }) => sum + messages + 1000 * notifications.length, 0),
  );
  private untracked = 0;

  constructor(private readonly run: CorrelationRun) {
    this.states = run.flows.trackStates((conversation) => this.close(conversation));
  }

  consume(batch: Batch<MessageRows>, flow: FlowId, from: number, to: number): void {
    if (flow < 0) return;
    const { columns, order } = batch;
    const text = textColumns(columns);
    for (let at = from; at < to; at++) {
      const row = order[at];
      const ref = refOf(batch, row);
      const direction = columns.rows.direction[row];
      const conversation = this.conversationOf(flow, direction, columns.type[row], ref);
      if (!conversation) continue;
      const speaker = conversation.speakers[direction === 0 ? 0 : 1];
      if (columns.type[row] === ROW_ROUTE) speaker.addRoute(columns, text, row, ref);
      else speaker.add(columns, text, row, ref);
      conversation.last = ref;
    }
  }

  endSegment(): void {
    this.states.clear();
  }

  /** Where many prefixes flap, those that did so but once are forgotten. */
  endEpoch(): void {
    const speakers = [...this.open].flatMap((one) => one.speakers);
    const total = speakers.reduce((sum, { routeCount }) => sum + routeCount, 0);
    if (total > ROUTES_MAX) for (const one of speakers) one.forgetSteadyRoutes();
  }

  sessions(): readonly BgpConversation[] {
    const open = [...this.open].map(conversationOf);
    return [...this.closed.sessions(), ...open].sort((a, b) => a.first.frame - b.first.frame);
  }

  get summarised(): number {
    return this.closed.summarised + this.untracked;
  }

  /** A second OPEN of one side belongs to another connection of the same ports. */
  private conversationOf(
    flow: FlowId,
    direction: number,
    type: number,
    ref: FrameRef,
  ): OpenConversation | null {
    const known = this.states.get(flow);
    if (known) {
      const own = known.speakers[direction === 0 ? 0 : 1];
      if (type !== TYPE_OPEN || own.mayOpenLate(ref)) return known;
      this.close(known);
    }
    if (this.open.size >= OPEN_MAX) {
      this.untracked++;
      return null;
    }
    const conversation: OpenConversation = {
      ...keyOf(this.run.flows, flow, ref),
      speakers: [new SpeakerTracker(), new SpeakerTracker()],
      first: ref,
      last: ref,
    };
    this.states.set(flow, conversation);
    this.open.add(conversation);
    return conversation;
  }

  private close(conversation: OpenConversation): void {
    if (this.open.delete(conversation)) this.closed.add(conversationOf(conversation));
  }
}

interface OpenConnection extends ConnectionKey {
  readonly tracker: TransportTracker;
}

/**
 * Follows the TCP connections of port 179, at most OPEN_MAX at once; of closed ones the first 500 and the 500 with most
 * data are kept.
 */
class ConnectionCorrelation implements Correlation<BgpConnection, SegmentRows> {
  private readonly states: FlowStates<OpenConnection>;
  private readonly open = new Set<OpenConnection>();
  private readonly closed = new SessionStore<BgpConnection>(({ sides }) =>
    sides.reduce((sum, { dataSegments }) => sum + dataSegments, 0),
  );
  private untracked = 0;
  private readonly segment: Segment = {
    flags: 0,
    sequence: 0,
    acknowledgment: 0,
    payloadLength: 0,
    authentication: 0,
  };

  constructor(private readonly run: CorrelationRun) {
    this.states = run.flows.trackStates((connection) => this.close(connection));
  }

  consume(batch: Batch<SegmentRows>, flow: FlowId, from: number, to: number): void {
    if (flow < 0) return;
    const ports = this.run.flows.ports(flow, 0);
    if (ports.from !== PORT_BGP && ports.to !== PORT_BGP) return;
    const { columns, order } = batch;
    const { segment } = this;
    for (let at = from; at < to; at++) {
      const row = order[at];
      const ref = refOf(batch, row);
      const direction = columns.rows.direction[row] === 0 ? 0 : 1;
      segment.flags = columns.flags[row];
      segment.sequence = columns.sequence[row];
      segment.acknowledgment = columns.acknowledgment[row];
      segment.payloadLength = columns.payloadLength[row];
      segment.authentication = columns.authentication[row];
      this.connectionOf(flow, direction, ref)?.tracker.add(direction, segment, ref);
    }
  }

  endSegment(): void {
    this.states.clear();
  }

  sessions(): readonly BgpConnection[] {
    const open = [...this.open].flatMap((one) => connectionOf(one) ?? []);
    return [...this.closed.sessions(), ...open].sort((a, b) => a.first.frame - b.first.frame);
  }

  get summarised(): number {
    return this.closed.summarised + this.untracked;
  }

  private connectionOf(flow: FlowId, direction: 0 | 1, ref: FrameRef): OpenConnection | null {
    const known = this.states.get(flow);
    if (known) {
      if (!known.tracker.isOpenedAnew(direction, this.segment)) return known;
      this.close(known);
    }
    if (this.open.size >= OPEN_MAX) {
      this.untracked++;
      return null;
    }
    const connection = { ...keyOf(this.run.flows, flow, ref), tracker: new TransportTracker() };
    this.states.set(flow, connection);
    this.open.add(connection);
    return connection;
  }

  private close(connection: OpenConnection): void {
    if (!this.open.delete(connection)) return;
    const closed = connectionOf(connection);
    if (closed) this.closed.add(closed);
  }
}

function keyOf(flows: FlowRegistry, flow: FlowId, { segment }: FrameRef): ConnectionKey {
  return { ...flows.endpoints(flow), stack: flows.stack(flow), segment };
}

function conversationOf({ speakers, ...rest }: OpenConversation): BgpConversation {
  return { ...rest, speakers: [speakers[0].speaker(rest.low), speakers[1].speaker(rest.high)] };
}

function connectionOf({ tracker, ...key }: OpenConnection): BgpConnection | null {
  const { first, last, sides } = tracker;
  if (!first || !last) return null;
  return {
    ...key,
    first,
    last,
    sides: [
      { ...sides[0], address: key.low, port: key.lowPort },
      { ...sides[1], address: key.high, port: key.highPort },
    ],
  };
}

function refOf(batch: Batch<Schema>, row: number): FrameRef {
  const index = batch.columns.rows.frame[row];
  return { frame: batch.frameIdOf(index), segment: batch.segment, timeNs: batch.timeNs[index] };
}

/** The messages of every BGP connection. */
export const bgpConversations = defineCorrelator<BgpConversation, MessageRows>({
  name: 'bgp',
  reads: bgpDissector,
  order: 'flow',
  create: (run) => new MessageCorrelation(run),
});

/** The TCP connections, and attempts at one, that BGP runs over. */
export const bgpConnections = defineCorrelator<BgpConnection, SegmentRows>({
  name: 'bgp.connections',
  reads: tcp,
  order: 'flow',
  create: (run) => new ConnectionCorrelation(run),
});

export default [bgpConversations as Correlator, bgpConnections as Correlator] satisfies Correlator[];
