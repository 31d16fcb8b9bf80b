import type { CaptureQuality } from '../../src/correlate/capture-quality.js';
import { dropLimit } from '../../src/correlate/gates.js';
import type { Problem } from '../../src/diagnose/diagnosis.js';
import type { Citation, FrameRef } from '../../src/moment.js';
import type { Subject } from '../../src/report/report.js';
import { inOrder } from '../../src/wording/citations.js';
import { carrierFilter, pairFilter } from '../../src/wording/display-filters.js';
import { subjectInside } from '../../src/wording/subjects.js';
import { PORT_BGP } from './layout.js';
import type { PeerConnection, Peering } from './peerings.js';

const EVIDENCE_MAX = 10;

/** The session between two speakers, whichever connection carries it. */
export function peeringSubject(quality: CaptureQuality, { a, b, stack }: Peering): Subject {
  return subjectInside(quality, stack, { kind: 'session', endpoints: [a, b], protocol: 'bgp' });
}

/** What every finding about a peering says of it. */
export function peeringFacts(
  quality: CaptureQuality,
  peering: Peering,
): Pick<Problem, 'subject' | 'pair' | 'displayFilter' | 'packetClass'> & {
  readonly limitedBy?: readonly string[];
} {
  const drops = dropLimit(quality);
  return {
    subject: peeringSubject(quality, peering),
    pair: [peering.a, peering.b],
    displayFilter: peeringFilter(quality, peering),
    packetClass: 'bgp',
    ...(drops ? { limitedBy: [drops.id] } : {}),
  };
}

/** All segments of port 179 between the two; inside a tunnel, the packets of the tunnel. */
function peeringFilter(quality: CaptureQuality, { a, b, stack }: Peering): string {
  return carrierFilter(quality, stack) ?? `${pairFilter(a, b)} && tcp.port == ${PORT_BGP}`;
}

/** In order of frames, each once, at most ten: the first nine and the last. */
export function citationsInOrder(citations: readonly Citation[]): Citation[] {
  const all = inOrder(citations);
  return all.length <= EVIDENCE_MAX ? all : [...all.slice(0, EVIDENCE_MAX - 1), all[all.length - 1]];
}

/** A session that was established after a frame; null: there is none in the capture. */
export function establishedAfter({ connections }: Peering, { frame }: FrameRef): PeerConnection | null {
  return connections.find(({ established }) => established !== null && established.frame > frame) ?? null;
}
