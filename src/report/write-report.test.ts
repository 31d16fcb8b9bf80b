import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { brokenReport, finding, healthyReport, tunnel } from '../../test/hand-made-reports.js';
import { hostileReport } from '../../test/hostile-report.js';
import { displayWidth } from './line-wrap.js';
import type { Report } from './report.js';
import { reportSchema } from './report.js';
import { ndjsonLineSchema, reportJsonSchema } from './schema.js';
import type { WriteOptions } from './write-options.js';
import { FORMATS, type Format, writeReport } from './write-report.js';

const ACTIVE = /[\p{Cc}\p{Bidi_Control}\u2028\u2029]/u;
const COLOR_CODES = new RegExp(`${String.fromCharCode(27)}\\[\\d+m`, 'g');
const hostileText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 200 }),
  fc.string({ unit: 'grapheme', maxLength: 200 }),
  fc.constantFrom('x'.repeat(3000), '東'.repeat(300), '"', '"{', ',{"', '` | <b> ```', '\u001b]0;x\u0007'),
);

async function written(report: Report, format: Format, options: WriteOptions = {}): Promise<string> {
  let text = '';
  await writeReport(
    report,
    format,
    (piece) => {
      text += piece;
    },
    options,
  );
  return text;
}

describe('every format', () => {
  it('lets no control character of a packet or a file name through', async () => {
    await fc.assert(
      fc.asyncProperty(hostileText, fc.constantFrom(...FORMATS), async (text, format) => {
        const output = await written(hostileReport(text), format, { verbose: true });
        expect(output.replaceAll('\n', '')).not.toMatch(ACTIVE);
      }),
    );
  });
});

describe('text', () => {
  it('reads as written down here', async () => {
    await expect(await written(brokenReport(), 'text')).toMatchFileSnapshot(
      '../../test/golden/broken-report.txt',
    );
    await expect(await written(healthyReport(), 'text')).toMatchFileSnapshot(
      '../../test/golden/healthy-report.txt',
    );
  });

  it('fits the width whatever the strings are', async () => {
    const width = fc.constantFrom(40, 52, 80, 100, 160);
    await fc.assert(
      fc.asyncProperty(hostileText, width, fc.boolean(), async (text, columns, verbose) => {
        const output = await written(hostileReport(text), 'text', { width: columns, verbose });
        for (const line of output.split('\n')) expect(displayWidth(line)).toBeLessThanOrEqual(columns);
      }),
    );
  });

  /** What a narrow report says in other words: the table of tunnels, a set in a filter, the peer of the recipe. */
  const STACKED = ['sent', '{', 'PEER'];

  it('breaks no word that has room on a line of its own', async () => {
    const bare = (word: string): string => word.replace(/[:,;.]+$/, '');
    const wordsAt = async (width: number): Promise<string[]> =>
      (await written(brokenReport(), 'text', { width })).split(/\s+/).map(bare);
    const words = await wordsAt(160);
    const isWhole = (word: string): boolean =>
      words.includes(word) ||
      word.includes('..') ||
      words.some((one) => one.length > 36 && one.includes(word));
    for (const width of [40, 60, 75, 76, 120]) {
      const broken = (await wordsAt(width)).filter((word) => !isWhole(word) && !STACKED.includes(word));
      expect(broken, `at ${width} columns`).toEqual([]);
    }
  });

  it('uses the width of a wide terminal', async () => {
    const lines = (await written(brokenReport(), 'text', { width: 160 })).split('\n');
    expect(Math.max(...lines.map(displayWidth))).toBeGreaterThan(120);
  });

  it('is plain ASCII where the terminal shows no more', async () => {
    const report = brokenReport({
      findings: [finding({ title: '3 \u00d7 15 minutes\u2026', explanation: 'caf\u00e9 \u6771' })],
    });
    const output = await written(report, 'text', { ascii: true });
    expect(output).toMatch(/^[\n -~]*$/);
    expect(output).toContain('3 x 15 minutes...');
    expect(output).toContain('cafe ?');
  });

  it('says the same with colour and without', async () => {
    const plain = await written(brokenReport(), 'text');
    const colored = await written(brokenReport(), 'text', { color: true });
    expect(colored).not.toBe(plain);
    expect(colored.replace(COLOR_CODES, '')).toBe(plain);
  });

  it('keeps SPIs and full IPv6 addresses whole at 100 columns', async () => {
    const output = await written(brokenReport(), 'text');
    expect(output).toContain('ipsec 0xaa6fa19a');
    expect(output).toContain('2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff');
  });

  it('gives the advice of equal findings once, and says of each where and since when', async () => {
    const findings = Array.from({ length: 30 }, (_, index) =>
      finding({
        key: `k${index}`,
        id: 'ike.nat-detected',
        severity: index < 9 ? 'info' : 'warning',
        title: 'NAT between the IKE peers',
        subject: { kind: 'session', endpoints: ['10.1.1.1', `10.2.2.${index}`] },
      }),
    );
    const output = await written(brokenReport({ findings }), 'text');
    const count = (text: string): number => output.split(text).length - 1;
    expect(count('NAT between the IKE peers')).toBe(3);
    expect(count('ike.nat-detected, confidence high')).toBe(2);
    expect(count('ruled out by')).toBe(1);
    for (let index = 0; index < 30; index++) expect(output).toContain(`10.2.2.${index}`);
    const whole = await written(brokenReport({ findings }), 'text', { verbose: true });
    expect(whole.split('ruled out by').length - 1).toBe(30);
  });

  it('names a tunnel of many keys by the first one, and lists all at the end', async () => {
    const keys = Array.from({ length: 28 }, (_, index) => `0x${(0xaa6fa100 + index).toString(16)}`);
    const [own, ...others] = brokenReport().tunnels;
    expect(own).toBeDefined();
    if (own === undefined) return;
    const subject = { kind: 'session', endpoints: ['10.1.1.1'], spis: keys };
    const report = brokenReport({
      tunnels: [{ ...own, key: keys }, ...others],
      findings: [finding({ subject })],
    });
    const output = await written(report, 'text');
    expect(output).toContain(`in ipsec ${keys[0]} + 27 keys, `);
    expect(output).toContain(`spis ${keys.slice(0, 4).join(' ')} and 24 more`);
    const [before = '', listed = ''] = output.split('\nKEYS ');
    expect(before).not.toContain(keys[20]);
    for (const key of keys) expect(listed).toContain(key);
  });

  it('counts the tunnels that the table leaves out', async () => {
    const tunnels = Array.from({ length: 150 }, (_, index) => tunnel({ id: `t${index}`, state: 'up' }));
    const output = await written(healthyReport({ tunnels }), 'text');
    expect(output.match(/ipsec 0xaa6fa19a/g)?.length).toBe(66);
    expect(output).toContain('and 84 more tunnels, see --format json');
  });

  it('shows what only says the same more generally in a line under its leader', async () => {
    const root = finding();
    const general = finding({ key: 'g', id: 'a.b', title: 'Packets are lost', causedBy: [root.key] });
    const report = brokenReport({ findings: [root, { ...general, restatementOf: root.key }] });
    const line = 'the same packets, said more generally: a.b: Packets are lost';
    const text = await written(report, 'text');
    expect(text).toContain(line);
    expect(text).toContain('1 restatement)');
    expect(text).not.toContain('leads to');
    expect(await written(report, 'markdown')).toContain(`- ${line}`);
    expect(await written(report, 'ndjson')).toContain('"consequences":0,"restatements":1');
  });

  it('counts evidence, consequences and captures that it leaves out, and shows them with --verbose', async () => {
    const [evidence] = finding().evidence;
    const root = finding({ evidence: evidence === undefined ? [] : Array(9).fill(evidence) });
    const consequences = Array.from({ length: 14 }, (_, index) =>
      finding({ key: `c${index}`, title: `consequence ${index}`, causedBy: [root.key] }),
    );
    const [capture] = brokenReport().captures;
    const captures = capture === undefined ? [] : Array(20).fill(capture);
    const report = brokenReport({ findings: [root, ...consequences], captures });
    const short = await written(report, 'text');
    expect(short).toContain('and 3 more frames, see --verbose');
    expect(short).toContain('and 2 more consequences, see --verbose');
    expect(short).toContain('and 8 more files with 1,408 frames, undamaged');
    const full = await written(report, 'text', { verbose: true });
    expect(full).not.toContain('more frames');
    expect(full).toContain('consequence 13');
    expect(full).toContain('[19] sg1.pcap');
  });

  it('prints no date where the clock is relative', async () => {
    const captures = brokenReport().captures.map((capture) => ({
      ...capture,
      clock: 'relative' as const,
      firstTime: null,
      lastTime: null,
    }));
    const findings = [finding({ first: null, last: null, lastGood: { frame: 87, time: null } })];
    const tunnels = [tunnel({ directions: [], state: 'up' })];
    const output = await written(brokenReport({ captures, findings, tunnels }), 'text');
    expect(output).not.toMatch(/\d\d:\d\d:\d\d|\d{4}-\d\d-\d\d/);
    expect(output).toContain('since +30.900 s');
    expect(output).toContain('relative clock');
  });

  it('does not break a display filter that is too long for a line', async () => {
    const displayFilter = `http.host == "${'a'.repeat(120)}"`;
    const output = await written(brokenReport({ findings: [finding({ displayFilter })] }), 'text');
    expect(output).toContain('filter        too long for a line, see displayFilter in --format json');
  });
});

describe('json', () => {
  it('is the report', async () => {
    const report = brokenReport();
    expect(JSON.parse(await written(report, 'json'))).toEqual(report);
    expect(reportSchema.parse(report)).toEqual(report);
  });
});

describe('ndjson', () => {
  it('writes every piece in a line of the schema and ends with the summary', async () => {
    const report = brokenReport({ errors: [{ where: 'esp', message: 'failed' }] });
    const lines = (await written(report, 'ndjson')).trimEnd().split('\n');
    const pieces = lines.map((line) => ndjsonLineSchema.parse(JSON.parse(line)));
    expect(pieces.map((piece) => piece.type)).toEqual([
      ...['capture', 'quality', 'tunnel', 'tunnel', 'finding', 'finding', 'finding'],
      ...Array(7).fill('checked'),
      ...['error', 'summary'],
    ]);
    expect(pieces.at(-1)).toMatchObject({
      frames: 176,
      findings: { error: 1, warning: 1, info: 1 },
      consequences: 1,
    });
  });

  it('is not misled by a tunnel that has a field named type', async () => {
    const report = healthyReport({ tunnels: [tunnel({ type: 'finding' })] });
    expect(await written(report, 'ndjson')).toContain('{"type":"tunnel","id":"ipsec-1"');
  });
});

describe('markdown', () => {
  it('reads as written down here', async () => {
    await expect(await written(brokenReport(), 'markdown')).toMatchFileSnapshot(
      '../../test/golden/broken-report.md',
    );
  });

  it('keeps hostile cells in their cells', async () => {
    const output = await written(hostileReport('a | b\n| c <script>'), 'markdown');
    const outside = output.replace(/^```[\s\S]*?^```$/gm, '');
    expect(outside).not.toContain('<script>');
    const rows = outside.split('\n').filter((line) => line.startsWith('| 0 |'));
    for (const row of rows) expect(row.replaceAll('\\|', '').split('|').length).toBeOneOf([6, 9]);
  });

  it('closes code blocks only where it means to', async () => {
    const output = await written(
      brokenReport({ findings: [finding({ displayFilter: '``` x' })] }),
      'markdown',
    );
    expect(output).toContain('\n````\n``` x\n````\n');
  });
});

describe('docs/report.schema.json', () => {
  it('is current (npm run schema writes it)', () => {
    const committed = readFileSync(new URL('../../docs/report.schema.json', import.meta.url), 'utf8');
    expect(JSON.parse(committed)).toEqual(JSON.parse(reportJsonSchema()));
  });
});
