import { linkSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { brokenReport, finding, healthyReport } from '../../test/hand-made-reports.js';
import { nearestIds } from '../diagnose/nearest-ids.js';
import type { Report } from '../report/report.js';
import { type AnalyzePipeline, analyzeAndReport } from './analyze-and-report.js';
import { analyzeOptions } from './analyze-options.js';
import { exitCodeOf } from './exit-code.js';
import { matchesIdPattern } from './id-patterns.js';
import { assertWritable } from './output-file.js';
import { progressLine, startProgress } from './progress.js';
import type { Terminal } from './terminal.js';

let folder = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'capan-commands-'));
});

afterEach(() => rmSync(folder, { recursive: true }));

function damaged(report: Report): Report {
  const captures = report.captures.map((capture) => ({
    ...capture,
    damaged: [{ offset: 24, reason: 'cut' }],
  }));
  return { ...report, captures };
}

describe('exitCodeOf', () => {
  const warning = brokenReport({ findings: [finding({ severity: 'warning' })] });
  const consequence = brokenReport({ findings: [finding({ causedBy: ['other'] })] });

  it('is 1 from --fail-on upwards', () => {
    expect(exitCodeOf(brokenReport(), 'error')).toBe(1);
    expect(exitCodeOf(warning, 'error')).toBe(0);
    expect(exitCodeOf(warning, 'warning')).toBe(1);
    expect(exitCodeOf(warning, 'info')).toBe(1);
    expect(exitCodeOf(brokenReport(), 'never')).toBe(0);
    expect(exitCodeOf(healthyReport(), 'info')).toBe(0);
  });

  it('does not count consequences', () => expect(exitCodeOf(consequence, 'info')).toBe(0));

  it('is 3 for damage where no finding is loud enough', () => {
    expect(exitCodeOf(damaged(healthyReport()), 'error')).toBe(3);
    expect(exitCodeOf(damaged(warning), 'error')).toBe(3);
    expect(exitCodeOf(damaged(brokenReport()), 'error')).toBe(1);
  });

  it('is 3 where a part of capan failed and no finding is loud enough', () => {
    const errors = [{ where: 'esp', message: 'x' }];
    expect(exitCodeOf(healthyReport({ errors }), 'error')).toBe(3);
    expect(exitCodeOf(brokenReport({ errors }), 'error')).toBe(1);
  });
});

describe('assertWritable', () => {
  it('refuses an input under any of its names', () => {
    const input = join(folder, 'a.pcap');
    const symbolic = join(folder, 'symbolic');
    const hard = join(folder, 'hard');
    writeFileSync(input, '');
    symlinkSync(input, symbolic);
    linkSync(input, hard);
    for (const name of [input, join(folder, '.', 'a.pcap'), symbolic, hard]) {
      expect(() => assertWritable(name, [input])).toThrow('is one of the inputs');
      expect(() => assertWritable(name, [folder])).toThrow('is one of the inputs');
    }
  });

  it('takes a new file, another file and a device', () => {
    writeFileSync(join(folder, 'old'), '');
    for (const name of [join(folder, 'new'), join(folder, 'old'), '/dev/null']) {
      expect(() => assertWritable(name, [join(folder, 'a.pcap')])).not.toThrow();
    }
  });

  it('tells early what cannot be written', () => {
    expect(() => assertWritable(folder, [])).toThrow('it is a directory');
    expect(() => assertWritable(join(folder, 'no', 'x'), [])).toThrow('its directory does not exist');
  });
});

describe('ids', () => {
  it.each([
    ['esp.loss', 'esp.*', true],
    ['esp.loss', '*', true],
    ['esp.loss', '*.l?ss', true],
    ['esp.loss', 'esp.los', false],
    ['esp.loss', 'e*p*s*s', true],
    ['esp.loss', 'ESP.loss', false],
    ['espXloss', 'esp.loss', false],
  ])('%s and the pattern %s', (id, pattern, matches) => expect(matchesIdPattern(id, pattern)).toBe(matches));

  it('does not take long over a hostile pattern', () => {
    expect(matchesIdPattern('a'.repeat(2000), `${'*a'.repeat(500)}b`)).toBe(false);
  });

  it('suggests what was meant', () => {
    const ids = ['esp.one-way-spi', 'esp.loss', 'ike.no-response', 'frag.missing-first'];
    expect(nearestIds('esp.on-way-spi', ids)[0]).toBe('esp.one-way-spi');
    expect(nearestIds('no-response', ids)[0]).toBe('ike.no-response');
    expect(nearestIds('one-way', ids)).toEqual(['esp.one-way-spi']);
    expect(nearestIds('qqqqqqqqqq', ids)).toEqual([]);
  });
});

describe('progress', () => {
  it('waits a second, is redrawn at most ten times a second, and leaves nothing', () => {
    let nowMs = 0;
    const written: string[] = [];
    const stream = { columns: 80, write: (text: string) => void written.push(text) };
    const progress = startProgress(stream, () => nowMs);
    for (nowMs = 0; nowMs < 2000; nowMs += 10) progress.update(nowMs * 1e6, 3e9);
    progress.clear();
    expect(written.length).toBe(11);
    expect(written[0]).toBe(
      '\r\u001b[K[########................]  33 %  1.00 GB of 3.00 GB  1.00 GB/s  2 s left',
    );
    expect(written.at(-1)).toBe('\r\u001b[K');
  });

  it('never shows for short work and never exceeds the terminal', () => {
    const written: string[] = [];
    const stream = { columns: 20, write: (text: string) => void written.push(text) };
    let nowMs = 0;
    const progress = startProgress(stream, () => nowMs);
    nowMs = 900;
    progress.update(1, 2);
    progress.clear();
    expect(written).toEqual([]);
    nowMs = 5000;
    progress.update(1, 2);
    expect(written[0]?.length).toBe('\r\u001b[K'.length + 19);
  });

  it('has no share and no end for a pipe', () => {
    expect(progressLine(5e8, null, 2.5e8)).toBe('500 MB  250 MB/s');
  });

  it('tells the time left by what was read of late', () => {
    const written: string[] = [];
    const stream = { columns: 120, write: (text: string) => void written.push(text) };
    let nowMs = 0;
    const progress = startProgress(stream, () => nowMs);
    // 100 MB/s for 10 s, then 10 MB/s.
    for (; nowMs <= 10_000; nowMs += 100) progress.update(nowMs * 1e5, 2e9);
    for (; nowMs <= 20_000; nowMs += 100) progress.update(1e9 + (nowMs - 10_000) * 1e4, 2e9);
    expect(written.at(-1)).toMatch(/10\.\d MB\/s {2}9\d s left$/);
  });
});

describe('analyzeAndReport', () => {
  function run(report: Report, words: Record<string, unknown> = {}, signal?: AbortSignal) {
    const written: string[] = [];
    const messages: string[] = [];
    const asked: unknown[] = [];
    const terminal: Terminal = {
      color: true,
      columns: 80,
      write: async (text) => void written.push(text),
      message: (line) => void messages.push(line),
      progress: null,
    };
    const pipeline: AnalyzePipeline = {
      diagnosisIds: ['esp.loss', 'esp.one-way-spi'],
      analyze: async (inputs, options) => {
        asked.push(inputs, options);
        return report;
      },
    };
    const options = analyzeOptions(words, ['a.pcap']);
    const exit = analyzeAndReport(options, terminal, pipeline, signal);
    return { exit, written, messages, asked };
  }

  it('writes the report to stdout alone and passes options on', async () => {
    const { exit, written, messages, asked } = run(brokenReport(), { only: ['esp.*'], threads: '1' });
    expect(await exit).toBe(1);
    expect(written.join('')).toContain('\u001b[1mCAPTURES');
    expect(messages).toEqual([]);
    expect(asked).toEqual([['a.pcap'], { only: ['esp.*'], threads: 1 }]);
  });

  it('writes a file without colour and tells the verdict', async () => {
    const output = join(folder, 'report.txt');
    const { exit, written, messages } = run(healthyReport(), { output });
    expect(await exit).toBe(0);
    expect(written).toEqual([]);
    expect(messages).toEqual([
      'Nothing wrong found: 1 tunnel healthy, 3 checks passed; 1 check could not be judged.',
    ]);
    expect(readFileSync(output, 'utf8')).toMatch(/^Nothing wrong found(?:\P{Cc}|\n)*$/u);
  });

  it('is silent about a file with --quiet', async () => {
    const { exit, messages } = run(healthyReport(), { output: join(folder, 'r'), quiet: true });
    expect(await exit).toBe(0);
    expect(messages).toEqual([]);
  });

  it('writes nothing and ends with 130 once it was interrupted', async () => {
    const { exit, written } = run(brokenReport(), {}, AbortSignal.abort());
    expect(await exit).toBe(130);
    expect(written).toEqual([]);
  });

  it('refuses a pattern that would check nothing', async () => {
    const { exit, asked } = run(healthyReport(), { only: ['esp.one-way'] });
    await expect(exit).rejects.toThrow(
      '--only esp.one-way matches no diagnosis; did you mean esp.one-way-spi?',
    );
    expect(asked).toEqual([]);
  });
});
