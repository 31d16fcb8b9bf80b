import type { Report } from '../src/report/report.js';
import { brokenReport, checked, finding, tunnel } from './hand-made-reports.js';

/** A report in which every free string is the given one, as if packets and file names had put it there. */
export function hostileReport(text: string): Report {
  const direction = { from: text, to: `${text}2` };
  const way = { ...direction, packets: 123_456_789, bytes: 9e12, first: text, last: text };
  const hostile = finding({
    title: text,
    explanation: text,
    subject: { kind: 'flow', endpoints: [text, text], [text]: text, nested: { [text]: [text] } },
    direction,
    first: text,
    counts: { [text]: 1 },
    thresholds: { [text]: 2 },
    evidence: [{ capture: 0, frame: 1, time: text, relativeSeconds: 0, summary: text }],
    displayFilter: text,
    causes: [text],
    nextSteps: [text],
    refutedBy: text,
    limitedBy: [text],
    folded: 3,
  });
  return brokenReport({
    captures: brokenReport().captures.map((capture) => ({
      ...capture,
      file: text,
      format: text,
      linkTypes: [text],
      damaged: [{ offset: 1, reason: text }],
      skipped: { [text]: 4 },
    })),
    quality: [{ id: text, detail: text }],
    tunnels: [
      tunnel({
        kind: text,
        endpoints: [text, text],
        key: text,
        directions: [way, way],
        state: text,
        fact: text,
      }),
      tunnel({ id: 'inner', key: [text, text, text, text, text], encapsulatedIn: 'ipsec-1', directions: [] }),
    ],
    findings: [hostile, { ...hostile, key: 'consequence', causedBy: [hostile.key] }],
    checked: [
      checked(text, 'healthy'),
      checked(text, 'insufficient-data', { reason: text }),
      checked(text, 'not-applicable'),
    ],
    errors: [{ where: text, message: text }],
  });
}
