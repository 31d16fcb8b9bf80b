import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { diagnosesDocument } from '../src/report/diagnoses-doc.js';
import type { DiagnosisArea } from '../src/report/diagnosis-text.js';

const CATALOGUE = new URL('../dissectors/index.ts', import.meta.url);
const DOCUMENT = new URL('../docs/diagnoses.md', import.meta.url);

describe('docs/diagnoses.md', () => {
  it.skipIf(!existsSync(CATALOGUE))('is current (npm run docs writes it)', async () => {
    // By URL: the catalogue is generated, so the compiler may not know it yet.
    const { catalogue } = (await import(CATALOGUE.href)) as { catalogue: readonly DiagnosisArea[] };
    expect(readFileSync(DOCUMENT, 'utf8')).toBe(diagnosesDocument(catalogue));
  });
});
