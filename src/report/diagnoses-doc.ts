import type { DiagnosisMetadata } from '../diagnose/diagnosis-metadata.js';
import {
  consequenceOfText,
  type DiagnosisArea,
  faultText,
  ruledOutTexts,
  thresholdTexts,
} from './diagnosis-text.js';
import { escapeMarkdown } from './escape.js';
import { tableRow } from './markdown.js';
import { counted } from './quantity.js';

/** The text of docs/diagnoses.md: a table per area, then an entry per id. */
export function diagnosesDocument(areas: readonly DiagnosisArea[]): string {
  const filled = areas.filter((area) => area.diagnoses.length > 0);
  const count = filled.reduce((sum, area) => sum + area.diagnoses.length, 0);
  const head = [
    '# Diagnoses',
    '',
    'This file is generated from the catalogue by `npm run docs`; `capan explain ID` prints the same entries.',
    `${counted(count, 'diagnosis', 'diagnoses')} in ${counted(filled.length, 'area')}. Ids are stable once released.`,
  ];
  const sections = filled.flatMap((area) => [areaTable(area), ...area.diagnoses.map(diagnosisEntry)]);
  return `${[head, ...sections].map((lines) => lines.join('\n')).join('\n\n')}\n`;
}

function areaTable(area: DiagnosisArea): string[] {
  return [
    `## ${escapeMarkdown(area.title)}`,
    '',
    '| id | severity | judged per | what it says |',
    '|---|---|---|---|',
    ...area.diagnoses.map((diagnosis) =>
      tableRow([diagnosis.id, diagnosis.severity, diagnosis.subject, diagnosis.title]),
    ),
  ];
}

function diagnosisEntry(diagnosis: DiagnosisMetadata): string[] {
  return [
    `### ${escapeMarkdown(diagnosis.id)}`,
    '',
    escapeMarkdown(diagnosis.title),
    '',
    `- **Rule:** ${escapeMarkdown(diagnosis.rule)}`,
    ...field('Not when', diagnosis.notWhen),
    ...nested('Thresholds', thresholdTexts(diagnosis)),
    ...nested('Causes', diagnosis.causes),
    ...nested('Next steps', diagnosis.nextSteps),
    ...nested('Not listed', ruledOutTexts(diagnosis)),
    ...field('Ruled out by', diagnosis.refutedBy),
    ...field('Kind of fault', faultText(diagnosis)),
    ...field('May be a consequence of', consequenceOfText(diagnosis)),
    ...field('Source', diagnosis.source),
  ];
}

function field(name: string, text: string): string[] {
  return text === '' ? [] : [`- **${name}:** ${escapeMarkdown(text)}`];
}

function nested(name: string, entries: readonly string[]): string[] {
  if (entries.length === 0) return [];
  return [`- **${name}:**`, ...entries.map((entry) => `  - ${escapeMarkdown(entry)}`)];
}
