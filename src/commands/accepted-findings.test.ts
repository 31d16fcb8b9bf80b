import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { expiredLines } from './accept.js';
import { readAcceptances, withAcceptances } from './accepted-findings.js';
import { exitCodeOf } from './exit-code.js';
import { analyze } from './run-analysis.js';

const capture = resolve(import.meta.dirname, '../../captures/esp-one-way.pcap');
const folder = mkdtempSync(join(tmpdir(), 'capan-accept-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function file(content: unknown): string {
  const path = join(folder, 'accepted.json');
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

describe('accepted findings', () => {
  it('do not count for the exit code, and the report still lists them', async () => {
    const report = await analyze([capture], { threads: 0 });
    expect(exitCodeOf(report, 'error')).toBe(1);
    const list = readAcceptances(
      file({ accepted: [{ id: 'esp.*', reason: 'lab without a way back', until: '2027-01-31' }] }),
    );
    const marked = withAcceptances(report, list, '2027-01-31');
    expect(exitCodeOf(marked, 'error')).toBe(0);
    expect(marked.findings.map(({ id }) => id)).toEqual(report.findings.map(({ id }) => id));
    expect(marked.findings[0].accepted).toEqual({ reason: 'lab without a way back', until: '2027-01-31' });
    expect(marked.acceptances).toMatchObject([{ finding: 'esp.*', state: 'used', findings: 1 }]);
  });

  it('count again once the acceptance has expired, and that is said', async () => {
    const report = await analyze([capture], { threads: 0 });
    const list = readAcceptances(
      file({ accepted: [{ id: 'esp.one-way-spi', reason: 'known', until: '2027-01-31' }] }),
    );
    const marked = withAcceptances(report, list, '2027-02-01');
    expect(exitCodeOf(marked, 'error')).toBe(1);
    expect(marked.acceptances).toMatchObject([{ state: 'expired', findings: 1 }]);
    expect(expiredLines(marked)).toEqual([
      'warning: the acceptance of esp.one-way-spi has expired on 2027-01-31',
    ]);
  });

  it('are told apart by key and by subject', async () => {
    const report = await analyze([capture], { threads: 0 });
    const [{ key }] = report.findings;
    const list = readAcceptances(
      file({
        accepted: [
          { id: 'esp.one-way-spi', subject: { silent: '192.0.2.99' }, reason: 'another host' },
          { key, reason: 'this one' },
        ],
      }),
    );
    const marked = withAcceptances(report, list, '2027-01-01');
    expect(marked.acceptances?.map(({ state }) => state)).toEqual(['unused', 'used']);
  });

  it.each([
    ['{', 'is no JSON'],
    [{ accepted: [{ id: 'esp.*' }] }, 'accepted.0.reason'],
    [{ accepted: [{ reason: 'x' }] }, 'needs either id or key'],
    [{ accepted: [{ id: 'a', reason: 'x', until: 'soon' }] }, 'is no date such as 2027-01-31'],
    [{ accept: [] }, 'accept'],
  ])('%j is refused in one line', (content, words) => {
    expect(() => readAcceptances(file(content))).toThrow(words);
  });

  it('a file that is not there is named', () => {
    expect(() => readAcceptances(join(folder, 'nowhere.json'))).toThrow('no such file');
  });
});
