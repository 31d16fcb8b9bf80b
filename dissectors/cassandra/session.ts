import type { FrameRef } from '../../src/moment.js';
import type { SegmentIndex } from '../../src/units.js';

/** Errors of one code that a client got of a server. */
export interface CassandraErrors {
  readonly code: number;
  readonly count: number;
  readonly first: FrameRef;
  readonly last: FrameRef;
}

/** What one client host has with a Cassandra server, all its connections together, in one tunnel stack and time segment. */
export interface CassandraClient {
  readonly client: string;
  readonly server: string;
  readonly stack: number;
  readonly segment: SegmentIndex;
  readonly first: FrameRef;
  readonly last: FrameRef;
  readonly startups: number;
  /** READY, AUTHENTICATE or AUTH_SUCCESS: the server takes the connection. */
  readonly accepted: number;
  readonly lastAccepted: FrameRef | null;
  /** STARTUPs that wait for an answer on their connection; at most WAITING_KEPT. */
  readonly waiting: readonly FrameRef[];
  /** By code, at most CODES_KEPT; those beyond are counted in `otherErrors`. */
  readonly errors: readonly CassandraErrors[];
  readonly otherErrors: number;
}
