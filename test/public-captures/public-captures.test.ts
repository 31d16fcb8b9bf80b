import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CaptureError } from '../../src/capture/capture-error.js';
import { analyze } from '../../src/commands/run-analysis.js';
import { SAMPLE, sampleOf } from '../sampling.js';

/* Every error and warning about public captures, as it was read again: see README.md. */

const folder = resolve(import.meta.dirname, '../../../shared/captures/real');
const isAtHand = existsSync(join(folder, 'manifest.jsonl'));
const FILES_IN_SAMPLE = 40;
const WHOLE_SWEEP_MS = 900_000;

interface Row {
  readonly file: string;
  readonly finding: string;
  readonly verdict: string;
  readonly command: string;
  readonly note: string;
}

function readRows(): Row[] {
  const [, ...lines] = readFileSync(join(import.meta.dirname, 'verdicts.tsv'), 'utf8')
    .trimEnd()
    .split('\n');
  return lines.map((line) => {
    const [file = '', id = '', severity = '', verdict = '', command = '', note = ''] = line.split('\t');
    return { file, finding: `${severity} ${id}`, verdict, command, note };
  });
}

const rows = readRows();

function filesOfCorpus(): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name !== 'manifest.jsonl')
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .sort();
}

/** Errors and warnings of a file; none where its format is not read. */
async function loudOf(file: string): Promise<string[]> {
  try {
    const { findings } = await analyze([join(folder, file)], { threads: 0 });
    return findings
      .filter(({ severity }) => severity !== 'info')
      .map(({ severity, id }) => `${severity} ${id}`)
      .sort();
  } catch (error) {
    if (error instanceof CaptureError) return [];
    throw error;
  }
}

describe('verdicts about public captures', () => {
  it('were read again one by one, and none is known to be false', () => {
    expect(rows.length).toBeGreaterThan(0);
    for (const { file, verdict, command, note } of rows) {
      expect(['true', 'undecided'], file).toContain(verdict);
      expect(command, file).toContain(file);
      if (verdict === 'undecided') expect(note, file).not.toBe('');
    }
  });
});

const missing = isAtHand ? SAMPLE : 'skipped: ../shared/captures/real is not at hand';

describe.skipIf(!isAtHand)(`public captures (${missing})`, () => {
  it('get the errors and warnings of the list, and no other', { timeout: WHOLE_SWEEP_MS }, async () => {
    const differing: string[] = [];
    for (const file of sampleOf(filesOfCorpus(), FILES_IN_SAMPLE, 'public captures')) {
      const expected = rows.filter((row) => row.file === file).map(({ finding }) => finding);
      const found = await loudOf(file);
      if (found.join() !== expected.sort().join())
        differing.push(`${file}: ${found.join() || 'nothing'} in place of ${expected.join() || 'nothing'}`);
    }
    expect(differing).toEqual([]);
  });
});
