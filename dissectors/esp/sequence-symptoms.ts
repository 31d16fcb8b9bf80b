import { earliest, latest } from '../../src/correlate/frame-reference.js';
import type { Evidence, Judgement, Problem } from '../../src/diagnose/diagnosis.js';
import type { Citation, FrameRef } from '../../src/moment.js';
import type { EspDirection, EspSa } from './session.js';
import { judgedPairs, saFilter, spiText } from './shared/sa-pairs.js';

/** Anti-replay window that receivers have by default (RFC 4303, section 3.4.3). */
export const REPLAY_WINDOW = 64;

/** What sequence numbers of a direction show, and the SAs that show it. */
export interface SequenceSymptom extends Pick<Problem, 'confidence' | 'explanation' | 'counts'> {
  readonly sas: readonly EspSa[];
  /** The first and the last packet of an SA with it, and how that of the first is cited. */
  readonly span: (sa: EspSa) => readonly [FrameRef | null, FrameRef | null];
  readonly summary: (sa: EspSa) => string;
}

/** Judges each direction of each pair by what its numbers show; null where nothing is wrong with them. */
export function* judgeSequences(
  evidence: Evidence,
  symptomOf: (direction: EspDirection) => SequenceSymptom | null,
): Generator<Judgement> {
  for (const pair of judgedPairs(evidence)) {
    for (const direction of pair.directions) {
      if (direction.packets === 0) continue;
      const { from, to } = direction;
      const subject = { kind: 'tunnel', endpoints: [pair.low, pair.high], from, to };
      const symptom = symptomOf(direction);
      if (!symptom) {
        yield { result: 'healthy', subject };
        continue;
      }
      const { sas, span, summary, ...said } = symptom;
      yield {
        result: 'problem',
        subject,
        ...said,
        pair: [pair.low, pair.high],
        direction: { from, to },
        where: 'path',
        first: earliest(sas.map((sa) => span(sa)[0])) ?? pair.first,
        last: latest(sas.map((sa) => span(sa)[1])) ?? pair.last,
        ongoingAtEnd: false,
        evidence: sas.flatMap((sa) => citationsOf(sa, span(sa), summary(sa))),
        displayFilter: saFilter(sas),
        packetClass: 'esp',
      };
    }
  }
}

function citationsOf(
  { spi }: EspSa,
  [first, last]: readonly [FrameRef | null, FrameRef | null],
  summary: string,
): Citation[] {
  if (!first || !last) return [];
  return [
    { ...first, summary: `SPI ${spiText(spi)}: ${summary}` },
    { ...last, summary: `SPI ${spiText(spi)}: last of them` },
  ];
}

/** Packets out of order, of SAs that have some. */
export function reorderingOf(sas: readonly EspSa[]): Omit<SequenceSymptom, 'confidence' | 'explanation'> & {
  readonly counts: { readonly reordered: number; readonly packets: number; readonly maxExtent: number };
} {
  return {
    sas,
    span: ({ firstReordered, lastReordered }) => [firstReordered, lastReordered],
    summary: ({ reordered }) => `first of ${reordered} packets out of order`,
    counts: {
      reordered: sas.reduce((sum, { reordered }) => sum + reordered, 0),
      packets: sas.reduce((sum, { packets }) => sum + packets, 0),
      maxExtent: sas.reduce((most, { maxExtent }) => Math.max(most, maxExtent), 0),
    },
  };
}
