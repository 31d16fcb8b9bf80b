import type { CaptureQuality } from '../../../src/correlate/capture-quality.js';
import { momentOf } from '../../../src/correlate/frame-reference.js';
import {
  defineDiagnosis,
  type Evidence,
  insufficientData,
  type Judgement,
  type Problem,
} from '../../../src/diagnose/diagnosis.js';
import type { Citation, FrameRef } from '../../../src/moment.js';
import { plural } from '../../../src/wording/counts.js';
import { addressFilter } from '../../../src/wording/display-filters.js';
import { directionKey, insideWords, pairSubject } from '../../../src/wording/subjects.js';
import { type IcmpError, icmpErrors } from '../../icmp/correlator.js';
import { fragmentStreams } from '../correlator.js';
import {
  atEdges,
  confidenceOfLoss,
  FRAGMENTS_MISSING,
  hiddenFragments,
  limitsOfLoss,
  lossCitations,
  reassemblyErrors,
  severityOfLoss,
} from '../shared/fragment-loss.js';
import {
  citedPieces,
  type FragmentPair,
  fragmentFilter,
  fragmentPairs,
  type Incomplete,
  incompleteOf,
  protocolWords,
} from '../shared/fragment-pairs.js';

export default defineDiagnosis({
  id: 'frag.missing-rest',
  title: 'Later fragments missing',
  severity: 'error',
  subject: 'pair',
  layer: 'fragments',
  priority: 1,
  rule:
    'The first fragment of a datagram is in the capture, later ones are not; or all of them are and the receiver reports ' +
    'ICMP "fragment reassembly time exceeded" (11/1; ICMPv6 3/1). Error from 3 such datagrams on between the ends of a ' +
    'tunnel (warning where the hosts talk little else) where they are at least a tenth of the fragmented ones; of fewer than 3, warning ' +
    'between the ends of a tunnel; there and inside a tunnel a warning also where at least 5 datagrams, and 2 %, are ' +
    'incomplete over 5 s or more; information otherwise.',
  notWhen:
    'The datagram lies within 1 s, or 50 times the usual spread of a complete one, of the end of the capture (of its start ' +
    'for senders that emit the last fragment first). A port filter hides fragments without ports. The capture has one ' +
    'direction only. The peer answered every fragmented ping. The first fragment holds all that its UDP header announces, so that ' +
    'nobody sends a rest.',
  causes: [
    'A firewall or an access list by port drops fragments other than the first: they carry no ports',
    'A provider or a cheap router drops fragments altogether, or limits their rate',
    'Plain packet loss, which hits large datagrams in several pieces more often',
    'The capture filter or the capture itself lost the later fragments (see capture.filter, capture.kernel-drops)',
  ],
  nextSteps: [
    'Test the path with fragments: ping -s 5000 PEER; it must be answered like a small ping',
    'Capture at both ends at the same time, without a port filter: host PEER and not port 22; compare which fragments arrive',
    'Permit fragments on the filter that lies between, or reassemble before filtering',
    'Avoid the fragments: IKE fragmentation (fragmentation=yes), leftsendcert=never, smaller certificates, a lower MTU in the tunnel',
  ],
  refutedBy: 'The later fragments are in a capture taken on the receiver, and it answers.',
  source: 'RFC 791 section 3.2, RFC 792 (time exceeded), RFC 8200 section 4.5; openswan guide, fragmentation',
  ...FRAGMENTS_MISSING,
  *diagnose(evidence) {
    const reports = reportsByDirection(evidence.sessions(icmpErrors));
    for (const pair of fragmentPairs(evidence.sessions(fragmentStreams))) {
      const key = directionKey(pair);
      yield judge(evidence, pair, reports.get(key) ?? []);
      reports.delete(key);
    }
    // Reports about datagrams that did not pass the capture point in fragments.
    for (const errors of reports.values()) {
      const [{ quoted, stack }] = errors;
      if (!quoted) continue;
      const { source, destination } = quoted;
      yield problemOf(
        evidence.quality,
        { source, destination, stack, streams: [], complete: 0, lastComplete: null },
        NONE,
        errors,
      );
    }
  },
});

const NONE: Incomplete = { count: 0, atEdges: 0, entries: [] };

function reportsByDirection(errors: readonly IcmpError[]): Map<string, IcmpError[]> {
  const reports = new Map<string, IcmpError[]>();
  for (const error of reassemblyErrors(errors)) {
    if (!error.quoted) continue;
    const key = directionKey({ ...error.quoted, stack: error.stack });
    const known = reports.get(key);
    if (known) known.push(error);
    else reports.set(key, [error]);
  }
  return reports;
}

function judge(evidence: Evidence, pair: FragmentPair, reports: readonly IcmpError[]): Judgement {
  const { quality } = evidence;
  const subject = pairSubject(quality, pair);
  const incomplete = incompleteOf(quality, pair, ['tail', 'middle']);
  const endless = pair.streams.reduce((sum, { endlessCount }) => sum + endlessCount, 0);
  if (endless > 0 && incomplete.count === 0 && pair.complete === 0) {
    return insufficientData(
      subject,
      `${plural(endless, 'datagram')} from ${pair.source} to ${pair.destination} hold all that their UDP header announces, yet are marked as if more followed (as test tools send them): nobody sends a rest that could be missing; capture ordinary large packets.`,
    );
  }
  // The receiver's own word needs no other proof.
  if (reports.length > 0) return problemOf(quality, pair, incomplete, reports);
  if (incomplete.count === 0) {
    if (incomplete.atEdges === 0 || pair.complete > 0) return { result: 'healthy', subject };
    return atEdges(subject, pair, `${plural(incomplete.atEdges, 'incomplete datagram')}`);
  }
  const limit = hiddenFragments(evidence, pair, 'rest');
  if (limit) return insufficientData(subject, limit);
  return problemOf(quality, pair, incomplete, reports);
}

function problemOf(
  quality: CaptureQuality,
  pair: FragmentPair,
  incomplete: Incomplete,
  reports: readonly IcmpError[],
): Problem {
  const { source, destination, complete } = pair;
  const { count, entries } = incomplete;
  const reported = reports.reduce((sum, { identifications }) => sum + identifications.length, 0);
  const errors = reports.reduce((sum, error) => sum + error.count, 0);
  const datagrams = count > 0 ? count : reported;
  const refs = [
    ...entries.flatMap((entry) => [entry.first, entry.last]),
    ...reports.flatMap((error) => [error.first, error.last]),
  ];
  const first =
    count > 0
      ? earliest(
          entries.map((entry) => entry.first),
          refs[0],
        )
      : earliest(refs, refs[0]);
  const last = latest(refs, refs[0]);
  // At the sender every datagram is complete, so only what was seen at the receiver can show that it is over.
  const isOver =
    count > 0 &&
    pair.lastComplete !== null &&
    pair.lastComplete.frame >
      latest(
        entries.map((entry) => entry.last),
        first,
      ).frame;
  return {
    result: 'problem',
    subject: pairSubject(quality, pair),
    severity: severityOfLoss(
      quality,
      count > 0 ? pair : { ...pair, complete: Math.max(0, complete - reported) },
      datagrams,
    ),
    confidence: confidenceOfLoss(quality, datagrams, errors > 0),
    explanation: explain(quality, pair, count, complete, reports, errors),
    pair: [source, destination],
    direction: { from: source, to: destination },
    where: 'path',
    first: momentOf(first),
    last: momentOf(last),
    lastGood:
      count > 0 && pair.lastComplete && pair.lastComplete.frame < first.frame ? pair.lastComplete : null,
    ongoingAtEnd: !isOver,
    counts: { datagrams, complete, atEdges: incomplete.atEdges, reassemblyErrors: errors },
    evidence: [...lossCitations(pair, incomplete, citedPieces(entries)), ...reportCitations(reports)].sort(
      (a, b) => a.frame - b.frame,
    ),
    displayFilter: filterOf(pair, reports),
    limitedBy: limitsOfLoss(quality),
  };
}

function explain(
  quality: CaptureQuality,
  pair: FragmentPair,
  count: number,
  complete: number,
  reports: readonly IcmpError[],
  errors: number,
): string {
  const { source, destination, stack } = pair;
  const direction = `from ${source} to ${destination}${insideWords(quality, stack)}`;
  const report =
    errors > 0
      ? `${reports[0].reporter} reported ${errors === 1 ? 'once' : `${errors} times`} that it gave up waiting for fragments.`
      : '';
  if (count === 0) {
    return `Fragmented datagrams ${direction} leave whole as far as this capture shows (${complete} of them), but do not arrive so: ${report}`;
  }
  const others =
    complete === 0
      ? 'No fragmented datagram of this direction was complete.'
      : `${complete} others were complete.`;
  return `Of ${plural(count, 'fragmented datagram')} (${protocolWords(pair)}) ${direction} the first fragment was seen, but not all that follow. ${others} ${report}`.trim();
}

function reportCitations(reports: readonly IcmpError[]): Citation[] {
  const [worst] = [...reports].sort((a, b) => b.count - a.count);
  if (!worst) return [];
  const summary = `${worst.reporter} reports fragment reassembly time exceeded to ${worst.receiver}`;
  return [
    { ...worst.first, summary },
    { ...worst.last, summary },
  ];
}

function filterOf({ source, destination, streams }: FragmentPair, reports: readonly IcmpError[]): string {
  const filters = streams.length > 0 ? [`(${fragmentFilter(source, destination)})`] : [];
  const [worst] = [...reports].sort((a, b) => b.count - a.count);
  if (worst) {
    const kind =
      worst.family === 6 ? 'icmpv6.type == 3 && icmpv6.code == 1' : 'icmp.type == 11 && icmp.code == 1';
    filters.push(`(${kind} && ${addressFilter(worst.reporter, worst.receiver)})`);
  }
  return filters.join(' || ');
}

function earliest(refs: readonly FrameRef[], start: FrameRef): FrameRef {
  return refs.reduce((a, b) => (b.frame < a.frame ? b : a), start);
}

function latest(refs: readonly FrameRef[], start: FrameRef): FrameRef {
  return refs.reduce((a, b) => (b.frame > a.frame ? b : a), start);
}
