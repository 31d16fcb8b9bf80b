import type { CaptureQuality } from '../../../src/correlate/capture-quality.js';
import { momentOf } from '../../../src/correlate/frame-reference.js';
import { defineDiagnosis, type Judgement, type Problem } from '../../../src/diagnose/diagnosis.js';
import { plural } from '../../../src/wording/counts.js';
import { insideWords, pairSubject } from '../../../src/wording/subjects.js';
import { fragmentStreams } from '../correlator.js';
import { citedPieces, type FragmentPair, fragmentFilter, fragmentPairs } from '../shared/fragment-pairs.js';

/** Two pieces may change places on the path; several datagrams in a row, or three pieces, hardly. */
const DATAGRAMS_MIN = 2;
const PIECES_MIN = 3;
const SHARE_MIN = 0.8;

export default defineDiagnosis({
  id: 'frag.reverse-order',
  title: 'Fragments sent last-first (harmless)',
  severity: 'info',
  subject: 'pair',
  layer: 'fragments',
  priority: 1,
  rule:
    'At least 80 % of the complete datagrams of a direction came highest offset first: two datagrams at least, or one in ' +
    'three or more pieces.',
  notWhen: 'Single datagrams came out of order: that is reordering on the path.',
  causes: [
    'The sender emits the last fragment first, as Linux up to 2.4 and some embedded systems do: this is no fault',
    'A device on the path reassembles and fragments again',
  ],
  nextSteps: [
    'Nothing to do for the sender. Check that filters on the path do not need the first fragment to come first',
  ],
  refutedBy: 'A capture on the sender shows rising offsets: then the path turns the order.',
  source: 'RFC 791 section 3.2 (any order is allowed); openswan guide, fragmentation',
  thresholds: {
    share: [SHARE_MIN, 'share', 'a habit of the sender, not chance'],
    datagrams: [DATAGRAMS_MIN, 'datagrams', 'two pieces may change places on the path'],
  },
  fault: 'remark',
  *diagnose(evidence) {
    for (const pair of fragmentPairs(evidence.sessions(fragmentStreams))) {
      if (pair.complete > 0) yield judge(evidence.quality, pair);
    }
  },
});

function judge(quality: CaptureQuality, pair: FragmentPair): Judgement {
  const reversed = pair.streams.reduce((sum, { arrival }) => sum + arrival.reversed, 0);
  const examples = pair.streams.flatMap((stream) => stream.reversed);
  const isCertain = reversed >= DATAGRAMS_MIN || examples.some(({ pieces }) => pieces >= PIECES_MIN);
  if (reversed < SHARE_MIN * pair.complete || !isCertain) {
    return { result: 'healthy', subject: pairSubject(quality, pair) };
  }
  return problemOf(quality, pair, reversed);
}

function problemOf(quality: CaptureQuality, pair: FragmentPair, reversed: number): Problem {
  const { source, destination, stack, complete, streams } = pair;
  const examples = streams.flatMap((stream) => stream.reversed).sort((a, b) => a.first.frame - b.first.frame);
  const [first] = examples;
  const last = examples[examples.length - 1];
  return {
    result: 'problem',
    subject: pairSubject(quality, pair),
    severity: 'info',
    confidence: 'high',
    explanation:
      `${reversed} of ${plural(complete, 'complete fragmented datagram')} from ${source} to ${destination}${insideWords(quality, stack)} ` +
      'came with the last fragment first. The receiver puts them together all the same.',
    pair: [source, destination],
    direction: { from: source, to: destination },
    where: 'sender',
    first: momentOf(first.first),
    last: momentOf(last.last),
    ongoingAtEnd: false,
    counts: { reversed, complete },
    evidence: citedPieces(examples).map(({ at, start, end }) => ({
      ...at,
      summary: `fragment, bytes ${start} to ${end - 1}`,
    })),
    displayFilter: fragmentFilter(source, destination),
  };
}
