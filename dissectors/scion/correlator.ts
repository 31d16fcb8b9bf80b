import {
  type Batch,
  type Correlation,
  type CorrelationRun,
  defineCorrelator,
} from '../../src/correlate/correlator.js';
import type { FlowId } from '../../src/correlate/flow-id.js';
import type { FlowStates } from '../../src/correlate/flow-states.js';
import type { Arrival } from '../../src/correlate/periodic/size-class.js';
import { SessionStore } from '../../src/correlate/session-store.js';
import type { FrameRef } from '../../src/moment.js';
import * as control from './control-payload.js';
import {
  CONTENT_BFD,
  CONTENT_CONTROL,
  CONTENT_GATEWAY,
  CONTENT_SCMP,
  CONTENT_UDP,
  PATH_KIND_LONGER,
  PATH_KIND_ONE_HOP,
  scionDissector,
} from './dissector.js';
import * as scion from './layout.js';
import { OpenLink } from './open-link.js';
import { GENERATION_2018, GENERATION_CURRENT } from './recognition.js';
import { isError } from './scmp-codes.js';
import type { ScionLink } from './session.js';

/** Links that are followed at once. */
const LINKS_MAX = 8192;
/** UDP that goes over one link only and is longer than this is a control message, not a keepalive. */
const CONTROL_LENGTH_MIN = 200;

/** Epochs without a packet after which a link is closed, once half the room is taken. */
const IDLE_EPOCHS_MAX = 2;

/** State of a flow that found no room. */
const TOO_MANY = 'too many';

type ScionSchema = typeof scionDissector.observes;
type Rows = Batch<ScionSchema>;

/**
 * Follows at most LINKS_MAX links, and closes idle ones once half of that is taken; of closed ones the first 500 and the 500 with most SCMP errors. Links beyond that
 * are counted in `summarised`.
 */
class ScionCorrelation implements Correlation<ScionLink, ScionSchema> {
  private readonly states: FlowStates<OpenLink | typeof TOO_MANY>;
  private readonly open = new Set<OpenLink>();
  private readonly closed = new SessionStore<ScionLink>(({ errors }) =>
    errors.reduce((sum, { count }) => sum + count, 0),
  );
  private untracked = 0;
  private epoch = 0;
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
      if (link !== TOO_MANY) this.close(link);
    });
  }

  get summarised(): number {
    return this.closed.summarised + this.untracked;
  }

  consume(batch: Rows, flow: FlowId, from: number, to: number): void {
    if (flow < 0) return;
    const link = this.follow(batch, flow, batch.columns.rows.frame[batch.order[from]]);
    if (link === null) return;
    link.lastEpoch = this.epoch;
    for (let at = from; at < to; at++) this.take(link, batch, flow, batch.order[at]);
  }

  private follow(batch: Rows, flow: FlowId, frame: number): OpenLink | null {
    const known = this.states.get(flow);
    if (known === TOO_MANY) return null;
    if (known && this.open.has(known)) return known;
    if (this.open.size >= LINKS_MAX) {
      this.untracked++;
      this.states.set(flow, TOO_MANY);
      return null;
    }
    const { flows } = this.run;
    const link = new OpenLink(
      flows.endpoints(flow),
      flows.stack(flow),
      batch.segment,
      batch.frameIdOf(frame),
    );
    this.states.set(flow, link);
    this.open.add(link);
    return link;
  }

  private take(link: OpenLink, batch: Rows, flow: FlowId, row: number): void {
    const { columns } = batch;
    const at = refOf(batch, row);
    const direction = columns.rows.direction[row];
    const own = link.directions[direction];
    const isCurrent = columns.generation[row] === GENERATION_CURRENT;
    const pathKind = columns.pathKind[row];
    const content = columns.content[row];
    own.notePacket(at, isCurrent, columns.packetLength[row]);
    const source = own.source.of(columns.sourceIsd[row], columns.sourceAs[row]);
    const destination = own.destination.of(columns.destinationIsd[row], columns.destinationAs[row]);
    own.noteEnds(source, destination);
    // With an empty path the router of one AS speaks to that of the next; one of one hop ends there too, and may begin at a service.
    if (content === CONTENT_BFD || pathKind !== PATH_KIND_LONGER) own.noteNeighbours(source, destination);
    if (content !== CONTENT_BFD && pathKind === PATH_KIND_ONE_HOP) own.oneHopPackets++;
    if (columns.expirySeconds[row] > 0) own.notePath(columns.expirySeconds[row], at);
    if (columns.stampSeconds[row] > 0) own.stamps.note(columns.stampSeconds[row], at);
    if (content === CONTENT_SCMP) this.takeScmp(link, columns, row, source, destination, at);
    else if (content === CONTENT_BFD) own.bfd.note(at);
    else if (content === CONTENT_GATEWAY) {
      own.gatewayFrames.note(at);
      own.noteSession(columns.session[row]);
    } else if (columns.generation[row] === GENERATION_2018) {
      this.takeControl(link, columns, row, flow, at);
    }
  }

  private takeControl(
    link: OpenLink,
    columns: Rows['columns'],
    row: number,
    flow: FlowId,
    at: FrameRef,
  ): void {
    const direction = columns.rows.direction[row];
    const own = link.directions[direction];
    const length = columns.packetLength[row];
    const kind = columns.control[row];
    if (columns.content[row] === CONTENT_CONTROL && kind !== control.CONTROL_KEEPALIVE) {
      if (kind === control.CONTROL_BEACON) own.beacons.note(at);
      else if (kind === control.CONTROL_REGISTRATION) own.registrations.note(at);
      else own.otherControl.note(at);
      return;
    }
    const isUnread = columns.content[row] === CONTENT_UDP && columns.pathKind[row] !== PATH_KIND_LONGER;
    if (isUnread && length >= CONTROL_LENGTH_MIN) {
      own.unreadControl.note(at);
      return;
    }
    if ((kind !== control.CONTROL_KEEPALIVE && !isUnread) || Number.isNaN(at.timeNs)) return;
    const { arrival } = this;
    arrival.ns = at.timeNs;
    arrival.frame = at.frame;
    arrival.segment = at.segment;
    link.takeKeepalive(direction, length, arrival, this.run.flows, flow);
  }

  private takeScmp(
    link: OpenLink,
    columns: Rows['columns'],
    row: number,
    source: string,
    destination: string,
    at: FrameRef,
  ): void {
    const direction = columns.rows.direction[row];
    const isCurrent = columns.generation[row] === GENERATION_CURRENT;
    const type = columns.scmp[row] >> 8;
    const code = columns.scmp[row] & 0xff;
    const identifier = columns.identifier[row];
    const sequence = columns.sequence[row];
    if (isEcho(isCurrent, type, code, scion.TYPE_ECHO_REQUEST, scion.OLD_TYPE_ECHO_REQUEST)) {
      link.echoes.request(direction, source, destination, identifier, sequence, at);
    } else if (isEcho(isCurrent, type, code, scion.TYPE_ECHO_REPLY, scion.OLD_TYPE_ECHO_REPLY)) {
      link.echoes.reply(direction, source, destination, identifier, sequence, at);
    } else if (isError(isCurrent, type)) {
      const [mtu, interfaceId] = [columns.mtu[row], columns.interfaceId[row]];
      link.noteError(
        { direction, isCurrent, type, code, reporter: source, receiver: destination, mtu, interfaceId },
        at,
      );
    }
  }

  private close(link: OpenLink): void {
    if (this.open.delete(link)) this.closed.add(link.describe());
  }

  endEpoch(): void {
    this.epoch++;
    if (this.open.size < LINKS_MAX / 2) return;
    for (const link of this.open) {
      if (this.epoch - link.lastEpoch > IDLE_EPOCHS_MAX) this.close(link);
    }
  }

  endSegment(): void {
    this.states.clear();
  }

  sessions(): readonly ScionLink[] {
    const open = [...this.open].map((link) => link.describe());
    return [...this.closed.sessions(), ...open].sort(
      (a, b) => a.segment - b.segment || a.firstFrame - b.firstFrame,
    );
  }
}

function isEcho(isCurrent: boolean, type: number, code: number, current: number, old: number): boolean {
  return isCurrent ? type === current : type === scion.OLD_CLASS_GENERAL && code === old;
}

function refOf(batch: Rows, row: number): FrameRef {
  const index = batch.columns.rows.frame[row];
  return { frame: batch.frameIdOf(index), timeNs: batch.timeNs[index], segment: batch.segment };
}

/** Every UDP conversation that carries SCION. */
export const scionLinks = defineCorrelator<ScionLink, ScionSchema>({
  name: 'scion',
  reads: scionDissector,
  order: 'flow',
  create: (run) => new ScionCorrelation(run),
});

export default [scionLinks];
