import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { pathExpectationsOf, pathsReadmeOf } from '../captures/cases/describe.js';
import { SAMPLE_PATHS } from '../captures/cases/pairs.js';
import { catalogue } from '../dissectors/index.js';
import { matchesIdPattern } from '../src/commands/id-patterns.js';
import { comparePoints } from '../src/commands/run-compare.js';
import { type Report, reportSchema } from '../src/report/report.js';
import { expectGolden, expectHealthyLines } from './golden-report.js';

/*
 * Every path that ships, with the report that a comparison must give. After a change that is meant to change reports:
 * UPDATE_GOLDEN=1 npx vitest run test/golden-paths.test.ts, and review the difference like code.
 */

const folder = resolve(import.meta.dirname, '../captures/paths');
const goldenFolder = join(folder, 'golden');
const reports = new Map<string, Promise<Report>>();

function reportOf(name: string, points: readonly string[]): Promise<Report> {
  const known = reports.get(name);
  if (known) return known;
  const report = comparePoints(
    points.map((point) => ({ name: point, captures: [join(folder, name, `${point}.pcap`)] })),
    { threads: 0 },
  ).then((made) => {
    // The folder in which the project stands is not part of the golden report.
    made.captures.forEach((capture, index) => {
      capture.file = `${points[index]}.pcap`;
    });
    return made;
  });
  reports.set(name, report);
  return report;
}

describe.each(SAMPLE_PATHS)('path $name', ({ name, points, must, healthy, allow = [], write }) => {
  it('is what its case writes', () => {
    for (const [index, bytes] of write().entries()) {
      const file = join(folder, name, `${points[index]}.pcap`);
      expect(existsSync(file), 'run npx tsx captures/make.ts').toBe(true);
      expect(Buffer.compare(bytes, readFileSync(file)), file).toBe(0);
    }
  });

  it('gets the verdict that its making calls for, and no alarm beside it', async () => {
    const { findings, errors } = await reportOf(name, points);
    expect(errors).toEqual([]);
    const ids = findings.map(({ id }) => id);
    for (const id of must) expect(ids).toContain(id);
    const loud = findings.filter(({ severity, causedBy }) => severity !== 'info' && !causedBy);
    const expected = (id: string): boolean => [...must, ...allow].some((glob) => matchesIdPattern(id, glob));
    const alarms = loud.filter(({ id }) => (healthy ? !allow.includes(id) : !expected(id)));
    expect(alarms.map(({ id, explanation }) => `${id}: ${explanation}`)).toEqual([]);
  });

  it('counts what is in one file and not in the other', async () => {
    const { compare } = await reportOf(name, points);
    const lost = (compare?.directions ?? []).reduce((sum, direction) => sum + direction.lost, 0);
    if (healthy) expect(lost).toBe(0);
    for (const direction of compare?.directions ?? []) {
      const { notComparable } = direction;
      const sum = Object.values(notComparable).reduce<number>((total, count) => total + (count ?? 0), 0);
      expect(direction.sent).toBe(direction.matched + direction.lost + sum);
    }
  });

  it('has a report that the schema accepts, and cites frames that exist', async () => {
    const report = await reportOf(name, points);
    expect(reportSchema.safeParse(report).error).toBeUndefined();
    for (const { id, evidence } of report.findings) {
      expect(evidence.length, id).toBeLessThanOrEqual(10);
      for (const { capture, frame } of evidence) {
        expect(frame, id).toBeGreaterThan(0);
        expect(frame, id).toBeLessThanOrEqual(report.captures[capture].frames);
      }
    }
  });

  it('gives its golden report', async () => {
    expectGolden(await reportOf(name, points), join(goldenFolder, `${name}.json`));
  });

  it('lists every check once', async () => {
    const { checked } = await reportOf(name, points);
    const ids = catalogue.flatMap((entry) => entry.diagnoses).map(({ id }) => id);
    expect(checked.map(({ id }) => id).toSorted()).toEqual(ids.toSorted());
  });
});

describe('paths', () => {
  it('are described, and none stands there without a case', () => {
    expect(readFileSync(join(folder, 'README.md'), 'utf8')).toBe(pathsReadmeOf(SAMPLE_PATHS));
    expect(readFileSync(join(folder, 'expect.json'), 'utf8')).toBe(pathExpectationsOf(SAMPLE_PATHS));
    const folders = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    const names = folders.map(({ name }) => name).filter((name) => name !== 'golden');
    expect(names.sort()).toEqual(SAMPLE_PATHS.map(({ name }) => name).sort());
  });

  const paired = catalogue.flatMap((entry) => entry.diagnoses).filter((one) => one.needsTwoCaptures);

  it('are healthy to those that need both ends where they were', async () => {
    const made = new Map<string, Report>();
    for (const { name, points } of SAMPLE_PATHS) made.set(name, await reportOf(name, points));
    const ids = paired.map(({ id }) => id);
    expectHealthyLines(made, ids, join(goldenFolder, 'healthy.txt'));
  });

  it.each(paired.map(({ id }) => id))(
    '%s fires on a path that ships, and is silent on a healthy one',
    async (id) => {
      const fired: string[] = [];
      const silent: string[] = [];
      for (const { name, points, healthy } of SAMPLE_PATHS) {
        const { checked } = await reportOf(name, points);
        const result = checked.find((one) => one.id === id)?.result;
        if (result === 'problem') fired.push(name);
        else if (healthy) silent.push(name);
      }
      expect(fired, `no path shows ${id}`).not.toEqual([]);
      expect(silent, `no healthy path for ${id}`).not.toEqual([]);
    },
  );
});
