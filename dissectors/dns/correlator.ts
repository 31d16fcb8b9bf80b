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
import { type Nanoseconds, NS_PER_MILLISECOND, NS_PER_SECOND } from '../../src/units.js';
import { isUnicast } from '../../src/wire/address.js';
import { PORT_DNS } from '../../src/wire/transport.js';
import dissector, { type DnsTable, nameColumns } from './dissector.js';
import * as dns from './layout.js';
import { nameOf } from './name.js';
import { OpenServer } from './open-server.js';
import type { DnsQuestion, DnsServer, FailureKind } from './session.js';
import { strayAnswers } from './stray-answers.js';

export {
  answerKey,
  type DnsClient,
  type DnsFailure,
  type DnsQuestion,
  type DnsServer,
  type FailureKind,
} from './session.js';
export { type StrayAnswers, strayAnswers } from './stray-answers.js';

type DnsSchema = typeof dissector.observes;
type Rows = Batch<DnsSchema>;

/** No resolver waits longer: six times the first time-out of glibc. */
const GIVEN_UP_NS: Nanoseconds = 30 * NS_PER_SECOND;
/** Two questions so near each other race through the connection tracking of their host. */
const PAIR_NS: Nanoseconds = NS_PER_MILLISECOND;
/** Questions waiting between epochs, and servers; beyond that the longest silent ones are closed. */
const WAITING_MAX = 65_536;
const SERVERS_MAX = 1024;
/** Questions waiting on one flow; the oldest is given up for the next one. */
const WAITING_PER_FLOW_MAX = 256;

/** Questions of one client port to one server. */
interface Asking {
  readonly server: OpenServer;
  readonly client: string;
  readonly clientPort: number;
  readonly waiting: DnsQuestion[];
  /** What was asked last, answered or not. */
  newest: DnsQuestion | null;
}

/** A flow, by which of its ends is the server: 0 the low one. Both may be. */
type FlowState = [Asking | null, Asking | null];

/**
 * Matches questions to answers per server. Holds at most WAITING_MAX questions and SERVERS_MAX servers between epochs, a
 * reference for each flow; closed servers go through a SessionStore.
 */
class DnsCorrelation implements Correlation<DnsServer, DnsSchema> {
  private readonly flows: FlowStates<FlowState>;
  private servers = new Map<string, OpenServer>();
  private waiting = new Set<Asking>();
  private readonly closed = new SessionStore<DnsServer>(
    ({ givenUpCount, slow }) => givenUpCount + slow.length,
  );
  private nowNs: Nanoseconds = Number.NaN;

  constructor(private readonly run: CorrelationRun) {
    this.flows = run.flows.trackStates<FlowState>((state) => {
      for (const asking of state) if (asking) this.giveUpAll(asking);
    });
  }

  get summarised(): number {
    return this.closed.summarised;
  }

  consume(batch: Rows, flow: FlowId, from: number, to: number): void {
    if (flow < 0) return;
    const { flows } = this.run;
    if (!isUnicast(flows.addressWords(flow, 0)) || !isUnicast(flows.addressWords(flow, 1))) return;
    const { columns, order, timeNs } = batch;
    const names = nameColumns(columns);
    let state = this.flows.get(flow);
    if (!state) {
      state = [null, null];
      this.flows.set(flow, state);
    }
    for (let at = from; at < to; at++) {
      const row = order[at];
      const flags = columns.flags[row];
      if ((flags & dns.OPCODE_MASK) >> dns.OPCODE_SHIFT !== dns.OPCODE_QUERY) continue;
      const isResponse = (flags & dns.FLAG_RESPONSE) !== 0;
      const serverEnd = isResponse ? columns.rows.direction[row] : 1 - columns.rows.direction[row];
      const now = timeNs[columns.rows.frame[row]];
      if (now > this.nowNs || Number.isNaN(this.nowNs)) this.nowNs = now;
      let asking = state[serverEnd];
      if (!asking || asking.server.isClosed) asking = this.openAsking(batch, flow, serverEnd, state);
      if (!asking) continue;
      if (isResponse) this.takeAnswer(batch, row, asking);
      else if ((flags & dns.FLAG_RECURSION_DESIRED) !== 0) this.takeQuestion(batch, row, asking, names);
    }
  }

  private openAsking(batch: Rows, flow: FlowId, serverEnd: number, state: FlowState): Asking | null {
    const { flows } = this.run;
    const { from, to } = flows.addresses(flow, serverEnd);
    const ports = flows.ports(flow, serverEnd);
    if (ports.from !== PORT_DNS) return null;
    const key = `${flows.stack(flow)} ${from}`;
    let server = this.servers.get(key);
    if (!server) {
      server = new OpenServer(from, flows.stack(flow), batch.segment);
      this.servers.set(key, server);
    }
    const asking = { server, client: to, clientPort: ports.to, waiting: [], newest: null };
    state[serverEnd] = asking;
    return asking;
  }

  private takeQuestion(batch: Rows, row: number, asking: Asking, names: readonly Int32Array[]): void {
    const { columns } = batch;
    const { server, client, waiting } = asking;
    const ref = refOf(batch, row);
    server.see(ref);
    const known = waiting.find((question) => isSame(question, columns, row));
    if (known) {
      known.tries++;
      known.last = ref;
      known.second ??= ref;
      if (known.tries === 2) server.repeat(known);
      return;
    }
    if (waiting.length >= WAITING_PER_FLOW_MAX) server.giveUp(waiting[0]);
    if (waiting.length >= WAITING_PER_FLOW_MAX) waiting.shift();
    const question: DnsQuestion = {
      client,
      clientPort: asking.clientPort,
      id: columns.id[row],
      name: nameOf(columns, names, row),
      nameHash: columns.nameHash[row],
      type: columns.type[row],
      tries: 1,
      first: ref,
      second: null,
      last: ref,
      answer: null,
      mate: null,
      responseNs: Number.NaN,
    };
    server.ask(question);
    waiting.push(question);
    this.waiting.add(asking);
    if (asking.newest && isMate(asking.newest, question)) server.pairUp(asking.newest, question);
    asking.newest = question;
  }

  private takeAnswer(batch: Rows, row: number, asking: Asking): void {
    const { columns } = batch;
    const { server, waiting } = asking;
    const at = waiting.findIndex((question) => isSame(question, columns, row));
    if (at < 0) return;
    const [question] = waiting.splice(at, 1);
    const ref = refOf(batch, row);
    server.see(ref);
    question.answer = ref;
    question.responseNs = ref.timeNs - question.first.timeNs;
    const rcode = columns.flags[row] & dns.RCODE_MASK;
    server.answer(question, failureOf(columns, row), rcode === 0 && columns.answers[row] > 0);
    if (waiting.length === 0) this.waiting.delete(asking);
  }

  private giveUpAll(asking: Asking): void {
    for (const question of asking.waiting) asking.server.giveUp(question);
    asking.waiting.length = 0;
    this.waiting.delete(asking);
  }

  endEpoch(): void {
    let count = 0;
    for (const asking of this.waiting) {
      const { waiting, server } = asking;
      let given = 0;
      while (given < waiting.length && this.nowNs - waiting[given].last.timeNs > GIVEN_UP_NS) given++;
      for (const question of waiting.splice(0, given)) server.giveUp(question);
      if (waiting.length === 0) this.waiting.delete(asking);
      count += waiting.length;
    }
    if (count > WAITING_MAX) {
      const oldest = [...this.waiting].sort((a, b) => a.waiting[0].first.frame - b.waiting[0].first.frame);
      for (const asking of oldest) {
        if (count <= WAITING_MAX) break;
        count -= asking.waiting.length;
        this.giveUpAll(asking);
      }
    }
    if (this.servers.size > SERVERS_MAX) this.closeServers(SERVERS_MAX / 2);
  }

  /** Their flows open a new session of the same server if they go on. */
  private closeServers(keep: number): void {
    const bySeen = [...this.servers].sort(([, a], [, b]) => (b.last?.frame ?? 0) - (a.last?.frame ?? 0));
    const gone = new Set(bySeen.slice(keep).map(([, server]) => server));
    for (const session of this.describe(gone)) this.closed.add(session);
    for (const [key, server] of bySeen.slice(keep)) {
      this.servers.delete(key);
      server.isClosed = true;
    }
    for (const asking of this.waiting) if (asking.server.isClosed) this.waiting.delete(asking);
  }

  endSegment(): void {
    for (const session of this.describe(new Set(this.servers.values()))) this.closed.add(session);
    this.servers = new Map();
    this.waiting = new Set();
    this.flows.clear();
    this.nowNs = Number.NaN;
  }

  sessions(): readonly DnsServer[] {
    return [...this.closed.sessions(), ...this.describe(new Set(this.servers.values()))];
  }

  private describe(servers: ReadonlySet<OpenServer>): DnsServer[] {
    const waiting = new Map<OpenServer, DnsQuestion[]>();
    for (const asking of this.waiting) {
      const known = waiting.get(asking.server);
      if (known) known.push(...asking.waiting);
      else waiting.set(asking.server, [...asking.waiting]);
    }
    return [...servers]
      .flatMap((server) => (server.first ? [server.describe(waiting.get(server) ?? [], server.first)] : []))
      .sort((a, b) => a.first.frame - b.first.frame);
  }
}

/** A and AAAA of one name, as resolvers ask for them: from one port, in one go. */
function isMate(earlier: DnsQuestion, later: DnsQuestion): boolean {
  return (
    earlier.mate === null &&
    earlier.nameHash === later.nameHash &&
    earlier.type !== later.type &&
    later.first.timeNs - earlier.first.timeNs <= PAIR_NS
  );
}

/** By id, and by name and type where both messages show them (some error answers leave the question out). */
function isSame(question: DnsQuestion, columns: DnsTable, row: number): boolean {
  if (question.id !== columns.id[row]) return false;
  if (question.name === '' || columns.nameLength[row] === 0) return true;
  return question.nameHash === columns.nameHash[row] && question.type === columns.type[row];
}

/** RFC 1035, section 4.1.1; no data: RFC 2308, section 2.2. A referral and a cut answer are no failure. */
function failureOf(columns: DnsTable, row: number): FailureKind | null {
  const flags = columns.flags[row];
  switch (flags & dns.RCODE_MASK) {
    case 0: {
      const isReferral = (flags & dns.FLAG_RECURSION_AVAILABLE) === 0 && columns.authorities[row] > 0;
      const isAddress = columns.type[row] === dns.TYPE_A || columns.type[row] === dns.TYPE_AAAA;
      if (columns.answers[row] > 0 || isReferral || !isAddress) return null;
      const isWhole = (flags & dns.FLAG_TRUNCATED) === 0 && columns.extendedRcode[row] === 0;
      return isWhole ? 'no-data' : null;
    }
    case 2:
      return 'server-failure';
    case 3:
      return 'no-such-name';
    case 5:
      return 'refused';
    default:
      return null;
  }
}

/** Every name server that is asked for recursion. */
export const dnsServers = defineCorrelator<DnsServer, DnsSchema>({
  name: 'dns',
  reads: dissector,
  order: 'flow',
  create: (run) => new DnsCorrelation(run),
});

export default [dnsServers as Correlator, strayAnswers as Correlator] satisfies Correlator[];
