import type { FrameRef } from '../../src/moment.js';
import type { Nanoseconds, SegmentIndex } from '../../src/units.js';

/** How a server answers `ruok`. */
export type HealthAnswer = 'imok' | 'restricted' | 'other';

/** A `ruok`, and what came back first; null: nothing readable. */
export interface HealthCheck {
  readonly at: FrameRef;
  readonly answer: HealthAnswer | null;
  readonly answered: FrameRef | null;
}

/** A time in which a session's pings got no answer. */
export interface PingSilence {
  readonly from: FrameRef;
  /** The next answer; null: none came. */
  readonly until: FrameRef | null;
  readonly pings: number;
  /** NaN where it has not ended. */
  readonly lastedNs: Nanoseconds;
}

/** What one client host port has with a ZooKeeper server on one connection, or on one after the other. */
export interface ZookeeperConversation {
  readonly client: string;
  readonly clientPort: number;
  readonly server: string;
  /** Tunnel stack (`flows.tunnelLayers`); 0: in no tunnel. */
  readonly stack: number;
  readonly segment: SegmentIndex;
  readonly first: FrameRef;
  readonly last: FrameRef;
  /** At most CHECKS_KEPT, and how many in all. */
  readonly checks: readonly HealthCheck[];
  readonly checkCount: number;
  /** Other four-letter words that were asked. */
  readonly otherWords: number;
  /** Negotiated session timeout in milliseconds; 0 where the capture does not show it. */
  readonly timeoutMs: number;
  readonly connects: number;
  /** Connect responses without a session, and responses that say that the session has expired. */
  readonly refused: readonly FrameRef[];
  readonly expired: readonly FrameRef[];
  readonly pings: number;
  readonly pingReplies: number;
  /** The longest one that ended, and the one that lasts; null: none. */
  readonly longestSilence: PingSilence | null;
  readonly openSilence: PingSilence | null;
}

/** What goes wrong together with a state database: none of it is another fault (see `severityOfFlow`). */
export const OWN_AREAS: readonly string[] = ['nsdb.', 'zk.', 'cassandra.', 'tcp.', 'app.', 'latency.'];
