import type { CaptureQuality } from '../../../src/correlate/capture-quality.js';
import { defineDiagnosis, type Judgement } from '../../../src/diagnose/diagnosis.js';
import { earliestOf, type FrameRef, isNonEmpty, latestOf, secondsBetween } from '../../../src/moment.js';
import { scionLinks } from '../correlator.js';
import { linkFilter, linkSubject } from '../links.js';
import { meaningOf } from '../scmp-codes.js';
import { scmpProblem } from '../scmp-findings.js';
import type { ScionLink, Tally } from '../session.js';

const PACKETS_MIN = 3;
const OVERLAP_SECONDS = 5;

export default defineDiagnosis({
  id: 'scion.mixed-header',
  title: 'Two SCION header generations mixed',
  severity: 'error',
  subject: 'session',
  layer: 'overlay-control',
  priority: 3,
  rule:
    'On one link at least 3 packets with the header of 2018 and 3 with the current one pass, for at least 5 s side by side; or a ' +
    'router reports an unknown version (SCMP 4/17; in 2018 common header error 0).',
  notWhen: 'The link changes from one generation to the other and stays there: an upgrade of both ends.',
  causes: [
    'One end was upgraded, the other was not: the two headers do not understand each other',
    'An old process still runs beside the new one on the same host',
  ],
  nextSteps: [
    'Compare the versions of the two border routers; upgrade the one that sends the header of 2018',
    'On the host that sends both: ps aux | grep border; which process has the port (ss -unlp)?',
  ],
  refutedBy: 'Answers of each end to packets of the other generation',
  source: 'SCION header specification; SCION 2018 header',
  thresholds: {
    packets: [PACKETS_MIN, 'packets', 'fewer may be leftovers of the change itself'],
    overlap: [OVERLAP_SECONDS, 's', 'an upgrade at both ends may take moments'],
  },
  fault: 'mismatch',
  technology: 'scion',

  *diagnose({ sessions, quality }) {
    for (const link of sessions(scionLinks)) {
      const reported = link.errors.filter((error) => meaningOf(error) === 'version');
      for (const error of reported) yield scmpProblem(quality, link, error, 'error');
      const judgement = judge(quality, link);
      if (judgement.result === 'problem' || reported.length === 0) yield judgement;
    }
  },
});

function judge(quality: CaptureQuality, link: ScionLink): Judgement {
  const subject = linkSubject(quality, link);
  const old = together(link.directions.map((one) => one.old));
  const current = together(link.directions.map((one) => one.current));
  if (old === null || current === null || old.count < PACKETS_MIN || current.count < PACKETS_MIN) {
    return { result: 'healthy', subject };
  }
  const from = old.first.timeNs > current.first.timeNs ? old.first : current.first;
  const to = old.last.timeNs < current.last.timeNs ? old.last : current.last;
  if (!(secondsBetween(from, to) >= OVERLAP_SECONDS)) return { result: 'healthy', subject };
  return {
    result: 'problem',
    subject,
    confidence: 'high',
    explanation: `The link carries ${old.count} packets with the SCION header of 2018 and ${current.count} with the current one, side by side: its two ends do not understand each other.`,
    pair: [link.low, link.high],
    where: 'unknown',
    first: from,
    last: to,
    ongoingAtEnd: quality.secondsToEnd(to) < OVERLAP_SECONDS,
    counts: { old: old.count, current: current.count },
    evidence: [
      { ...old.first, summary: 'first packet with the header of 2018' },
      { ...old.last, summary: 'last packet with the header of 2018' },
      { ...current.first, summary: 'first packet with the current header' },
      { ...current.last, summary: 'last packet with the current header' },
    ],
    displayFilter: linkFilter(link),
  };
}

/** Both directions in one; null where there is none. */
function together(tallies: readonly Tally[]): { count: number; first: FrameRef; last: FrameRef } | null {
  const firsts = tallies.flatMap(({ first }) => first ?? []);
  const lasts = tallies.flatMap(({ last }) => last ?? []);
  if (!isNonEmpty(firsts) || !isNonEmpty(lasts)) return null;
  return {
    count: tallies.reduce((sum, { count }) => sum + count, 0),
    first: earliestOf(firsts),
    last: latestOf(lasts),
  };
}
