import { counted } from './quantity.js';
import type { Finding, Report, Subject, Tunnel } from './report.js';

const PLACES: Readonly<Record<Finding['where'], string>> = {
  sender: 'at the sender',
  path: 'on the path between them',
  receiver: 'at the receiver',
  unknown: 'not known whether at the sender, on the path or at the receiver',
};

const TUNNEL_FACTS_SHOWN_ELSEWHERE = new Set([
  'id',
  'kind',
  'endpoints',
  'key',
  'encapsulatedIn',
  'directions',
  'state',
]);

/** Of a list in a sentence. */
const VALUES_SHOWN_MAX = 5;

/** What the operator's side files call addresses. */
export type Names = NonNullable<Report['names']>;

/** "10.1.1.1 (sg1)", or the address alone where nobody named it. */
export function namedAddress(address: string, names: Names = {}): string {
  return Object.hasOwn(names, address) ? `${address} (${names[address]})` : address;
}

/** "10.1.1.1 <-> 10.2.2.2". */
export function endpointsText(endpoints: readonly string[], names: Names = {}): string {
  return endpoints.map((endpoint) => namedAddress(endpoint, names)).join(' <-> ');
}

/** A name stays short however often a tunnel was given new keys; the end of the report lists them all. */
const KEYS_NAMED_MAX = 2;

/** "vxlan 7", "ipsec 0xaa6fa19a 0x12345678", "ipsec 0xaa6fa19a + 27 keys". */
export function tunnelName(tunnel: Tunnel): string {
  const keys = tunnelKeys(tunnel);
  const [first = ''] = keys;
  if (keys.length > KEYS_NAMED_MAX) return `${tunnel.kind} ${first} + ${keys.length - 1} keys`;
  return [tunnel.kind, ...keys].join(' ');
}

export function tunnelKeys({ key }: Tunnel): string[] {
  return key === undefined ? [] : [key].flat().map(String);
}

/** Tunnels whose names leave keys out. */
export function tunnelsOfManyKeys({ tunnels }: Pick<Report, 'tunnels'>): readonly Tunnel[] {
  return tunnels.filter((tunnel) => tunnelKeys(tunnel).length > KEYS_NAMED_MAX);
}

/** "vxlan 7, 10.1.1.1 <-> 10.2.2.2". */
function tunnelText(tunnel: Tunnel, names: Names = {}): string {
  return `${tunnelName(tunnel)}, ${endpointsText(tunnel.endpoints, names)}`;
}

/** What a finding is about: "session 10.1.1.1 <-> 10.2.2.2, spi 0xaa6fa19a". */
export function subjectText(subject: Subject, names: Names = {}): string {
  const { kind, endpoints, ...fields } = subject;
  const parts = Array.isArray(endpoints) ? [endpointsText(endpoints.map(String), names)] : [];
  for (const [name, value] of Object.entries(fields)) {
    if (value !== null && value !== undefined)
      parts.push(`${name} ${typeof value === 'string' ? namedAddress(value, names) : valueText(value)}`);
  }
  return parts.length === 0 ? kind : `${kind} ${parts.join(', ')}`;
}

/** The tunnel, the direction and the place of a finding, as far as each is known. */
export function placeLines(
  finding: Finding,
  { tunnels, names = {} }: Pick<Report, 'tunnels' | 'names'>,
): string[] {
  const lines = [subjectText(finding.subject, names)];
  const tunnel = tunnels.find((candidate) => candidate.id === finding.tunnel);
  if (tunnel !== undefined && finding.subject.kind !== 'tunnel')
    lines.push(`in ${tunnelText(tunnel, names)}`);
  if (finding.subject.kind === 'capture') return lines;
  const { direction } = finding;
  const parts =
    direction === undefined
      ? []
      : [`from ${namedAddress(direction.from, names)} to ${namedAddress(direction.to, names)}`];
  // What no one has to repair needs no word on where it was not found.
  if (finding.where !== 'unknown' || finding.severity !== 'info') parts.push(PLACES[finding.where]);
  if (parts.length > 0) lines.push(parts.join(', '));
  return lines;
}

/** Protocol facts of a tunnel that have no column of their own: "spis 0x1 0x2, keepalive periodMs 20000". */
export function tunnelFacts(tunnel: Tunnel): string {
  return Object.entries(tunnel)
    .filter(
      ([name, value]) => !TUNNEL_FACTS_SHOWN_ELSEWHERE.has(name) && value !== null && value !== undefined,
    )
    .map(([name, value]) => `${name} ${valueText(value)}`)
    .join(', ');
}

function valueText(value: unknown): string {
  if (Array.isArray(value)) {
    const shown = value.length > VALUES_SHOWN_MAX ? value.slice(0, VALUES_SHOWN_MAX - 1) : value;
    const rest = value.length - shown.length;
    return [...shown.map(valueText), ...(rest > 0 ? [`and ${counted(rest, 'more', 'more')}`] : [])].join(' ');
  }
  if (value === null || typeof value !== 'object') return String(value);
  return Object.entries(value)
    .map(([name, member]) => `${name} ${valueText(member)}`)
    .join(' ');
}
