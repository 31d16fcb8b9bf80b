import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { catalogue } from '../dissectors/index.js';
import { GUIDE_INPUTS } from '../scripts/guide-inputs.js';
import { samplesShowing } from '../scripts/guide-samples.js';
import { GUIDES } from '../scripts/guide-statements.js';
import type { Report } from '../src/report/report.js';

const known = new Set(catalogue.flatMap(({ diagnoses }) => diagnoses.map(({ id }) => id)));

describe('the statements of the guides', () => {
  it.each(GUIDES.map((guide) => [guide.name, guide] as const))(
    'of %s name diagnoses that exist, or say why a capture does not show them',
    (_, { statements }) => {
      expect(statements.flatMap(({ ids }) => ids).filter((id) => !known.has(id))).toEqual([]);
      expect(statements.filter(({ ids, elsewhere }) => ids.length === 0 && elsewhere === undefined)).toEqual(
        [],
      );
    },
  );

  it.each(
    GUIDES.flatMap(({ name, statements }) =>
      statements.filter(({ ids }) => ids.length > 0).map((one) => [name, one.statement, one] as const),
    ),
  )('of %s are shown by captures whose reports say what to do: %s', (_name, _words, statement) => {
    const samples = samplesShowing(statement);
    expect(samples).not.toEqual([]);
    for (const { golden } of samples) {
      const text = readFileSync(new URL(`../captures/${golden}`, import.meta.url), 'utf8');
      const { findings } = JSON.parse(text) as Pick<Report, 'findings'>;
      const told = findings.filter(({ id }) => statement.ids.includes(id));
      expect(told, golden).not.toEqual([]);
      for (const { explanation, nextSteps } of told) {
        expect(explanation).not.toBe('');
        expect(nextSteps).not.toEqual([]);
      }
    }
  });

  it('have their inputs by words that are those of a row', () => {
    const words = new Set(GUIDES.flatMap(({ statements }) => statements.map(({ statement }) => statement)));
    expect(Object.keys(GUIDE_INPUTS).filter((statement) => !words.has(statement))).toEqual([]);
  });

  it('stand in docs/guides.md', () => {
    const file = new URL('../docs/guides.md', import.meta.url);
    const before = readFileSync(file, 'utf8');
    execFileSync(process.execPath, ['--import', 'tsx', 'scripts/write-guides-doc.ts'], {
      cwd: new URL('..', import.meta.url),
    });
    expect(readFileSync(file, 'utf8')).toBe(before);
  });
});
