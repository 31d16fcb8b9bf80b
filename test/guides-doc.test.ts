import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { catalogue } from '../dissectors/index.js';
import { GUIDES } from '../scripts/guide-statements.js';

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

  it('stand in docs/guides.md', () => {
    const file = new URL('../docs/guides.md', import.meta.url);
    const before = readFileSync(file, 'utf8');
    execFileSync(process.execPath, ['--import', 'tsx', 'scripts/write-guides-doc.ts'], {
      cwd: new URL('..', import.meta.url),
    });
    expect(readFileSync(file, 'utf8')).toBe(before);
  });
});
