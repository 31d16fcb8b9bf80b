import type { CaptureFacts } from '../../../src/capture/capture-source.js';
import type { CaptureQuality } from '../../../src/correlate/capture-quality.js';
import { defineDiagnosis, type Problem } from '../../../src/diagnose/diagnosis.js';
import type { Citation } from '../../../src/moment.js';
import {
  captureSpan,
  captureSubject,
  framesFilter,
  inFile,
  lastFrameOf,
} from '../../../src/wording/capture-subject.js';

const DAMAGE_NAMED_MAX = 3;

export default defineDiagnosis({
  id: 'capture.truncated-file',
  title: 'Capture file ends inside a record',
  severity: 'warning',
  subject: 'capture',
  layer: 'capture',
  priority: 1,
  rule: 'The file ends inside a record or block, or holds lengths that cannot be right; what could be read was analysed.',
  notWhen: 'Every record or block of the file is whole.',
  causes: [
    'The disk filled up or a quota was reached while the capture was written',
    'The capturing program was killed, or the file was copied while it was still being written',
    'The copy was aborted, or a text-mode transfer changed the bytes',
  ],
  nextSteps: [
    'Compare size and checksum with the original (ls -l, sha256sum) and copy it again in binary mode: scp, rsync',
    'For the next capture, write every packet at once (tcpdump -U -w FILE) and stop with Ctrl-C, not kill -9',
    'If only the end is missing, the verdicts hold for the time before it; what came later is unknown',
  ],
  refutedBy: 'capinfos FILE reads the file to its end without an error.',
  source: 'draft-ietf-opsawg-pcap and draft-ietf-opsawg-pcapng (record and block lengths)',
  fault: 'capture',
  *diagnose({ quality }) {
    const damaged = [...quality.captures.entries()].filter(([, facts]) => facts.damaged.length > 0);
    for (const [index, facts] of damaged) yield damageOf(quality, facts, index);
    if (damaged.length === 0) yield { result: 'healthy', subject: captureSubject(quality) };
  },
});

function damageOf(quality: CaptureQuality, facts: CaptureFacts, index: number): Problem {
  const { damaged, frames } = facts;
  const endsInside = damaged.some(({ isCutShort }) => isCutShort);
  const { first, last } = captureSpan(quality, index);
  const lastFrame = lastFrameOf(quality, index);
  const evidence: Citation[] = lastFrame ? [{ ...lastFrame, summary: 'last frame that could be read' }] : [];
  const places = damaged
    .slice(0, DAMAGE_NAMED_MAX)
    .map(({ offset, reason }) => `at byte ${offset}: ${reason}`);
  if (damaged.length > DAMAGE_NAMED_MAX) {
    places.push(`and ${damaged.length - DAMAGE_NAMED_MAX} places more`);
  }
  return {
    result: 'problem',
    subject: captureSubject(quality, index),
    confidence: 'high',
    ...(endsInside ? {} : { title: 'Part of the capture file cannot be read' }),
    explanation: `${frames} frames were read${inFile(quality, index)}; ${places.join('; ')}.`,
    first: endsInside ? last : first,
    last,
    ongoingAtEnd: endsInside,
    counts: { framesRead: frames, damagedPlaces: damaged.length, firstDamageOffset: damaged[0]?.offset ?? 0 },
    evidence,
    displayFilter: framesFilter(evidence),
  };
}
