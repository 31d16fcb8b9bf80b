import { escapeText } from './escape.js';
import { counted } from './quantity.js';
import type { Severity } from './report.js';

/** Something that is otherwise in the second capture. */
export interface Change {
  /** Of both captures: tunnels have other ids in each. */
  readonly tunnel: string | null;
  readonly direction: {
    readonly from: string;
    readonly to: string;
    readonly inside: readonly string[];
  } | null;
  readonly what: string;
  readonly good: string | null;
  readonly bad: string | null;
}

export interface FindingOfOne {
  readonly id: string;
  readonly severity: Severity;
  readonly title: string;
  readonly key: string;
}

/** What changed between a capture of when it worked and one of now. */
export interface CaptureDiff {
  readonly schema: 'capan-diff/1';
  readonly good: string;
  readonly bad: string;
  readonly changes: readonly Change[];
  readonly findings: { readonly new: readonly FindingOfOne[]; readonly gone: readonly FindingOfOne[] };
  /** Tunnels and directions that both captures show. */
  readonly compared: { readonly tunnels: number; readonly directions: number };
}

export function diffText(diff: CaptureDiff): string {
  const { changes, findings, compared } = diff;
  const lines = [
    `${counted(changes.length, 'change')} from ${diff.good} to ${diff.bad}; ${counted(findings.new.length, 'finding')} new, ${findings.gone.length} gone ` +
      `(compared: ${counted(compared.tunnels, 'tunnel')}, ${counted(compared.directions, 'direction')})`,
  ];
  for (const [name, list] of [
    ['NEW FINDINGS', findings.new],
    ['FINDINGS THAT ARE GONE', findings.gone],
  ] as const) {
    if (list.length === 0) continue;
    lines.push('', name, ...list.map(({ severity, id, title }) => `  ${severity.padEnd(8)} ${id}: ${title}`));
  }
  let heading = '';
  for (const change of changes) {
    const place = placeOf(change);
    if (place !== heading) lines.push('', place);
    heading = place;
    lines.push(`  ${change.what}: ${change.good ?? 'not seen'} -> ${change.bad ?? 'not seen'}`);
  }
  if (compared.tunnels + compared.directions === 0)
    lines.push('', 'The captures show no tunnel and no two hosts in common: nothing can be compared.');
  return `${lines.map(escapeText).join('\n')}\n`;
}

function placeOf({ tunnel, direction }: Change): string {
  if (tunnel !== null) return tunnel;
  if (direction === null) return 'captures';
  return `${[...direction.inside, direction.from].join(' | ')} -> ${direction.to}`;
}
