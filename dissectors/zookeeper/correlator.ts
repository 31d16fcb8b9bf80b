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
import dissector, { type ZookeeperTable } from './dissector.js';
import * as zk from './layout.js';
import { OpenConversation } from './open-conversation.js';
import type { HealthAnswer, ZookeeperConversation } from './session.js';

export type { HealthCheck, PingSilence, ZookeeperConversation } from './session.js';

type ZookeeperSchema = typeof dissector.observes;
type Rows = Batch<ZookeeperSchema>;

const CONVERSATIONS_MAX = 4096;
/** A four-letter word with the end of the line that people type. */
const COMMAND_LENGTH_MAX = 6;

/**
 * Follows conversations with ZooKeeper servers by flow. Holds at most CONVERSATIONS_MAX between epochs (about 4 KiB
 * each); the least recently seen half goes through a SessionStore.
 */
class ZookeeperCorrelation implements Correlation<ZookeeperConversation, ZookeeperSchema> {
  private readonly flows: FlowStates<OpenConversation>;
  private readonly open = new Set<OpenConversation>();
  private readonly closed = new SessionStore<ZookeeperConversation>(troubleOf);

  constructor(private readonly run: CorrelationRun) {
    this.flows = run.flows.trackStates<OpenConversation>((conversation) => this.close(conversation));
  }

  get summarised(): number {
    return this.closed.summarised;
  }

  consume(batch: Rows, flow: FlowId, from: number, to: number): void {
    if (flow < 0) return;
    const { columns, order } = batch;
    let conversation = this.flows.get(flow);
    if (!conversation || !this.open.has(conversation)) {
      conversation = this.openConversation(batch, flow, order[from]);
      this.flows.set(flow, conversation);
      this.open.add(conversation);
    }
    for (let at = from; at < to; at++) take(conversation, batch, columns, order[at]);
  }

  private openConversation(batch: Rows, flow: FlowId, row: number): OpenConversation {
    const { rows, isAnswer } = batch.columns;
    const { flows } = this.run;
    const toServer = rows.direction[row] ^ isAnswer[row];
    const { from: client, to: server } = flows.addresses(flow, toServer);
    const { from: clientPort } = flows.ports(flow, toServer);
    return new OpenConversation(
      client,
      clientPort,
      server,
      flows.stack(flow),
      batch.segment,
      refOf(batch, row),
    );
  }

  private close(conversation: OpenConversation): void {
    if (this.open.delete(conversation)) this.closed.add(conversation.describe());
  }

  endEpoch(): void {
    if (this.open.size <= CONVERSATIONS_MAX) return;
    const bySeen = [...this.open].sort((a, b) => a.last.frame - b.last.frame);
    for (const one of bySeen.slice(0, bySeen.length - CONVERSATIONS_MAX / 2)) this.close(one);
  }

  endSegment(): void {
    this.flows.clear();
  }

  sessions(): readonly ZookeeperConversation[] {
    const open = [...this.open].map((conversation) => conversation.describe());
    return [...this.closed.sessions(), ...open].sort((a, b) => a.first.frame - b.first.frame);
  }
}

function take(conversation: OpenConversation, batch: Rows, columns: ZookeeperTable, row: number): void {
  const at = refOf(batch, row);
  conversation.last = at;
  switch (columns.kind[row]) {
    case zk.KIND_TEXT:
      if (columns.isAnswer[row] === 1) conversation.answerText(at, answerOf(columns, row));
      else if (columns.textLength[row] > COMMAND_LENGTH_MAX) return;
      else if (columns.word[row] === zk.WORD_RUOK) conversation.askHealth(at);
      else conversation.askOther();
      return;
    case zk.KIND_CONNECT_REQUEST:
      return conversation.connect();
    case zk.KIND_CONNECT_RESPONSE:
      return conversation.connected(at, columns.timeoutMs[row], columns.isRefused[row] === 1);
    case zk.KIND_PING:
      return conversation.ping(at);
    case zk.KIND_PING_REPLY:
      return conversation.answerPing(at);
    case zk.KIND_EXPIRED:
      return conversation.expire(at);
    case zk.KIND_CLOSE:
      return conversation.close();
  }
}

function answerOf({ word, isRestricted }: ZookeeperTable, row: number): HealthAnswer {
  if (word[row] === zk.WORD_IMOK) return 'imok';
  return isRestricted[row] === 1 ? 'restricted' : 'other';
}

function troubleOf({ checks, refused, expired, openSilence }: ZookeeperConversation): number {
  return (
    checks.filter(({ answer }) => answer !== 'imok').length +
    refused.length +
    expired.length +
    (openSilence?.pings ?? 0)
  );
}

/** Every flow with the client port of ZooKeeper on which there was text, a session or a ping. */
export const zookeeperConversations = defineCorrelator<ZookeeperConversation, ZookeeperSchema>({
  name: 'zookeeper',
  reads: dissector,
  order: 'flow',
  create: (run) => new ZookeeperCorrelation(run),
});

export default [zookeeperConversations as Correlator] satisfies Correlator[];
