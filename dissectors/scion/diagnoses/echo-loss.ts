import type { CaptureQuality } from '../../../src/correlate/capture-quality.js';
import { oneSidedLimit } from '../../../src/correlate/gates.js';
import { secondsToPause } from '../../../src/correlate/watched.js';
import {
  defineDiagnosis,
  type Evidence,
  insufficientData,
  type Judgement,
} from '../../../src/diagnose/diagnosis.js';
import { confidenceUnderDrops } from '../../../src/diagnose/silences.js';
import { statedProblem } from '../../../src/diagnose/stated-problem.js';
import { originText } from '../../../src/side-files/origin.js';
import { scionLinks } from '../correlator.js';
import { directionSubject, directionText, endsOf, linkFilter } from '../links.js';
import type { EchoStream, ScionLink } from '../session.js';
import scionStatus from '../side-files/scion-status.js';
import scmpEchoes, { type ScmpEchoRun } from '../side-files/scmp-echo.js';

const ANSWER_SECONDS = 2;
const UNANSWERED_MIN = 3;
const CITED = 4;

export default defineDiagnosis({
  id: 'scion.echo-loss',
  title: 'SCION ping fails',
  severity: 'warning',
  subject: 'session',
  layer: 'overlay-control',
  priority: 1,
  rule:
    'At least 3 SCMP echo requests of one ping have no reply for 2 s: an error where none was answered, a warning where some were. ' +
    'Fewer are information. The same by the statistics of scmp echo or scion ping (--log), where the capture has no such requests.',
  notWhen:
    'Nothing at all comes back over the link in the capture, so that it may show one direction only; the capture ends within 2 s.',
  causes: [
    'The path is broken behind this link (an interface down, an expired path, a wrong hop field): see SCMP errors',
    'The destination host does not answer SCMP, or its dispatcher is not running',
    'Replies are lost, or take another link back',
  ],
  nextSteps: [
    'scion showpaths DESTINATION --refresh, and ping again over another path (scion ping --interactive)',
    'scion traceroute over the same path: which router answers last?',
    'If paths exist and the ping still fails, contact the operators of the attachment point with this capture',
  ],
  refutedBy: 'The replies in a capture at the pinging host',
  source: 'SCIONLab guide (scmp echo); SCMP specification, "Echo Request"',
  thresholds: {
    answer: [ANSWER_SECONDS, 's', 'ping waits about that long'],
    unanswered: [UNANSWERED_MIN, 'requests', 'one lost echo is ordinary'],
  },
  fault: 'silence',
  consequenceOf: ['path-loss', 'mismatch'],
  consequenceOfIds: ['scion.keepalive-missing', 'scion.path-expired', 'scion.scmp-error'],
  technology: 'scion',

  *diagnose(evidence) {
    const { quality } = evidence;
    const links = evidence.sessions(scionLinks);
    for (const link of links) {
      for (const echo of link.echoes) yield judge(quality, link, echo);
    }
    const shown = new Set(links.flatMap(({ echoes }) => echoes.map(({ destination }) => plain(destination))));
    const runs = evidence.side.of(scmpEchoes).filter(({ target }) => !shown.has(plain(target)));
    for (const target of new Set(runs.map((run) => run.target))) {
      const last = runs.filter((run) => run.target === target).at(-1);
      if (last !== undefined) yield judgeOutput(evidence, last);
    }
  },
});

/** `17-ffaa:0:1101,127.0.0.1`, however the brackets are set. */
function plain(target: string): string {
  return target.replace(/[[\] ]/g, '');
}

/** The last run to a target, by what it printed. */
function judgeOutput(evidence: Evidence, { target, sent, answered, origin }: ScmpEchoRun): Judgement {
  const subject = { kind: 'session', destination: target, file: origin.file };
  const missing = sent - answered;
  if (missing < UNANSWERED_MIN) {
    if (answered > 0) return { result: 'healthy', subject };
    return insufficientData(subject, `${sent} requests to ${target} are too few to judge; send 10.`);
  }
  const hasPaths = evidence.side.of(scionStatus).some(({ kind }) => kind === 'paths-found');
  return statedProblem(evidence, {
    subject,
    severity: answered === 0 ? 'error' : 'warning',
    explanation:
      `Of ${sent} SCMP echo requests to ${target} ${answered} were answered (${originText(origin)}).` +
      (hasPaths
        ? ' showpaths lists paths, so that the control plane works and the data plane does not.'
        : ''),
    where: 'path',
    counts: { sent, answered, unanswered: missing },
  });
}

function judge(quality: CaptureQuality, link: ScionLink, echo: EchoStream): Judgement {
  const { direction, source, destination, identifier, sent, answered, unanswered, lastRequest, lastReply } =
    echo;
  const subject = directionSubject(quality, link, direction, { source, destination, identifier });
  const lost = unanswered.filter((at) => secondsToPause(quality, at) >= ANSWER_SECONDS);
  // What is not kept one by one came later than what is.
  const more = secondsToPause(quality, lastRequest) >= ANSWER_SECONDS ? echo.moreUnanswered : 0;
  const missing = lost.length + more;
  if (missing === 0) {
    if (answered > 0) return { result: 'healthy', subject };
    const reason = `The capture ends less than ${ANSWER_SECONDS} s after the request; capture for longer.`;
    return { result: 'insufficient-data', subject, reason, neededSeconds: ANSWER_SECONDS };
  }
  const ends = endsOf(link, direction);
  const limit = oneSidedLimit(quality, ends.from, ends.to, link.stack);
  if (limit) return insufficientData(subject, limit);
  if (link.directions[1 - direction].packets === 0) {
    const reason = `Nothing comes back over this link in the capture (${directionText(link, 1 - direction)}): it may show one direction only; capture both.`;
    return insufficientData(subject, reason);
  }
  const isTotal = answered === 0;
  const severity = missing < UNANSWERED_MIN ? 'info' : isTotal ? 'error' : 'warning';
  return {
    result: 'problem',
    subject,
    severity,
    ...confidenceUnderDrops(quality, 'medium'),
    explanation: `Of ${sent} SCMP echo requests from ${source} to ${destination} (id ${identifier}) ${missing} have no reply, ${answered} have one.`,
    pair: [ends.from, ends.to],
    direction: { from: ends.from, to: ends.to },
    where: 'path',
    first: lost[0] ?? echo.firstRequest,
    last: lost.at(-1) ?? lastRequest,
    lastGood: lastReply,
    ongoingAtEnd: lastReply === null || lastReply.frame < (lost.at(-1) ?? lastRequest).frame,
    counts: { sent, answered, unanswered: missing },
    evidence: [...lost.slice(0, CITED), ...lost.slice(CITED).slice(-CITED)].map((at) => ({
      ...at,
      summary: `echo request from ${source} to ${destination} without a reply`,
    })),
    displayFilter: linkFilter(link),
  };
}
