import {
  type BlameGroup,
  groupByBlame,
  isConsequence,
  isRestatement,
  SAME_PACKETS,
} from './finding-order.js';
import { displayWidth, shorten, wrapFilter } from './line-wrap.js';
import { counted, formatCount } from './quantity.js';
import type { CitedFrame, Finding, Report, Severity } from './report.js';
import { type Clock, formatRelative, onset } from './report-time.js';
import { placeLines } from './subject-text.js';
import { captureMark, lastGoodFrame } from './text-captures.js';
import { hang, INDENT, LABEL_WIDTH, labelled, ROOMY_WIDTH, type TextStyle, titled } from './text-style.js';

const EVIDENCE_SHOWN_MAX = 6;
const CONSEQUENCES_SHOWN_MAX = 12;
/** Findings that differ from the one above them in place and time alone. */
const EQUAL_SHOWN_MAX = 20;
const SEVERITY_WORDS: Readonly<Record<Severity, string>> = {
  error: 'ERROR',
  warning: 'WARNING',
  info: 'INFO',
};

interface Context {
  readonly report: Report;
  readonly clock: Clock;
  readonly style: TextStyle;
}

/** Root causes, worst first, each with its consequences in a line each. */
export function findingLines(report: Report, clock: Clock, style: TextStyle): string[] {
  const context = { report, clock, style };
  const groups = groupByBlame(report.findings);
  if (groups.length === 0) return [style.heading('FINDINGS'), `${INDENT}none`];
  const lines = titled('FINDINGS', severityCounts(groups), style);
  for (const [index, [leader, ...equal]] of foldedGroups(groups, style).entries()) {
    if (index > 0) lines.push('');
    lines.push(...oneFinding(leader, context));
    for (const group of equal.slice(0, EQUAL_SHOWN_MAX))
      lines.push(...equalFinding(group, leader.root, context));
    const hidden = equal.length - EQUAL_SHOWN_MAX;
    if (hidden > 0)
      lines.push(...labelled('', `and ${counted(hidden, 'more')} of the same, see --verbose`, style.width));
  }
  return lines;
}

/** Groups of which a reader would read the same advice again, the first of them where it stood; one by one if all was asked for. */
function foldedGroups(groups: readonly BlameGroup[], style: TextStyle): [BlameGroup, ...BlameGroup[]][] {
  const folded = new Map<string, [BlameGroup, ...BlameGroup[]]>();
  for (const [index, group] of groups.entries()) {
    const { id, severity, title, causes, nextSteps } = group.root;
    const sameAs = style.verbose ? String(index) : JSON.stringify([id, severity, title, causes, nextSteps]);
    const others = folded.get(sameAs);
    if (others === undefined) folded.set(sameAs, [group]);
    else others.push(group);
  }
  return [...folded.values()];
}

/** What distinguishes a finding from the one above it, of which it shares the title and the advice. */
function equalFinding({ root, consequences }: BlameGroup, leader: Finding, context: Context): string[] {
  const { style, report } = context;
  const { width } = style;
  const place = placeLines(root, report);
  if (root.severity === 'info') {
    const frame = root.evidence[0];
    const cited = frame === undefined ? '' : `; ${captureMark(report, frame.capture)}frame ${frame.frame}`;
    const text = `${place[0] ?? ''}; ${whenText(root, context)}${cited}`;
    return [...labelled('same at', text, width), ...followingLines(consequences, context)];
  }
  return [
    ...place.flatMap((line, index) => labelled(index === 0 ? 'same at' : '', line, width)),
    ...(root.explanation === leader.explanation ? [] : labelled('', root.explanation, width)),
    ...labelled('when', whenText(root, context), width),
    ...evidenceLines(root, 1, context),
    ...filterLines(root.displayFilter, width),
    ...labelled('limited by', root.limitedBy.join(', '), width),
    ...followingLines(consequences, context),
  ];
}

function severityCounts(groups: readonly BlameGroup[]): string {
  const parts: string[] = [];
  for (const severity of ['error', 'warning', 'info'] as const) {
    const count = groups.filter((group) => group.root.severity === severity).length;
    if (count > 0) parts.push(severity === 'info' ? `${count} info` : counted(count, severity));
  }
  const others = groups.flatMap((group) => group.consequences);
  const restatements = others.filter(isRestatement).length;
  const consequences = others.length - restatements;
  if (consequences > 0) parts.push(counted(consequences, 'consequence'));
  if (restatements > 0) parts.push(counted(restatements, 'restatement'));
  return parts.join(', ');
}

function oneFinding({ root, consequences }: BlameGroup, context: Context): string[] {
  const { style, report } = context;
  const { width } = style;
  // A remark keeps to what happened, where and when, unless all was asked for.
  const inFull = style.verbose || root.severity !== 'info';
  const lines = [
    ...titleLines(root, style),
    ...labelled('id', `${root.id}, confidence ${root.confidence}`, width),
    ...labelled('accepted', acceptedText(root), width),
    ...labelled('what', root.explanation, width),
    ...placeLines(root, report).flatMap((line, index) => labelled(index === 0 ? 'where' : '', line, width)),
    ...labelled('when', whenText(root, context), width),
  ];
  if (inFull) lines.push(...labelled('counts', countsText(root), width));
  lines.push(...evidenceLines(root, inFull ? EVIDENCE_SHOWN_MAX : 1, context));
  lines.push(...filterLines(root.displayFilter, width));
  if (inFull) lines.push(...adviceLines(root, width));
  lines.push(...labelled('limited by', root.limitedBy.join(', '), width));
  if (root.folded !== undefined && root.folded > 0) {
    lines.push(
      ...labelled('folded', `${formatCount(root.folded)} more of this id, not listed one by one`, width),
    );
  }
  if (isConsequence(root)) {
    lines.push(...labelled('follows', `from ${(root.causedBy ?? []).join(', ')}, not in this report`, width));
  }
  lines.push(...followingLines(consequences, context));
  return lines;
}

function followingLines(consequences: readonly Finding[], context: Context): string[] {
  const others = consequences.filter((one) => !isRestatement(one));
  return [
    ...restatementLines(consequences.filter(isRestatement), context.style.width),
    ...consequenceLines(others, context),
  ];
}

function acceptedText({ accepted }: Finding): string {
  if (accepted === undefined) return '';
  return `${accepted.reason}${accepted.until === undefined ? '' : ` (until ${accepted.until})`}; the exit code does not count it`;
}

function titleLines(finding: Finding, style: TextStyle): string[] {
  const word = SEVERITY_WORDS[finding.severity];
  const column = style.width < ROOMY_WIDTH ? word.length + 2 : LABEL_WIDTH;
  const [first = '', ...rest] = hang(`${INDENT}${word.padEnd(column)}`, finding.title, style.width);
  const painted = style.severity(finding.severity, word);
  return [first.replace(word, () => painted), ...rest];
}

function adviceLines(finding: Finding, width: number): string[] {
  return [
    ...finding.causes.flatMap((cause, index) =>
      labelled(index === 0 ? 'causes' : '', `- ${cause}`, width, 2),
    ),
    ...finding.nextSteps.flatMap((step, index) =>
      labelled(index === 0 ? 'next' : '', `${index + 1}. ${step}`, width, 3),
    ),
    ...labelled('ruled out by', finding.refutedBy, width),
  ];
}

function whenText(finding: Finding, { report, clock }: Context): string {
  const { time, relativeSeconds } = onset(finding, clock);
  const relative = relativeSeconds === null ? '' : formatRelative(relativeSeconds);
  const start = time === '' ? relative : relative === '' ? time : `${time} (${relative})`;
  const parts = start === '' ? [] : [`since ${start}`];
  if (finding.ongoingAtEnd) parts.push('not over at the end of the capture');
  else if (typeof finding.clearedAt === 'string')
    parts.push(`cleared at ${clock.timeOfDay(finding.clearedAt)}`);
  else if (finding.last !== null) parts.push(`until ${clock.timeOfDay(finding.last)}`);
  else parts.push('over before the end of the capture');
  if (finding.subject.kind === 'capture') return parts.join(', ');
  if (finding.lastGood === null) {
    return finding.severity === 'info' ? parts.join(', ') : `${parts.join(', ')}; not seen working before`;
  }
  const goodTime = clock.timeOfDay(finding.lastGood.time);
  const good = `${lastGoodFrame(finding, report)}${goodTime === '' ? '' : ` at ${goodTime}`}`;
  return `${parts.join(', ')}; last good: ${good}`;
}

function countsText(finding: Finding): string {
  const counts = Object.entries(finding.counts).map(([name, count]) => `${name} ${formatCount(count)}`);
  const thresholds = Object.entries(finding.thresholds).map(
    ([name, limit]) => `${name} ${formatCount(limit)}`,
  );
  const text = counts.join(', ');
  if (thresholds.length === 0) return text;
  return `${text}${text === '' ? '' : ' '}(thresholds: ${thresholds.join(', ')})`;
}

function evidenceLines(finding: Finding, shownMax: number, { report, style }: Context): string[] {
  const shown = style.verbose ? finding.evidence : finding.evidence.slice(0, shownMax);
  const lines = shown.flatMap((evidence, index) =>
    labelled(index === 0 ? 'frames' : '', evidenceText(evidence, report), style.width, 0),
  );
  const hidden = finding.evidence.length - shown.length;
  if (hidden > 0)
    lines.push(...labelled('', `and ${counted(hidden, 'more frame')}, see --verbose`, style.width));
  return lines;
}

function evidenceText(evidence: CitedFrame, report: Report): string {
  const seconds = evidence.relativeSeconds === null ? '' : ` (${evidence.relativeSeconds.toFixed(3)} s)`;
  return `${captureMark(report, evidence.capture)}frame ${evidence.frame}${seconds} ${evidence.summary}`;
}

function filterLines(displayFilter: string, width: number): string[] {
  if (displayFilter === '') return [];
  const isNarrow = width < ROOMY_WIDTH;
  const indent = INDENT.length + (isNarrow ? INDENT.length : LABEL_WIDTH);
  const lines = wrapFilter(displayFilter, width - indent);
  if (lines === null)
    return labelled('filter', 'too long for a line, see displayFilter in --format json', width);
  if (isNarrow) return [`${INDENT}filter`, ...lines.map((line) => INDENT + INDENT + line)];
  return lines.map((line, index) => INDENT + (index === 0 ? 'filter' : '').padEnd(LABEL_WIDTH) + line);
}

function restatementLines(restatements: readonly Finding[], width: number): string[] {
  return restatements.flatMap(({ id, title }, index) =>
    labelled(
      index === 0 ? 'also' : '',
      width < ROOMY_WIDTH
        ? `${SAME_PACKETS} ${id}: ${title}`
        : shorten(`${SAME_PACKETS} ${id}: ${title}`, width - INDENT.length - LABEL_WIDTH),
      width,
    ),
  );
}

function consequenceLines(consequences: readonly Finding[], { clock, style }: Context): string[] {
  const shown = style.verbose ? consequences : consequences.slice(0, CONSEQUENCES_SHOWN_MAX);
  const lines = shown.flatMap((finding, index) => {
    const word = SEVERITY_WORDS[finding.severity].toLowerCase();
    const { time, relativeSeconds } = onset(finding, clock);
    const start = time !== '' ? time : relativeSeconds === null ? '' : formatRelative(relativeSeconds);
    const since = start === '' ? '' : `, since ${start}`;
    const head = `${word} ${finding.id}: `;
    const label = index === 0 ? 'leads to' : '';
    if (style.width < ROOMY_WIDTH) return labelled(label, `${head}${finding.title}${since}`, style.width);
    const prefix = INDENT + label.padEnd(LABEL_WIDTH);
    const room = Math.max(0, style.width - prefix.length - displayWidth(head) - since.length);
    return [shorten(`${prefix}${head}${shorten(finding.title, Math.max(10, room))}${since}`, style.width)];
  });
  const hidden = consequences.length - shown.length;
  if (hidden > 0) {
    lines.push(...labelled('', `and ${counted(hidden, 'more consequence')}, see --verbose`, style.width));
  }
  return lines;
}
