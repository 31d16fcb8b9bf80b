import type { CaptureQuality } from '../correlate/capture-quality.js';
import { PART } from '../correlate/gates.js';
import type { PartOfCapture } from '../correlate/part-of-capture.js';
import type { Moment } from '../moment.js';
import type { Checked, Finding, Report, Subject, Tunnel } from '../report/report.js';
import { NO_SIDE_KNOWLEDGE, type SideKnowledge } from '../side-files/side-knowledge.js';
import { BLAME_LAYERS } from './blame-graph.js';
import { type Accused, assignBlame } from './blame-order.js';
import type { CatalogueEntry } from './catalogue.js';
import { CaptureClock } from './clock.js';
import type { Diagnosis, Evidence, Judgement, Problem } from './diagnosis.js';
import type { FaultKind } from './fault-kinds.js';
import { findingOf } from './finding.js';
import { ruleOut } from './ruled-out.js';
import { describeTunnels, forgetOneWay, stateOneWay } from './tunnels.js';

/** Findings of one diagnosis that are listed one by one; the rest is counted in `folded`. */
export const FINDINGS_PER_DIAGNOSIS_MAX = 20;

export interface Verdicts {
  readonly findings: Finding[];
  readonly checked: Checked[];
  readonly quality: Report['quality'];
  readonly tunnels: Tunnel[];
  readonly unlistedTunnels: number;
  readonly errors: Report['errors'];
}

/** Judges everything: pure, and repeatable at any moment. */
export function runDiagnoses(
  catalogue: readonly CatalogueEntry[],
  sessions: ReadonlyMap<string, readonly unknown[]>,
  quality: CaptureQuality,
  side: SideKnowledge = NO_SIDE_KNOWLEDGE,
): Verdicts {
  const errors: Report['errors'] = [];
  const { evidence, judgements } = judgeAll(catalogue, sessions, quality, errors, side);
  const clock = new CaptureClock(quality.captures, quality.segments);
  const { tunnels, unlisted } = describeTunnels(evidence, clock, errors);
  const diagnoses = catalogue.flatMap((entry) => entry.diagnoses).filter((one) => !one.needsTwoCaptures);
  const accused = diagnoses.flatMap((diagnosis) =>
    accuse(diagnosis, judgements.get(diagnosis.id) ?? [], clock, side),
  );
  assignBlame(accused, clock);
  ruleOut(accused, [quality]);
  linkTunnels(accused, tunnels, catalogue);
  stateOneWay(accused, tunnels);
  if (quality.part?.mayPartDirections) forgetOneWay(tunnels);
  return {
    findings: listedOf(accused),
    checked: diagnoses.map((diagnosis) => checkedOf(diagnosis.id, judgements.get(diagnosis.id) ?? [])),
    quality: qualityOf(accused),
    tunnels,
    unlistedTunnels: unlisted,
    errors,
  };
}

/** The sessions of each correlator; none where it has none. */
export function sessionsIn(sessions: ReadonlyMap<string, readonly unknown[]>): Evidence['sessions'] {
  return <Session>({ name }: { readonly name: string }) => (sessions.get(name) ?? []) as readonly Session[];
}

/** What every diagnosis says of one capture, before any is blamed on another. */
export function judgeAll(
  catalogue: readonly CatalogueEntry[],
  sessions: ReadonlyMap<string, readonly unknown[]>,
  quality: CaptureQuality,
  errors: Report['errors'],
  side: SideKnowledge = NO_SIDE_KNOWLEDGE,
): { evidence: Evidence; judgements: ReadonlyMap<string, readonly Judgement[]> } {
  const judgements = new Map<string, readonly Judgement[]>();
  const failed = failedCorrelators(catalogue, sessions);
  const sessionsOf = sessionsIn(sessions);
  let restsOnFailed: string | null = null;
  const evidence: Evidence = {
    sessions: (correlator) => {
      if (failed.has(correlator.name)) restsOnFailed = correlator.name;
      return sessionsOf(correlator);
    },
    quality,
    tunnelKinds: catalogue.flatMap(({ tunnel }) => tunnel ?? []),
    side,
    judgements,
  };
  const diagnoses = catalogue.flatMap((entry) => entry.diagnoses);
  const inOrder = [
    ...diagnoses.filter((one) => !one.judgesLast),
    ...diagnoses.filter((one) => one.judgesLast),
  ];
  const hasLines = quality.captures.some(({ packetsInWords }) => packetsInWords > 0);
  const hasLists = quality.captures.some(({ packetsInLists }) => packetsInLists > 0);
  for (const diagnosis of inOrder) {
    restsOnFailed = null;
    const judged = judge(diagnosis.id, () => diagnosis.diagnose(evidence), errors);
    if (restsOnFailed !== null) judged.push(unjudged(`the correlator ${restsOnFailed}`));
    const told = hasLines ? asLinesTell(diagnosis, judged, hasLists) : judged;
    const { part } = quality;
    judgements.set(diagnosis.id, part?.mayPartDirections ? asPartTells(diagnosis, told, part) : told);
  }
  return { evidence, judgements };
}

/** Correlators of the catalogue that gave no sessions, not even none: they threw. */
function failedCorrelators(
  catalogue: readonly CatalogueEntry[],
  sessions: ReadonlyMap<string, readonly unknown[]>,
): ReadonlySet<string> {
  const names = catalogue.flatMap(({ correlators }) => correlators.map(({ name }) => name));
  return new Set(names.filter((name) => !sessions.has(name)));
}

/** What failed has proven nothing: neither a fault nor that all is well. */
function unjudged(part: string): Judgement {
  return {
    result: 'insufficient-data',
    subject: { kind: 'capture' },
    reason: `${part} failed on this capture (see errors); capan has a bug there, please report it.`,
  };
}

const LINES_ONLY = 'capture.lines-only';
const LINES_REASON =
  'the text has lines of packets, not their bytes; capture with -w FILE, or print with -XX.';

/** What a diagnosis may say where packets are known by the lines that were printed of them. */
function asLinesTell(
  { layer, lines, lists }: Diagnosis,
  judged: readonly Judgement[],
  hasLists: boolean,
): readonly Judgement[] {
  if (lines === 'suffice' || layer === 'capture') return judged;
  const mayFind = hasLists ? lists === 'suffice' : lines !== 'mislead';
  return judged.map((judgement): Judgement => {
    if (judgement.result === 'insufficient-data') return judgement;
    if (judgement.result === 'problem' && mayFind) return judgement;
    const { subject } = judgement;
    return { result: 'insufficient-data', subject, reason: LINES_REASON, limitedBy: [LINES_ONLY] };
  });
}

/** Faults that are told by what is not there. */
const FAULTS_OF_ABSENCE: ReadonlySet<FaultKind> = new Set([
  'path-loss',
  'fragments',
  'large-packets-lost',
  'mismatch',
  'key-exchange',
  'tunnel-down',
  'tunnel-one-way',
  'tunnel-loss',
  'session-down',
  'silence',
]);

/** What a diagnosis may say where the operator's filter may show a packet and leave out its answer. */
function asPartTells(
  { fault, layer, explicitSignal }: Diagnosis,
  judged: readonly Judgement[],
  { words }: PartOfCapture,
): readonly Judgement[] {
  if (layer === 'capture' || explicitSignal === true) return judged;
  return judged.map((judgement): Judgement => {
    if (judgement.result !== 'problem' || !FAULTS_OF_ABSENCE.has(judgement.fault ?? fault)) return judgement;
    const reason = `${words} may show one direction and leave out the other; look at the capture without it.`;
    return { result: 'insufficient-data', subject: judgement.subject, reason, limitedBy: [PART] };
  });
}

/** What limits the verdicts: the findings about captures. */
export function qualityOf(accused: readonly Accused[]): Report['quality'] {
  return accused
    .filter(({ diagnosis }) => diagnosis.layer === 'capture')
    .map(({ finding }) => ({ id: finding.id, detail: finding.explanation }));
}

/**
 * A diagnosis that throws becomes an error entry, and what it did not come to is not judged; what it said before stands,
 * and the others still run.
 */
export function judge(
  id: string,
  diagnose: () => Iterable<Judgement>,
  errors: Report['errors'],
): Judgement[] {
  const judgements: Judgement[] = [];
  try {
    for (const judgement of diagnose()) {
      if (judgement.result === 'problem') checkFrames(judgement);
      judgements.push(judgement);
    }
  } catch (error) {
    errors.push({
      where: `diagnosis ${id}`,
      message: error instanceof Error ? error.message : String(error),
    });
    judgements.push(unjudged(`the diagnosis ${id}`));
  }
  return judgements;
}

/**
 * What the compiler takes for a frame may be the first item of an empty list; found out here, it costs one diagnosis.
 * @throws Error
 */
function checkFrames({ first, last, evidence }: Problem): void {
  const refs: readonly (Moment | undefined)[] = [first, last, ...evidence];
  if (refs.includes(undefined)) throw new Error('a problem cites a frame that there is not');
}

/** One problem a subject: of several (one a time segment, say) the earliest stays and counts the others. */
export function accuse(
  diagnosis: Diagnosis,
  judgements: readonly Judgement[],
  clock: CaptureClock,
  side: SideKnowledge = NO_SIDE_KNOWLEDGE,
): Accused[] {
  const bySubject = new Map<string, Accused>();
  for (const judgement of judgements) {
    if (judgement.result !== 'problem') continue;
    const problem: Problem = judgement;
    const finding = findingOf(diagnosis, problem, clock, side);
    const known = bySubject.get(finding.key);
    if (known) known.finding.folded = (known.finding.folded ?? 0) + 1;
    else bySubject.set(finding.key, { diagnosis, problem, finding });
  }
  return [...bySubject.values()];
}

export function checkedOf(id: string, judgements: readonly Judgement[]): Checked {
  const count = (result: Judgement['result']): number =>
    judgements.filter((judgement) => judgement.result === result).length;
  const subjects = {
    problem: count('problem'),
    healthy: count('healthy'),
    insufficient: count('insufficient-data'),
  };
  const result =
    subjects.problem > 0
      ? 'problem'
      : subjects.insufficient > 0
        ? 'insufficient-data'
        : subjects.healthy > 0
          ? 'healthy'
          : 'not-applicable';
  const reason = judgements.find((judgement) => judgement.result === 'insufficient-data')?.reason;
  return reason === undefined ? { id, result, subjects } : { id, result, subjects, reason };
}

/**
 * The tunnel between the endpoints that a finding names: of several, one of the kind that the diagnosis' own folder
 * follows, and never one that the subject contradicts (another VNI, key or SPI).
 */
export function linkTunnels(
  accused: readonly Accused[],
  tunnels: readonly Tunnel[],
  catalogue: readonly CatalogueEntry[],
): void {
  for (const { diagnosis, problem, finding } of accused) {
    const { pair, subject } = problem;
    if (!pair) continue;
    const ownKind = catalogue.find(({ diagnoses }) => diagnoses.includes(diagnosis))?.tunnel?.kind;
    const fitting = tunnels.filter(
      (tunnel) =>
        tunnel.endpoints.includes(pair[0]) && tunnel.endpoints.includes(pair[1]) && fits(tunnel, subject),
    );
    const tunnel = fitting.find(({ kind }) => kind === ownKind) ?? fitting[0];
    if (tunnel) finding.tunnel = tunnel.id;
  }
}

function fits({ kind, key }: Tunnel, subject: Subject): boolean {
  if (typeof subject.tunnel === 'string' && subject.tunnel !== kind) return false;
  const named = subject.vni ?? subject.key ?? subject.spi;
  if (named === undefined || key === undefined) return true;
  return Array.isArray(key) ? key.some((one) => one === named) : key === named;
}

const SEVERITIES = ['error', 'warning', 'info'];
const CONFIDENCES = ['high', 'medium', 'low'];

/** Worst first: severity, causes before consequences, of errors and warnings those that persist, layer from the bottom, confidence, time. */
export function listedOf(accused: readonly Accused[]): Finding[] {
  const rank = ({ diagnosis, finding }: Accused): (number | string)[] => [
    SEVERITIES.indexOf(finding.severity),
    finding.causedBy ? 1 : 0,
    finding.ongoingAtEnd || finding.severity === 'info' ? 0 : 1,
    BLAME_LAYERS.indexOf(diagnosis.layer),
    CONFIDENCES.indexOf(finding.confidence),
    finding.first ?? '',
    finding.key,
  ];
  const ordered = accused
    .map((one) => ({ one, rank: rank(one) }))
    .sort((a, b) => compareRanks(a.rank, b.rank));
  const kept = new Map<string, Finding[]>();
  const findings: Finding[] = [];
  for (const { one } of ordered) {
    const ofId = kept.get(one.finding.id) ?? [];
    if (ofId.length >= FINDINGS_PER_DIAGNOSIS_MAX) {
      const last = ofId[FINDINGS_PER_DIAGNOSIS_MAX - 1];
      last.folded = (last.folded ?? 0) + 1;
      continue;
    }
    kept.set(one.finding.id, [...ofId, one.finding]);
    findings.push(one.finding);
  }
  return findings;
}

function compareRanks(a: readonly (number | string)[], b: readonly (number | string)[]): number {
  const at = a.findIndex((value, index) => value !== b[index]);
  if (at < 0) return 0;
  return a[at] < b[at] ? -1 : 1;
}
