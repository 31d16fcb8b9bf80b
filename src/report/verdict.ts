import { groupByBlame, isAboutCapture, severityRank } from './finding-order.js';
import { counted, formatCount } from './quantity.js';
import type { Finding, Report, Tunnel } from './report.js';
import { type Clock, formatRelative, onset } from './report-time.js';
import { endpointsText, namedAddress } from './subject-text.js';
import { lastGoodFrame } from './text-captures.js';

/** The answer in a sentence or two: what is broken, since when, still broken at the end or not, did it ever work. */
export function verdict(report: Report, clock: Clock): string {
  const roots = groupByBlame(report.findings).map((group) => group.root);
  const loud = roots.filter((finding) => severityRank(finding.severity) >= severityRank('warning'));
  // What is broken comes before what is wrong with the capture, however loud.
  const [top, ...others] = [
    ...loud.filter((finding) => !isAboutCapture(finding)),
    ...loud.filter(isAboutCapture),
  ];
  const sentences = [top === undefined ? nothingWrong(report) : brokenSince(top, report, clock)];
  if (top === undefined && roots.length > 0) sentences.push(`${counted(roots.length, 'remark')} below.`);
  if (others.length > 0) sentences.push(`${counted(others.length, 'other root cause')} below.`);
  const damaged = report.captures.filter((capture) => (capture.damaged?.length ?? 0) > 0).length;
  if (damaged > 0) sentences.push(`Part of the input was damaged and skipped (${counted(damaged, 'file')}).`);
  if (top !== undefined && report.errors.length > 0)
    sentences.push('A part of capan failed on this input, see ERRORS.');
  return sentences.join(' ');
}

function brokenSince(finding: Finding, report: Report, clock: Clock): string {
  const name = finding.title.replace(/[.:\s]+$/, '');
  const doubt = finding.confidence === 'high' ? '' : ` (confidence ${finding.confidence})`;
  if (isAboutCapture(finding))
    return `No fault found in the traffic, but the capture falls short: ${name}${doubt}.`;
  const subject = concerned(finding, report);
  const { time, relativeSeconds } = onset(finding, clock);
  const start = time !== '' ? time : relativeSeconds === null ? '' : formatRelative(relativeSeconds);
  const span = finding.ongoingAtEnd
    ? [start === '' ? '' : `since ${start}`, 'still so when the capture ended']
    : [start === '' ? '' : `from ${start}`, endText(finding, clock)];
  const when = span.filter((part) => part !== '').join(finding.ongoingAtEnd ? ', ' : ' ');
  return `${name}${subject}: ${when}; ${workedBefore(finding, report, clock)}${doubt}.`;
}

function endText(finding: Finding, clock: Clock): string {
  return finding.last === null ? 'over before the capture ended' : `until ${clock.timeOfDay(finding.last)}`;
}

function workedBefore(finding: Finding, report: Report, clock: Clock): string {
  if (finding.lastGood === null) return 'not seen working in this capture';
  const time = clock.timeOfDay(finding.lastGood.time);
  return `all was well until ${lastGoodFrame(finding, report)}${time === '' ? '' : ` (${time})`}`;
}

/** Names the endpoints where the title does not; the table of tunnels has the rest. */
function concerned(finding: Finding, report: Report): string {
  const tunnel = report.tunnels.find((candidate) => candidate.id === finding.tunnel);
  const listed = finding.subject.endpoints;
  const endpoints = Array.isArray(listed) ? listed.map(String) : (tunnel?.endpoints ?? []);
  if (finding.direction !== undefined) {
    const { from, to } = finding.direction;
    return finding.title.includes(from) && finding.title.includes(to)
      ? ''
      : ` (from ${namedAddress(from, report.names)} to ${namedAddress(to, report.names)})`;
  }
  const named = endpoints.length === 0 || endpoints.some((endpoint) => finding.title.includes(endpoint));
  return named ? '' : ` (${endpointsText(endpoints, report.names)})`;
}

function nothingWrong(report: Report): string {
  const frames = report.captures.reduce((sum, capture) => sum + capture.frames, 0);
  if (frames === 0) return 'Nothing could be judged: no frame was read.';
  const found =
    report.errors.length > 0
      ? 'A part of capan failed on this input, see ERRORS; the rest found no fault'
      : report.captures.some(({ packetsInWords = 0 }) => packetsInWords > 0)
        ? 'Nothing wrong found in what the printed lines show'
        : report.tunnels.some(({ state }) => state === 'failed')
          ? 'No cause found'
          : 'Nothing wrong found';
  const passed = report.checked.filter((check) => check.result === 'healthy').length;
  const unjudged = report.checked.filter((check) => check.result === 'insufficient-data').length;
  const rest = unjudged === 0 ? '' : `; ${counted(unjudged, 'check')} could not be judged`;
  const seen = [arrivedText(report), tunnelCounts(report)].filter((part) => part !== '').join(', ');
  if (passed === 0) return `${found}, but no check could pass either: ${seen}${rest}.`;
  return `${found}: ${seen}, ${counted(passed, 'check')} passed${rest}.`;
}

/** "985 of 985 packets arrived": what a comparison is for; empty for a single capture. */
function arrivedText({ compare }: Report): string {
  if (compare === undefined) return '';
  const outer = compare.directions.filter(({ scope }) => scope === 'outer');
  const arrived = outer.reduce((sum, { matched }) => sum + matched, 0);
  const compared = outer.reduce((sum, { matched, lost }) => sum + matched + lost, 0);
  if (compared === 0) return 'no packet could be compared';
  return `${formatCount(arrived)} of ${counted(compared, 'packet')} arrived`;
}

function tunnelCounts({ tunnels, compare }: Report): string {
  // A path without a tunnel is compared for its packets.
  if (tunnels.length === 0) return compare === undefined ? 'no tunnel seen' : '';
  const counts = new Map<string, number>();
  for (const standing of tunnels.map(standingOf)) counts.set(standing, (counts.get(standing) ?? 0) + 1);
  const healthyFirst = [...counts].sort(([a], [b]) => Number(b === HEALTHY) - Number(a === HEALTHY));
  return healthyFirst.map(([standing, count]) => `${counted(count, 'tunnel')} ${standing}`).join(', ');
}

const HEALTHY = 'healthy';

/** Not every tunnel is called healthy because no rule complains of it. */
function standingOf({ state, directions }: Tunnel): string {
  const ways = directions.filter(({ packets }) => packets > 0).length;
  if (ways === 1) return 'seen one way only';
  if (state === 'unknown') return 'of which too little was seen';
  return ways === 2 && state !== 'down' ? HEALTHY : state;
}
