import type { CaptureQuality } from '../../src/correlate/capture-quality.js';
import { oneSidedLimit } from '../../src/correlate/gates.js';
import type { IkeSession } from './session.js';
import type { Stall, StallVariant } from './stall.js';
import { stallsOfV1 } from './stalls-v1.js';
import { stallsOfV2 } from './stalls-v2.js';

/*
 * Where an IKE SA stopped: for what was sent in vain at most one verdict, in the order in which the causes exclude
 * each other; each diagnosis picks its own kind.
 */

/** All that went wrong with one session; empty where everything that was sent got its answer. */
export function stallsOf(session: IkeSession, quality: CaptureQuality): Stall[] {
  const stalls = session.version === 1 ? stallsOfV1(session, quality) : stallsOfV2(session, quality);
  const limit = oneSidedLimit(quality, session.initiator, session.responder, session.paths[0].stack);
  if (!limit) return stalls;
  return stalls.map((stall) =>
    restsOnAbsence(stall)
      ? { ...stall, insufficient: { reason: limit.reason, limitedBy: [limit.id] } }
      : stall,
  );
}

const RECEIVED: readonly StallVariant[] = ['informational', 'short-answer', 'answers-lost', 'given-up'];

/** A received message is proof whatever else the capture hides. */
function restsOnAbsence({ variant }: Stall): boolean {
  return !RECEIVED.includes(variant);
}
