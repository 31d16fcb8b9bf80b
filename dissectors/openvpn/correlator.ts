import {
  type Batch,
  type Correlation,
  type CorrelationRun,
  type Correlator,
  defineCorrelator,
} from '../../src/correlate/correlator.js';
import type { FlowId } from '../../src/correlate/flow-id.js';
import { OpenSessions } from '../../src/correlate/open-sessions.js';
import { isUnicast } from '../../src/wire/address.js';
import { PROTOCOL_TCP } from '../../src/wire/ip.js';
import dissector from './dissector.js';
import { PORT } from './layout.js';
import { OpenConversation } from './open-conversation.js';
import type { PacketFacts } from './packet-facts.js';
import type { OPENVPN_ROWS } from './rows.js';
import type { OpenvpnConversation } from './session.js';

export type * from './session.js';

/** Conversations held open when an epoch ends; above that the least recently seen half is closed. */
const CONVERSATIONS_MAX = 2048;

/**
 * OpenVPN by flow. Holds at most CONVERSATIONS_MAX open conversations between epochs (each bounded by itself); closed
 * ones go through a SessionStore. Flows that turn out not to be OpenVPN give no session.
 */
class OpenvpnCorrelation implements Correlation<OpenvpnConversation, typeof OPENVPN_ROWS> {
  private readonly open: OpenSessions<OpenConversation, OpenvpnConversation>;

  constructor(private readonly run: CorrelationRun) {
    this.open = new OpenSessions(run, {
      describe: (conversation) => conversation.describe(),
      score: scoreOf,
      bound: { max: CONVERSATIONS_MAX, kept: CONVERSATIONS_MAX / 2, lastFrame: ({ lastFrame }) => lastFrame },
    });
  }

  get summarised(): number {
    return this.open.summarised;
  }

  consume(batch: Batch<typeof OPENVPN_ROWS>, flow: FlowId, from: number, to: number): void {
    if (flow < 0) return;
    const { flows } = this.run;
    let conversation = this.open.of(flow);
    if (!conversation) {
      if (!isUnicast(flows.addressWords(flow, 0)) || !isUnicast(flows.addressWords(flow, 1))) return;
      conversation = this.openConversation(batch, flow);
    }
    for (let at = from; at < to; at++) {
      const facts = conversation.add(batch, batch.order[at]);
      if (facts !== null && facts.ackCount > 0 && conversation.key.stack === 0) this.noteHearing(flow, facts);
    }
  }

  private openConversation(batch: Batch<typeof OPENVPN_ROWS>, flow: FlowId): OpenConversation {
    const { flows } = this.run;
    const { low, lowPort, high, highPort } = flows.endpoints(flow);
    const conversation = new OpenConversation({
      low: { address: low, port: lowPort },
      high: { address: high, port: highPort },
      transport: flows.protocol(flow) === PROTOCOL_TCP ? 'tcp' : 'udp',
      stack: flows.stack(flow),
      segment: batch.segment,
      isOnPort: lowPort === PORT || highPort === PORT,
    });
    return this.open.begin(flow, conversation);
  }

  /** An acknowledgment names packets of the peer, and its session id: both are known from the peer alone. */
  private noteHearing(flow: FlowId, facts: PacketFacts): void {
    const { from, to } = this.run.flows.addresses(flow, facts.way);
    this.run.hearsPeer.note(from, to, 'an OpenVPN acknowledgment', facts.ref);
  }

  endSegment(): void {
    this.open.endSegment();
  }

  endEpoch(): void {
    this.open.endEpoch();
  }

  sessions(): readonly OpenvpnConversation[] {
    return this.open.sessions().sort((a, b) => a.first.frame - b.first.frame);
  }
}

/** Worse the more was sent in vain or lost. */
function scoreOf({ handshakes, directions, runs }: OpenvpnConversation): number {
  const repeated = handshakes.reduce(
    (sum, { clientResets, messages }) =>
      sum + (clientResets?.sends ?? 0) + messages.reduce((more, { sends }) => more + sends - 1, 0),
    0,
  );
  return directions.reduce((sum, { packetIds }) => sum + (packetIds?.missing ?? 0), repeated) + runs.length;
}

/** Every two sockets that speak OpenVPN, with what shows of control and data channel. */
export const openvpnConversations = defineCorrelator<OpenvpnConversation, typeof OPENVPN_ROWS>({
  name: 'openvpn',
  reads: dissector,
  order: 'flow',
  create: (run) => new OpenvpnCorrelation(run),
});

export default [openvpnConversations as Correlator] satisfies Correlator[];
