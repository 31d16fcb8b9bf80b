import type { CaptureQuality } from '../../../src/correlate/capture-quality.js';
import { momentOf } from '../../../src/correlate/frame-reference.js';
import { secondsToPause } from '../../../src/correlate/watched.js';
import { defineDiagnosis, type Judgement, type Problem } from '../../../src/diagnose/diagnosis.js';
import { relevanceOfPair, severityFor } from '../../../src/diagnose/severity-policy.js';
import { type Citation, isNonEmpty, mostBy, type NonEmpty, spanOf } from '../../../src/moment.js';
import { durationBetween, secondsText } from '../../../src/wording/durations.js';
import { insideWords, pairSubject } from '../../../src/wording/subjects.js';
import { icmpErrors } from '../icmp-errors.js';
import { IGNORED_REPORTS_MIN, IGNORED_SECONDS_MIN, isIgnoredBySender, isProbe } from '../mtu-reports.js';
import {
  type ErrorPair,
  errorFilter,
  errorPairs,
  flowWords,
  type QuotingError,
  summaryOf,
} from '../shared/error-pairs.js';

export default defineDiagnosis({
  id: 'mtu.ptb-ignored',
  title: 'Sender ignores the MTU report',
  severity: 'error',
  subject: 'pair',
  layer: 'fragments',
  priority: 2,
  rule:
    'After an ICMP "fragmentation needed" or ICMPv6 "packet too big", at least 3 more reports quote packets of the same ' +
    'flow that exceed the reported MTU, each more than 1 s after the first report and over at least 3 s.',
  notWhen:
    'The flow probes the path on purpose: ping with DF, QUIC. A pause of more than a minute between two reports, because ' +
    'senders may try larger packets again from time to time.',
  causes: [
    'A firewall on or before the sender drops the ICMP reports',
    'The tunnel endpoint does not pass the report on to the host whose packet was too large',
    'The sender sets DF and has no path MTU discovery (a fixed MTU in the tunnel configuration)',
  ],
  nextSteps: [
    'Allow ICMP 3/4 (ICMPv6 type 2) on the way to the sender and on the sender itself',
    'ip route get DESTINATION on the sender: the cached MTU must be the reported one',
    'Set the MTU of the tunnel interface by hand, or clear DF on the outer header',
  ],
  refutedBy: 'The packets that are quoted later are not larger than the reported MTU.',
  source: 'RFC 1191 section 6.3, RFC 8201 section 4, RFC 2923',
  thresholds: {
    reports: [IGNORED_REPORTS_MIN, 'errors', 'packets under way cause one or two more reports'],
    seconds: [IGNORED_SECONDS_MIN, 's', 'a sender that learns does so within a round trip'],
  },
  fault: 'mtu',
  consequenceOfIds: ['mtu.frag-needed'],
  *diagnose(evidence) {
    const { quality } = evidence;
    const reports = evidence.sessions(icmpErrors).filter(({ meaning }) => meaning === 'packet-too-big');
    for (const pair of errorPairs(reports)) {
      if (!pair.errors.every(isProbe)) yield judge(quality, pair);
    }
  },
});

function judge(quality: CaptureQuality, pair: ErrorPair): Judgement {
  const ignored = pair.errors.filter(isIgnoredBySender);
  if (isNonEmpty(ignored)) return problemOf(quality, pair, ignored);
  const subject = pairSubject(quality, pair);
  const left = secondsToPause(quality, pair.first);
  if (left >= IGNORED_SECONDS_MIN) return { result: 'healthy', subject };
  return {
    result: 'insufficient-data',
    subject,
    reason: `The capture ends ${secondsText(left)} after the report; whether the sender obeys takes ${IGNORED_SECONDS_MIN} s more to see.`,
    neededSeconds: IGNORED_SECONDS_MIN,
  };
}

function problemOf(quality: CaptureQuality, pair: ErrorPair, ignored: NonEmpty<QuotingError>): Problem {
  const { source, destination, stack } = pair;
  const worst = mostBy(ignored, ({ ignoredCount }) => ignoredCount);
  const count = ignored.reduce((sum, { ignoredCount }) => sum + ignoredCount, 0);
  const { first, last } = spanOf(ignored);
  const mtu = worst.smallestMtu;
  return {
    result: 'problem',
    subject: pairSubject(quality, pair),
    severity: severityFor(relevanceOfPair(quality, source, destination, stack), 'error'),
    confidence: 'high',
    explanation:
      `${worst.reporter} told ${worst.receiver} that ${mtu > 0 ? `${mtu} bytes are the limit` : 'its packets are too large'}, ` +
      `but for ${durationBetween(first, last)} packets of up to ${worst.largestQuotedLength} bytes from ${source} to ` +
      `${destination}${insideWords(quality, stack)} went on and were refused ${count} more times (${flowWords(worst.quoted)}).`,
    pair: [source, destination],
    direction: { from: source, to: destination },
    where: 'sender',
    first: momentOf(first),
    last: momentOf(last),
    ongoingAtEnd: quality.secondsToEnd(last) < 10,
    counts: { ignoredReports: count, flows: ignored.length, mtu, largestBytes: worst.largestQuotedLength },
    evidence: citations(worst),
    displayFilter: errorFilter({ ...pair, errors: ignored }),
  };
}

function citations(report: QuotingError): Citation[] {
  const { first, ignored, last, smallestMtu } = report;
  return [
    { ...first, summary: `${summaryOf(report)}: MTU ${smallestMtu}` },
    ...ignored.slice(0, 4).map((ref) => ({ ...ref, summary: `${summaryOf(report)} again` })),
    { ...last, summary: `${summaryOf(report)}, last report` },
  ];
}
