import {
  type Batch,
  type Correlation,
  type CorrelationRun,
  type Correlator,
  defineCorrelator,
} from '../../src/correlate/correlator.js';
import type { FlowId } from '../../src/correlate/flow-id.js';
import type { FlowStates } from '../../src/correlate/flow-states.js';
import { refOf } from '../../src/correlate/frame-reference.js';
import { SessionStore } from '../../src/correlate/session-store.js';
import type { FrameRef } from '../../src/moment.js';
import type { SegmentIndex } from '../../src/units.js';
import dissector from './dissector.js';
import * as cql from './layout.js';
import type { CassandraClient, CassandraErrors } from './session.js';

export type { CassandraClient, CassandraErrors } from './session.js';

type CassandraSchema = typeof dissector.observes;
type Rows = Batch<CassandraSchema>;
type Open<T> = { -readonly [Name in keyof T]: T[Name] };

/** Bounds. */
const CLIENTS_MAX = 4096;
const WAITING_KEPT = 32;
const CODES_KEPT = 32;

/** A client and a server while their messages come in. */
class OpenClient {
  isClosed = false;
  last: FrameRef;
  private startups = 0;
  private accepted = 0;
  private lastAccepted: FrameRef | null = null;
  /** By the client's port. */
  private readonly waiting = new Map<number, FrameRef>();
  private readonly errors = new Map<number, Open<CassandraErrors>>();
  private otherErrors = 0;

  constructor(
    readonly client: string,
    readonly server: string,
    readonly stack: number,
    readonly segment: SegmentIndex,
    private first: FrameRef,
  ) {
    this.last = first;
  }

  take(batch: Rows, row: number, clientPort: number): void {
    const at = refOf(batch, row);
    // Connections arrive one after the other, so neither end of the span need come last.
    if (at.frame < this.first.frame) this.first = at;
    if (at.frame > this.last.frame) this.last = at;
    switch (batch.columns.opcode[row]) {
      case cql.OPCODE_STARTUP:
        this.startups++;
        if (this.waiting.size < WAITING_KEPT) this.waiting.set(clientPort, at);
        return;
      case cql.OPCODE_READY:
      case cql.OPCODE_AUTHENTICATE:
      case cql.OPCODE_AUTH_SUCCESS:
        this.waiting.delete(clientPort);
        this.accepted++;
        if (!this.lastAccepted || at.frame > this.lastAccepted.frame) this.lastAccepted = at;
        return;
      case cql.OPCODE_ERROR:
        this.waiting.delete(clientPort);
        this.noteError(batch.columns.error[row], at);
    }
  }

  describe(): CassandraClient {
    const { client, server, stack, segment, first, last, startups, accepted, lastAccepted, otherErrors } =
      this;
    const waiting = [...this.waiting.values()].sort((a, b) => a.frame - b.frame);
    const errors = [...this.errors.values()].map((one) => ({ ...one }));
    return {
      client,
      server,
      stack,
      segment,
      first,
      last,
      startups,
      accepted,
      lastAccepted,
      waiting,
      errors,
      otherErrors,
    };
  }

  private noteError(code: number, at: FrameRef): void {
    const known = this.errors.get(code);
    if (!known) {
      if (this.errors.size < CODES_KEPT) this.errors.set(code, { code, count: 1, first: at, last: at });
      else this.otherErrors++;
      return;
    }
    known.count++;
    if (at.frame < known.first.frame) known.first = at;
    if (at.frame > known.last.frame) known.last = at;
  }
}

/**
 * Aggregates connections with Cassandra servers by client host. Holds at most CLIENTS_MAX between epochs (about 8 KiB each), a
 * reference for each flow; the least recently seen half goes through a SessionStore.
 */
class CassandraCorrelation implements Correlation<CassandraClient, CassandraSchema> {
  private readonly flows: FlowStates<OpenClient>;
  private readonly open = new Map<string, OpenClient>();
  private readonly closed = new SessionStore<CassandraClient>(({ errors }) =>
    errors.reduce((sum, { count }) => sum + count, 0),
  );

  constructor(private readonly run: CorrelationRun) {
    this.flows = run.flows.trackStates<OpenClient>(() => {});
  }

  get summarised(): number {
    return this.closed.summarised;
  }

  consume(batch: Rows, flow: FlowId, from: number, to: number): void {
    if (flow < 0) return;
    let client = this.flows.get(flow);
    if (!client || client.isClosed) {
      client = this.clientOf(batch, flow, batch.order[from]);
      this.flows.set(flow, client);
    }
    const first = batch.order[from];
    const { rows, isResponse } = batch.columns;
    const { from: clientPort } = this.run.flows.ports(flow, rows.direction[first] ^ isResponse[first]);
    for (let at = from; at < to; at++) client.take(batch, batch.order[at], clientPort);
  }

  private clientOf(batch: Rows, flow: FlowId, row: number): OpenClient {
    const { rows, isResponse } = batch.columns;
    const { flows } = this.run;
    const { from, to } = flows.addresses(flow, rows.direction[row] ^ isResponse[row]);
    const stack = flows.stack(flow);
    const key = `${stack} ${from} ${to}`;
    const known = this.open.get(key);
    if (known) return known;
    const client = new OpenClient(from, to, stack, batch.segment, refOf(batch, row));
    this.open.set(key, client);
    return client;
  }

  endEpoch(): void {
    if (this.open.size <= CLIENTS_MAX) return;
    const bySeen = [...this.open].sort(([, a], [, b]) => a.last.frame - b.last.frame);
    for (const [key, client] of bySeen.slice(0, bySeen.length - CLIENTS_MAX / 2)) {
      this.open.delete(key);
      client.isClosed = true;
      this.closed.add(client.describe());
    }
  }

  endSegment(): void {
    for (const client of this.open.values()) this.closed.add(client.describe());
    this.open.clear();
    this.flows.clear();
  }

  sessions(): readonly CassandraClient[] {
    const open = [...this.open.values()].map((client) => client.describe());
    return [...this.closed.sessions(), ...open].sort((a, b) => a.first.frame - b.first.frame);
  }
}

/** Every client host of a Cassandra server. */
export const cassandraClients = defineCorrelator<CassandraClient, CassandraSchema>({
  name: 'cassandra',
  reads: dissector,
  order: 'flow',
  create: (run) => new CassandraCorrelation(run),
});

export default [cassandraClients as Correlator] satisfies Correlator[];
