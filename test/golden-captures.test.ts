import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { catalogue } from '../dissectors/index.js';
import { matchesIdPattern } from '../src/commands/id-patterns.js';
import { analyze } from '../src/commands/run-analysis.js';
import { type Report, reportSchema } from '../src/report/report.js';
import type { SideFilePaths } from '../src/side-files/read-side-files.js';
import { expectGolden, expectHealthyLines, goldenTextOf } from './golden-report.js';

/*
 * Every capture that ships, with the report that it must give. After a change that is meant to change reports:
 * UPDATE_GOLDEN=1 npx vitest run test/golden-captures.test.ts, and review the difference like code.
 */

const folder = resolve(import.meta.dirname, '../captures');
const goldenFolder = join(folder, 'golden');
const files = readdirSync(folder).filter((file) => /\.(pcap(ng)?|txt)$/.test(file));

interface Expectation {
  readonly must: readonly string[];
  readonly healthy: boolean;
  readonly allow: readonly string[];
  readonly sideFiles?: Readonly<Record<string, readonly string[]>>;
}

const expectations = new Map<string, Expectation>(
  Object.entries(
    JSON.parse(readFileSync(join(folder, 'expect.json'), 'utf8')) as Record<string, Expectation>,
  ),
);

// Those that need captures of both ends have paths of their own (golden-paths.test.ts).
const diagnoses = catalogue.flatMap((entry) => entry.diagnoses).filter((one) => !one.needsTwoCaptures);

const reports = new Map<string, Report>();

async function reportOf(file: string): Promise<Report> {
  const known = reports.get(file);
  if (known) return known;
  const sideFiles = sidePaths(expectations.get(file)?.sideFiles);
  const report = await analyze([join(folder, file)], { threads: 0, ...(sideFiles ? { sideFiles } : {}) });
  // The folder in which the project stands is not part of the golden report.
  for (const capture of report.captures) capture.file = file;
  reports.set(file, report);
  return report;
}

function sidePaths(names: Expectation['sideFiles']): SideFilePaths | null {
  if (!names) return null;
  const { config, ...lists } = Object.fromEntries(
    Object.entries(names).map(([option, list]) => [
      option,
      list.map((name) => join(folder, 'side-files', name)),
    ]),
  );
  return { ...lists, ...(config ? { config: config[0] } : {}) };
}

describe.each(files)('%s', (file) => {
  it('is described in expect.json', () => {
    expect(expectations.has(file)).toBe(true);
  });

  it('gets the verdict that its making calls for, and no alarm beside it', async () => {
    const { must, healthy, allow } = expectations.get(file) ?? { must: [], healthy: true, allow: [] };
    const { findings, errors } = await reportOf(file);
    expect(errors).toEqual([]);
    const ids = findings.map(({ id }) => id);
    for (const id of must) expect(ids, file).toContain(id);
    const loud = findings.filter(({ severity, causedBy }) => severity !== 'info' && !causedBy);
    const isExpected = (id: string): boolean =>
      [...must, ...allow].some((glob) => matchesIdPattern(id, glob));
    const alarms = loud.filter(({ id }) => (healthy ? !allow.includes(id) : !isExpected(id)));
    expect(alarms.map(({ id, explanation }) => `${id}: ${explanation}`)).toEqual([]);
  });

  it('has a report that the schema accepts', async () => {
    expect(reportSchema.safeParse(await reportOf(file)).error).toBeUndefined();
  });

  it('cites frames that exist, in its own capture', async () => {
    const report = await reportOf(file);
    for (const finding of report.findings) {
      expect(finding.evidence.length, finding.id).toBeLessThanOrEqual(10);
      for (const { capture, frame } of finding.evidence) {
        expect(frame).toBeGreaterThan(0);
        expect(frame).toBeLessThanOrEqual(report.captures[capture].frames);
      }
    }
  });

  it('gives its golden report', async () => {
    expectGolden(await reportOf(file), join(goldenFolder, `${file}.json`));
  });

  it('lists every check once', async () => {
    const { checked } = await reportOf(file);
    expect(checked.map(({ id }) => id)).toEqual(diagnoses.map(({ id }) => id));
  });
});

describe('every diagnosis', () => {
  it('that is new leaves a golden alone on which it finds all well or does not apply', async () => {
    const report = await reportOf(files[0]);
    const [row] = report.checked;
    const quiet = (['healthy', 'not-applicable'] as const).map((result) => ({
      ...row,
      id: 'new.one',
      result,
    }));
    expect(goldenTextOf({ ...report, checked: [...report.checked, ...quiet] })).toBe(goldenTextOf(report));
  });

  it('is healthy where it was', async () => {
    for (const file of files) await reportOf(file);
    const ids = diagnoses.map(({ id }) => id);
    expectHealthyLines(reports, ids, join(goldenFolder, 'healthy.txt'));
  });

  it.each(diagnoses.map(({ id }) => id))(
    '%s fires on a capture that ships, and is silent on a healthy one',
    async (id) => {
      const fired: string[] = [];
      const silent: string[] = [];
      for (const file of files) {
        const { checked } = await reportOf(file);
        const result = checked.find((one) => one.id === id)?.result;
        if (result === 'problem') fired.push(file);
        else if (expectations.get(file)?.healthy) silent.push(file);
      }
      expect(fired, `no capture shows ${id}`).not.toEqual([]);
      expect(silent, `no healthy capture for ${id}`).not.toEqual([]);
    },
  );
});
