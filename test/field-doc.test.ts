import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { catalogue } from '../dissectors/index.js';
import { fieldPage } from '../scripts/field-page.js';
import { FIELD_KINDS } from '../scripts/field-reports.js';

const reports = FIELD_KINDS.flatMap((kind) => kind.reports);
const folder = new URL('../../shared/captures/field/', import.meta.url);

describe('reports of the field', () => {
  it('name diagnoses that exist', () => {
    const known = new Set(catalogue.flatMap(({ diagnoses }) => diagnoses.map(({ id }) => id)));
    expect(reports.flatMap(({ ids }) => ids).filter((id) => !known.has(id))).toEqual([]);
    expect(reports.filter(({ ids }) => ids.length === 0)).toEqual([]);
  });

  it('stand in docs/field.md (npm run docs writes it)', () => {
    expect(readFileSync(new URL('../docs/field.md', import.meta.url), 'utf8')).toBe(fieldPage());
  });

  it.skipIf(!existsSync(folder))('cover every rebuilt report (skipped where ../shared is missing)', () => {
    // Folders are named number, project and number of the report: 01-calico3145-… The numbers of pages are their own.
    const numbers = readdirSync(folder).flatMap((name) => /^\d+-[a-z0-9]*?[a-z](\d+)-/.exec(name)?.[1] ?? []);
    expect(numbers.length).toBeGreaterThan(15);
    const sources = reports.map(({ source }) => source).join(' ');
    expect(numbers.filter((number) => !new RegExp(`\\b${number}\\b`).test(sources))).toEqual([]);
  });
});
