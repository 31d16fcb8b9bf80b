import { isAddressText } from '../wire/address.js';
import { displayWidth } from './line-wrap.js';
import { counted } from './quantity.js';
import type { Checked, Report } from './report.js';
import { hang, INDENT, type TextStyle, titled } from './text-style.js';

/** What to change in the next capture, by the fact that limited this one. */
const CAPTURE_ADVICE: Readonly<Record<string, string>> = {
  'capture.snaplen': 'whole frames (-s 0)',
  'capture.filter': 'no port filter: it hides fragments, ESP and ICMP',
  'capture.one-sided': 'both directions, on the host itself or from a mirror port that sends rx and tx',
  'capture.kernel-drops': 'a larger buffer (-B 65536) or a narrower host filter, so that nothing is dropped',
  'capture.duplicates': 'one interface, not "any"',
  'capture.offload': 'with offloading off while it runs (ethtool -K IFACE gro off tso off)',
  'capture.too-short': 'longer, at least 10 minutes',
  'capture.truncated-file': 'ended by SIGINT, so that the file is complete',
  'capture.time-anomaly': 'with the clock under NTP',
};

/** What was checked and found healthy: the ids of an area in a line. */
export function healthyLines(report: Report, style: TextStyle): string[] {
  const healthy = report.checked.filter((check) => check.result === 'healthy');
  if (healthy.length === 0) return [style.heading('HEALTHY'), `${INDENT}nothing`];
  const areas = new Map<string, string[]>();
  for (const check of healthy) {
    const area = check.id.split('.')[0] ?? '';
    const ids = areas.get(area) ?? [];
    ids.push(withCount(check.id, check.subjects.healthy));
    areas.set(area, ids);
  }
  const lines = titled('HEALTHY', `${counted(healthy.length, 'check')} passed; subjects in brackets`, style);
  for (const ids of areas.values()) lines.push(...hang(INDENT, ids.join(', '), style.width));
  return lines;
}

/** What could not be judged, why, and which capture would settle it. */
export function unjudgedLines(report: Report, style: TextStyle): string[] {
  const lines: string[] = [];
  // A check that found a problem may still have subjects that it could not judge.
  const unjudged = report.checked.filter((check) => check.subjects.insufficient > 0);
  if (unjudged.length > 0) {
    lines.push(...titled('NOT JUDGED', counted(unjudged.length, 'check'), style));
    for (const [reason, checks] of byReason(unjudged)) {
      const ids = checks.map((check) => withCount(check.id, check.subjects.insufficient)).join(', ');
      lines.push(...hang(INDENT, reason === '' ? ids : `${ids}: ${reason}`, style.width));
    }
    lines.push(...recipeLines(report, style));
  }
  const notApplicable = report.checked.filter((check) => check.result === 'not-applicable');
  if (notApplicable.length === 0) return lines;
  if (lines.length === 0) lines.push(style.heading('NOT JUDGED'));
  const have = notApplicable.length === 1 ? 'has' : 'have';
  const rest = `${counted(notApplicable.length, 'more check')} ${have} nothing to judge in this capture`;
  lines.push(...hang(INDENT, rest, style.width));
  if (style.verbose)
    lines.push(...hang(INDENT + INDENT, notApplicable.map(({ id }) => id).join(', '), style.width));
  return lines;
}

function withCount(id: string, subjects: number): string {
  return subjects > 1 ? `${id} (${subjects})` : id;
}

function byReason(checks: readonly Checked[]): Map<string, Checked[]> {
  const groups = new Map<string, Checked[]>();
  for (const check of checks) {
    const reason = check.reason ?? '';
    const group = groups.get(reason) ?? [];
    group.push(check);
    groups.set(reason, group);
  }
  return groups;
}

/** The capture to ask for: at both ends at once, of everything between the two hosts. */
function recipeLines(report: Report, style: TextStyle): string[] {
  const peer = report.tunnels.find((tunnel) => tunnel.encapsulatedIn === undefined)?.endpoints[1] ?? '';
  const named = recipe(peer);
  // A command that does not fit cannot be wrapped either: it is there to be copied.
  const command = isAddressText(peer) && named.length <= style.width ? named : recipe('PEER');
  const advice = report.quality.flatMap(({ id }) => CAPTURE_ADVICE[id] ?? []);
  const lines = [
    ...hang(
      INDENT,
      'To settle these, capture at both ends at once (pcapng keeps the drop counters):',
      style.width,
    ),
    ...(displayWidth(command) <= style.width
      ? [command]
      : hang(`${INDENT}${INDENT}`, command.trim(), style.width)),
  ];
  if (advice.length > 0) {
    lines.push(
      ...hang(`${INDENT}${INDENT}`, `and this time: ${[...new Set(advice)].join('; ')}`, style.width),
    );
  }
  return lines;
}

function recipe(peer: string): string {
  return `${INDENT}${INDENT}dumpcap -i IFACE -f 'host ${peer} and not port 22' -w END.pcapng`;
}
