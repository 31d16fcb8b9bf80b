import { stringifyJson } from './escape.js';
import { isConsequence, isRestatement } from './finding-order.js';
import type { Report } from './report.js';

/** The pieces of the report, one object a line; the summary is last and tells that the report is complete. */
export function writeNdjson(report: Report, out: (text: string) => void): void {
  const line = (type: string, piece: object) =>
    out(`${stringifyJson(Object.assign({ type }, piece, { type }))}\n`);
  for (const capture of report.captures) line('capture', capture);
  for (const quality of report.quality) line('quality', quality);
  for (const tunnel of report.tunnels) line('tunnel', tunnel);
  for (const finding of report.findings) line('finding', finding);
  for (const checked of report.checked) line('checked', checked);
  if (report.compare) {
    const { clock, nat, directions, unpaired } = report.compare;
    line('clock', clock);
    for (const entry of nat) line('nat', entry);
    for (const direction of directions) line('direction', direction);
    for (const entry of unpaired) line('unpaired', entry);
  }
  for (const error of report.errors) line('error', error);
  for (const sideFile of report.sideFiles ?? []) line('sideFile', sideFile);
  line('summary', summaryOf(report));
}

/** What a reader of lines needs to know of the whole: which schema, and how many of each kind. */
function summaryOf(report: Report) {
  const { schema, tool, command, captures, tunnels, findings, checked, errors } = report;
  const severities = (severity: string) => findings.filter((finding) => finding.severity === severity).length;
  const results = (result: string) => checked.filter((check) => check.result === result).length;
  return {
    schema,
    tool,
    command,
    captures: captures.length,
    frames: captures.reduce((sum, capture) => sum + capture.frames, 0),
    tunnels: tunnels.length,
    findings: { error: severities('error'), warning: severities('warning'), info: severities('info') },
    consequences: findings.filter((finding) => isConsequence(finding) && !isRestatement(finding)).length,
    restatements: findings.filter(isRestatement).length,
    checked: {
      problem: results('problem'),
      'insufficient-data': results('insufficient-data'),
      healthy: results('healthy'),
      'not-applicable': results('not-applicable'),
    },
    errors: errors.length,
    ...(report.names ? { names: report.names } : {}),
    ...(report.filesLeftOut ? { filesLeftOut: report.filesLeftOut } : {}),
    ...(report.summarised ? { summarised: report.summarised } : {}),
  };
}
