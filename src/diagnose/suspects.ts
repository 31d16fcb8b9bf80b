import type { Accused, HostOf } from './accused.js';
import { enclosingPairs } from './accused.js';
import type { Diagnosis, Problem } from './diagnosis.js';
import type { FaultKind } from './fault-kinds.js';

/** Findings of one diagnosis and kind of fault at one place, in the order of all findings. */
export interface SuspectGroup {
  readonly diagnosis: Diagnosis;
  /** Of the findings, where it is sharper than that of their diagnosis. */
  readonly fault: FaultKind | undefined;
  readonly members: readonly Accused[];
}

/**
 * Which findings come into question as cause or leader of another one, by their place: with ten thousand findings, asking each
 * about each other takes minutes. What is left out here could never pass `isAtPlaceOf` or `concernsSamePlace`.
 */
export class Suspects {
  private readonly groupsByPair = new Map<
    string,
    Map<string, SuspectGroup & { readonly members: Accused[] }>
  >();
  private readonly bySubject = new Map<string, Accused[]>();
  private readonly positions: ReadonlyMap<Accused, number>;

  constructor(
    accused: readonly Accused[],
    private readonly hostOf: HostOf,
  ) {
    this.positions = new Map(accused.map((one, index) => [one, index]));
    for (const one of accused) {
      this.file(one);
      const subject = subjectKey(one);
      const same = this.bySubject.get(subject);
      if (same) same.push(one);
      else this.bySubject.set(subject, [one]);
    }
  }

  /** Between the ends that the finding names, and between those of tunnels that it lies in. */
  around({ problem }: Accused): readonly SuspectGroup[] {
    const keys = new Set(
      [problem.pair, ...enclosingPairs(problem)].flatMap((pair) => this.pairKey(pair) ?? []),
    );
    return [...keys].flatMap((key) => [...(this.groupsByPair.get(key)?.values() ?? [])]);
  }

  /** About the same subject, word by word. */
  ofSubject(one: Accused): readonly Accused[] {
    return this.bySubject.get(subjectKey(one)) ?? [];
  }

  /** The order of all findings: a report does not depend on how they were found. */
  inOrder(found: Iterable<Accused>): Accused[] {
    return [...new Set(found)].sort((a, b) => (this.positions.get(a) ?? 0) - (this.positions.get(b) ?? 0));
  }

  private file(one: Accused): void {
    const key = this.pairKey(one.problem.pair);
    if (key === null) return;
    const groups = this.groupsByPair.get(key) ?? new Map();
    this.groupsByPair.set(key, groups);
    const { diagnosis, problem } = one;
    const name = `${diagnosis.id} ${problem.fault ?? ''}`;
    const group = groups.get(name);
    if (group) group.members.push(one);
    else groups.set(name, { diagnosis, fault: problem.fault, members: [one] });
  }

  private pairKey(pair: Problem['pair']): string | null {
    return pair ? pair.map(this.hostOf).sort().join(' ') : null;
  }
}

function subjectKey({ finding }: Accused): string {
  return JSON.stringify(finding.subject);
}
