import type { Finding, Subject, Tunnel } from '../report/report.js';

/** "vxlan 42": kind and first key. */
export function tunnelName({ kind, key }: Tunnel): string {
  const [first, ...more] = key === undefined ? [] : [key].flat();
  if (first === undefined) return kind;
  return `${kind} ${first}${more.length > 1 ? ` +${more.length}` : more.length === 1 ? ` ${more[0]}` : ''}`;
}

export function subjectText({ kind, endpoints, ...fields }: Subject): string {
  const ends = Array.isArray(endpoints) ? endpoints.map(String).join(' ↔ ') : '';
  const rest = Object.entries(fields)
    .filter(([, value]) => value !== null && value !== undefined)
    .map(([name, value]) => `${name} ${Array.isArray(value) ? value.join(' ') : String(value)}`);
  return [`${kind} ${ends}`.trim(), ...rest].join(', ');
}

/** Everything in a finding by which somebody may look for it. */
export function searchText(finding: Finding): string {
  return JSON.stringify([
    finding.id,
    finding.title,
    finding.explanation,
    finding.subject,
    finding.direction,
  ]).toLowerCase();
}
