import type { CaptureQuality } from '../../../src/correlate/capture-quality.js';
import { momentOf } from '../../../src/correlate/frame-reference.js';
import { defineDiagnosis, type Problem } from '../../../src/diagnose/diagnosis.js';
import { relevanceOfPair, severityFor } from '../../../src/diagnose/severity-policy.js';
import type { Citation } from '../../../src/moment.js';
import { plural } from '../../../src/wording/counts.js';
import { insideWords, pairSubject } from '../../../src/wording/subjects.js';
import { fragmentStreams } from '../correlator.js';
import {
  type FragmentPair,
  fragmentFilter,
  fragmentPairs,
  identificationWords,
} from '../shared/fragment-pairs.js';

export default defineDiagnosis({
  id: 'frag.overlap',
  title: 'Overlapping fragments',
  severity: 'warning',
  subject: 'pair',
  layer: 'fragments',
  priority: 3,
  rule:
    'Fragments of one datagram that follow within a second of each other overlap in part, or disagree on where it ends. ' +
    'Warning between the ends of a tunnel and where the hosts talk little else, information otherwise.',
  notWhen:
    'A fragment is repeated exactly: that is a duplicate. The identification is used again more than a second later.',
  causes: [
    'An attempt to slip packets past a filter that does not reassemble (RFC 1858)',
    'A sender that uses an identification again while the last datagram with it is still on its way',
    'A device on the path that fragments a second time, and wrongly',
  ],
  nextSteps: [
    'Look at the fragments: tshark -r FILE -Y "ip.fragment.overlap or ip.fragment.overlap.conflict"',
    'Hosts drop such datagrams (IPv6 must, RFC 5722); trace the sender by its link-layer address',
  ],
  refutedBy: 'The fragments belong to datagrams of different content with the same identification.',
  source: 'RFC 5722, RFC 1858, RFC 3128',
  fault: 'fragments',
  *diagnose(evidence) {
    const { quality } = evidence;
    for (const pair of fragmentPairs(evidence.sessions(fragmentStreams))) {
      const count = pair.streams.reduce((sum, { conflictingCount }) => sum + conflictingCount, 0);
      if (count > 0) yield problemOf(quality, pair, count);
      else yield { result: 'healthy', subject: pairSubject(quality, pair) };
    }
  },
});

function problemOf(quality: CaptureQuality, pair: FragmentPair, count: number): Problem {
  const { source, destination, stack, complete, streams } = pair;
  const entries = streams
    .flatMap(({ conflicting }) => conflicting)
    .sort((a, b) => a.first.frame - b.first.frame);
  const citations: Citation[] = [];
  for (const entry of [...entries.slice(0, 3), ...entries.slice(3).slice(-2)]) {
    const name = `datagram ${identificationWords(entry)}`;
    citations.push({ ...entry.first, summary: `first seen fragment of ${name}` });
    if (entry.conflict)
      citations.push({ ...entry.conflict, summary: `fragment that contradicts it, ${name}` });
  }
  return {
    result: 'problem',
    subject: pairSubject(quality, pair),
    severity: severityFor(relevanceOfPair(quality, source, destination, stack), 'warning'),
    confidence: 'medium',
    explanation:
      `${plural(count, 'fragmented datagram')} from ${source} to ${destination}${insideWords(quality, stack)} have fragments that ` +
      `overlap or disagree on where the datagram ends; ${complete} others are sound. Receivers differ in what they make of them.`,
    pair: [source, destination],
    direction: { from: source, to: destination },
    where: 'unknown',
    first: momentOf(entries[0].first),
    last: momentOf(entries[entries.length - 1].last),
    ongoingAtEnd: false,
    counts: { datagrams: count, complete },
    evidence: citations,
    displayFilter: fragmentFilter(source, destination),
  };
}
