import { stringifyJson } from './escape.js';
import { isConsequence, isRestatement } from './finding-order.js';
import type { Finding, Report, Severity } from './report.js';
import { subjectText } from './subject-text.js';

/* SARIF 2.1.0 (OASIS): what code-scanning services and editors read. A capture is the artifact, a diagnosis the rule. */

const LEVELS: Readonly<Record<Severity, 'error' | 'warning' | 'note'>> = {
  error: 'error',
  warning: 'warning',
  info: 'note',
};
const RELATED_MAX = 20;

export function writeSarif(report: Report, out: (text: string) => void): void {
  out(`${stringifyJson(sarifLog(report), 2)}\n`);
}

function sarifLog(report: Report) {
  const ids = [...new Set(report.findings.map(({ id }) => id))].sort();
  return {
    $schema: 'https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: { driver: driverOf(report, ids) },
        columnKind: 'utf16CodeUnits',
        invocations: [
          {
            executionSuccessful: report.errors.length === 0,
            toolExecutionNotifications: report.errors.map(({ where, message }) => ({
              level: 'error',
              message: { text: `${where}: ${message}` },
            })),
          },
        ],
        artifacts: report.captures.map(({ file, bytes }) => ({
          location: { uri: uriOf(file) },
          length: bytes,
        })),
        results: report.findings.map((finding) => resultOf(finding, report, ids)),
      },
    ],
  };
}

function driverOf({ tool, findings }: Report, ids: readonly string[]) {
  return {
    name: tool.name,
    semanticVersion: tool.version,
    version: tool.version,
    rules: ids.map((id) => {
      const one = findings.find((finding) => finding.id === id);
      return { id, name: id, shortDescription: { text: one?.title ?? id } };
    }),
  };
}

function resultOf(finding: Finding, report: Report, ids: readonly string[]) {
  const { id, key, severity, title, explanation, subject, evidence } = finding;
  return {
    ruleId: id,
    ruleIndex: ids.indexOf(id),
    level: LEVELS[severity],
    kind: 'fail',
    message: { text: `${title}. ${explanation}` },
    locations: [
      {
        physicalLocation: placeOf(evidence[0]?.capture ?? 0, report),
        logicalLocations: [{ fullyQualifiedName: subjectText(subject, report.names), kind: subject.kind }],
      },
    ],
    relatedLocations: evidence.slice(0, RELATED_MAX).map(({ capture, frame, summary }, index) => ({
      id: index + 1,
      physicalLocation: placeOf(capture, report),
      message: { text: `frame ${frame}: ${summary}` },
    })),
    partialFingerprints: { 'capanFindingKey/v1': key },
    // What only follows from another finding stands in the log and is not to be acted upon.
    ...(isConsequence(finding) || isRestatement(finding)
      ? {
          suppressions: [
            {
              kind: 'external',
              status: 'accepted',
              justification: `follows from ${(finding.causedBy ?? []).join(', ')}`,
            },
          ],
        }
      : {}),
    properties: {
      confidence: finding.confidence,
      first: finding.first,
      last: finding.last,
      ongoingAtEnd: finding.ongoingAtEnd,
      where: finding.where,
      displayFilter: finding.displayFilter,
      causes: finding.causes,
      nextSteps: finding.nextSteps,
      frames: evidence.map(({ frame }) => frame),
    },
  };
}

function placeOf(capture: number, { captures }: Report) {
  const index = Math.max(0, Math.min(capture, captures.length - 1));
  return { artifactLocation: { uri: uriOf(captures[index]?.file ?? ''), index } };
}

/** A path as a relative or absolute reference: every character that a URI reserves is written out, slashes stay. */
function uriOf(path: string): string {
  const escaped = Buffer.from(path, 'utf8')
    .toString('latin1')
    .replace(/[^A-Za-z0-9._~/-]/g, (byte) => {
      return `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
    });
  return path.startsWith('/') ? `file://${escaped}` : escaped;
}
