import type { CaptureQuality } from '../correlate/capture-quality.js';
import { addTo } from '../correlate/group-by.js';
import type { PairTraffic } from '../correlate/traffic.js';
import type { FrameRef, Moment } from '../moment.js';
import { NS_PER_SECOND } from '../units.js';
import type { Accused } from './accused.js';
import type { EvidenceFact } from './diagnosis-metadata.js';

/** A packet that left before the symptom was over may arrive a moment after it. */
const SLACK_NS = NS_PER_SECOND;

/**
 * Takes causes and steps out of findings that the evidence has ruled out, as their diagnoses declare it (`ruledOut`). Call
 * after blame: what both ends prove of a cause holds for its consequences too. A finding keeps what it has where nothing
 * would be left.
 * @param qualities of all captures that may show the hosts: one, or those of both ends.
 */
export function ruleOut(accused: readonly Accused[], qualities: readonly CaptureQuality[]): void {
  const talk = new Talk(qualities);
  const byKey = new Map(accused.map((one) => [one.finding.key, one]));
  for (const one of accused) {
    const { ruledOut } = one.diagnosis;
    if (ruledOut === undefined) continue;
    const facts = factsOf(one, byKey, qualities, talk);
    const gone = Object.entries(ruledOut).flatMap(([fact, texts]) =>
      facts.has(fact as EvidenceFact) ? texts : [],
    );
    if (gone.length === 0) continue;
    one.finding.causes = remaining(one.finding.causes, gone);
    one.finding.nextSteps = remaining(one.finding.nextSteps, gone);
  }
}

function remaining(texts: readonly string[], gone: readonly string[]): string[] {
  const left = texts.filter((text) => !gone.some((beginning) => text.startsWith(beginning)));
  return left.length > 0 ? left : [...texts];
}

/** What holds of a finding, whatever its diagnosis makes of it. */
function factsOf(
  one: Accused,
  byKey: ReadonlyMap<string, Accused>,
  qualities: readonly CaptureQuality[],
  talk: Talk,
): ReadonlySet<EvidenceFact> {
  const { problem } = one;
  const facts = new Set<EvidenceFact>();
  if (problem.lastGood) facts.add('worked-before');
  if (qualities.every(hasLostNothing)) facts.add('capture-complete');
  for (const { problem: proven } of [one, ...causesOf(one, byKey)]) {
    if (proven.provenAtBothEnds !== true) continue;
    if (proven.where === 'path') facts.add('lost-on-path');
    if (proven.where === 'receiver') facts.add('arrives');
  }
  if (problem.pair && talk.isTwoWayAt(problem.pair, problem.last)) facts.add('both-alive');
  return facts;
}

/** Over any number of steps. */
function causesOf(one: Accused, byKey: ReadonlyMap<string, Accused>): Accused[] {
  const reached = new Set([one]);
  for (const { finding } of reached) {
    for (const key of finding.causedBy ?? []) {
      const cause = byKey.get(key);
      if (cause) reached.add(cause);
    }
  }
  return [...reached].filter((cause) => cause !== one);
}

/** Every file counts the packets that its capture dropped, and none did. */
function hasLostNothing({ captures }: CaptureQuality): boolean {
  return captures.length > 0 && captures.every(({ drops }) => drops === 0);
}

/** Who sends to whom, by pair of hosts; of two captures, whose times have two clocks, nothing. */
class Talk {
  private pairs: Map<string, PairTraffic[]> | null = null;

  constructor(private readonly qualities: readonly CaptureQuality[]) {}

  /** Both hosts sent something to each other as late as that. */
  isTwoWayAt([a, b]: readonly [string, string], last: Moment): boolean {
    this.pairs ??= this.byHosts();
    const found = [...(this.pairs.get(`${a} ${b}`) ?? []), ...(this.pairs.get(`${b} ${a}`) ?? [])];
    return found.some(({ fromA, fromB }) => isAsLate(fromA.last, last) && isAsLate(fromB.last, last));
  }

  private byHosts(): Map<string, PairTraffic[]> {
    const pairs = new Map<string, PairTraffic[]>();
    for (const { traffic } of this.qualities.length === 1 ? this.qualities : []) {
      for (const pair of traffic.all()) {
        const key = `${pair.a} ${pair.b}`;
        addTo(pairs, key, pair);
      }
    }
    return pairs;
  }
}

function isAsLate(at: FrameRef | null, last: Moment): boolean {
  return at !== null && at.segment === last.segment && at.timeNs >= last.timeNs - SLACK_NS;
}
