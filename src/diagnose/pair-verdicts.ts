import type { CaptureFacts, TimeSegment } from '../capture/capture-source.js';
import type { ComparedSegment, Comparison } from '../compare/comparison.js';
import { SIDES, type Side } from '../compare/side.js';
import type { CaptureQuality } from '../correlate/capture-quality.js';
import type { Citation } from '../moment.js';
import type { Finding, Report, Subject, Tunnel } from '../report/report.js';
import type { SideKnowledge } from '../side-files/side-knowledge.js';
import { frameNumberOf, nsOfSeconds } from '../units.js';
import { type Accused, assignBlame, type HostOf } from './blame-order.js';
import type { CatalogueEntry } from './catalogue.js';
import { CaptureClock } from './clock.js';
import type { Diagnosis, Evidence, Judgement, PairEvidence, Problem } from './diagnosis.js';
import { canonicalJson } from './finding.js';
import { ruleOut } from './ruled-out.js';
import {
  accuse,
  checkedOf,
  judge,
  linkTunnels,
  listedOf,
  qualityOf,
  type Verdicts,
} from './run-diagnoses.js';
import { type DescribedTunnels, describeTunnels, stateOneWay } from './tunnels.js';

/** What every diagnosis says of one side by itself. */
export interface SideJudgements {
  readonly evidence: Evidence;
  readonly judgements: ReadonlyMap<string, readonly Judgement[]>;
}

/** All capture points of the path, in its order; the first and the last are the two sides. */
export interface PathView {
  readonly captures: readonly CaptureFacts[];
  readonly timeSegments: readonly TimeSegment[];
  readonly segments: readonly ComparedSegment[];
  /** What files beside the captures say. */
  readonly side?: SideKnowledge | undefined;
  /** False where too little is known yet of what both sides have in common: each side speaks for itself. */
  readonly isComparable?: boolean;
}

/**
 * One report of both sides: what each shows alone, what only both show, and which of these is the cause of which. A
 * finding that both sides make stays one, with evidence of both.
 */
export function runPairDiagnoses(
  catalogue: readonly CatalogueEntry[],
  sides: Readonly<Record<Side, SideJudgements>>,
  comparison: Comparison,
  errors: Report['errors'],
  path: PathView,
): Verdicts {
  const clocks = clocksOf(comparison, path);
  const hostOf = namesOf(comparison);
  const pair: PairEvidence = {
    comparison,
    segments: path.segments,
    a: sides.a.evidence,
    b: sides.b.evidence,
  };
  const diagnoses = catalogue.flatMap((entry) => entry.diagnoses);
  const judgements = new Map<string, readonly Judgement[]>();
  const accused: Accused[] = [];
  const ofBoth = new Map<string, readonly Judgement[]>();
  for (const diagnosis of diagnoses) {
    if (diagnosis.judgePair && path.isComparable !== false)
      ofBoth.set(
        diagnosis.id,
        provable(diagnosis, distinct(judgePairOf(diagnosis, pair, errors), hostOf), comparison),
      );
  }
  const refuted = refutedBy(ofBoth, hostOf);
  for (const diagnosis of diagnoses) {
    const own = SIDES.map((side) =>
      (sides[side].judgements.get(diagnosis.id) ?? [])
        .map((one) => onSide(diagnosis, one, side, comparison))
        .filter(({ subject }) => !refuted.get(diagnosis.id)?.has(canonicalSubject(subject, hostOf))),
    );
    const both = ofBoth.get(diagnosis.id) ?? [];
    const [a, b] = own.map((judged) => accuse(diagnosis, judged, clocks.stated, path.side));
    const proven = accuse(diagnosis, both, clocks.stated, path.side);
    const subjects = new Set(proven.map(({ finding }) => canonicalSubject(finding.subject, hostOf)));
    const isProven = ({ subject }: { readonly subject: Subject }): boolean =>
      subjects.size > 0 && subjects.has(canonicalSubject(subject, hostOf));
    const ownUnproven = own.flat().filter((one) => one.result !== 'problem' || !isProven(one));
    judgements.set(diagnosis.id, [...ownUnproven, ...both]);
    // What both ends prove replaces what one of them suspects.
    const alone = merge(a, b, hostOf).filter(({ finding }) => !isProven(finding));
    accused.push(...alone, ...proven);
  }
  assignBlame(accused, clocks.corrected, hostOf);
  ruleOut(
    accused,
    SIDES.map((side) => sides[side].evidence.quality),
  );
  const { tunnels, unlisted } = tunnelsOf(sides, hostOf, errors);
  linkTunnels(accused, tunnels, catalogue);
  stateOneWay(accused, tunnels);
  return {
    findings: listedOf(accused),
    checked: diagnoses.map(({ id }) => checkedOf(id, judgements.get(id) ?? [])),
    quality: qualityOf(accused),
    tunnels,
    unlistedTunnels: unlisted,
    errors,
  };
}

/** Of two captures of one point nothing can be said of what lies between them, but that nothing does. */
function provable(
  { subject }: Diagnosis,
  judgements: readonly Judgement[],
  { plan }: Comparison,
): readonly Judgement[] {
  if (plan.samePoint === null || subject === 'capture') return judgements;
  return judgements.slice(0, 1).map((one) => ({
    result: 'insufficient-data',
    subject: one.subject,
    reason: 'A and B show one point of the path; capture at the other end at the same time.',
  }));
}

/** Subjects of what one side alone concluded and both together show to be otherwise, by id. */
function refutedBy(
  ofBoth: ReadonlyMap<string, readonly Judgement[]>,
  hostOf: HostOf,
): ReadonlyMap<string, ReadonlySet<string>> {
  const refuted = new Map<string, Set<string>>();
  for (const judgement of [...ofBoth.values()].flat()) {
    if (judgement.result === 'healthy') continue;
    for (const id of judgement.refutes ?? []) {
      const subjects = refuted.get(id) ?? new Set();
      refuted.set(id, subjects.add(canonicalSubject(judgement.subject, hostOf)));
    }
  }
  return refuted;
}

/** A's name for what B calls so: an address, or an address with a port. */
function namesOf({ plan, nat }: Comparison): HostOf {
  const sockets = new Map(nat.map(({ a, b }) => [b, a]));
  return (name) => {
    const known = plan.hostsOfB.get(name) ?? sockets.get(name);
    if (known !== undefined) return known;
    const colon = name.lastIndexOf(':');
    const host = colon < 0 ? undefined : plan.hostsOfB.get(name.slice(0, colon));
    return host === undefined ? name : `${host}${name.slice(colon)}`;
  };
}

function judgePairOf(
  diagnosis: Diagnosis,
  pair: PairEvidence,
  errors: Report['errors'],
): readonly Judgement[] {
  return judge(diagnosis.id, () => diagnosis.judgePair?.(pair) ?? [], errors);
}

/** The times that each capture states, and for blame the same with B's clock set to A's. */
function clocksOf(
  { offsetSeconds, qualities }: Comparison,
  { captures, timeSegments }: PathView,
): { stated: CaptureClock; corrected: CaptureClock } {
  const offsetNs = nsOfSeconds(offsetSeconds ?? 0);
  const ofB = timeSegments.length - qualities.b.segments.length;
  const corrected = timeSegments.map((segment, index) =>
    index < ofB ? segment : { ...segment, baseNs: segment.baseNs - offsetNs },
  );
  return {
    stated: new CaptureClock(captures, timeSegments),
    corrected: new CaptureClock(captures, corrected),
  };
}

/** A judgement of one side in the numbering of the comparison, with what became of the packets that it cites. */
function onSide(diagnosis: Diagnosis, judgement: Judgement, side: Side, comparison: Comparison): Judgement {
  const subject = subjectOn(diagnosis, judgement.subject, side);
  if (judgement.result !== 'problem') return { ...judgement, subject };
  const problem: Problem = {
    ...judgement,
    subject,
    first: comparison.shift(side, judgement.first),
    last: comparison.shift(side, judgement.last),
    evidence: judgement.evidence.map((citation) => withFate(citation, side, comparison)),
  };
  if (!judgement.lastGood) return problem;
  return { ...problem, lastGood: comparison.shift(side, judgement.lastGood) };
}

/** A fact about a capture is one of that side only. */
function subjectOn(diagnosis: Diagnosis, subject: Subject, side: Side): Subject {
  return diagnosis.layer === 'capture' ? { ...subject, side } : subject;
}

function withFate(citation: Citation, side: Side, comparison: Comparison): Citation {
  const shifted = comparison.shift(side, citation);
  const known = comparison.fateOf(side, citation.frame);
  if (!known || known.fate === 'unknown') return shifted;
  const other = side === 'a' ? 'B' : 'A';
  const frame = known.counterpart ? ` frame ${frameNumberOf(known.counterpart.frame)}` : '';
  const words = known.fate === 'lost' ? `not seen at ${other}` : `${other}${frame || ' too'}`;
  return { ...shifted, summary: `${citation.summary} (${words})` };
}

/** Of problems that rest on what either side said of the same subject, the first. */
function distinct(judgements: readonly Judgement[], hostOf: HostOf): Judgement[] {
  const seen = new Set<string>();
  return judgements.filter((judgement) => {
    if (judgement.result !== 'problem') return true;
    const key = canonicalSubject(judgement.subject, hostOf);
    const isNew = !seen.has(key);
    seen.add(key);
    return isNew;
  });
}

/** Findings of both sides about the same subject become one, as severe and sure as the worse of them. */
function merge(a: readonly Accused[], b: readonly Accused[], hostOf: HostOf): Accused[] {
  const bySubject = new Map(a.map((one) => [canonicalSubject(one.finding.subject, hostOf), one]));
  const rest: Accused[] = [];
  for (const other of b) {
    const same = bySubject.get(canonicalSubject(other.finding.subject, hostOf));
    if (same) join(same.finding, other.finding);
    else rest.push(other);
  }
  return [...a, ...rest];
}

const SEVERITIES = ['info', 'warning', 'error'] as const;
const CONFIDENCES = ['low', 'medium', 'high'] as const;

function join(finding: Finding, other: Finding): void {
  finding.severity = SEVERITIES[Math.max(rank(SEVERITIES, finding), SEVERITIES.indexOf(other.severity))];
  finding.confidence =
    CONFIDENCES[Math.max(CONFIDENCES.indexOf(finding.confidence), CONFIDENCES.indexOf(other.confidence))];
  finding.evidence = [...finding.evidence.slice(0, 5), ...other.evidence.slice(0, 5)];
  finding.ongoingAtEnd = finding.ongoingAtEnd && other.ongoingAtEnd;
  finding.limitedBy = [...new Set([...finding.limitedBy, ...other.limitedBy])];
}

function rank(severities: readonly string[], { severity }: Finding): number {
  return severities.indexOf(severity);
}

function canonicalSubject(subject: Subject, hostOf: HostOf): string {
  const { endpoints, ...rest } = subject;
  if (!isUnordered(subject) || !Array.isArray(endpoints)) return canonicalJson(renamed(subject, hostOf));
  return canonicalJson([rest, endpoints.map(String)].map((part) => renamed(part, hostOf)).map(inOrder));
}

/** Ends of a tunnel stand in the order of their addresses, which a NAT changes; those of a counted GRE direction do not. */
function isUnordered({ kind, encapsulation }: Subject): boolean {
  return kind === 'tunnel' && encapsulation === undefined;
}

function inOrder(value: unknown): unknown {
  return Array.isArray(value) ? [...value].sort() : value;
}

function renamed(value: unknown, hostOf: HostOf): unknown {
  if (typeof value === 'string') return value.split(' ').map(hostOf).join(' ');
  if (Array.isArray(value)) return value.map((one) => renamed(one, hostOf));
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, renamed(field, hostOf)]));
}

/** Tunnels of both sides; one that both show is listed once, each direction as the side with more of it shows it. */
function tunnelsOf(
  sides: Readonly<Record<Side, SideJudgements>>,
  hostOf: HostOf,
  errors: Report['errors'],
): DescribedTunnels {
  const [{ tunnels: a, unlisted: unlistedOfA }, { tunnels: b, unlisted: unlistedOfB }] = SIDES.map((side) => {
    const { evidence } = sides[side];
    return describeTunnels(evidence, clockOf(evidence.quality), errors);
  });
  const known = new Map(a.map((tunnel) => [tunnelKey(tunnel, hostOf), tunnel]));
  const tunnels = a.map((tunnel): Tunnel => ({ ...tunnel, sides: ['a'] }));
  for (const tunnel of b) {
    const same = known.get(tunnelKey(tunnel, hostOf));
    const listed = same && tunnels.find(({ id }) => id === same.id);
    if (!listed) {
      const ordinal = tunnels.filter(({ kind }) => kind === tunnel.kind).length + 1;
      tunnels.push({ ...tunnel, id: `${tunnel.kind}-${ordinal}`, sides: ['b'] });
      continue;
    }
    listed.sides = ['a', 'b'];
    listed.directions = listed.directions.map((direction) => fuller(direction, tunnel, hostOf));
    if (listed.state !== tunnel.state) listed.state = `a: ${listed.state}; b: ${tunnel.state}`;
  }
  return { tunnels, unlisted: Math.max(unlistedOfA, unlistedOfB) };
}

function clockOf({ captures, segments }: CaptureQuality): CaptureClock {
  return new CaptureClock(captures, segments);
}

function tunnelKey({ kind, endpoints, key }: Tunnel, hostOf: HostOf): string {
  return canonicalJson([kind, endpoints.map((end) => renamed(end, hostOf)).sort(), key ?? null]);
}

function fuller(
  direction: Tunnel['directions'][number],
  other: Tunnel,
  hostOf: HostOf,
): Tunnel['directions'][number] {
  const twin = other.directions.find(
    ({ from, to }) => hostOf(from) === hostOf(direction.from) && hostOf(to) === hostOf(direction.to),
  );
  return twin && twin.packets > direction.packets
    ? { ...twin, from: direction.from, to: direction.to }
    : direction;
}
