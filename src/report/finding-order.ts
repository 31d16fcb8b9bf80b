import type { Finding, Severity } from './report.js';

/** A root cause and everything that the report says follows from it, nearest first. */
export interface BlameGroup {
  readonly root: Finding;
  readonly consequences: readonly Finding[];
}

const SEVERITY_RANK: Readonly<Record<Severity, number>> = { info: 0, warning: 1, error: 2 };

export function severityRank(severity: Severity): number {
  return SEVERITY_RANK[severity];
}

/** True where the finding follows from another one, even where that other one was filtered out of the report. */
export function isConsequence(finding: Finding): boolean {
  return finding.causedBy !== undefined && finding.causedBy.length > 0;
}

/** How a report introduces a restatement. */
export const SAME_PACKETS = 'the same packets, said more generally:';

/** True where the finding only says more generally what another one says of the same packets. */
export function isRestatement(finding: Finding): boolean {
  return finding.restatementOf !== undefined;
}

/** True for what limits the capture, which is no fault of the network. */
export function isAboutCapture(finding: Finding): boolean {
  return finding.subject.kind === 'capture';
}

/**
 * Root causes, worst first, what concerns the capture after what concerns the network (the order of the report decides between equals), each with its
 * consequences. Every finding stands in exactly one group: one whose causes were filtered out, or
 * that is caught in a circle, is shown on its own after the true roots of its severity.
 */
export function groupByBlame(findings: readonly Finding[]): BlameGroup[] {
  const present = new Set(findings.map((finding) => finding.key));
  const placed = new Set<Finding>();
  const byCause = new Map<string, Finding[]>();
  for (const finding of findings) {
    const cause = finding.causedBy?.find((key) => present.has(key));
    if (cause === undefined) continue;
    const following = byCause.get(cause) ?? [];
    following.push(finding);
    byCause.set(cause, following);
  }
  const groups: BlameGroup[] = [];
  const place = (root: Finding) => {
    if (placed.has(root)) return;
    groups.push({ root, consequences: consequencesOf(root, byCause, placed) });
  };
  const isRoot = (finding: Finding) => !finding.causedBy?.some((key) => present.has(key));
  for (const finding of findings) if (isRoot(finding)) place(finding);
  for (const finding of findings) place(finding);
  return groups.sort(
    (a, b) =>
      severityRank(b.root.severity) - severityRank(a.root.severity) ||
      Number(isAboutCapture(a.root)) - Number(isAboutCapture(b.root)),
  );
}

function consequencesOf(root: Finding, byCause: Map<string, Finding[]>, placed: Set<Finding>): Finding[] {
  placed.add(root);
  const consequences: Finding[] = [];
  const causes = [root];
  for (const cause of causes) {
    for (const consequence of byCause.get(cause.key) ?? []) {
      if (placed.has(consequence)) continue;
      placed.add(consequence);
      consequences.push(consequence);
      causes.push(consequence);
    }
  }
  return consequences;
}
