import type { Evidence } from '../../../src/diagnose/diagnosis.js';
import { NS_PER_SECOND } from '../../../src/units.js';
import { checksumFaults } from '../../checksum/correlator.js';
import type { ServiceStuckSegment, TcpService } from '../session.js';
import { isBlackHoleSize } from './size-limits.js';

export const ARRIVED_REPEATS_MIN = 3;
export const ARRIVED_SECONDS_MIN = 1;

/** A segment that came in at the host that captured, again and again, and that its TCP never acknowledged. */
export interface ArrivedSegment {
  readonly service: TcpService;
  readonly stuck: ServiceStuckSegment;
  readonly from: string;
  /** The host that captured. */
  readonly to: string;
}

/** The worst such segment of a service in each direction. */
export function arrivedSegments(evidence: Evidence, service: TcpService): ArrivedSegment[] {
  const { client, server, fromClient, fromServer } = service;
  return [
    { side: fromClient, from: client, to: server },
    { side: fromServer, from: server, to: client },
  ].flatMap(({ side, from, to }) => {
    const stuck = side.trouble?.stuck.find((one) => isArrived(evidence, one, to));
    if (!stuck || hasWrongChecksums(evidence, service.stack, from, to)) return [];
    return [{ service, stuck, from, to }];
  });
}

function isArrived({ quality }: Evidence, stuck: ServiceStuckSegment, to: string): boolean {
  const { isRecovered, isPeerHeard, repeats, first, last, length, newestLength } = stuck;
  return (
    (stuck.isAtReceiver || quality.local.includes(to)) &&
    !isRecovered &&
    isPeerHeard &&
    repeats >= ARRIVED_REPEATS_MIN &&
    length === newestLength &&
    first.segment === last.segment &&
    last.timeNs - first.timeNs >= ARRIVED_SECONDS_MIN * NS_PER_SECOND &&
    !isBlackHoleSize(stuck)
  );
}

/** A damaged segment is dropped for its checksum, and packet.bad-checksum says so. */
function hasWrongChecksums(evidence: Evidence, stack: number, from: string, to: string): boolean {
  return evidence
    .sessions(checksumFaults)
    .some(({ conversation: one }) => one.stack === stack && one.from === from && one.to === to);
}
