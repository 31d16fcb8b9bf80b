import {
  type Limit,
  oneSidedLimit,
  SNAPLEN,
  tooShortAfter,
  WHOLE_PACKETS_RECIPE,
} from '../../src/correlate/gates.js';
import { groupBy } from '../../src/correlate/group-by.js';
import type { Evidence } from '../../src/diagnose/diagnosis.js';
import { type TcpDirection, tcpConnections } from '../tcp/correlator.js';
import { PORT } from './layout.js';
import type { HealthCheck, ZookeeperConversation } from './session.js';

/** How long the answer to a four-letter word may take. */
export const ANSWER_SECONDS = 5;

/** What came of one `ruok`. */
export type Outcome =
  | { readonly state: 'ok'; readonly check: HealthCheck }
  | { readonly state: 'not-ok' | 'silent' | 'closed'; readonly check: HealthCheck }
  | { readonly state: 'unknown'; readonly check: HealthCheck; readonly limit: Limit };

export function outcomeOf(
  evidence: Evidence,
  conversation: ZookeeperConversation,
  check: HealthCheck,
): Outcome {
  const { quality } = evidence;
  // A server that says that the word is not in its whitelist runs.
  if (check.answer === 'imok' || check.answer === 'restricted') return { state: 'ok', check };
  if (check.answer === 'other') {
    // That a word is not in the whitelist stands behind what a short snaplen leaves.
    return quality.cut.count > 0
      ? { state: 'unknown', check, limit: unreadable(conversation) }
      : { state: 'not-ok', check };
  }
  const { client, server, stack } = conversation;
  const limit = oneSidedLimit(quality, client, server, stack);
  if (limit) return { state: 'unknown', check, limit };
  const sent = serverSide(evidence, conversation);
  if (sent && sent.payloadBytes > 0) {
    return { state: 'unknown', check, limit: unreadable(conversation) };
  }
  if (sent && (sent.sentFin || sent.sentRst)) return { state: 'closed', check };
  const shortage = tooShortAfter(quality, check.at, ANSWER_SECONDS);
  return shortage ? { state: 'unknown', check, limit: shortage } : { state: 'silent', check };
}

function unreadable({ client, clientPort, server }: ZookeeperConversation): Limit {
  const reason = `${server} answers ruok of ${client} port ${clientPort}, but not readably; ${WHOLE_PACKETS_RECIPE}`;
  return { id: SNAPLEN, reason };
}

/** What the server sent on the connection of a conversation; null where TCP does not tell. */
function serverSide(
  evidence: Evidence,
  { client, clientPort, server, stack, segment }: ZookeeperConversation,
): TcpDirection | null {
  const isServer = ({ address, port }: TcpDirection): boolean => address === server && port === PORT;
  const isClient = ({ address, port }: TcpDirection): boolean => address === client && port === clientPort;
  for (const connection of evidence.sessions(tcpConnections)) {
    if (connection.stack !== stack || connection.segment !== segment) continue;
    if (isServer(connection.a) && isClient(connection.b)) return connection.a;
    if (isServer(connection.b) && isClient(connection.a)) return connection.b;
  }
  return null;
}

/** Conversations by server, in order of first frame. */
export function byServer(conversations: readonly ZookeeperConversation[]): ZookeeperConversation[][] {
  return [
    ...groupBy(conversations, ({ stack, segment, server }) => `${stack} ${segment} ${server}`).values(),
  ];
}
