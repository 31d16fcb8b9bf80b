import { type DiagnosisMetadata, EVIDENCE_FACTS, type EvidenceFact } from '../diagnose/diagnosis-metadata.js';
import { FAULT_MEANINGS } from '../diagnose/fault-kinds.js';
import { counted } from './quantity.js';
import { hang, INDENT, labelled, ROOMY_WIDTH, type TextStyle, textStyle } from './text-style.js';

/** A folder of the catalogue as `capan explain` and docs/diagnoses.md show it. */
export interface DiagnosisArea {
  readonly protocol: string;
  readonly title: string;
  readonly diagnoses: readonly DiagnosisMetadata[];
}

interface TextOptions {
  readonly color?: boolean;
  readonly width?: number;
}

/** The catalogue: a line for each diagnosis, by area. */
export function catalogueText(areas: readonly DiagnosisArea[], options: TextOptions = {}): string {
  const style = textStyle(options);
  const filled = areas.filter((area) => area.diagnoses.length > 0);
  const ids = filled.flatMap((area) => area.diagnoses.map((diagnosis) => diagnosis.id));
  const idWidth = ids.reduce((widest, id) => Math.max(widest, id.length), 0);
  const sections = filled.map((area) => [
    style.heading(area.title),
    ...area.diagnoses.flatMap((diagnosis) => catalogueLines(diagnosis, idWidth, style)),
  ]);
  const closing = `${counted(ids.length, 'diagnosis', 'diagnoses')}; capan explain ID tells the rule, the thresholds, causes and next steps.`;
  return `${[...sections, [closing]].map((lines) => lines.join('\n')).join('\n\n')}\n`;
}

/** All that the catalogue knows of one diagnosis. */
export function diagnosisText(diagnosis: DiagnosisMetadata, options: TextOptions = {}): string {
  const style = textStyle(options);
  const { width } = style;
  const lines = [
    ...hang('', `${diagnosis.id}: ${diagnosis.title}`, width).map((line) => style.heading(line)),
    '',
    ...labelled('severity', `${diagnosis.severity}, judged per ${diagnosis.subject}`, width),
    ...labelled('rule', diagnosis.rule, width),
    ...labelled('not when', diagnosis.notWhen, width),
    ...listed('thresholds', thresholdTexts(diagnosis), '- ', width),
    ...listed('causes', diagnosis.causes, '- ', width),
    ...listed('next', diagnosis.nextSteps, null, width),
    ...listed('not listed', ruledOutTexts(diagnosis), '- ', width),
    ...labelled('ruled out by', diagnosis.refutedBy, width),
    ...labelled('fault', faultText(diagnosis), width),
    ...labelled('caused by', consequenceOfText(diagnosis), width),
    ...labelled('source', diagnosis.source, width),
  ];
  return `${lines.join('\n')}\n`;
}

/** Which causes and steps a finding leaves out, and when. */
export function ruledOutTexts({ ruledOut }: DiagnosisMetadata): string[] {
  return Object.entries(EVIDENCE_FACTS).flatMap(([fact, meaning]) =>
    (ruledOut?.[fact as EvidenceFact] ?? []).map((text) => `"${text} …", where ${meaning}`),
  );
}

/** "tunnel-loss: packets inside a tunnel are lost". */
export function faultText({ fault }: DiagnosisMetadata): string {
  return `${fault}: ${FAULT_MEANINGS[fault]}`;
}

/** Kinds of fault and ids of which it may be a consequence. */
export function consequenceOfText({ consequenceOf, consequenceOfIds = [] }: DiagnosisMetadata): string {
  return [consequenceOf.join(', '), consequenceOfIds.join(', ')].filter((part) => part !== '').join('; ');
}

/** "packetsMin = 10 packets: below that a one-shot stream is plausible". */
export function thresholdTexts(diagnosis: DiagnosisMetadata): string[] {
  return Object.entries(diagnosis.thresholds).map(
    ([name, { value, unit, why, adjustable }]) =>
      `${name} = ${value} ${unit}: ${why}${adjustable === true ? ' (--config can set it)' : ''}`,
  );
}

function catalogueLines(diagnosis: DiagnosisMetadata, idWidth: number, style: TextStyle): string[] {
  const severity = diagnosis.severity.padEnd('warning'.length);
  if (style.width < ROOMY_WIDTH) {
    const head = `${diagnosis.id}  ${diagnosis.severity}`;
    return [INDENT + head, ...hang(INDENT + INDENT, diagnosis.title, style.width)];
  }
  const [first = '', ...rest] = hang(
    `${INDENT}${diagnosis.id.padEnd(idWidth)}  ${severity}  `,
    diagnosis.title,
    style.width,
  );
  return [first.replace(severity, () => style.severity(diagnosis.severity, severity)), ...rest];
}

/** @param bullet null: numbered. */
function listed(label: string, entries: readonly string[], bullet: string | null, width: number): string[] {
  return entries.flatMap((entry, index) => {
    const mark = bullet ?? `${index + 1}. `;
    return labelled(index === 0 ? label : '', mark + entry, width, mark.length);
  });
}
