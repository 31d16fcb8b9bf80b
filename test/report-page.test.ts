import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { analyze } from '../src/commands/run-analysis.js';
import { type PageClient, writeHtml } from '../src/report/html.js';
import type { Report } from '../src/report/report.js';
import { hostileReport } from './hostile-report.js';

/* The page of a report, in a browser. One browser for all of it; where there is none, a message says what was not tested. */

const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((file) =>
  existsSync(file),
);
if (CHROMIUM === undefined) {
  process.stderr.write('The page of a report is not tested: no chromium here (apt-get install chromium).\n');
}

const root = new URL('..', import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), 'capan-page-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const reports = new Map<string, Promise<Report>>();

/** With pictures, as `--html` asks for. */
function reportOf(capture: string): Promise<Report> {
  const known = reports.get(capture);
  if (known !== undefined) return known;
  const report = analyze([`${root}captures/${capture}`], { threads: 0, pictures: true });
  reports.set(capture, report);
  return report;
}

describe.skipIf(CHROMIUM === undefined)('the page in a browser', () => {
  let browser: Browser;
  let client: PageClient;
  /** What the page must never do: errors, and requests beside that for itself. */
  const complaints: string[] = [];

  beforeAll(async () => {
    const built = join(folder, 'client.json');
    spawnSync(process.execPath, [`${root}scripts/page-client.mjs`, built], { stdio: 'inherit' });
    client = JSON.parse(readFileSync(built, 'utf8'));
    const { chromium } = await import('playwright-core');
    browser = await chromium.launch({ executablePath: CHROMIUM ?? '', args: ['--no-sandbox'] });
  }, 120_000);

  afterAll(async () => browser?.close());

  function pageFile(name: string, report: Report): string {
    const file = join(folder, `${name}.html`);
    const pieces: string[] = [];
    writeHtml(report, (text) => pieces.push(text), client);
    writeFileSync(file, pieces.join(''));
    return file;
  }

  async function open(file: string, options: BrowserContextOptions = {}): Promise<Page> {
    const page = await browser.newPage({ viewport: { width: 1200, height: 900 }, ...options });
    complaints.length = 0;
    page.on('console', (message) => {
      if (message.type() === 'error') complaints.push(message.text());
    });
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('request', (request) => {
      if (request.url() !== `file://${file}`) complaints.push(request.url());
    });
    await page.goto(`file://${file}`);
    return page;
  }

  it.each([
    ['ike-4500-blocked.pcap', ['ladder']],
    ['openvpn-tls-stalled.pcap', ['ladder']],
    ['bgp-flap.pcap', ['ladder']],
    ['bfd-flap.pcap', ['ladder']],
    ['dns-timeout.pcap', ['ladder']],
    ['esp-loss.pcap', ['sequence']],
    ['gre-seq-loss.pcap', ['sequence']],
    ['overlay-mtu-exceeded.pcap', ['sizes', 'fragments', 'round-trips']],
  ])('%s: opens without an error or a request, and what shows it has data: %s', async (name, pictures) => {
    const report = await reportOf(name);
    const page = await open(pageFile(name, report));
    expect(await page.locator('h1').textContent()).toContain(report.findings[0].title);
    expect(await page.locator('article').count()).toBe(report.findings.length);
    for (const picture of pictures) {
      const figures = await page.locator(`[data-picture="${picture}"]`).all();
      expect(figures.length, picture).toBeGreaterThan(0);
      for (const figure of figures) {
        expect(Number(await figure.getAttribute('data-points')), picture).toBeGreaterThan(0);
      }
    }
    expect(complaints).toEqual([]);
    await page.close();
  });

  it('works by keyboard: search, severity, zoom, sorting', async () => {
    const page = await open(pageFile('keys', await reportOf('overlay-mtu-exceeded.pcap')));
    const findings = page.locator('article');
    const all = await findings.count();
    await page.keyboard.press('Tab');
    expect(await page.evaluate('document.activeElement.textContent')).toContain('Skip to the findings');
    await page.getByLabel('Search in findings').focus();
    await page.keyboard.type('fragments');
    expect(await findings.count()).toBeLessThan(all);
    await page.getByRole('button', { name: 'Reset' }).press('Enter');
    expect(await findings.count()).toBe(all);
    await page.getByRole('button', { name: /^error/ }).press('Enter');
    expect(await findings.count()).toBeLessThan(all);
    await page.getByRole('button', { name: 'Reset' }).press('Enter');

    const shown = page.locator('#timeline [data-shown]');
    const whole = await shown.textContent();
    await page.locator('.lanes').focus();
    await page.keyboard.press('+');
    expect(await shown.textContent()).not.toBe(whole);
    await page.keyboard.press('0');
    expect(await shown.textContent()).toBe(whole);

    const heading = page.locator('#tunnels th').nth(3);
    await heading.getByRole('button').press('Enter');
    expect(await heading.getAttribute('aria-sort')).toBe('ascending');
    await page.close();
  });

  it.each(['light', 'dark'] as const)('axe objects to nothing in %s', async (colorScheme) => {
    const report = await reportOf('overlay-mtu-exceeded.pcap');
    const page = await open(pageFile('axe', report), { colorScheme, bypassCSP: true });
    const axe = createRequire(import.meta.url).resolve('axe-core/axe.min.js');
    await page.addScriptTag({ content: readFileSync(axe, 'utf8') });
    const violations: unknown = await page.evaluate(
      "axe.run().then(({ violations }) => violations.map(({ id, nodes }) => id + ': ' + nodes[0].html))",
    );
    expect(violations).toEqual([]);
    await page.close();
  });

  it('takes hostile strings for text', async () => {
    const hostile =
      '</script><script>document.title="broken"</script>\u202e<img src=x onerror=alert(1)> <!--';
    const page = await open(pageFile('hostile', hostileReport(hostile)));
    expect(await page.title()).toMatch(/^capan/);
    expect(await page.locator('main img, main script').count()).toBe(0);
    const title = await page.locator('article h3').first().textContent();
    expect(title).toContain('<script>');
    expect(title).not.toContain('\u202e');
    expect(complaints).toEqual([]);
    await page.close();
  });

  it('opens with a name of a megabyte', async () => {
    const report = hostileReport('x'.repeat(1_000_000));
    const page = await open(pageFile('long', { ...report, findings: report.findings.slice(0, 1) }));
    expect(await page.locator('h2').first().textContent()).toBe('Timeline');
    await page.close();
  });

  it('lets nothing in that it does not hold', async () => {
    const page = await open(pageFile('policy', await reportOf('esp-loss.pcap')));
    await page.evaluate(
      "document.body.append(Object.assign(document.createElement('script'), { textContent: 'window.ran = 1' }))",
    );
    expect(await page.evaluate('window.ran')).toBeUndefined();
    const fetched = await page.evaluate(
      "fetch('http://127.0.0.1:9/').then(() => 'fetched', () => 'refused')",
    );
    expect(fetched).toBe('refused');
    expect(complaints.join(' ')).toContain('Content Security Policy');
    await page.close();
  });

  it('prints on A4 without what is only for a screen', async () => {
    const page = await open(pageFile('print', await reportOf('esp-loss.pcap')), { colorScheme: 'dark' });
    const pdf = await page.pdf({ format: 'A4' });
    expect(pdf.length).toBeGreaterThan(10_000);
    await page.emulateMedia({ media: 'print' });
    expect(await page.locator('.filters').isVisible()).toBe(false);
    expect(await page.evaluate('getComputedStyle(document.body).backgroundColor')).toBe('rgb(255, 255, 255)');
    await page.close();
  });

  it('is small: a capture of many tunnels fits an incident channel', async () => {
    const file = pageFile('small', await reportOf('overlay-mtu-exceeded.pcap'));
    expect(statSync(file).size).toBeLessThan(250_000);
  });
});
