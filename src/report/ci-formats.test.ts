import { describe, expect, it } from 'vitest';
import { brokenReport, finding, healthyReport } from '../../test/hand-made-reports.js';
import type { Report } from './report.js';
import type { WriteOptions } from './write-options.js';
import { type Format, writeReport } from './write-report.js';

async function written(report: Report, format: Format, options: WriteOptions = {}): Promise<string> {
  const pieces: string[] = [];
  await writeReport(report, format, (piece) => pieces.push(piece), options);
  return pieces.join('');
}

type Json = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null;
const all = (owner: unknown, name: string): Json[] => {
  const value: unknown = isObject(owner) ? owner[name] : undefined;
  return (Array.isArray(value) ? value : [value]).filter(isObject);
};

describe('SARIF', () => {
  it('has what the schema of SARIF 2.1.0 requires, for findings, a healthy capture and errors', async () => {
    const errors = [{ where: 'esp', message: 'x' }];
    for (const report of [brokenReport(), healthyReport(), brokenReport({ errors })]) {
      const log: unknown = JSON.parse(await written(report, 'sarif'));
      expect(log).toMatchObject({ version: '2.1.0', runs: [{}] });
      const [run] = all(log, 'runs');
      const [driver] = all(all(run, 'tool')[0], 'driver');
      expect(driver).toMatchObject({ name: 'capan', rules: expect.any(Array) });
      for (const rule of all(driver, 'rules')) expect(rule).toMatchObject({ id: expect.any(String) });
      for (const call of all(run, 'invocations'))
        expect(call).toMatchObject({ executionSuccessful: report.errors.length === 0 });
      const results = all(run, 'results');
      expect(results).toHaveLength(report.findings.length);
      for (const result of results) {
        expect(result).toMatchObject({ message: { text: expect.stringMatching(/./) } });
        expect(['none', 'note', 'warning', 'error']).toContain(result.level);
        const rule = all(driver, 'rules')[Number(result.ruleIndex)];
        expect(rule?.id).toBe(result.ruleId);
        for (const location of [...all(result, 'locations'), ...all(result, 'relatedLocations')]) {
          const [place] = all(location, 'physicalLocation');
          expect(place).toMatchObject({ artifactLocation: { uri: expect.stringMatching(/^[\w.~/%:-]+$/) } });
        }
        for (const suppression of all(result, 'suppressions'))
          expect(['inSource', 'external']).toContain(suppression.kind);
      }
    }
  });

  it('names a file by a URI whatever it is called', async () => {
    const report = healthyReport();
    const captures = report.captures.map((capture) => ({ ...capture, file: '/tmp/a b#\u00e9%.pcap' }));
    expect(await written({ ...report, captures }, 'sarif')).toContain('"file:///tmp/a%20b%23%C3%A9%25.pcap"');
  });
});

describe('JUnit', () => {
  const warning = brokenReport({ findings: [finding({ severity: 'warning', title: 'a < b & "c"' })] });

  it('fails where the exit code does', async () => {
    expect(await written(warning, 'junit')).toContain(' failures="0"');
    const output = await written(warning, 'junit', { failOn: 'warning' });
    expect(output).toContain(' failures="1"');
    expect(output).toContain('<failure type="warning" message="a &lt; b &amp; &quot;c&quot;">');
    expect(await written(brokenReport(), 'junit', { failOn: 'never' })).not.toContain('<failure');
  });

  it('says in a test that passes what was found below --fail-on', async () => {
    expect(await written(warning, 'junit')).toMatch(/<system-out>warning: a &lt; b/);
  });

  it('counts the test cases that it has', async () => {
    const errors = [{ where: 'esp', message: 'x' }];
    const output = await written(brokenReport({ errors }), 'junit');
    const count = (pattern: RegExp): number => output.match(pattern)?.length ?? 0;
    const [, tests, failures, failed, skipped] =
      /<testsuites name="capan" tests="(\d+)" failures="(\d+)" errors="(\d+)" skipped="(\d+)">/.exec(
        output,
      ) ?? [];
    expect(Number(tests)).toBe(count(/<testcase /g));
    expect(Number(failures)).toBe(count(/<testcase [^/]*>\n\s*<failure /g));
    expect(Number(failed)).toBe(count(/<error /g));
    expect(Number(skipped)).toBe(count(/<skipped /g));
  });
});
