import { MARK_OUTBOUND } from '../../src/capture/frame-marks.js';
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
import { isUnicast } from '../../src/wire/address.js';
import dissector, { type NtpTable } from './dissector.js';
import { MODE_CLIENT, MODE_SERVER, MODE_SYMMETRIC_ACTIVE } from './layout.js';
import { OpenAssociation } from './open-association.js';
import type { NtpAssociation, NtpTimestamp } from './session.js';

export type { NtpAssociation, NtpExchange } from './session.js';

type NtpSchema = typeof dissector.observes;
type Rows = Batch<NtpSchema>;

const ASSOCIATIONS_MAX = 4096;
/** TTLs with which hosts send; one less says that a router was passed. */
const INITIAL_TTLS: ReadonlySet<number> = new Set([64, 128, 255]);

/** Of a flow: the association that its low end asks, and that its high end asks. */
type FlowState = [OpenAssociation | null, OpenAssociation | null];

/**
 * Matches requests to answers per client and server, whatever port the client takes. Holds at most ASSOCIATIONS_MAX
 * associations between epochs (about 8 KiB each), a reference for each flow; the least recently seen half goes through
 * a SessionStore.
 */
class NtpCorrelation implements Correlation<NtpAssociation, NtpSchema> {
  private readonly flows: FlowStates<FlowState>;
  private readonly open = new Map<string, OpenAssociation>();
  private readonly closed = new SessionStore<NtpAssociation>(
    ({ open, unsynchronised }) => open.count + (unsynchronised?.count ?? 0),
  );

  constructor(private readonly run: CorrelationRun) {
    this.flows = run.flows.trackStates<FlowState>(() => {});
  }

  get summarised(): number {
    return this.closed.summarised;
  }

  consume(batch: Rows, _flow: FlowId, from: number, to: number): void {
    const { columns, order } = batch;
    for (let at = from; at < to; at++) {
      const row = order[at];
      const flow = batch.flowOf(row);
      if (flow < 0 || !this.isBetweenHosts(flow)) continue;
      const sender = columns.rows.direction[row];
      switch (columns.mode[row]) {
        case MODE_CLIENT:
          this.ask(batch, row, flow, sender);
          break;
        case MODE_SERVER:
          this.answer(batch, row, flow, 1 - sender, false);
          break;
        case MODE_SYMMETRIC_ACTIVE:
          // Of two peers each may answer and ask with the same packet.
          this.answer(batch, row, flow, 1 - sender, true);
          this.ask(batch, row, flow, sender);
          break;
        default:
          this.answer(batch, row, flow, 1 - sender, true);
      }
    }
  }

  private isBetweenHosts(flow: FlowId): boolean {
    const { flows } = this.run;
    return isUnicast(flows.addressWords(flow, 0)) && isUnicast(flows.addressWords(flow, 1));
  }

  /** `client`: which end of the flow asks, 0 the low one. */
  private ask(batch: Rows, row: number, flow: FlowId, client: number): void {
    const { columns, marks } = batch;
    const isOutbound = (marks[columns.rows.frame[row]] & MARK_OUTBOUND) !== 0;
    const association = this.associationOf(batch, row, flow, client);
    const request = refOf(batch, row);
    if (association.noteOrigin(originateTime(columns, row)) && association.stack === 0) {
      this.run.hearsPeer.note(
        association.client,
        association.server,
        'its NTP requests name the time of a new answer',
        request,
      );
    }
    association.ask({
      request,
      transmit: transmitTime(columns, row),
      leap: columns.leap[row],
      stratum: columns.stratum[row],
      isAtClient: isOutbound || INITIAL_TTLS.has(columns.timeToLive[row]),
      isOutbound,
    });
  }

  /** `mayAsk`: the packet is an answer only where its origin says so. */
  private answer(batch: Rows, row: number, flow: FlowId, client: number, mayAsk: boolean): void {
    const { columns } = batch;
    const originate = originateTime(columns, row);
    if (mayAsk && !this.flows.get(flow)?.[client]?.awaits(originate)) return;
    this.associationOf(batch, row, flow, client).answer({
      reply: refOf(batch, row),
      leap: columns.leap[row],
      stratum: columns.stratum[row],
      referenceId: columns.referenceId[row],
      originate,
      receive: { seconds: columns.receiveSeconds[row], fraction: columns.receiveFraction[row] },
      transmit: transmitTime(columns, row),
    });
  }

  private associationOf(batch: Rows, row: number, flow: FlowId, client: number): OpenAssociation {
    let state = this.flows.get(flow);
    if (!state) {
      state = [null, null];
      this.flows.set(flow, state);
    }
    const known = state[client];
    if (known && !known.isClosed) return known;
    const { from, to } = this.run.flows.addresses(flow, client);
    const stack = this.run.flows.stack(flow);
    const key = `${stack} ${from} ${to}`;
    let association = this.open.get(key);
    if (!association) {
      association = new OpenAssociation(from, to, stack, batch.segment, refOf(batch, row));
      this.open.set(key, association);
    }
    state[client] = association;
    return association;
  }

  endEpoch(): void {
    if (this.open.size <= ASSOCIATIONS_MAX) return;
    const bySeen = [...this.open].sort(([, a], [, b]) => a.last.frame - b.last.frame);
    for (const [key, association] of bySeen.slice(0, bySeen.length - ASSOCIATIONS_MAX / 2)) {
      this.open.delete(key);
      association.isClosed = true;
      this.closed.add(association.describe());
    }
  }

  endSegment(): void {
    for (const association of this.open.values()) this.closed.add(association.describe());
    this.open.clear();
    this.flows.clear();
  }

  sessions(): readonly NtpAssociation[] {
    const open = [...this.open.values()].map((association) => association.describe());
    return [...this.closed.sessions(), ...open]
      .filter(({ requests, replies }) => requests + replies > 0)
      .sort((a, b) => a.first.frame - b.first.frame);
  }
}

function transmitTime(columns: NtpTable, row: number): NtpTimestamp {
  return { seconds: columns.transmitSeconds[row], fraction: columns.transmitFraction[row] };
}

function originateTime(columns: NtpTable, row: number): NtpTimestamp {
  return { seconds: columns.originateSeconds[row], fraction: columns.originateFraction[row] };
}

/** Every host that asks a time server, and every pair of peers in each direction. */
export const ntpAssociations = defineCorrelator<NtpAssociation, NtpSchema>({
  name: 'ntp',
  reads: dissector,
  order: 'capture',
  create: (run) => new NtpCorrelation(run),
});

export default [ntpAssociations as Correlator] satisfies Correlator[];
