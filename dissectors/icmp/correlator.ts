import type { Correlator } from '../../src/correlate/correlator.js';
import { echoStreams } from './echo-streams.js';
import { icmpErrors } from './icmp-errors.js';

export { type EchoRequest, type EchoStream, echoStreams } from './echo-streams.js';
export type { EchoRun } from './echo-tally.js';
export { type IcmpError, icmpErrors, type QuotedPacket } from './icmp-errors.js';
export type { ErrorMeaning } from './message-types.js';

export default [icmpErrors as Correlator, echoStreams as Correlator] satisfies Correlator[];
