import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { catalogue } from '../dissectors/index.js';

const root = resolve(import.meta.dirname, '..');

function sources(folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .filter((file) => !file.includes('_template') && !file.startsWith('bench/tmp'));
}

const isTest = (file: string): boolean => file.endsWith('.test.ts');
const textOf = (file: string): string => readFileSync(join(root, file), 'utf8');

const engine = sources('src').filter((file) => !isTest(file));
const folders = sources('dissectors').filter((file) => !isTest(file));

describe('what no rule of imports can say', () => {
  it('loads no schema library on the way to an analysis', () => {
    const reached = new Set<string>();
    const visit = (file: string): void => {
      if (reached.has(file)) return;
      reached.add(file);
      // Dynamic imports are what keeps it away, so they are not followed.
      const statements = textOf(file).matchAll(/^(?:import|export)\s(?!type\s)[^'"]*?from\s+'([^']+)';/gm);
      for (const [, target] of statements) {
        if (target.startsWith('.')) visit(join(dirname(file), target.replace(/\.js$/, '.ts')));
        else reached.add(target);
      }
    };
    visit('src/cli.ts');
    visit('src/commands/analyze.ts');
    expect(reached.size).toBeGreaterThan(100);
    expect([...reached].filter((one) => one === 'zod')).toEqual([]);
  });

  it('holds no half of a merge', () => {
    const documents = readdirSync(root)
      .concat(
        readdirSync(join(root, 'docs'), { encoding: 'utf8', recursive: true }).map((name) => `docs/${name}`),
      )
      .filter((name) => /\.(md|json|ya?ml)$/.test(name));
    expect(documents).toContain('README.md');
    const halves = [...documents, ...engine, ...folders].filter((file) =>
      /^(<{7}|>{7}) /m.test(textOf(file)),
    );
    expect(halves).toEqual([]);
  });

  it('lets only cli.ts print or exit', () => {
    const offenders = engine
      .filter((file) => file !== 'src/cli.ts')
      .filter((file) => /\bconsole\.|process\.(exit\b|stdout\.write|stderr\.write)/.test(textOf(file)));
    expect(offenders).toEqual([]);
  });

  it('lets no diagnosis word a frame: a number says nothing without its capture, and the evidence cites both', () => {
    const offenders = folders.filter((file) => /\bframes? \$\{/.test(textOf(file)));
    expect(offenders).toEqual([]);
  });

  it('keeps allocation out of the functions that run for every frame', () => {
    const hot = [
      ...folders.filter((file) => file.endsWith('/dissector.ts')),
      ...engine.filter((file) =>
        /^src\/dissect\/(link|network|transport)-layer|^src\/dissect\/(fingerprints|piece-recorder)/.test(
          file,
        ),
      ),
    ];
    const offenders = hot.flatMap((file) =>
      [
        ...textOf(file).matchAll(
          /\.(subarray|slice)\(|\bBigInt\b|\btry\s*\{|\.\.\.(?!numberedColumns\()[a-z]/g,
        ),
      ].map(([found]) => `${file}: ${found}`),
    );
    expect(offenders).toEqual([]);
  });
});

describe('tidiness', () => {
  const all = ['src', 'dissectors', 'test', 'bench', 'captures'].flatMap(sources);

  it('names no file for nothing', () => {
    const empty = /(^|\/)(utils?|helpers?|common|misc|manager|base)(\.|\/)/i;
    expect(all.filter((file) => empty.test(file))).toEqual([]);
  });

  it('keeps files under 400 lines', () => {
    const long = all
      .filter((file) => !isTest(file) && !file.endsWith('index.ts'))
      .map((file) => ({ file, lines: textOf(file).split('\n').length }))
      .filter(({ lines }) => lines > 400);
    expect(long).toEqual([]);
  });

  it('leaves no loose ends', () => {
    const loose =
      /\bas any\b|: any\s*[;,)=|\]]|@ts-(ignore|nocheck)|\b(it|describe|test)\.(skip|only)\(|\b(TODO|FIXME|XXX)\b/;
    const here = 'test/architecture.test.ts';
    expect(all.filter((file) => file !== here && loose.test(textOf(file)))).toEqual([]);
  });
});

describe('the catalogue', () => {
  it('gives every folder a README and a place in the index', () => {
    const names = readdirSync(join(root, 'dissectors'))
      .filter((name) => !name.startsWith('_') && statSync(join(root, 'dissectors', name)).isDirectory())
      .sort();
    expect(catalogue.map(({ protocol }) => protocol)).toEqual(names);
    expect(names.filter((name) => !existsSync(join(root, 'dissectors', name, 'README.md')))).toEqual([]);
  });

  it('names each diagnosis file after its id', () => {
    const files = folders
      .filter((file) => /\/diagnoses\/[^/]+\.ts$/.test(file))
      .map((file) => file.replace(/.*\/|\.ts$/g, ''));
    const ids = catalogue.flatMap(({ diagnoses }) => diagnoses.map(({ id }) => id.replace(/^[^.]*\./, '')));
    expect(files.sort()).toEqual(ids.sort());
  });

  it('has one diagnosis an id, each whole', () => {
    const diagnoses = catalogue.flatMap((entry) => entry.diagnoses);
    const ids = diagnoses.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const one of diagnoses) {
      expect(one.id).toMatch(/^[a-z]+\.[a-z0-9-]+$/);
      for (const text of [one.title, one.rule, one.notWhen, one.refutedBy, one.source]) {
        expect(text.trim().length, `${one.id}: ${text}`).toBeGreaterThan(3);
      }
      expect(one.causes.length, one.id).toBeGreaterThan(0);
      expect(one.nextSteps.length, one.id).toBeGreaterThan(0);
    }
  });
});
